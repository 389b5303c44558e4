"""HistoryAD over epochs: one long history per digit and seed, windows of it, and D_TV trained until δ stands still.

The talk's history runs from the first epoch to the last; the experiment `history-ad` ends before the first one does.
Here a WGAN-GP is trained for epochs, its states are kept from before the first step on, and every variant cuts its
window out of that one history. D_TV is trained on a bank of past images until δ between images that it has not seen,
data and past, no longer grows; nothing anomalous is looked at. Beside that stands what Fence-GAN's protocol allows: the
training step chosen on a validation part that holds anomalies.

What one variant of one digit and seed gave is kept below `out` as soon as it is there, as in `history_ad`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

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
    "cpu": Size(tuple(range(10)), 32, 12, 64, 2, 1e-3, 8, 40_000, 2000, 3000, 100, 5, 6000),
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
        objective: between data and past.
        quantised: both laws, and what is tested, rounded to 256 grey values, so that a background of exactly −1, which
            tanh never reaches, gives nothing away.
        talk: whether this is the talk's method, all else equal.
    """

    window: tuple[float, float]
    rate: float = 0.0
    affine: bool = True
    objective: objectives.Objective = TV
    quantised: bool = False
    talk: bool = True


BASE = Variant((1.0, 12.0))
VARIANTS = {
    "early": replace(BASE, window=(0.0, 0.6)),
    "short": replace(BASE, window=(1.0, 4.0)),
    "long": BASE,
    "decay": replace(BASE, rate=0.5),
    "published": replace(BASE, affine=False),
    "quantised": replace(BASE, quantised=True),
    "smooth": replace(BASE, objective=objectives.TotalVariation(10.0, smooth=1.0), talk=False),
    "wasserstein": replace(BASE, objective=objectives.WassersteinGP(10.0), talk=False),
    "wasserstein-early": replace(BASE, window=(0.0, 0.6), objective=objectives.WassersteinGP(10.0), talk=False),
}
METRICS = {
    "auroc": "AUROC, mean over digits",
    "auprc_anomalous": "AUPRC, anomalies positive, mean over digits",
    "auprc_normal": "AUPRC, normals positive, mean over digits",
}
CHOICES = {"blind": "stopped by δ, no anomaly seen", "fence": "step chosen on a validation part with anomalies"}


class Study(runner.Study[Size]):
    """A record per variant, choice of the step and metric."""

    def load(self) -> None:
        self.x, self.labels = digits(subset=self.job.profile == "quick")

    def count(self) -> int:
        return len(self.job.seeds) * len(self.size.digits) * len(VARIANTS)

    def parts(self, seed: int) -> dict[str, list[runner.Part]]:
        """By variant, one part per digit; the variants of a digit share its history."""
        found: dict[str, list[runner.Part]] = {name: [] for name in VARIANTS}
        for digit, (name, variant) in product(self.size.digits, VARIANTS.items()):
            path = self.job.of(seed) / f"{digit}-{name}.json"
            settings = {"size": asdict(self.size), "variant": _plain(variant)}
            make = partial(
                measure,
                self.x,
                self.labels,
                seed,
                digit,
                variant,
                self.size,
                self.job.device,
                path.with_name(f"{digit}"),
            )
            found[name].append(self.job.part(f"seed {seed}, digit {digit}, {name}", path, settings, make))
        return found

    def records(self, found: dict[int, dict[str, list[runner.Part]]]) -> dict[str, Record]:
        return {
            f"history-epochs-{name}-{choice}-{metric.replace('_', '-')}": self.record(
                name, choice, metric, [parts[name] for parts in found.values()]
            )
            for name in VARIANTS
            for choice in CHOICES
            for metric in METRICS
        }

    def record(self, name: str, choice: str, metric: str, parts: list[list[runner.Part]]) -> Record:
        """One number per seed, the mean over the digits."""
        size, variant = self.size, VARIANTS[name]
        values = [[float(part["found"][choice][metric]) for part in one] for one in parts]
        return self.job.record(
            [part for one in parts for part in one],
            claim="HistoryAD over epochs detects the digit that was left out of training",
            chapter="05_history_ad",
            source="the talk, 'Comparison to others on MNIST experiment'",
            dataset=f"MNIST, Fence-GAN split, hidden digits {', '.join(map(str, size.digits))}",
            method=f"{'HistoryAD' if variant.talk else 'beyond the talk'}, {name}; {CHOICES[choice]}",
            metric=METRICS[metric],
            values=[sum(one) / len(one) for one in values],
            config={
                **asdict(size),
                "variant": _plain(variant),
                "per_digit": [[round(v, 4) for v in one] for one in values],
                "delta": [[max(d for _, d in part["found"]["delta"]) for part in one] for one in parts],
                "steps": [[part["found"]["steps"] for part in one] for one in parts],
            },
            deviations=[
                detectors.OWN,
                "AUPRC by the trapezoid rule, as in the code of Fence-GAN.",
                *(["The step was chosen on images that hold anomalies."] if choice == "fence" else []),
                *([] if variant.talk else ["Not the talk's method."]),
            ],
        )


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


