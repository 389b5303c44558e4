"""One digit is anomalous, nine are normal: HistoryAD, its variant, PyOD's detectors and trivial scores, on MNIST.

A value of a record is the mean over the ten digits, and its `config` holds each. What one digit of one seed gave is
kept below `out` as soon as it is there: an interrupted run goes on with `resume`, one process per seed shares the work,
and a last run over all seeds with `resume` only reads.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from genimg import data
from genimg._base import seeding
from genimg._base.errors import UsageError
from genimg._base.records import Record
from genimg.lab.experiments import detectors, peers, runner
from genimg.problems import anomaly


@dataclass(frozen=True)
class Size(detectors.Neighbours):
    """The constants of a profile."""

    digits: int  # how many of them are left out in turn
    test: int  # digits of the test part
    shared: bool  # one training serves both protocols


SIZES = {
    "quick": Size(
        digits=2, gan_steps=12, width=8, detector_steps=10,
        normals=500, negatives=200, test=1000, shared=True,
    ),
    "cpu": Size(
        digits=10, gan_steps=200, width=16, detector_steps=200,
        normals=20_000, negatives=8000, test=6000, shared=True,
    ),
    "full": Size(
        digits=10, gan_steps=200, width=16, detector_steps=3000,
        normals=60_000, negatives=8000, test=20_000, shared=False,
    ),
}  # fmt: skip
PROTOCOLS = {"fence": "Fence-GAN split", "egbad": "EGBAD split, one permutation"}
METHODS = detectors.METHODS | {peers.PREFIX + name: what for name, what in peers.METHODS.items()}
METRICS = {
    "auroc": "AUROC, mean over digits",
    "auprc_anomalous": "AUPRC, anomalies positive, mean over digits",
    "auprc_normal": "AUPRC, normals positive, mean over digits",
}


class Study(runner.Study[Size]):
    """A record per protocol, method and metric."""

    def load(self) -> None:
        self.budget = peers.BUDGETS[self.job.profile]
        self.settings = {
            "size": asdict(self.size),
            "peers": asdict(self.budget),
            "settings": peers.SETTINGS,
            "pyod": peers.version(),  # a missing package is told now, not after the first GAN
        }
        self.x, self.labels = digits(subset=self.job.profile == "quick")
        self.groups = [tuple(PROTOCOLS)] if self.size.shared else [(protocol,) for protocol in PROTOCOLS]

    def count(self) -> int:
        return len(self.job.seeds) * self.size.digits * len(self.groups)

    def parts(self, seed: int) -> list[runner.Part]:
        """One part per digit and group of protocols."""
        found = []
        for digit, group in product(range(self.size.digits), self.groups):
            path = self.job.of(seed) / f"{'-'.join(group)}-{digit}.json"
            make = partial(self.measure, seed, digit, group, path.with_suffix(".safetensors"))
            what = f"seed {seed}, digit {digit}, {' and '.join(group)}"
            found.append(self.job.part(what, path, self.settings, make))
        return found

    def measure(self, seed: int, digit: int, group: tuple[str, ...], weights: Path) -> dict[str, Any]:
        """Trains every method once on what the protocols have in common, and tests it on each one's test part.

        D_TV is kept in the file `weights`, for `genimg detect` and the zoo.

        Returns:
            Per protocol and method the fields of `anomaly.Evaluation`.
        """
        size, x, device = self.size, self.x, self.job.device
        chosen = splits(self.labels, seed, digit, group)
        rows, anomalous = [], []
        for split in chosen.values():
            rng = seeding.rng(seeding.child(seed, f"test {digit}"))
            some = torch.randperm(len(split.test.rows), generator=rng)[: size.test]
            rows.append(split.test.rows[some])
            anomalous.append(split.test.anomalous[some])
        normal, test = x[common_rows(chosen)].to(device), x[torch.cat(rows)].to(device)
        trained = detectors.train(normal, seed, str(digit), size)
        odd = next(iter(chosen.values())).test
        unseen = x[odd.rows[odd.anomalous == 0]]
        detector(trained.D_tv, unseen, digit, seed, self.job.profile, len(normal)).save(weights, half=True)
        scores = detectors.scores(trained, normal, test, seed, str(digit), size)
        for name in peers.METHODS:
            own = seeding.child(seed, f"peer {digit}")
            scores[peers.PREFIX + name] = peers.scores(name, normal, test, own, self.budget)
        lengths = [len(part) for part in rows]
        split_up = {method: values.cpu().split(lengths) for method, values in scores.items()}
        return {
            protocol: {
                method: anomaly.evaluate(values[k], anomalous[k])._asdict() for method, values in split_up.items()
            }
            for k, protocol in enumerate(chosen)
        }

    def records(self, found: dict[int, list[runner.Part]]) -> dict[str, Record]:
        return {
            f"history-mnist-{protocol}-{method}-{metric.replace('_', '-')}": self.record(
                protocol, method, metric, found
            )
            for protocol in PROTOCOLS
            for method in METHODS
            for metric in METRICS
        }

    def record(self, protocol: str, method: str, metric: str, parts: dict[int, list[runner.Part]]) -> Record:
        """One number per seed, the mean over the digits."""
        size, every = self.size, [part for one in parts.values() for part in one]
        found = [[p["found"][protocol][method] for p in one if protocol in p["found"]] for one in parts.values()]
        values = [[float(evaluation[metric]) for evaluation in one] for one in found]
        chance = [0.5 if metric == "auroc" else e[metric.replace("auprc", "chance")] for e in found[0]]
        if method.startswith(peers.PREFIX):
            peer = method.removeprefix(peers.PREFIX)
            config = {"digits": size.digits, "test": size.test, "shared": size.shared, "peer": peers.SETTINGS[peer]}
            config |= {**asdict(self.budget), "pyod": every[0]["pyod"]}
            deviations = peers.deviations(peer, self.budget)
        else:
            config = {**asdict(size), **detectors.CONSTANTS}
            deviations = [detectors.OWN]
        deviations.append(
            "The talk shows the digits as a bar chart without numbers, so nothing can be compared with it."
        )
        if size.shared:
            deviations.append(
                "One training serves both splits, on the normals that both train on (about 64 % of all); each split is "
                "tested on its own test part."
            )
        if size.test < 14_000:
            deviations.append(f"{size.test} test digits of each split, drawn per seed.")
        if method in ("neighbours", "blur"):
            deviations.append(
                "Compared with other forms by AUROC on all ten digits of the Fence-GAN split before this run: "
                "the choice was not blind."
            )
        return self.job.record(
            every,
            claim="HistoryAD detects the digit that was left out of training",
            chapter="05_history_ad",
            source="the talk, 'Comparison to others on MNIST experiment', protocols of Fence-GAN and EGBAD",
            dataset=f"MNIST, {PROTOCOLS[protocol]}; each of {size.digits} digits anomalous in turn",
            method=METHODS[method],
            metric=METRICS[metric],
            values=[sum(one) / len(one) for one in values],
            config={
                **config,
                "per_digit": [[round(v, 4) for v in one] for one in values],
                "chance": round(sum(chance) / len(chance), 4),
            },
            deviations=deviations,
        )


def digits(subset: bool) -> tuple[Tensor, Tensor]:
    """MNIST's training set followed by its test set, and the labels."""
    parts = [data.load("mnist", split, subset=subset) for split in ("train", "test")]
    if any(part.labels is None for part in parts):
        raise UsageError("history-ad: MNIST came without labels; use torchvision's layout")
    labels = [part.labels for part in parts if part.labels is not None]
    return torch.cat([part.floats() for part in parts]), torch.cat(labels)


