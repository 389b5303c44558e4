"""ChromaGAN ablated and judged: three losses, two ablations, and what they must beat, on the same pictures.

All trained methods of a data set share the network, the first weights of a seed, the trunk that a classifier of
lightness was trained with (`colorize.Teacher`, in place of VGG16, and as there also the teacher of the class branch),
the number of steps, the batch and the rate. A judge of colours, another classifier trained on real pictures, says what
it recognises once a method has coloured them. Teacher and judge are trained once per data set.

What one method of one seed gave is kept below `out` as soon as it is there, as in `history_ad`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from genimg import data, zoo
from genimg._base import devices, seeding
from genimg._base.errors import UsageError
from genimg._base.records import Record
from genimg._base.weights import read_tensors, write_tensors
from genimg.gan import networks
from genimg.lab.experiments import runner
from genimg.lab.experiments.colour_peers import Bins, ablated, learning
from genimg.lab.experiments.colour_scores import (
    GREY_BELOW,
    METRICS,
    Task,
    chroma_of,
    coloured,
    judged,
    photographs,
    trivial,
)
from genimg.numerics.color import lightness, rgb_to_lab, scale_l
from genimg.problems import colorize


@dataclass(frozen=True)
class Steps:
    """Updates of each colouring network, of the teacher and of the judge, the last two with 128 pictures each."""

    steps: int
    teacher: int
    judge: int


@dataclass(frozen=True)
class Size:
    """The constants of a profile."""

    data: dict[str, Steps]  # data sets, and how long their networks are trained
    width: int  # of the colouring networks
    batch: int  # of the colouring networks
    lr: float  # of the colouring networks
    amp: bool  # of the colouring networks
    judge_width: int  # of the judge
    test: int  # pictures that are coloured and compared
    photographs: int  # further ones, coloured by what was trained on scenes


SIZES = {
    "quick": Size(
        data={"photos": Steps(3, teacher=2, judge=2)},
        width=4, batch=4, lr=1e-3, amp=False, judge_width=4, test=8, photographs=0,
    ),
    "cpu": Size(
        data={
            "cifar10": Steps(1500, teacher=1500, judge=1200),
            "scenes": Steps(800, teacher=400, judge=300),
        },
        width=16, batch=32, lr=5e-4, amp=True, judge_width=24, test=2000, photographs=400,
    ),
    "full": Size(
        data={
            "cifar10": Steps(100_000, teacher=20_000, judge=20_000),
            "scenes": Steps(100_000, teacher=20_000, judge=20_000),
        },
        width=64, batch=32, lr=2e-4, amp=True, judge_width=64, test=10_000, photographs=400,
    ),
}  # fmt: skip


class Source(NamedTuple):
    """A data set as sentences call it, and the side at which networks see it; it is compared at its own size."""

    called: str
    size: int


SOURCES = {"cifar10": Source("CIFAR-10", 32), "scenes": Source("scenes", 64), "photos": Source("photographs", 32)}
OURS = colorize.IMPROVED
METHODS: dict[str, str] = {
    "grey": "grey, ab = 0",
    "mean": "one colour, the mean of the training pictures",
    "class-map": "mean colour map of the true class",
    "l2": "L2 regression, the same network",
    "pix2pix": "pix2pix (Isola 2017): L1 and a GAN, the same network",
    "zhang": "classification of chroma with rebalancing (Zhang 2016), the same network",
    "full": "ChromaGAN",
    "no-class": "ChromaGAN without class distribution",
    "no-wgan": "ChromaGAN without WGAN",
}
TRIVIAL = ("grey", "mean", "class-map")
OBJECTIVES = ablated(OURS)


class Study(runner.Study[Size]):
    """A record per data set, method and metric, and those that answer to the talk's table."""

    def load(self) -> None:
        needed = f"pictures of one of {', '.join(self.size.data)} are needed; see `genimg data list`"
        self.folder = self.job.folder / self.job.profile
        self.here = self.job.here(self.size.data, self.look, needed)

    def stale(self) -> Iterator[Path]:
        """Teachers and judges, and the parts of these seeds; what other seeds gave stays."""
        yield from self.folder.glob("*/*.safetensors")
        for seed in self.job.seeds:
            yield from self.folder.glob(f"*/{seed}-*")

    def count(self) -> int:
        return len(self.here) * (3 + len(self.job.seeds) * len(METHODS))

    def prepare(self) -> None:
        self.tasks = {name: self.task(name) for name in self.here}

    def parts(self, seed: int) -> dict[str, dict[str, runner.Part]]:
        """By data set and method; trained networks go into a folder beside, as for the zoo."""
        found: dict[str, dict[str, runner.Part]] = {name: {} for name in self.here}
        for name, method in product(self.here, METHODS):
            constants = {**asdict(self.size), "data": asdict(self.size.data[name])}
            settings = {"size": constants, "objective": asdict(OURS)}
            path = self.folder / name / f"{seed}-{method}.json"
            make = partial(self.measure, name, method, seed, path.with_suffix(""))
            what = f"{SOURCES[name].called}, seed {seed}: {method}"
            found[name][method] = self.job.part(what, path, settings, make)
        return found

    def records(self, found: dict[int, dict[str, dict[str, runner.Part]]]) -> dict[str, Record]:
        made: dict[str, Record] = {}
        for name in self.here:
            made |= self.of(name, {seed: parts[name] for seed, parts in found.items()})
        return made

    def look(self, name: str) -> None:
        """Loads its pictures, to see whether they are here."""
        for split in ("train", "test"):
            self.pictures(name, split, SOURCES[name].size)

    def pictures(self, name: str, split: str, side: int | None = None) -> data.Images:
        """The embedded ones are for the smoke test only."""
        return data.load(name, split, size=side, subset=self.job.profile == "quick")

    def task(self, name: str) -> tuple[Task, dict[str, Any]]:
        """The task of a data set, and what a record says of it; teacher and judge are read if they are there."""
        size, device, folder, tell = self.size, self.job.device, self.folder / name, self.job.tell
        called, side = SOURCES[name]
        train, test = self.pictures(name, "train", side), self.pictures(name, "test")
        before = [len(part) for part in (train, test)]
        train, test = (part.take(chroma_of(part.images) >= GREY_BELOW) for part in (train, test))
        if train.labels is None or test.labels is None:
            raise UsageError(f"{called} came without labels, which teacher and judge need")
        some = torch.randperm(len(test), generator=seeding.rng(seeding.child(0, f"test {name}")))[: size.test]
        shown, labels = test.images[some].float() / 255, test.labels[some]
        classes, seen = len(train.classes), train.images.to(device)

        tell(f"{called}: teacher")
        G, _ = networks.chromagan(side, size.width, 0, normalise=True)
        teacher = colorize.Teacher(G, classes, seeding.child(0, f"teacher {name}"))
        L = torch.cat([scale_l(lightness(part.float() / 255)) for part in seen.split(500)])
        steps = {"steps": size.data[name].teacher, "lr": 1e-3, "amp": size.amp}
        seconds = trained(teacher, L, train.labels, f"teacher {name}", folder / "teacher.safetensors", device, **steps)
        grey_L = torch.cat([scale_l(lightness(colorize.shrink(part, side))) for part in shown.to(device).split(500)])
        right = colorize.accuracy(teacher, grey_L, labels.to(device))

        tell(f"{called}: judge")
        judge = colorize.classifier(3, classes, size.judge_width, seeding.child(0, f"judge {name}"))
        steps = {"steps": size.data[name].judge, "lr": 3e-3, "amp": size.amp}
        x = seen.float() / 127.5 - 1
        seconds += trained(judge, x, train.labels, f"judge {name}", folder / "judge.safetensors", device, **steps)

        tell(f"{called}: means")
        y = colorize.taught(teacher, seen)
        ab = torch.cat([rgb_to_lab(part.float() / 255)[:, 1:].cpu() for part in seen.split(500)])
        means = torch.stack(
            [ab[train.labels == k].mean(0) if (train.labels == k).any() else ab.mean(0) for k in range(classes)]
        )
        shares = torch.bincount(train.labels, minlength=classes).float()
        task = Task(seen, y, means, shares / shares.sum(), shown, labels, teacher, judge, side)
        about = {
            "train": len(train), "test": len(shown), "grey_left_out": [before[0] - len(train), before[1] - len(test)],
            "teacher_accuracy": round(right, 4), "side": shown.shape[-1], "seconds": seconds,
        }  # fmt: skip
        return task, about

    def measure(self, name: str, method: str, seed: int, stem: Path) -> dict[str, Any]:
        """Scores of one method and seed; trained networks go into a folder beside, as for the zoo."""
        (task, _), device, most = self.tasks[name], self.job.device, self.size.photographs
        G, D, found = (None, None, None) if method in TRIVIAL else self.fit(name, method, seed)
        answer = partial(trivial, task, method) if G is None else predictor(G, found)
        scores: dict[str, Any] = {"scores": judged(task, coloured(task.shown.to(device), answer, task.labels))}
        if most and name == "scenes" and method != "class-map":  # their classes are others
            scores["photographs"] = photographs(answer, device, most)
        if G is not None and D is not None and method in OBJECTIVES:
            arguments = arguments_of(task, method, self.size.width)
            about = {**self.recipe(name, seed), "method": METHODS[method], **scores["scores"]}
            scores["weights"] = zoo.save(f"colours-{name}", "chromagan", arguments, G, D, about, folder=stem)
        return scores

    def fit(self, name: str, method: str, seed: int) -> tuple[networks.ChromaGenerator, nn.Module, Bins | None]:
        """G, D and, for Zhang's, the bins: trained from the same trunk, by the same number of steps."""
        (task, _), size, device = self.tasks[name], self.size, self.job.device
        laws = {what: seeding.rng(seeding.child(seed, f"{what} {name}"), device) for what in ("pictures", "penalty")}
        pictures = colorize.Pictures(task.seen, task.y, laws["pictures"], flips=True)
        bins = Bins.of(pictures) if method == "zhang" else None
        outputs = {} if bins is None else {"outputs": len(bins.centres)}
        arguments = {**arguments_of(task, method, size.width), **outputs}
        G, D = networks.chromagan(**arguments, seed=seeding.child(seed, "networks"))
        G, D = (net.to(device, memory_format=torch.channels_last) for net in (task.teacher.start(G), D))  # type: ignore[call-overload]
        common: dict[str, Any] = {"steps": size.data[name].steps, "batch": size.batch, "lr": size.lr, "amp": size.amp}
        for _ in learning(method, G, D, bins, pictures, OBJECTIVES.get(method), laws["penalty"], common):
            pass
        return G.eval(), D.eval(), bins

    def recipe(self, name: str, seed: int) -> dict[str, Any]:
        """What the manifest says of the weights."""
        (task, _), size, device = self.tasks[name], self.size, self.job.device
        return {
            "data": f"{name} train at {task.size} x {task.size}, {len(task.seen)} pictures with colours, flipped at "
            "random",
            "steps": size.data[name].steps,
            "seed": seed,
            "objective": f"mean squared error of ab, WGAN-GP on ab given L ({OURS.adversarial:g}, slope of the "
            f"{OURS.penalty_of}), KL to the teacher ({OURS.classes:g})",
            "optimiser": f"Adam, lr {size.lr} falling linearly to 0, betas (0.5, 0.999), batch {size.batch}, "
            f"{'bfloat16' if devices.bfloat16(device, size.amp) else 'float32'}",
            "trunk": "starts from a classifier of lightness, trained on the same pictures and their labels",
            "profile": self.job.profile,
            "device": devices.describe(device),
        }

    def of(self, name: str, seeds: dict[int, dict[str, runner.Part]]) -> dict[str, Record]:
        """Every metric of every method, and answers to the talk's table where the data are scenes."""
        size, (task, about) = self.size, self.tasks[name]
        called, side = SOURCES[name]
        found = {method: [parts[method] for parts in seeds.values()] for method in METHODS}
        dropped = " + ".join(map(str, about["grey_left_out"]))
        dataset = (
            f"{called} {about['side']}x{about['side']}, {about['train']} training and {about['test']} test pictures; "
            f"{dropped} with a mean chroma below {GREY_BELOW:g} left out"
        )
        config = {
            **asdict(size), **asdict(size.data[name]), "network_side": side,
            "objective": asdict(OURS), "teacher_accuracy": about["teacher_accuracy"], "real": judged(task, task.shown),
        }  # fmt: skip
        del config["data"]

        def own(method: str, key: str, values: list[float], **more: Any) -> Record:
            what, unit = METRICS[key]
            parts = [{**part, "weights": part["found"].get("weights")} for part in found[method]]
            filled = {
                "claim": f"what the colours of one method are worth: {METHODS[method]}", "chapter": "06_chromagan",
                "dataset": dataset, "method": METHODS[method], "metric": what, "unit": unit, "values": values,
                "config": config, "deviations": DEVIATIONS,
                "seconds": round(about["seconds"] + sum(part["seconds"] for part in parts), 1),
            }  # fmt: skip
            return self.job.record(parts, **{**filled, **more})

        made = {
            f"chromagan-{name}-{method}-{metric}": own(
                method, metric, [p["found"]["scores"][metric] for p in found[method]]
            )
            for method in METHODS
            for metric in METRICS
        }
        gains = [
            full["found"]["scores"]["psnr"] - known["found"]["scores"]["psnr"]
            for full, known in zip(found["full"], found["class-map"], strict=True)
        ]
        made[f"chromagan-{name}-over-class-map"] = own(
            "full", "psnr", gains, claim="the network knows more than the mean colours of the true class",
            metric="difference of PSNR on RGB: ChromaGAN minus the mean colour map of the true class",
        )  # fmt: skip
        if name != "scenes":
            return made
        for claim, method in TALK.items():
            made[claim] = replace(
                made[f"chromagan-scenes-{method}-psnr"], claim=f"fidelity of the colours: {METHODS[method]}",
                source="the talk, table of quantitative results",
                deviations=["Scenes, not ImageNet: the talk's number is quoted, not reproduced.", *DEVIATIONS],
            )  # fmt: skip
        seen = {method: [part["found"].get("photographs") for part in group] for method, group in found.items()}
        for method, scores in seen.items():
            if all(scores):
                for metric in ("psnr", "psnr-ab", "ssim", "colourfulness"):
                    made[f"chromagan-photos-{method}-{metric}"] = own(
                        method, metric, [one[metric] for one in scores],
                        dataset=f"photographs of {size.photographs} ImageNet classes, 256x256; "
                        f"those with a mean chroma below {GREY_BELOW:g} left out; trained on scenes",
                    )  # fmt: skip
        return made