def measure(
    x: Tensor, labels: Tensor, seed: int, digit: int, variant: Variant, size: Size, device: torch.device, folder: Path
) -> dict[str, Any]:
    """Trains one detector and tests it.

    Returns:
        `steps` and `delta`: (step, δ on held-out images) at each look; `blind`, `fence`: the fields of
        `anomaly.Evaluation` at the step chosen in each way, and that `step`; `start`: the same of D_TV untrained.
    """
    split = anomaly.fence_split(labels, digit)
    rng = {n: seeding.rng(seeding.child(seed, f"{n} {digit}")) for n in ("test", "instants")}
    parts = {}
    for name, part in (("test", split.test), ("validation", split.validation)):
        some = torch.randperm(len(part.rows), generator=rng["test"])[: size.test]
        parts[name] = (_seen(x[part.rows[some]], variant).to(device), part.anomalous[some])
    normal = x[split.train.rows].to(device)
    unseen = x[split.validation.rows[split.validation.anomalous == 0]].to(device)[: size.held_out]

    history, G, D = played(normal, seed, digit, size, folder)
    epoch = steps_per_epoch(len(normal), size)
    instants: dict[str, Any] = {
        "rate": variant.rate / epoch, "start": variant.window[0] * epoch, "end": variant.window[1] * epoch,
    }  # fmt: skip
    latent = Gaussian(64, seeding.rng(seeding.child(seed, f"past {digit}"), device))
    past = history.past(G, latent, rng["instants"], **instants)
    bank = _seen(torch.cat([past.sample(1000) for _ in range(-(-(size.bank + size.held_out) // 1000))]), variant)
    normal, unseen = _seen(normal, variant), _seen(unseen, variant)
    bank, unseen_past = bank[: size.bank], bank[size.bank : size.bank + size.held_out]

    critic = anomaly.initial_critic(D, history, "mean", **instants)
    if variant.affine:
        centre(critic, normal[:2000], bank[:2000])
    data, negatives = (
        Empirical(images, seeding.rng(seeding.child(seed, f"{n} {digit}"), device))
        for n, images in (("data", normal), ("bank", bank))
    )
    steps = critic_steps(
        critic, data, negatives, variant.objective, steps=size.longest,
        rng=seeding.rng(seeding.child(seed, f"u {digit}"), device), batch=128, lr=3e-4,
    )  # fmt: skip
    looks = list(_looks(critic, steps, size, unseen, unseen_past, parts))
    first = max(looks, key=lambda look: (round(look["delta"], 4), -look["step"]))
    best = max(looks, key=lambda look: look["validation"]["auprc_normal"])
    return {
        "steps": looks[-1]["step"],
        "delta": [(look["step"], round(look["delta"], 4)) for look in looks],
        "start": looks[0]["test"],
        "blind": {**first["test"], "step": first["step"]},
        "fence": {**best["test"], "step": best["step"]},
    }


def _looks(
    critic: nn.Module, steps: Iterator[Step], size: Size, unseen: Tensor, past: Tensor,
    parts: dict[str, tuple[Tensor, Tensor]],
) -> Iterator[dict[str, Any]]:  # fmt: skip
    """Trains D_TV; what is seen of it before the first step and at every look, until δ has stopped growing."""

    def look(step: int) -> dict[str, Any]:
        scores = {name: anomaly.anomaly_score(critic, images) for name, (images, _) in parts.items()}
        found = {
            name: anomaly.evaluate(scores[name], odd, rule="trapezoid")._asdict() for name, (_, odd) in parts.items()
        }
        return {"step": step, "delta": separation(critic, unseen, past), **found}

    best = look(0)
    yield best
    waited = 0
    for step in steps:
        if step.step % size.every:
            continue
        now = look(step.step)
        yield now
        best, waited = (now, 0) if now["delta"] > best["delta"] + 1e-3 else (best, waited + 1)
        if waited >= size.patience:
            return


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
    return ((images + 1) * 127.5).round() / 127.5 - 1 if variant.quantised else images
