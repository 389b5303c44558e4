"""Four ways to train a generator of faces, each with the same time on a CPU, judged on validation faces.

Time is that of all cores together, so a busy machine does not change who wins. A few steps of each are timed first; the
rest of the time then says how many steps it gets, since rates fall to 0 at the last one. Seeds change networks and the
draws of training; validation faces stay.
"""

from __future__ import annotations

import copy
import statistics
import tempfile
import time
from collections import deque
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from genimg import data
from genimg._base import seeding
from genimg._base.records import Record
from genimg.gan.distributions import Gaussian, Pushforward
from genimg.lab.experiments import faces, runner
from genimg.lab.experiments.faces import METRICS, judged, played, shape_of, untrained
from genimg.numerics import metrics
from genimg.problems import inpaint


@dataclass(frozen=True)
class Size:
    """The constants of a profile."""

    base: faces.Size  # of which a recipe changes a part
    seconds: float  # of all cores together, for one training
    timed: int  # steps
    reached: int  # validation faces that are searched when all of them is known
    reach_steps: int
    reach_lr: float


_GAME = {"goes_on": None, "start": 0, "keep": 0.0, "warm": 0}
RECIPES: dict[str, dict[str, Any]] = {
    "published": {
        **_GAME, "up": "transposed", "critic_per_step": 5, "share": 1.0, "drift": 0.0, "lr": 1e-4, "critic_lr": 1e-4,
    },
    "cheap": {**_GAME, "up": "transposed"},
    "resized": _GAME,
    "decoder": {"goes_on": None},
}  # fmt: skip
CALLED = {
    "published": "WGAN-GP as published: five critic steps, the penalty on the whole batch, transposed convolutions",
    "cheap": "one critic step, the penalty on a quarter of the batch, rates of their own",
    "resized": "the same, and each doubling of the side resizes and then convolves",
    "decoder": "the same, started as the decoder of a variational autoencoder that is trained on beside the game",
}
REACH = ("PSNR of the nearest image that a search finds when all of the face is known", "higher")
WANTED = ("kid", "precision-efflite0", "recall-efflite0", "precision", "recall", "diversity", "reach")

SIZES = {
    "quick": Size(faces.SIZES["quick"], seconds=0.5, timed=3, reached=2, reach_steps=2, reach_lr=0.03),
    "cpu": Size(
        replace(faces.SIZES["cpu"], warm=75, start=200), seconds=900, timed=8, reached=64, reach_steps=150,
        reach_lr=0.03,
    ),
    "full": Size(faces.SIZES["full"], seconds=36_000, timed=50, reached=500, reach_steps=500, reach_lr=0.03),
}  # fmt: skip


class Study(runner.Study[Size]):
    """What each recipe has reached when its time is over."""

    def load(self) -> None:
        base = self.size.base
        held_out = "val" if base.data == "celeba" else "test"
        self.train, self.val = (data.load(base.data, split, size=base.side) for split in ("train", held_out))

    def count(self) -> int:
        return len(self.job.seeds) * len(RECIPES)

    def parts(self, seed: int) -> dict[str, runner.Part]:
        """By recipe."""
        settings = {"size": asdict(self.size)}
        found = {}
        for name, changes in RECIPES.items():
            folder = self.job.of(seed) / name
            made = partial(self.trained, seed, {**asdict(self.size.base), **changes}, folder)
            path, told = folder.with_suffix(".json"), {**settings, "recipe": changes}
            found[name] = self.job.part(f"seed {seed}: {name}", path, told, made)
        return found

    def trained(self, seed: int, recipe: dict[str, Any], folder: Path) -> dict[str, Any]:
        """The numbers of one generator, and how many steps it had."""
        size, device = faces.Size(**recipe), self.job.device
        steps = runner.kept(folder / "steps.json", {"recipe": recipe}, device, partial(self.afforded, seed, size))
        size = replace(size, steps=steps["found"])
        G, D, E = untrained(size, shape_of(size, self.train), seed, device)
        average = copy.deepcopy(G)
        deque(played(G, D, E, average, self.train, seed, folder, size), maxlen=0)
        held_out = self.val.take(slice(size.samples)).floats()
        law = Gaussian(size.latent, seeding.rng(seeding.child(seed, "samples")))
        generated = Pushforward(average.eval().cpu(), law)
        fake = torch.cat([generated.sample(len(part)) for part in held_out.split(100)])
        reach = self.reach(average, D.cpu(), held_out[: self.size.reached])
        return {**judged(held_out, fake, seed, size), "reach": reach, "steps": size.steps}

    def afforded(self, seed: int, size: faces.Size) -> int:
        """Steps of the game that the time is enough for, the start paid."""
        timed = self.size.timed
        few = replace(size, start=min(size.start, timed), steps=timed, warm=0)
        networks = untrained(few, shape_of(few, self.train), seed, self.job.device)
        with tempfile.TemporaryDirectory() as folder:
            clock = [time.process_time()]
            for _ in played(*networks, copy.deepcopy(networks[0]), self.train, seed, Path(folder), few):
                clock.append(time.process_time())
        took = [after - before for before, after in pairwise(clock)]
        start, game = took[: few.start], took[few.start :]
        left = self.size.seconds - size.start * (statistics.median(start) if start else 0.0)
        return max(2, int(left / statistics.median(game)))

    def reach(self, G: nn.Module, D: nn.Module, y: Tensor) -> float:
        """PSNR of the mean squared error in dB."""
        size = self.size
        everything = torch.ones(1, 1, *y.shape[2:])
        loss = inpaint.Loss(D, y, everything, inpaint.Formulation(1.0, 0.0, 0.0, norm=inpaint.l2, window=None))
        start = torch.zeros(len(y), 1, size.base.latent)
        (last,) = deque(
            inpaint.search_steps(G, loss, start, steps=size.reach_steps, lr=size.reach_lr, amp=size.base.amp), maxlen=1
        )
        with torch.no_grad():
            return metrics.psnr(G(last.best_z[:, 0]), y, 2, "mse")

    def records(self, found: dict[int, dict[str, runner.Part]]) -> dict[str, Record]:
        size, base, made = self.size, self.size.base, {}
        told = {**METRICS, "reach": (*REACH, f"{size.reached} faces, {size.reach_steps} steps from the mean.")}
        for name, called in CALLED.items():
            parts = [part[name] for part in found.values()]
            for metric in WANTED:
                if not all(metric in part["found"] for part in parts):
                    continue
                what, better, deviation = told[metric]
                made[f"face-recipes-{name}-{metric}"] = self.job.record(
                    parts, claim="which training of a generator of faces is worth its time on a CPU",
                    chapter="07_inpainting", method=called, metric=what.format(pairs=base.samples // 2), better=better,
                    dataset=f"{faces.NAMES[base.data]} {base.side}x{base.side}, {len(self.train)} training faces; "
                    f"{min(base.samples, len(self.val))} held-out faces that no table shows",
                    values=[part["found"][metric] for part in parts], unit="dB" if metric == "reach" else "1",
                    config={**asdict(base), **RECIPES[name], "core_seconds": size.seconds,
                            "steps": [part["found"]["steps"] for part in parts]},
                    deviations=[deviation, "Core seconds are of one machine: on another each recipe has other steps."],
                )  # fmt: skip
        return made
