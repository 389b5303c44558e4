"""What the talk's search gains, on the faces of its tables, where all known pixels count a little, where it keeps near
the best linear answer, where G adapts, and where an encoder begins.

All were chosen on validation faces, by `inpainting-search`. Networks, faces, masks and the talk's row are those of
`inpainting-table`; each method is searched anew, so that the differences are between methods. (Of the records in the
book those of the encoder are of later runs, on the same faces and the same kind of machine.) Beside PSNR stand two
numbers that know what photographs look like (`looks`): what gains decibels by being smooth loses there.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from genimg import data, zoo
from genimg._base import seeding
from genimg._base.records import Record
from genimg.lab.experiments import face_encoder, fills, inpainting_table, runner
from genimg.lab.experiments.cells import HOLES, Cell, psnr, score
from genimg.lab.experiments.inpainting_table import DEVIATIONS, SOURCES
from genimg.lab.experiments.looks import Looks
from genimg.lab.experiments.searches import Task, latents, pictures_of
from genimg.problems import inpaint
from genimg.problems.inpaint import WIDE

SIZES = {profile: replace(size, data=size.data[:1]) for profile, size in inpainting_table.SIZES.items()}
ADAPT = 4  # steps of the weights
METHODS = {
    "search": "the talk's loss, 0.5 0.5 1",
    "far": "the same, and every known pixel counts by `far`",
    "guided": "the same, and kept near the best linear answer inside the hole",
    "mean": "the mean of several such answers",
    "adapted": "as `far`, then steps of the weights of a copy of G for each image",
    "encoder": "what the encoder makes of the known pixels, without a search",
    "started": "the same, and then a search as the recipe of the weights says",
    "gaussian": fills.METHODS["gaussian"],
}
METRICS = {  # unit, better, what it is
    "psnr": ("dB", "higher", "PSNR of the mean MSE, whole image"),
    "st-lpips": ("1", "lower", "ST-LPIPS to the truth, mean over images"),
    "kid": ("1", "lower", "KID-EffLite0 of the filled images against training images"),
}
REAL = 8  # training images per test image, for KID


class Study(inpainting_table.Study):
    """PSNR, ST-LPIPS and KID of each method under both masks, and the decibels that adapting gains."""

    def load(self) -> None:
        super().load()
        zoo.efficientnet(), zoo.stlpips()  # missed at once, if they are not here

    def count(self) -> int:
        return len(self.here) * len(self.job.seeds) * len(HOLES)

    def parts(self, seed: int) -> dict[str, runner.Part]:
        """By mask: the cells of all methods."""
        (name,) = self.here
        task, weights = self.task(name, seed)
        path = self.weights(name, seed)
        how = inpaint.Search.of(zoo.recipe(path) if path is not None else {}, task.how)
        E, digest = face_encoder.here(self.job, task.G, task.y, seed)
        settings = {
            "size": asdict(self.size), "weights": weights, "search": task.how._asdict(),
            "encoder": digest, "begun": how._asdict(), "far": WIDE.far, "guess": WIDE.guess, "adapt": ADAPT,
        }  # fmt: skip
        train = data.load(name, "train", size=SOURCES[name].side)
        some = torch.randperm(len(train), generator=seeding.rng(seeding.child(seed, "real")))
        looks = Looks(train.take(some[: REAL * self.size.images]).floats())
        found = {}
        for mask in HOLES:
            made = partial(cells, task, task.mask(mask), looks, (E, how))
            found[mask] = self.job.part(f"seed {seed}: {mask}", self.job.of(seed) / f"{mask}.json", settings, made)
            found[mask] |= {"settings": settings}
        return found

    def records(self, found: dict[int, dict[str, Any]]) -> dict[str, Record]:
        (name,), made = self.here, {}
        for mask, hole in HOLES.items():
            parts = [one[mask] for one in found.values()]
            settings = {key: value for key, value in parts[0]["settings"].items() if key != "weights"}
            common: dict[str, Any] = {
                "chapter": "07_inpainting", "weights": parts[0]["settings"]["weights"],
                "dataset": f"{SOURCES[name].called} {SOURCES[name].side}x{SOURCES[name].side}, {self.size.images} test "
                f"images per seed; {hole}",
                "deviations": [DEVIATIONS[1], "Not in the talk: extensions; adapting is after image-adaptive GANs."],
            }  # fmt: skip
            truth = [part["found"]["truth"]["poisson"]["whole"]["kid"] for part in parts]
            for method, called in METHODS.items():
                of = [part["found"][method] for part in parts]
                for metric, (unit, better, named) in METRICS.items():
                    made[f"adapted-{mask}-{method}{'' if metric == 'psnr' else f'-{metric}'}"] = self.job.record(
                        parts, claim="what each change of the search adds to the talk's",
                        method=f"{called}; Poisson output", metric=named, unit=unit, better=better,
                        values=[cell["poisson"]["whole"][metric] for cell in of],
                        config={**settings, "cells": of, **({"truth": truth} if metric == "kid" else {})}, **common,
                    )  # fmt: skip
            gains = [psnr(part["found"]["adapted"]) - psnr(part["found"]["search"]) for part in parts]
            made[f"adapted-{mask}-gain"] = self.job.record(
                parts, claim="adapting the generator to the image fills holes better",
                method="adapted minus search, Poisson output", metric="difference of PSNR of the mean MSE, whole image",
                values=gains, unit="dB", config=settings, **common,
            )  # fmt: skip
        return made


def cells(
    task: Task, mask: Tensor, looks: Looks, started_by: tuple[inpaint.Encoder, inpaint.Search]
) -> dict[str, Cell]:
    """The cells of `METHODS`, and of the truth, which no picture can be expected to beat in KID."""
    steps, batch = task.how.steps, task.size.batch
    loss = inpaint.Loss(task.D, task.y, mask.to(task.y), WIDE)
    near = latents(task.G, task, mask, inpaint.OURS, steps)[:, 0]
    z = latents(task.G, task, mask, WIDE, steps)[:, 0]
    guided = inpaint.guided(task.law)
    encoder, how = started_by
    begun = encoder(task.y, mask.to(task.y))
    started = latents(task.G, task, mask, how.formulation, how.steps, start=begun[:, None], lr=how.lr)
    several = latents(task.G, task, mask, guided, steps, task.size.restarts).unbind(1)
    guides = {
        "search": pictures_of(task.G, near, batch),
        "far": pictures_of(task.G, z, batch),
        "guided": pictures_of(task.G, latents(task.G, task, mask, guided, steps)[:, 0], batch),
        "mean": torch.stack([pictures_of(task.G, one, batch) for one in several]).mean(0),
        "adapted": inpaint.adapted(task.G, loss, z, ADAPT),
        "encoder": pictures_of(task.G, begun, batch),
        "started": pictures_of(task.G, started[:, 0], batch),
        "gaussian": fills.fill("gaussian", task.y, mask, task.law),
        "truth": task.y,
    }
    found = {name: score(task.y, mask, guide) for name, guide in guides.items()}
    for name, guide in guides.items():
        filled = inpaint.blend(task.y, guide, mask.to(task.y))[2]
        found[name]["poisson"]["whole"] |= looks.of(filled, task.y)
    return found