def trained(
    network: nn.Module, x: Tensor, labels: Tensor, what: str, path: Path, device: torch.device, **options: Any
) -> float:
    """Trains a classifier and keeps it in a file, or takes it from there; the seconds that took.

    Raises:
        UsageError: if the file was made with other constants.
    """
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    begun = time.perf_counter()
    if not path.exists():
        rng = seeding.rng(seeding.child(0, f"batches, {what}"))
        for _ in colorize.classifier_steps(network, x, labels.to(device), rng=rng, **options):
            pass
        write_tensors(path, network.state_dict(), {"seconds": time.perf_counter() - begun, **options})
    tensors, about = read_tensors(path)
    same = {key: value.shape for key, value in tensors.items()} == {k: v.shape for k, v in network.state_dict().items()}
    if not same or {name: about.get(name) for name in options} != options:
        raise UsageError(f"{path} was made with other constants; start without --resume, or give another --out")
    network.load_state_dict(tensors)
    network.eval().requires_grad_(False)
    return float(about["seconds"])


def arguments_of(task: Task, method: str, width: int) -> dict[str, Any]:
    """Of `networks.chromagan`: a class branch only where a method has one."""
    objective = OBJECTIVES.get(method)
    classes = task.y.shape[1] if objective and objective.classes else 0
    return {"size": task.size, "width": width, "classes": classes, "normalise": True, "upsample": "bilinear"}


def predictor(G: networks.ChromaGenerator, bins: Bins | None) -> Callable[[Tensor, Tensor], Tensor]:
    """L (n, 1, h, w) in CIE units and labels, which it does not look at → small ab in CIE units."""
    if bins is None:
        return lambda L, labels: colorize.chroma(G, L)
    return lambda L, labels: bins.chroma(G(scale_l(colorize.shrink(L, G.size)), classes=False).ab.float())


TALK = {
    "color-chromagan-psnr": "full",
    "color-chromagan-no-class-psnr": "no-class",
    "color-chromagan-no-wgan-psnr": "no-wgan",
    "color-zhang-psnr": "zhang",
    "color-isola-psnr": "pix2pix",
}
DEVIATIONS = [
    "Not ImageNet, and a network of a quarter of the width at most in profile cpu; the constants of the record say so.",
    "Trunk and teacher are one classifier of lightness trained on the same pictures, not VGG16.",
    "All trained methods share network, trunk, steps and rate: the objectives are compared, not the papers' networks.",
]