def splits(labels: Tensor, seed: int, digit: int, group: tuple[str, ...]) -> dict[str, anomaly.Split]:
    """The split of each protocol; EGBAD's is drawn per seed."""
    rng = seeding.rng(seeding.child(seed, f"split {digit}"))
    made = {"fence": anomaly.fence_split(labels, digit), "egbad": anomaly.egbad_split(labels, digit, rng)}
    return {protocol: made[protocol] for protocol in group}


def common_rows(chosen: dict[str, anomaly.Split]) -> Tensor:
    """(n,) positions that are in the training part of every split, hence in the test part of none, in ascending order.

    Example:
        >>> part = lambda *rows: anomaly.Part(torch.tensor(rows), torch.zeros(len(rows)))
        >>> a = anomaly.Split(part(3, 1, 2), part(), part(0))
        >>> b = anomaly.Split(part(0, 2, 3), part(), part(1))
        >>> common_rows({"a": a, "b": b}).tolist()
        [2, 3]
    """
    rows = [split.train.rows for split in chosen.values()]
    seen, times = torch.cat(rows).unique(return_counts=True)
    return seen[times == len(rows)]


def detector(D: nn.Module, unseen: Tensor, digit: int, seed: int, profile: str, images: int) -> anomaly.Detector:
    """D_TV with what somebody needs to train it again; calibrated on normal digits that it has not seen."""
    size = SIZES[profile]
    arguments = {"latent": 64, "size": unseen.shape[-1], "channels": 1, "width": size.width}
    provenance = {
        "data": f"MNIST without the digit {digit}, {images} images",
        "method": detectors.METHODS["plain"],
        "steps": size.detector_steps,
        "objective": "total variation, lambda 10, from the mean critic of a WGAN-GP with lambda 10",
        "seed": seed,
        "profile": profile,
        "command": f"genimg train history-ad --profile {profile} --seed {seed}",
    }
    return anomaly.Detector.calibrated(D, "dcgan", arguments, unseen, provenance)
