"""What each choice of HistoryAD is worth: the instants, the start of D_TV, the number of states, the bound, its length.

One history per seed and digit serves every row, so that rows differ in one thing only. The base row has the instants,
the start and the bound of the experiment `history-ad`; D_TV is trained for fewer steps, in smaller batches.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from functools import partial

import torch

from genimg._base import seeding
from genimg._base.records import Record
from genimg.gan import objectives
from genimg.gan.distributions import Empirical, Gaussian
from genimg.gan.history import History
from genimg.lab.experiments import detectors, runner
from genimg.lab.experiments.history_ad import digits
from genimg.problems import anomaly


@dataclass(frozen=True, kw_only=True)
class Size(detectors.Size):
    """The constants of a profile."""

    digits: tuple[int, ...]  # left out in turn
    batch: int  # of D_TV
    test: int  # digits of the test part


SIZES = {
    "quick": Size(digits=(1,), gan_steps=20, width=8, detector_steps=5, batch=32, test=300),
    "cpu": Size(digits=(0, 1, 8), gan_steps=200, width=16, detector_steps=100, batch=128, test=2000),
    "full": Size(
        digits=tuple(range(10)), gan_steps=200, width=16, detector_steps=1000, batch=256, test=10_000,
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Setting:
    """One row: how the instants are weighted, where D_TV starts, how it is bounded and how long it is trained."""

    rate: float = 0.0  # decay over the whole run, rate · steps
    start: float = 0.25  # share of the run that is dropped
    init: str = "mean"  # of D_TV
    states: int = 40  # how many of the saved ones are used, evenly spaced
    tanh: bool = False  # the hard bound in place of the soft one
    length: float = 1.0  # D_TV's steps over those of the base row
    smooth: float = 0.0  # weight of the penalty on D_TV's slope


BASE = Setting()
GRID = {f"rate{rate:g}-start{start:g}": Setting(rate, start) for rate in (0.0, 4.0, 16.0) for start in (0.0, 0.25, 0.5)}
SETTINGS = GRID | {
    "init-last": replace(BASE, init="last"),
    "init-scratch": replace(BASE, init="scratch"),
    "states-2": replace(BASE, states=2),
    "states-10": replace(BASE, states=10),
    "tanh": replace(BASE, tanh=True),
    "quarter": replace(BASE, length=0.25),
    "smooth": replace(BASE, smooth=1.0),
}


class Study(runner.Study[Size]):
    """A record per setting: AUROC, mean over the digits, one value per seed."""

    def load(self) -> None:
        self.x, self.labels = digits(subset=self.job.profile == "quick")

    def count(self) -> int:
        return len(self.job.seeds) * len(self.size.digits)

    def parts(self, seed: int) -> list[runner.Part]:
        """One part per digit: the AUROC of every setting."""
        settings = {"size": asdict(self.size), "rows": {name: vars(setting) for name, setting in SETTINGS.items()}}
        found = []
        for digit in self.size.digits:
            path, make = self.job.of(seed) / f"{digit}.json", partial(self.measure, seed, digit)
            found.append(self.job.part(f"seed {seed}, digit {digit}", path, settings, make))
        return found

    def measure(self, seed: int, digit: int) -> dict[str, float]:
        """AUROC of every setting on test digits that are drawn per seed."""
        split, device = anomaly.fence_split(self.labels, digit), self.job.device
        rng = seeding.rng(seeding.child(seed, f"test {digit}"))
        some = torch.randperm(len(split.test.rows), generator=rng)[: self.size.test]
        normal, test = (self.x[rows].to(device) for rows in (split.train.rows, split.test.rows[some]))
        return aurocs(normal, test, split.test.anomalous[some], seed, digit, self.size)

    def records(self, found: dict[int, list[runner.Part]]) -> dict[str, Record]:
        size, made = self.size, {}
        for name, setting in SETTINGS.items():
            values = [[part["found"][name] for part in one] for one in found.values()]
            made[f"history-ablation-{name}"] = self.job.record(
                [part for one in found.values() for part in one],
                claim="how much each choice of HistoryAD matters",
                chapter="05_history_ad",
                source="this project; the talk names the choices and states none",
                dataset=f"MNIST, Fence-GAN split, hidden digits {', '.join(map(str, size.digits))}; "
                f"{size.test} test digits each",
                method=f"HistoryAD, plain: {describe(setting)}",
                metric="AUROC, mean over digits",
                values=[sum(one) / len(one) for one in values],
                config={
                    **asdict(size), **vars(setting), "per_digit": [[round(v, 4) for v in one] for one in values],
                },
                deviations=[detectors.OWN],
            )  # fmt: skip
        return made


def describe(setting: Setting) -> str:
    """What differs from the base row, in words.

    Example:
        >>> describe(BASE), describe(replace(BASE, init="last", rate=4.0))
        ('the base row', 'rate 4, init last')
    """
    changed = {name: value for name, value in vars(setting).items() if value != getattr(BASE, name)}
    words = []
    for name, value in changed.items():
        words.append(name if value is True else f"{name} {value}" if name == "init" else f"{name} {value:g}")
    return ", ".join(words) or "the base row"


def aurocs(
    normal: torch.Tensor, test: torch.Tensor, anomalous: torch.Tensor, seed: int, digit: int, size: Size
) -> dict[str, float]:
    """AUROC of every setting for one digit and one history; D_TV draws the same random numbers in each."""
    device, steps = normal.device, size.gan_steps
    history, G, D, _, _ = detectors.play(normal, seed, str(digit), size)
    values = {}
    for name, setting in SETTINGS.items():
        draws = {n: seeding.rng(seeding.child(seed, f"D_TV {n} {digit}"), device) for n in ("instants", "z", "x", "u")}
        kept = {"rate": setting.rate / steps, "start": setting.start * steps}
        some = thinned(history, setting.states, kept["start"])
        D_tv, _ = anomaly.fit_detector(
            anomaly.initial_critic(D, some, setting.init, seed=seed, **kept),
            Empirical(normal, draws["x"]), some.past(G, Gaussian(64, draws["z"]), draws["instants"], **kept),
            objectives.TanhTotalVariation() if setting.tanh else objectives.TotalVariation(10.0, setting.smooth),
            steps=max(1, round(setting.length * size.detector_steps)), rng=draws["u"], batch=size.batch, lr=1e-3,
        )  # fmt: skip
        values[name] = anomaly.evaluate(anomaly.anomaly_score(D_tv, test), anomalous).auroc
    return values


def thinned(history: History, states: int, start: float) -> History:
    """At most `states` of the states from `start` on, evenly spaced, the last one among them.

    Example:
        >>> h, net = History(), torch.nn.Linear(1, 1)
        >>> for t in range(1, 11): h.add(t, net, net)
        >>> thinned(h, 3, start=5).times
        [5, 7, 10]
    """
    kept = [k for k, t in enumerate(history.times) if t >= start]
    chosen = [kept[k] for k in torch.linspace(0, len(kept) - 1, min(states, len(kept))).long().tolist()]
    found = History()
    for name in ("times", "generators", "critics"):
        setattr(found, name, [getattr(history, name)[k] for k in chosen])
    return found
