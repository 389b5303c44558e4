"""How the talk's loss is searched best, on validation faces: start, rate, steps, each term, and weights that follow.

One thing is changed at a time. Test faces are not looked at: what is chosen here is what the recipe of the weights
says; `inpainting-table` takes its rate, and starts at the mean for forty steps.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from genimg import data, zoo
from genimg._base import seeding
from genimg._base.records import Record
from genimg.gan import networks
from genimg.gan.distributions import Gaussian
from genimg.lab.experiments import face_encoder, faces, runner
from genimg.lab.experiments.cells import HOLES
from genimg.lab.experiments.looks import apart
from genimg.numerics import metrics
from genimg.problems import inpaint
from genimg.problems.inpaint import masks
from genimg.problems.inpaint.encoder import seen


@dataclass(frozen=True)
class Size:
    """The constants of a profile."""

    data: str  # faces
    split: str  # of them
    side: int  # of the pictures, in pixels
    images: int  # how many
    looks: tuple[int, ...]  # steps after which it is measured; the last one ends the search
    candidates: int  # random z of which "pool" takes the best
    encoder_steps: int  # that the encoder of "own" is trained, on what G makes
    batch: int  # searches at once
    amp: bool  # bfloat16 where the processor has it


SIZES = {
    "quick": Size("lfw", "test", 32, images=3, looks=(0, 1, 2), candidates=4, encoder_steps=2, batch=4, amp=False),
    "cpu": Size(
        "celeba", "val", 64, images=32, looks=(0, 10, 20, 40, 60), candidates=256, encoder_steps=1500, batch=32,
        amp=True,
    ),
    "full": Size(
        "celeba", "val", 64, images=500, looks=(0, 10, 20, 40, 60, 100, 200, 400), candidates=2048,
        encoder_steps=20_000, batch=256, amp=True,
    ),
}  # fmt: skip


class Variant(NamedTuple):
    """One way to search: formulation, rate of Adam, where it starts (a key of `STARTS`), steps of G after it, and
    whether it keeps near the best linear answer.
    """

    formulation: inpaint.Formulation = inpaint.OURS
    lr: float = 0.03
    start: str = "mean"
    adapt: int = 0
    law: bool = False


STARTS = {
    "mean": "mean of all z",
    "pool": "best of the pool",
    "own": "what an encoder, trained on images of G with holes, makes of the known pixels",
    "encoder": "what the encoder of the zoo, trained on faces with holes, makes of the known pixels",
}
BASE = Variant()
VARIANTS = {
    "base": BASE,
    "pool": BASE._replace(start="pool"),
    "encoder-own": BASE._replace(start="own"),
    "encoder": BASE._replace(start="encoder"),
    "encoder-far": BASE._replace(formulation=inpaint.WIDE, start="encoder"),
    "encoder-guided": BASE._replace(formulation=inpaint.WIDE, start="encoder", law=True),
    "slower": BASE._replace(lr=0.01),
    "faster": BASE._replace(lr=0.1),
    "no-weight": BASE._replace(formulation=replace(inpaint.OURS, window=None)),
    "no-gradient": BASE._replace(formulation=replace(inpaint.OURS, pixel=1.0, gradient=0.0)),
    "far": BASE._replace(formulation=inpaint.WIDE),
    "guided": BASE._replace(formulation=inpaint.WIDE, law=True),
    "guided-less": BASE._replace(formulation=replace(inpaint.WIDE, guess=0.03), law=True),
    "guided-more": BASE._replace(formulation=replace(inpaint.WIDE, guess=0.3), law=True),
    "adapted": BASE._replace(formulation=inpaint.WIDE, adapt=4),
    "no-prior": BASE._replace(formulation=replace(inpaint.OURS, prior=0.0)),
}


class Study(runner.Study[Size]):
    """PSNR along the search, a record per variant and mask."""

    def load(self) -> None:
        pictures = data.load(self.size.data, self.size.split, size=self.size.side)
        some = torch.randperm(len(pictures), generator=seeding.rng(seeding.child(0, "validation")))
        self.y = pictures.take(some[: self.size.images]).floats()
        self.masks = {
            "centre": masks.centre_square(self.size.side),
            "squares": torch.cat([masks.three_squares(self.size.side, seed=k) for k in range(len(self.y))]),
        }

    def count(self) -> int:
        return len(self.job.seeds) * len(HOLES) * len(VARIANTS)

    def parts(self, seed: int) -> dict[str, runner.Part]:
        """By mask and variant: PSNR of the mean MSE after each number of steps that is looked at."""
        G, D, weights = faces.here(self.job, self.size.side, self.y.shape[1], seed)
        law = Gaussian(int(G.latent), seeding.rng(seeding.child(seed, "pool"), self.job.device))  # type: ignore[arg-type]
        pool = law.sample(self.size.candidates)
        E, digest = face_encoder.here(self.job, G, self.y, seed)
        settings = {"size": asdict(self.size), "weights": weights, "encoder": digest}
        found = {}
        law_of_images = self.law()
        encoders: dict[str, Callable[[], inpaint.Encoder]] = {
            "own": functools.cache(partial(self.own_encoder, G, seed)),  # trained when it is needed first
            "encoder": lambda: E,
        }
        for mask in HOLES:
            for name, variant in VARIANTS.items():
                what = f"{mask}-{name}"
                if variant.law:
                    variant = variant._replace(formulation=replace(variant.formulation, law=law_of_images))
                made = partial(self.curve, G, D, pool, encoders, self.masks[mask], variant)
                path = self.job.of(seed) / f"{what}.json"
                found[what] = self.job.part(f"seed {seed}: {what}", path, settings, made)
        return found

    def law(self) -> inpaint.Linear:
        """The zoo's where faces are as large as its, else one of the pictures at hand."""
        if self.size.side == 64:
            return inpaint.Linear.load(faces.LINEAR)
        return inpaint.Linear.fit(data.load(self.size.data, "train", size=self.size.side).images, components=8)

    def own_encoder(self, G: nn.Module, seed: int) -> inpaint.Encoder:
        """One that is trained on nothing but G's own images, to find their z: it knows no photograph."""
        device, latent = self.job.device, int(G.latent)  # type: ignore[arg-type]
        rng = {name: seeding.rng(seeding.child(seed, name), device) for name in ("encoder", "encoder holes")}
        law, holes = Gaussian(latent, rng["encoder"]), masks.Holes(self.size.side, rng["encoder holes"])
        weights = seeding.child(seed, "encoder weights")
        E = networks.encoder(latent, self.size.side, self.y.shape[1] + 1, 32, weights, deviations=False).to(device)
        optimiser = torch.optim.Adam(E.parameters(), lr=1e-3)
        rates = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.0, self.size.encoder_steps)
        for _ in range(self.size.encoder_steps):
            z, known = law.sample(32), holes.sample(32)
            with torch.no_grad():
                x = G(z)
            loss = (E(seen(x, known)) - z).square().mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            rates.step()
        return inpaint.Encoder(inpaint.frozen(E), self.y[0])

    def curve(
        self, G: nn.Module, D: nn.Module, pool: Tensor, encoders: Mapping[str, Callable[[], inpaint.Encoder]],
        mask: Tensor, variant: Variant,
    ) -> dict[str, dict[str, float]]:  # fmt: skip
        """PSNR by number of steps, of the image with the lowest loss so far, and ST-LPIPS where its weights are."""
        y, looks = self.y.to(self.job.device), self.size.looks
        images: dict[int, list[Tensor]] = {look: [] for look in looks}
        for rows in torch.arange(len(y)).split(self.size.batch):
            part, known = y[rows], (mask if len(mask) == 1 else mask[rows]).to(y)
            loss = inpaint.Loss(D, part, known, variant.formulation)
            made = encoders.get(variant.start)
            first = made() if made else torch.zeros_like(pool[0]) if variant.start == "mean" else None
            start = inpaint.best_starts(G, loss, pool, 1, first)
            for step in inpaint.search_steps(
                G, loss, start, steps=max(looks), lr=variant.lr, patience=None, amp=self.size.amp
            ):
                if step.step in images:
                    guide = inpaint.adapted(G, loss, step.best_z[:, 0], variant.adapt)
                    images[step.step].append(inpaint.blend(part, guide, known)[2])
        filled = {str(look): torch.cat(x) for look, x in images.items()}
        found = {"psnr": {look: round(metrics.psnr(x, y, 2, "mse"), 4) for look, x in filled.items()}}
        if zoo.pretrained():
            found["st-lpips"] = {look: round(apart(x, y), 5) for look, x in filled.items()}
        return found

    def records(self, found: dict[int, dict[str, runner.Part]]) -> dict[str, Record]:
        made = {}
        for mask, hole in HOLES.items():
            for name, variant in VARIANTS.items():
                parts = [part[f"{mask}-{name}"] for part in found.values()]
                curves = [part["found"] for part in parts]
                config: dict[str, Any] = {
                    **asdict(self.size), "lr": variant.lr, "adapt": variant.adapt,
                    "psnr_by_steps": [curve["psnr"] for curve in curves],
                    "st_lpips_by_steps": [curve.get("st-lpips") for curve in curves],
                    "guess": variant.formulation.guess if variant.law else 0.0,
                    "start": STARTS[variant.start],
                }  # fmt: skip
                made[f"search-{mask}-{name}"] = self.job.record(
                    parts, claim="how the latent space is searched best", chapter="07_inpainting", unit="dB",
                    dataset=f"{self.size.data} {self.size.split}, {len(self.y)} faces; {hole}",
                    method=f"the talk's loss, 0.5 0.5 1; {name}; Poisson output",
                    metric="PSNR of the mean MSE, whole image, after the best number of steps",
                    values=[max(curve["psnr"].values()) for curve in curves], config=config,
                    deviations=["Used to choose start, rate and steps; no test face was looked at."],
                )  # fmt: skip
        return made
