"""Functional solar cells are normal, defective ones are not: what industry looks for, at 64 × 64.

HistoryAD and its variant against detectors without a history, scores that know nothing, and one control that sees no
pixel. Only functional cells are trained on, each in its four reflections.

The cells come from 44 modules, and the list of the package says neither which one nor that no module is on both sides
of a split: of a functional cell to be tested the neighbours in the list, which are of its module, have been trained on;
of most defective ones they have not. So a score may tell modules instead of defects. The control `order` is the
distance in the list to the nearest training cell; `auroc_beside` counts only cells that have one at most `BESIDE` lines
away. Cells of one crystal and of many look different, so AUROC stands for each type alone, too.

Source: Buerhop-Lutz et al. 2018 and Deitsch et al. 2019 for the cells; the split is this project's.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genimg import data
from genimg._base import seeding
from genimg._base.records import Record
from genimg.data import solar
from genimg.lab.experiments import detectors, history_rivals, runner
from genimg.numerics import metrics
from genimg.problems import anomaly
from genimg.problems.anomaly.features import FeatureLaw


@dataclass(frozen=True)
class Size(detectors.Size):
    """The constants of a profile."""

    side: int  # of the images, in pixels
    epochs: int  # of the autoencoder; at profile cpu it sees every image as often as the critic does


SIZES = {
    "quick": Size(gan_steps=12, width=8, detector_steps=5, side=16, epochs=2),
    "cpu": Size(gan_steps=300, width=16, detector_steps=100, side=64, epochs=9),
    "full": Size(gan_steps=10_000, width=32, detector_steps=3000, side=64, epochs=100),
}
OF_HISTORY = {
    "plain": detectors.METHODS["plain"],
    "mean": "the mean critic, before the first step of D_TV",
    "features": "HistoryAD-F, one history: surprise of the mean critic plus surprise of its features",
}
WITHOUT = {
    "pixels": "control: distance to a Gaussian law of the pixels, no network",
    "pca": history_rivals.METHODS["pca"],
    "autoencoder": history_rivals.METHODS["autoencoder"],
    "knn": detectors.METHODS["knn"],
    "intensity": "mean intensity, brighter is more anomalous",
    "intensity-minus": "mean intensity, darker is more anomalous",
    "gradient": "mean gradient, rougher is more anomalous",
    "gradient-minus": "mean gradient, smoother is more anomalous",
    "size": "compressed size, larger is more anomalous",
    "size-minus": "compressed size, smaller is more anomalous",
    "order": "control: distance in the list of cells to the nearest training cell, no pixel seen",
}
GROUPS = {"history": OF_HISTORY, "without": WITHOUT}
METHODS = OF_HISTORY | WITHOUT
BESIDE = 2  # lines of the list


class Study(runner.Study[Size]):
    """A record per method."""

    def load(self) -> None:
        self.known, self.cells = solar.cells("train"), solar.cells("test")  # says what to install
        train, test = (data.load("solar", split, size=self.size.side, subset=True) for split in ("train", "test"))
        self.train, self.test = train.floats(), test.floats()

    def count(self) -> int:
        return len(self.job.seeds) * len(GROUPS)

    def parts(self, seed: int) -> dict[str, runner.Part]:
        """By group of methods."""
        return {group: self.part(seed, group) for group in GROUPS}

    def part(self, seed: int, group: str) -> runner.Part:
        """One group of one seed."""
        path = self.job.of(seed) / f"{group}.json"
        return self.job.part(
            f"seed {seed}, {group}", path, {"size": asdict(self.size)}, partial(self.measure, seed, group)
        )

    def measure(self, seed: int, group: str) -> dict[str, dict[str, float]]:
        """Trains the methods of a group and tests them; per method what `judged` says."""
        order = torch.randperm(len(self.train), generator=seeding.rng(seeding.child(seed, "held out")))
        few = max(2, len(order) // 10)
        held_out, shown = (
            reflected(self.train[rows]).to(self.job.device) for rows in (order[:few], order[few:])
        )  # the same rows for both groups
        test = self.test.to(self.job.device)
        if group == "history":
            scores = of_history(shown, held_out, test, seed, self.size)
        else:
            scores = without(shown, test, seed, self.size, self.job.profile)
            scores["order"] = torch.from_numpy(apart(self.cells.places, self.known.places))
        beside = torch.from_numpy(apart(self.cells.places, self.known.places) <= BESIDE)
        poly = torch.tensor([kind == "poly" for kind in self.cells.types])
        odd = torch.from_numpy(self.cells.labels)
        return {name: judged(scores[name].cpu().double(), odd, poly, beside) for name in GROUPS[group]}

    def records(self, found: dict[int, dict[str, runner.Part]]) -> dict[str, Record]:
        return {
            f"history-solar-{name}-auroc": self.record(name, [parts[group] for parts in found.values()])
            for group, names in GROUPS.items()
            for name in names
        }

    def record(self, name: str, parts: list[runner.Part]) -> Record:
        """AUROC, one value per seed."""
        found = [part["found"][name] for part in parts]
        defective = int(self.cells.labels.sum())
        own = [detectors.OWN] if name in OF_HISTORY else []
        return self.job.record(
            parts,
            claim="who has seen functional solar cells only tells defective ones from them",
            chapter="05_history_ad",
            source="this project; cells of Buerhop-Lutz et al. 2018",
            dataset=f"elpv-dataset at {self.size.side} x {self.size.side}: {len(self.train):,} functional cells to "
            f"train, {len(self.test) - defective:,} functional and {defective:,} defective ones to test",
            method=METHODS[name],
            metric="AUROC, defective cells positive",
            values=[one["auroc"] for one in found],
            config={
                **asdict(self.size),
                **(detectors.CONSTANTS if name in OF_HISTORY else {}),
                **{key: [round(one[key], 4) for one in found] for key in found[0] if key != "auroc"},
            },
            deviations=[
                *own,
                "Not in the talk.",
                "Cells labelled as doubtful are left out.",
                "A tenth of the training cells is held out; the others are shown in their four reflections.",
                "Cells of one module are trained on and tested; `order` says what that alone tells.",
            ],
        )


def of_history(shown: Tensor, held_out: Tensor, test: Tensor, seed: int, size: Size) -> dict[str, Tensor]:
    """(m,) of each method of `OF_HISTORY`; images (n, 1, side, side) in [−1, 1] on one device."""
    trained = detectors.train(shown, seed, "solar", size)
    return {
        "plain": anomaly.anomaly_score(trained.D_tv, test),
        "mean": anomaly.anomaly_score(trained.mean, test),
        "features": anomaly.Evidence.fit(trained.mean, shown, held_out).score(trained.mean, test),
    }


def without(shown: Tensor, test: Tensor, seed: int, size: Size, profile: str) -> dict[str, Tensor]:
    """(m,) of each method of `WITHOUT` that sees pixels; images as in `of_history`."""
    rivals = replace(history_rivals.SIZES[profile], epochs=size.epochs, width=size.width)
    own = seeding.child(seed, "solar rivals")
    scores = {}
    for name in ("pca", "autoencoder"):
        with seeding.ambient(own):
            *_, score = history_rivals.OWN[name][1](shown, rivals, seeding.rng(own))
        scores[name] = score(test)
    scores["pixels"] = FeatureLaw.fit(shown.flatten(1)).distance(test.flatten(1))
    scores["knn"] = anomaly.neighbour_distance(test, shown)
    trivial = {
        "intensity": anomaly.mean_intensity(test),
        "gradient": anomaly.mean_gradient(test),
        "size": anomaly.compressed_size(test),
    }
    return scores | trivial | {f"{name}-minus": -score for name, score in trivial.items()}


def judged(scores: Tensor, odd: Tensor, poly: Tensor, beside: Tensor) -> dict[str, float]:
    """The fields of `anomaly.Evaluation`, and what else may be behind them.

    Args:
        scores: (m,), larger = more anomalous.
        odd: (m,), 1 = defective.
        poly: (m,) bool, of many crystals.
        beside: (m,) bool, has a training cell beside it in the list.

    Returns:
        Beside those fields AUROC among cells of each type, `auroc_mono` and `auroc_poly`, and among those `beside`,
        `auroc_beside`; and `tells_poly`, AUROC of telling functional cells of many crystals from those of one: far
        from 1/2, the score knows the type.

    Raises:
        UsageError: as `metrics.auroc`, if one of these has cells of one class only.

    Example:
        >>> odd, poly = torch.tensor([0, 0, 1, 1]), torch.tensor([False, True, False, True])
        >>> found = judged(torch.tensor([0.0, 2.0, 1.0, 3.0]), odd, poly, odd < 2)
        >>> [found[name] for name in ("auroc", "auroc_mono", "auroc_poly", "auroc_beside", "tells_poly")]
        [0.75, 1.0, 1.0, 0.75, 1.0]
    """
    among = {"mono": ~poly, "poly": poly, "beside": beside}
    return {
        **anomaly.evaluate(scores, odd)._asdict(),
        **{f"auroc_{name}": metrics.auroc(scores[some], odd[some], positive=1) for name, some in among.items()},
        "tells_poly": metrics.auroc(scores[odd == 0], poly[odd == 0].long(), positive=1),
    }


def apart(places: np.ndarray[Any, Any], known: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """(m,) distances to the nearest of the `known` (n,).

    Example:
        >>> apart(np.array([0, 7]), np.array([1, 4, 9])).tolist()
        [1, 2]
    """
    return np.abs(places[:, None] - known).min(1)


def reflected(x: Tensor) -> Tensor:
    """(4n, c, h, w): as they are, left to right, upside down, and both.

    Example:
        >>> reflected(torch.arange(4.0).reshape(1, 1, 2, 2)).flatten(1).tolist()
        [[0.0, 1.0, 2.0, 3.0], [1.0, 0.0, 3.0, 2.0], [2.0, 3.0, 0.0, 1.0], [3.0, 2.0, 1.0, 0.0]]
    """
    return torch.cat([x, x.flip(3), x.flip(2), x.flip((2, 3))])
