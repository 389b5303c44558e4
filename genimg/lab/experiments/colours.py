"""Colours with a trunk that knows ImageNet: the network that ships, and the talk's ablation on ImageNet pictures.

The trunk, EfficientNet-Lite0, is frozen and is the teacher as well: its features of every training picture are computed
once and kept below `out`, as is its class distribution of the picture's lightness. What is trained is the decoder, the
class branch and the critic. The network that ships first learns without the critic (`before`), then with it.

All trained methods of the ablation share network, first weights of a seed, number of steps, batch and rate. A judge
that has ImageNet's weights says what it recognises once a method has coloured the pictures; it saw most of Imagenette
in its own training, so that only differences count.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from genimg import data, zoo
from genimg._base import devices, disk, seeding
from genimg._base.errors import Absent, UsageError
from genimg._base.records import Record
from genimg.gan import networks
from genimg.lab.experiments import runner
from genimg.lab.experiments.chromagan import METHODS
from genimg.lab.experiments.colour_judge import (
    CALLED,
    METRICS,
    SIDE,
    compared_with,
    differences,
    interval,
    mean,
    of_weights,
)
from genimg.lab.experiments.colour_peers import Bins, ablated, learning
from genimg.lab.experiments.colour_scores import GREY_BELOW, chroma_of
from genimg.lab.experiments.runner import Stopwatch, write
from genimg.problems import colorize
from genimg.problems.colorize.features import Features, crops, look


@dataclass(frozen=True)
class Ablation:
    """Its data set, the steps of each method, their batch, and how many pictures are compared."""

    data: str
    steps: int
    batch: int
    test: int


@dataclass(frozen=True)
class Size:
    """The constants of a profile."""

    data: tuple[str, ...]  # pictures that the network that ships learns from
    width: int  # of the decoder
    batch: int  # of its updates
    lr: float  # of its updates
    critic_lr: float  # of its updates
    before: int  # its steps without the critic
    critic: int  # and then with it
    amp: bool  # bfloat16 where the processor has it
    test: int  # pictures of each kind that it is measured on
    every: int  # steps between checkpoints
    crops: int  # further views of its pictures
    decay: float  # of the moving average of its weights
    ablation: Ablation  # all methods on one data set


SIZES = {
    "quick": Size(
        data=("photos",), width=8, batch=2, lr=1e-3, critic_lr=1e-3, before=2, critic=2,
        amp=False, test=4, every=2, crops=0, decay=0.9,
        ablation=Ablation("photos", steps=2, batch=2, test=4),
    ),
    "cpu": Size(
        data=("imagenette", "places", "scenes"), width=64, batch=32, lr=1.5e-3, critic_lr=2e-3,
        before=5000, critic=1000, amp=True, test=400, every=200, crops=2, decay=0.998,
        ablation=Ablation("imagenette", steps=300, batch=16, test=300),
    ),
    "full": Size(
        data=("imagenette", "places", "scenes"), width=128, batch=64, lr=1e-3, critic_lr=2e-3,
        before=40_000, critic=20_000, amp=True, test=1000, every=1000, crops=4, decay=0.9998,
        ablation=Ablation("imagenette", steps=20_000, batch=64, test=1000),
    ),
}  # fmt: skip
# The critic's units: chroma is off by 0.05 of its range at most, a distance that a penalty of weight 10 drowns: the
# slope it leaves, 1 + distance / (2 · weight), must differ from 1 for the critic to follow. Weight 10 made it inert.
OURS = colorize.ChromaObjective(adversarial=0.04, classes=0.003, penalty=0.3, penalty_of="rms")
TRIVIAL = ("grey", "mean")
LEARNED = ("l2", "pix2pix", "zhang", "full", "no-class", "no-wgan")
OBJECTIVES = ablated(OURS)


class Study(runner.Study[Size]):
    """Records of the shipped network on four kinds of pictures, and of every method on Imagenette."""

    def load(self) -> None:
        self.folder = self.job.folder / self.job.profile
        self.network = zoo.efficientnet()
        name = self.size.ablation.data
        self.plain = self.features([name], crops_too=False)[name]  # or says at once what is missing

    def stale(self) -> Iterator[Path]:
        """All but the features, which depend on pictures alone."""
        yield from self.folder.glob("*.json")
        yield self.folder / "shipped"

    def count(self) -> int:
        return len(TRIVIAL) + len(self.job.seeds) * len(LEARNED)

    def prepare(self) -> None:
        size = self.size
        self.shipped = self.measured(self.ship(self.features(size.data)))
        self.constants = {**asdict(size.ablation), **{k: getattr(size, k) for k in ("width", "lr", "critic_lr", "amp")}}
        self.trivial = {method: self.part("any", method) for method in TRIVIAL}  # the same for all seeds

    def parts(self, seed: int) -> dict[str, runner.Part]:
        """By method."""
        return self.trivial | {method: self.part(str(seed), method) for method in LEARNED}

    def part(self, seed: str, method: str) -> runner.Part:
        """One method and seed."""
        settings = {"size": self.constants, "objective": asdict(OURS)}
        make = partial(self.measure, method, 0 if seed == "any" else int(seed))
        what = f"{CALLED[self.size.ablation.data]}, seed {seed}: {method}"
        return self.job.part(what, self.folder / f"{seed}-{method}.json", settings, make)

    def records(self, found: dict[int, dict[str, runner.Part]]) -> dict[str, Record]:
        return self.of_shipped() | self.of_methods(found)

    def features(self, names: Iterable[str], crops_too: bool = True) -> dict[str, list[Path]]:
        """Folders of features by data set, of those that are here, the plain ones first; each is made once."""
        found: dict[str, list[Path]] = {}
        for name in names:
            views: dict[str, Any] = {"plain": None}
            if crops_too:
                views |= {
                    f"crop{k}": crops(seeding.rng(seeding.child(k, f"views {name}"))) for k in range(self.size.crops)
                }
            folders = {view: self.folder / "features" / f"{name}-{view}" for view in views}
            if not all((one / "done.json").exists() for one in folders.values()):
                try:
                    images = data.load(name, "train", size=SIDE, subset=self.job.profile == "quick").images
                except UsageError:
                    continue
                images = images[chroma_of(images) >= GREY_BELOW]
                tell = partial(self.job.progress, f"features of {name}")
                for view, how in views.items():
                    look(self.network, images, folders[view], how, tell=tell)
            found[name] = list(folders.values())
        if not found:
            raise Absent(f"colours: pictures of one of {', '.join(names)} are needed; see `genimg data list`")
        return found

    def ship(self, laws: dict[str, list[Path]]) -> Path:
        """Trains the network that ships and keeps the moving average of its weights as the zoo would; its file."""
        seed = self.job.seeds[0]
        size, here = self.size, self.folder / "shipped"
        path = here / "colours.safetensors"
        if path.exists():
            return path
        views = [part for parts in laws.values() for part in parts]
        G, D = build(size.width, seed, classes=True)
        average = copy.deepcopy(G)
        watch, log = Stopwatch(here / "seconds.json"), []
        for k, (part, objective) in enumerate((("before", OBJECTIVES["no-wgan"]), ("critic", OURS))):
            total = size.before if part == "before" else size.critic
            law = Features(views, seeding.rng(seeding.child(seed, f"pictures {part}")))
            steps = colorize.colour_steps(
                G, D, law, objective, steps=total, rng=seeding.rng(seeding.child(seed, f"penalty {part}")),
                batch=size.batch, lr=size.lr / (1 + k), critic_lr=size.critic_lr, betas=(0.5, 0.99),
                critic_first=True, amp=size.amp, decay_lr=True, average=average, average_decay=size.decay,
                checkpoint=here / f"{part}.safetensors", checkpoint_every=size.every,
            )  # fmt: skip
            for step in steps:
                if step.step % 50 == 0 or step.step == total:
                    entry = {
                        "part": part, "step": step.step, "error": float(step.error), "classes": float(step.classes),
                        "distance": float(step.distance), "share": share(step),
                    }  # fmt: skip
                    log.append({key: round(v, 6) if isinstance(v, float) else v for key, v in entry.items()})
                    write(here / f"log-{part}.json", {"log": [one for one in log if one["part"] == part]})
                    self.job.progress(
                        f"{part}: error {entry['error']:.5f}, share {entry['share']:.2f}", step.step, total
                    )
                    watch.keep()
        zoo.save("colours", "chromagan", arguments(size.width), average, D, self.recipe(laws, seed, log), here)
        return path

    def recipe(self, laws: dict[str, list[Path]], seed: int, log: list[Any]) -> dict[str, Any]:
        """What the manifest says of the weights."""
        size, device = self.size, self.job.device
        late = [one["share"] for one in log if one["part"] == "critic"][-10:]
        return {
            "data": f"{', '.join(CALLED[name] for name in laws)}, train, at {SIDE} x {SIDE}; those with colours",
            "steps": size.before + size.critic,
            "seed": seed,
            "objective": f"mean squared error of ab, KL to the teacher ({OURS.classes:g}) for {size.before} steps, "
            f"then WGAN-GP on ab given L as well ({OURS.adversarial:g}, penalty {OURS.penalty:g} on the slope of the "
            "rms)",
            "optimiser": f"Adam, lr {size.lr:g}, then half of it, critic {size.critic_lr:g}, falling linearly to 0, "
            f"betas (0.5, 0.99), batch {size.batch}, "
            f"{'bfloat16' if devices.bfloat16(device, size.amp) else 'float32'}; moving average of G",
            "trunk": "EfficientNet-Lite0 with ImageNet's weights (Apache-2.0), frozen, which is the teacher too",
            "critic_share": round(sum(late) / max(1, len(late)), 3),
            "profile": self.job.profile,
            "device": devices.describe(device),
        }

    def measure(self, method: str, seed: int) -> dict[str, Any]:
        """Scores of one method and seed on the test pictures of the ablation's data set."""
        size = self.size.ablation
        answer: Callable[[Tensor], Tensor]
        shares: list[float] = []
        if method == "grey":
            answer = lambda L: torch.zeros(len(L), 2, 1, 1)  # noqa: E731
        elif method == "mean":
            law = Features(self.plain, seeding.rng(0))
            ab = colorize.features.mean_ab(law)
            answer = lambda L: ab.reshape(1, 2, 1, 1).expand(len(L), -1, -1, -1)  # noqa: E731
        else:
            answer, shares = self.fit(method, seed)
        scores = compared_with(size.data, size.test, self.network, answer)
        late = shares[-max(1, len(shares) // 4) :]
        return {**scores, "share": round(mean(late), 4) if late else None}

    def fit(self, method: str, seed: int) -> tuple[Callable[[Tensor], Tensor], list[float]]:
        """A trained method: L (n, 1, h, w) in CIE units → ab; and the shares of its bound that its critic reached."""
        size = self.size
        law = Features(self.plain, seeding.rng(seeding.child(seed, "pictures")))
        bins = Bins.of(law) if method == "zhang" else None
        objective = OBJECTIVES.get(method)
        G, D = build(size.width, seed, bool(objective and objective.classes), 2 if bins is None else len(bins.centres))
        common: dict[str, Any] = {
            "steps": size.ablation.steps,
            "batch": size.ablation.batch,
            "lr": size.lr,
            "amp": size.amp,
        }
        steps = learning(
            method, G, D, bins, law, objective, seeding.rng(seeding.child(seed, "penalty")), common,
            critic_lr=size.critic_lr, betas=(0.5, 0.99), critic_first=True,
        )  # fmt: skip
        shares = []
        for step in steps:
            if isinstance(step, colorize.ColourStep) and OBJECTIVES[method].adversarial:
                shares.append(share(step))
        G.eval()
        if bins is None:
            return (lambda L: colorize.guided(colorize.shrink(L, SIDE), colorize.chroma(G, L))), shares
        return (lambda L: enlarged(bins, G, L)), shares

    def measured(self, path: Path) -> runner.Part:
        """The shipped network, real pictures and grey on each kind of pictures that is here; with its recipe."""
        entry = disk.read_json(path.with_name("manifest.json"), "train the network again")["colours"]
        settings = {"test": self.size.test, "weights": entry["sha256"], "recipe": entry["recipe"]}
        make = partial(of_weights, path, self.network, self.size.test)
        return runner.kept(self.folder / "shipped.json", settings, self.job.device, make)

    def of_shipped(self) -> dict[str, Record]:
        """Its gains over grey, with intervals over pictures."""
        made: dict[str, Record] = {}
        for name, found in self.shipped["found"].items():
            n = len(found["grey"]["psnr"])
            dataset = f"{CALLED[name]}, {n} test pictures at {SIDE} x {SIDE}"
            for key in found["shipped"]:
                what, unit = METRICS[key]
                difference = [a - b for a, b in zip(found["shipped"][key], found["grey"][key], strict=True)]
                config = {
                    "grey": round(mean(found["grey"][key]), 4), "over_grey": round(mean(difference), 4),
                    "over_grey_interval": interval(difference), "recipe": self.shipped["recipe"],
                }  # fmt: skip
                if key in found["real"]:
                    config["real"] = round(mean(found["real"][key]), 4)
                made[f"colours-shipped-{name}-{key}"] = self.record(
                    [self.shipped], claim=f"what the colours of the shipped network are worth on {CALLED[name]}",
                    dataset=dataset, method="ChromaGAN on EfficientNet-Lite0, shipped", metric=what, unit=unit,
                    values=[round(mean(found["shipped"][key]), 4)], config=config, seeds=self.job.seeds[:1],
                )  # fmt: skip
        return made

    def of_methods(self, parts: dict[int, dict[str, runner.Part]]) -> dict[str, Record]:
        """Every metric of every method, and what it is above grey and above L2."""
        made: dict[str, Record] = {}
        name = self.size.ablation.data
        real = self.shipped["found"].get(name, {}).get("real", {})
        for method in (*TRIVIAL, *LEARNED):
            group, grey, l2 = ([one[other] for one in parts.values()] for other in (method, "grey", "l2"))
            for key, what_unit in METRICS.items():
                if key not in group[0]["found"]:
                    continue
                over, minus = differences(group, grey, key), differences(group, l2, key)
                config = {
                    **self.constants, "objective": asdict(OBJECTIVES[method]) if method in OBJECTIVES else None,
                    "over_grey": round(mean(over), 4), "over_grey_interval": interval(over),
                    "minus_l2": round(mean(minus), 4), "minus_l2_interval": interval(minus),
                    "share_of_bound": [p["found"]["share"] for p in group],
                }  # fmt: skip
                if method == "full":
                    for other in ("no-class", "no-wgan"):
                        without = differences(group, [one[other] for one in parts.values()], key)
                        config[f"minus_{other}"] = round(mean(without), 4)
                        config[f"minus_{other}_interval"] = interval(without)
                n = len(over)
                if key in real:
                    config["real"] = round(mean(real[key][:n]), 4)
                made[f"colours-{name}-{method}-{key}"] = self.record(
                    group, claim=f"what the colours of one method are worth: {METHODS[method]}",
                    dataset=f"{CALLED[name]}, {n} test pictures at {SIDE} x {SIDE}", method=METHODS[method],
                    metric=what_unit[0], unit=what_unit[1], config=config,
                    values=[round(mean(p["found"][key]), 4) for p in group],
                )  # fmt: skip
        return made

    def record(self, parts: list[runner.Part], **fields: Any) -> Record:
        """What these parts found, with what all records of the experiment have in common."""
        return self.job.record(parts, chapter="06_chromagan", deviations=DEVIATIONS, **fields)


def share(step: colorize.ColourStep) -> float:
    """The critic's distance as a share of its bound, the root mean square error of ab (eq-06-units)."""
    return float(step.distance / step.error.clamp_min(1e-12).sqrt())


def arguments(width: int, classes: bool = True, outputs: int = 2) -> dict[str, Any]:
    """Of `networks.chromagan`."""
    return {
        "size": SIDE, "width": width, "classes": 1000 if classes else 0, "outputs": outputs,
        "trunk": "efficientnet-lite0",
    }  # fmt: skip


def build(width: int, seed: int, classes: bool, outputs: int = 2) -> tuple[networks.ChromaGenerator, nn.Module]:
    """G with ImageNet's trunk, and D."""
    G, D = networks.chromagan(**arguments(width, classes, outputs), seed=seeding.child(seed, "networks"))
    G = networks.load_trunk(G, zoo.efficientnet())
    return G.to(memory_format=torch.channels_last), D.to(memory_format=torch.channels_last)


@torch.no_grad()
def enlarged(bins: Bins, G: networks.ChromaGenerator, L: Tensor) -> Tensor:
    """Zhang's annealed mean, made to follow the edges of L as the others are."""
    small = colorize.shrink(L, SIDE)
    ab = bins.chroma(G(small / 100, classes=False).ab.float())
    return colorize.guided(small, interpolate(ab, (SIDE, SIDE), mode="bilinear", align_corners=False))


DEVIATIONS = [
    "EfficientNet-Lite0, frozen, in place of VGG16; chroma at a quarter of the side, made to follow the edges of L.",
    "Short training; the constants of the record say how short.",
]
