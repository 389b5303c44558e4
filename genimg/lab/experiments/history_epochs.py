"""HistoryAD over epochs: one long history per digit and seed, windows of it, and D_TV trained until δ stands still.

The talk's history runs from the first epoch to the last; the experiment `history-ad` ends before the first one does.
Here a WGAN-GP is trained for epochs, its states are kept from before the first step on, and every variant cuts its
window out of that one history. D_TV is trained on a bank of past images until δ between images that it has not seen,
data and past, no longer grows; nothing anomalous is looked at. Beside that stands what Fence-GAN's protocol allows: the
training step chosen on a validation part that holds anomalies.

What one variant of one digit and seed gave is kept below `out` as soon as it is there, as in `history_ad`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from genimg._base import seeding
from genimg._base.records import Record
from genimg.gan import networks, objectives
from genimg.gan.distributions import Empirical, Gaussian
from genimg.gan.history import History
from genimg.gan.training import Step, critic_steps, train_gan
from genimg.lab.experiments import detectors, runner
from genimg.lab.experiments.history_ad import digits
from genimg.problems import anomaly


@dataclass(frozen=True)
class Size:
    """The constants of a profile.

    Attributes:
        digits: hidden in turn; width: of both networks.
        epochs, batch, critic_per_step, lr: of the WGAN-GP; an epoch has shown the critic every training digit once.
        states: kept per epoch.
        bank, held_out: past images that D_TV is trained on and that δ is measured on; as many digits for δ.
        longest, every, patience: of D_TV: steps at most, steps between two looks at δ, looks without a better one.
        test: digits of the test part, and of the validation part; None takes all.
    """

    digits: tuple[int, ...]
    width: int
    epochs: int
    batch: int
    critic_per_step: int
    lr: float
    states: int
    bank: int
    held_out: int
    longest: int
    every: int
    patience: int
    test: int | None


SIZES = {
    "quick": Size((1,), 8, 1, 100, 1, 2e-3, 4, 300, 100, 6, 2, 2, 300),
    "cpu": Size((0, 1, 9), 32, 12, 64, 2, 1e-3, 8, 40_000, 2000, 3000, 100, 5, 6000),
    "full": Size(tuple(range(10)), 32, 50, 64, 5, 2e-4, 8, 200_000, 10_000, 20_000, 200, 10, None),
}


TV = objectives.TotalVariation(10.0)


@dataclass(frozen=True)
class Variant:
    """One way to make a detector of a history.

    Attributes:
        window: (first, last) epoch of P_Ghist and of the mean critic.
        rate: decay per epoch.
        affine: D_TV starts as a · W⁰ + b, with its means on data and past at ±1; False: as W⁰, as published.
        objective: between data and past; None: no critic, the difference of distances to neighbours in both.
        quantised: both laws, and what is tested, rounded to 256 grey values, so that a background of exactly −1, which
            tanh never reaches, gives nothing away.
        blur: deviation in pixels of a Gaussian blur of both laws and of what is tested; 0 for none.
        talk: whether this is the talk's method, all else equal.
    """

    window: tuple[float, float]
    rate: float = 0.0
    affine: bool = True
    objective: objectives.Objective | None = TV
    quantised: bool = False
    blur: float = 0.0
    talk: bool = True


BASE = Variant((1.0, 12.0))
VARIANTS = {
    "early": replace(BASE, window=(0.0, 0.6)),
    "short": replace(BASE, window=(1.0, 4.0)),
    "long": BASE,
    "decay": replace(BASE, rate=0.5),
    "published": replace(BASE, affine=False),
    "quantised": replace(BASE, quantised=True),
    "blurred": replace(BASE, blur=1.0, talk=False),
    "smooth": replace(BASE, objective=objectives.TotalVariation(10.0, smooth=1.0), talk=False),
    "wasserstein": replace(BASE, objective=objectives.WassersteinGP(10.0), talk=False),
    "wasserstein-early": replace(BASE, window=(0.0, 0.6), objective=objectives.WassersteinGP(10.0), talk=False),
    "neighbours": replace(BASE, affine=False, objective=None, talk=False),
    "neighbours-early": replace(BASE, window=(0.0, 0.6), affine=False, objective=None, talk=False),
}
FEW = ("early", "long", "wasserstein-early")
"""What each seed makes; the other variants, one choice changed in each, are made with the first seed only."""
ENSEMBLE = ("early", "short", "long", "decay")
"""Histories whose scores, standardised on the test digits, are added; beyond the talk."""
METRICS = {
    "auroc": "AUROC, mean over digits",
    "auprc_anomalous": "AUPRC, anomalies positive, mean over digits",
    "auprc_normal": "AUPRC, normals positive, mean over digits",
}
CHOICES = {
    "start": "the mean critic, before the first step of D_TV",
    "blind": "stopped by δ, no anomaly seen",
    "fence": "step chosen on a validation part with anomalies",
}


class Study(runner.Study[Size]):
    """A record per variant, choice of the step and metric."""

    def load(self) -> None:
        self.x, self.labels = digits(subset=self.job.profile == "quick")

    def count(self) -> int:
        return sum(len(self.variants(seed)) for seed in self.job.seeds) * len(self.size.digits)

    def variants(self, seed: int) -> list[str]:
        """Those that this seed makes."""
        return [name for name in VARIANTS if seed == self.job.seeds[0] or name in FEW]

    def parts(self, seed: int) -> dict[str, list[runner.Part]]:
        """By variant, one part per digit; the variants of a digit share its history."""
        found = {name: [self.part(seed, digit, name) for digit in self.size.digits] for name in self.variants(seed)}
        if seed == self.job.seeds[0]:
            members = zip(*(found[name] for name in ENSEMBLE), strict=True)
            found["ensemble"] = [
                self.ensemble(seed, digit, list(each)) for digit, each in zip(self.size.digits, members, strict=True)
            ]
        return found

    def part(self, seed: int, digit: int, name: str) -> runner.Part:
        """One variant of one digit."""
        path = self.job.of(seed) / f"{digit}-{name}.json"
        size = asdict(self.size)
        del size["digits"]  # those of others do not matter to this one
        settings = {"size": size, "variant": _plain(VARIANTS[name])}
        make = partial(self.measure, seed, digit, name, path.with_suffix(".safetensors"))
        return self.job.part(f"seed {seed}, digit {digit}, {name}", path, settings, make)

    def ensemble(self, seed: int, digit: int, members: list[runner.Part]) -> runner.Part:
        """What several histories of one game say together, each as its δ stopped it."""
        each = [member["found"] for member in members]
        score = torch.tensor([one["scores"] for one in each]).mean(0)
        delta = sum(max(d for _, d in one["delta"]) for one in each) / len(each)
        found = {
            "blind": {**_found(score, self.tested(seed, digit)["test"].anomalous), "step": 0},
            "delta": [(0, round(delta, 4))],
            "steps": max(one["steps"] for one in each),
        }
        return {**members[0], "seconds": sum(member["seconds"] for member in members), "found": found}

    def records(self, found: dict[int, dict[str, list[runner.Part]]]) -> dict[str, Record]:
        chosen = [*product(VARIANTS, CHOICES), ("ensemble", "blind")]
        return {
            f"history-epochs-{name}-{choice}-{metric.replace('_', '-')}": self.record(
                name, choice, metric, {seed: parts[name] for seed, parts in found.items() if name in parts}
            )
            for (name, choice), metric in product(chosen, METRICS)
        }

    def record(self, name: str, choice: str, metric: str, found: dict[int, list[runner.Part]]) -> Record:
        """One number per seed, the mean over the digits."""
        parts = list(found.values())
        size, talk = self.size, name in VARIANTS and VARIANTS[name].talk
        variant = _plain(VARIANTS[name]) if name in VARIANTS else {"ensemble": ENSEMBLE}
        values = [[float(part["found"][choice][metric]) for part in one] for one in parts]
        return self.job.record(
            [part for one in parts for part in one],
            claim="HistoryAD over epochs detects the digit that was left out of training",
            chapter="05_history_ad",
            source="the talk, 'Comparison to others on MNIST experiment'",
            dataset=f"MNIST, Fence-GAN split, hidden digits {', '.join(map(str, size.digits))}",
            method=f"{'HistoryAD' if talk else 'beyond the talk'}, {name}; {CHOICES[choice]}",
            metric=METRICS[metric],
            values=[sum(one) / len(one) for one in values],
            seeds=list(found),
            config={
                **asdict(size),
                "variant": variant,
                "per_digit": [[round(v, 4) for v in one] for one in values],
                "step_rule": [[round(part["found"][choice]["step_rule"][metric], 4) for part in one] for one in parts],
                "delta": [[max(d for _, d in part["found"]["delta"]) for part in one] for one in parts],
                "steps": [[part["found"][choice]["step"] for part in one] for one in parts],
                "longest": [[part["found"]["steps"] for part in one] for one in parts],
            },
            deviations=[
                detectors.OWN,
                "AUPRC by the trapezoid rule, as in the code of Fence-GAN; by steps it stands in the configuration.",
                *(["The step was chosen on images that hold anomalies."] if choice == "fence" else []),
                *([] if talk else ["Not the talk's method."]),
            ],
        )

    def tested(self, seed: int, digit: int) -> dict[str, anomaly.Part]:
        """The digits of the test part and of the validation part that are looked at."""
        split, rng = anomaly.fence_split(self.labels, digit), seeding.rng(seeding.child(seed, f"test {digit}"))
        found = {}
        for name, part in (("test", split.test), ("validation", split.validation)):
            some = torch.randperm(len(part.rows), generator=rng)[: self.size.test]
            found[name] = anomaly.Part(part.rows[some], part.anomalous[some])
        return found

    def measure(self, seed: int, digit: int, name: str, weights: Path) -> dict[str, Any]:
        """Trains one detector and tests it; as δ stopped it, it is kept in the file `weights`, for `genimg detect`.

        Returns:
            `steps` and `delta`: (step, δ on held-out images) at each look; for each of `CHOICES` the `step` chosen, the
            fields of `anomaly.Evaluation` at it and, as `step_rule`, the same with AUPRC by steps; `scores`: of the
            test digits at the blind choice, standardised, in the order of the part of that seed and digit.
        """
        size, variant, device = self.size, VARIANTS[name], self.job.device
        split = anomaly.fence_split(self.labels, digit)
        parts = {
            which: (_seen(self.x[part.rows], variant).to(device), part.anomalous)
            for which, part in self.tested(seed, digit).items()
        }
        normal = self.x[split.train.rows].to(device)
        unseen = self.x[split.validation.rows[split.validation.anomalous == 0]].to(device)[: size.held_out]

        history, G, D = played(normal, seed, digit, size, weights.with_name(f"{digit}"))
        epoch = steps_per_epoch(len(normal), size)
        instants: dict[str, Any] = {
            "rate": variant.rate / epoch, "start": variant.window[0] * epoch, "end": variant.window[1] * epoch,
        }  # fmt: skip
        latent = Gaussian(64, seeding.rng(seeding.child(seed, f"past {digit}"), device))
        past = history.past(G, latent, seeding.rng(seeding.child(seed, f"instants {digit}")), **instants)
        bank = _seen(torch.cat([past.sample(1000) for _ in range(-(-(size.bank + size.held_out) // 1000))]), variant)
        normal, unseen = _seen(normal, variant), _seen(unseen, variant)
        bank, unseen_past = bank[: size.bank], bank[size.bank : size.bank + size.held_out]

        critic: nn.Module = anomaly.initial_critic(D, history, "mean", **instants)
        steps: Iterator[Step] = iter(())
        if variant.affine:
            centre(critic, normal[:2000], bank[:2000])
        if variant.objective is None:
            some = torch.randperm(len(normal), generator=seeding.rng(seeding.child(seed, f"data {digit}")))
            critic = Nearest(normal[some[: size.bank // 4]], bank[: size.bank // 4])
        else:
            data, negatives = (
                Empirical(images, seeding.rng(seeding.child(seed, f"{n} {digit}"), device))
                for n, images in (("data", normal), ("bank", bank))
            )
            steps = critic_steps(
                critic, data, negatives, variant.objective, steps=size.longest,
                rng=seeding.rng(seeding.child(seed, f"u {digit}"), device), batch=128, lr=3e-4,
            )  # fmt: skip
        looks = list(_looks(critic, steps, size, unseen, unseen_past, parts))
        chosen = {
            "start": looks[0],
            "blind": max(looks, key=lambda look: (round(look.delta, 4), -look.step)),
            "fence": max(looks, key=lambda look: _found(look.validation, parts["validation"][1])["auprc_normal"]),
        }
        blind = chosen["blind"]
        if variant.objective is not None:
            critic.load_state_dict(blind.critic)
            detector(critic, unseen, digit, seed, self.job.profile, name, blind.step).save(weights, half=True)
        odd = parts["test"][1]
        return {
            "steps": looks[-1].step,
            "delta": [(look.step, round(look.delta, 4)) for look in looks],
            "scores": [round(float(v), 3) for v in (blind.test - blind.test.mean()) / blind.test.std()],
            **{choice: {**_found(look.test, odd), "step": look.step} for choice, look in chosen.items()},
        }


def _plain(variant: Variant) -> dict[str, Any]:
    """As JSON can hold it."""
    return {**asdict(variant), "objective": repr(variant.objective)}


def played(normal: Tensor, seed: int, digit: int, size: Size, folder: Path) -> tuple[History, nn.Module, nn.Module]:
    """The long history, from before the first step on, with G and D in their last states; resumed from `folder`."""
    device, tag = normal.device, str(digit)
    rng = {n: seeding.rng(seeding.child(seed, f"{n} {tag}"), device) for n in ("real", "latent", "objective")}
    G, D = networks.dcgan(64, normal.shape[-1], 1, size.width, seed=seeding.child(seed, f"networks {tag}"))
    G, D = G.to(device), D.to(device)
    history = History()
    history.add(0, G, D)
    epoch = steps_per_epoch(len(normal), size)
    later = train_gan(
        G, D, Empirical(normal, rng["real"]), Gaussian(64, rng["latent"]), objectives.WassersteinGP(10.0),
        steps=size.epochs * epoch, rng=rng["objective"], snapshot_every=max(1, epoch // size.states), batch=size.batch,
        critic_per_step=size.critic_per_step, lr=size.lr, betas=(0.0, 0.9), checkpoint=folder,
        checkpoint_every=max(1, epoch // 2),
    )  # fmt: skip
    history.times += later.times
    history.generators += later.generators
    history.critics += later.critics
    return history, G, D


def steps_per_epoch(images: int, size: Size) -> int:
    """Generator steps until the critic has seen so many images.

    Example:
        >>> steps_per_epoch(50_000, SIZES["cpu"])
        390
    """
    return max(1, images // (size.batch * size.critic_per_step))


class Nearest(nn.Module):
    """Minus the difference of distances to neighbours in data and past, where a critic is asked for."""

    def __init__(self, real: Tensor, past: Tensor) -> None:
        super().__init__()
        self.real, self.past = real, past

    def forward(self, x: Tensor) -> Tensor:
        return -anomaly.neighbour_contrast(x, self.real, self.past)


class Look(NamedTuple):
    """What is seen of D_TV at one of its steps: δ, scores of the test and of the validation part, and its weights."""

    step: int
    delta: float
    test: Tensor
    validation: Tensor
    critic: dict[str, Tensor]


def _looks(
    critic: nn.Module, steps: Iterator[Step], size: Size, unseen: Tensor, past: Tensor,
    parts: dict[str, tuple[Tensor, Tensor]],
) -> Iterator[Look]:  # fmt: skip
    """Trains D_TV and looks at it before the first step and every so often, until δ has stopped growing."""

    def look(step: int) -> Look:
        test, validation = (anomaly.anomaly_score(critic, parts[name][0]).cpu() for name in ("test", "validation"))
        weights = {name: tensor.clone() for name, tensor in critic.state_dict().items()}
        return Look(step, separation(critic, unseen, past), test, validation, weights)

    best = look(0)
    yield best
    waited = 0
    for step in steps:
        if step.step % size.every:
            continue
        now = look(step.step)
        yield now
        best, waited = (now, 0) if now.delta > best.delta + 1e-3 else (best, waited + 1)
        if waited >= size.patience:
            return


def _found(scores: Tensor, odd: Tensor) -> dict[str, Any]:
    """The numbers of one test, by both rules for the area."""
    by_steps = anomaly.evaluate(scores, odd, rule="step")._asdict()
    return {**anomaly.evaluate(scores, odd, rule="trapezoid")._asdict(), "step_rule": by_steps}


def detector(
    D: nn.Module, unseen: Tensor, digit: int, seed: int, profile: str, name: str, step: int
) -> anomaly.Detector:
    """D_TV with what somebody needs to train it again; calibrated on normal digits that it has not seen."""
    arguments = {"latent": 64, "size": unseen.shape[-1], "channels": 1, "width": SIZES[profile].width}
    provenance = {
        "data": f"MNIST without the digit {digit}, training part of the Fence-GAN split",
        "method": f"HistoryAD over epochs, {name}",
        "steps": step,
        "objective": f"{VARIANTS[name].objective!r}, from the mean critic of a WGAN-GP with lambda 10",
        "seed": seed,
        "profile": profile,
        "command": f"genimg train history-epochs --profile {profile} --seed {seed}",
    }
    return anomaly.Detector.calibrated(D, "dcgan", arguments, unseen, provenance)


def separation(critic: nn.Module, real: Tensor, past: Tensor) -> float:
    """max over t of P_real(D > t) − P_past(D > t): the total variation that thresholds of D tell, a bound below δ.

    Unlike half the difference of means of the clamped D it asks for no scale, so that critics of every objective can be
    compared by it.

    Example:
        >>> real, past = torch.tensor([[1.0], [2.0], [3.0]]), torch.tensor([[0.0], [2.5], [0.5]])
        >>> round(separation(nn.Flatten(0), real, past), 3)
        0.667
    """
    on_real, on_past = (-anomaly.anomaly_score(critic, images).double() for images in (real, past))
    thresholds = torch.cat([on_real, on_past])
    above = [
        1 - torch.searchsorted(scores.sort().values, thresholds, right=True).double() / len(scores)
        for scores in (on_real, on_past)
    ]
    return max(0.0, float((above[0] - above[1]).max()))


@torch.no_grad()
def centre(critic: nn.Module, real: Tensor, past: Tensor) -> None:
    """Maps the critic's scores affinely, in its last linear layer, so that their means are 1 on data and −1 on past.

    W⁰ is a critic of W1: its scores lie far outside [−1, 1], where the penalty of D_TV would first undo what it knows.
    If the mean on the data is not the larger one, the scores are only moved and scaled by their deviation.

    Example:
        >>> D = nn.Sequential(nn.Linear(1, 1))
        >>> _ = nn.init.ones_(D[0].weight)
        >>> centre(D, torch.full((4, 1), 7.0), torch.full((4, 1), 5.0))
        >>> [round(float(v), 4) for v in D(torch.tensor([[7.0], [5.0]])).detach()]
        [1.0, -1.0]
    """
    last = [layer for layer in critic.modules() if isinstance(layer, nn.Linear)][-1]
    on_real, on_past = (-anomaly.anomaly_score(critic, images) for images in (real, past))
    half = float(on_real.mean() - on_past.mean()) / 2
    scale = half if half > 0 else float(torch.cat([on_real, on_past]).std().clamp_min(1e-6))
    middle = float(on_real.mean() + on_past.mean()) / 2
    last.weight /= scale
    last.bias.sub_(middle).div_(scale)


def _seen(images: Tensor, variant: Variant) -> Tensor:
    """As the detector sees them."""
    if variant.blur:
        from torchvision.transforms.functional import gaussian_blur  # imports slowly

        images = gaussian_blur(images, 2 * math.ceil(3 * variant.blur) + 1, variant.blur)
    return ((images + 1) * 127.5).round() / 127.5 - 1 if variant.quantised else images
