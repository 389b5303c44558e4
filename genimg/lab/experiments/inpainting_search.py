"""How the talk's loss is searched best, on validation faces: start, rate, steps, each term, and weights that follow.

One thing is changed at a time. Test faces are not looked at: what is chosen here is what the recipe of the weights
says, and with that `inpainting-table` measures.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from genimg import data, zoo
from genimg._base import seeding
from genimg._base.records import Record
from genimg._base.weights import sha256
from genimg.gan import networks
from genimg.gan.distributions import Gaussian
from genimg.lab.experiments import runner
from genimg.lab.experiments.inpainting_table import HOLES
from genimg.numerics import metrics
from genimg.problems import inpaint
from genimg.problems.inpaint import masks


@dataclass(frozen=True)
class Size:
    """The constants of a profile."""

    data: str  # faces
    split: str  # of them
    side: int  # of the pictures, in pixels
    images: int  # how many
    looks: tuple[int, ...]  # steps after which PSNR is measured; the last one ends the search
    candidates: int  # random z of which "pool" takes the best
    batch: int  # searches at once
    amp: bool  # bfloat16 where the processor has it


SIZES = {
    "quick": Size("lfw", "test", 32, images=3, looks=(0, 1, 2), candidates=4, batch=4, amp=False),
    "cpu": Size("celeba", "val", 64, images=32, looks=(0, 10, 20, 40, 60), candidates=256, batch=32, amp=True),
    "full": Size(
        "celeba", "val", 64, images=500, looks=(0, 10, 20, 40, 60, 100, 200, 400), candidates=2048, batch=256, amp=True
    ),
}


class Variant(NamedTuple):
    """One way to search: formulation, rate of Adam, start at a mean or the best of a pool, and steps of G after it."""

    formulation: inpaint.Formulation = inpaint.OURS
    lr: float = 0.03
    pool: bool = False
    adapt: int = 0


BASE = Variant()
VARIANTS = {
    "base": BASE,
    "pool": BASE._replace(pool=True),
    "slower": BASE._replace(lr=0.01),
    "faster": BASE._replace(lr=0.1),
    "no-weight": BASE._replace(formulation=replace(inpaint.OURS, window=None)),
    "no-gradient": BASE._replace(formulation=replace(inpaint.OURS, pixel=1.0, gradient=0.0)),
    "far": BASE._replace(formulation=inpaint.WIDE),
    "adapted": BASE._replace(formulation=inpaint.WIDE, adapt=4),
    "adapted-more": BASE._replace(formulation=inpaint.WIDE, adapt=12),
    "adapted-near": BASE._replace(adapt=4),
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
        G, D, weights = self.networks(seed)
        law = Gaussian(int(G.latent), seeding.rng(seeding.child(seed, "pool"), self.job.device))  # type: ignore[arg-type]
        pool = law.sample(self.size.candidates)
        settings = {"size": asdict(self.size), "weights": weights}
        found = {}
        for mask in HOLES:
            for name, variant in VARIANTS.items():
                what = f"{mask}-{name}"
                made = partial(self.curve, G, D, pool, self.masks[mask], variant)
                path = self.job.of(seed) / f"{what}.json"
                found[what] = self.job.part(f"seed {seed}: {what}", path, settings, made)
        return found

    def networks(self, seed: int) -> tuple[nn.Module, nn.Module, str | None]:
        """What `genimg train faces` left for this profile, else the zoo's; untrained ones where faces are small."""
        trained = self.job.out / "faces" / f"{self.job.profile}-{seed}" / "faces.safetensors"
        if self.size.side != 64:
            G, D = networks.dcgan(8, self.size.side, self.y.shape[1], 8, seed=seeding.child(seed, "networks"))
            return inpaint.frozen(G.to(self.job.device)), inpaint.frozen(D.to(self.job.device)), None
        path = trained if trained.is_file() else zoo.file("faces", "gan")
        pair = zoo.load(path, self.job.device)
        for network in pair:
            network.to(memory_format=torch.channels_last)
        return *pair, sha256(path)

    def curve(self, G: nn.Module, D: nn.Module, pool: Tensor, mask: Tensor, variant: Variant) -> dict[str, float]:
        """PSNR by number of steps, of the image with the lowest loss so far."""
        y, looks = self.y.to(self.job.device), self.size.looks
        images: dict[int, list[Tensor]] = {look: [] for look in looks}
        for rows in torch.arange(len(y)).split(self.size.batch):
            part, known = y[rows], (mask if len(mask) == 1 else mask[rows]).to(y)
            loss = inpaint.Loss(D, part, known, variant.formulation)
            mean = torch.zeros_like(pool[:1]).expand(len(part), 1, -1)
            start = inpaint.best_starts(G, loss, pool, 1) if variant.pool else mean
            for step in inpaint.search_steps(
                G, loss, start, steps=max(looks), lr=variant.lr, patience=None, amp=self.size.amp
            ):
                if step.step in images:
                    guide = inpaint.adapted(G, loss, step.best_z[:, 0], variant.adapt)
                    images[step.step].append(inpaint.blend(part, guide, known)[2])
        return {str(look): round(metrics.psnr(torch.cat(x), y, 2, "mse"), 4) for look, x in images.items()}

    def records(self, found: dict[int, dict[str, runner.Part]]) -> dict[str, Record]:
        made = {}
        for mask, hole in HOLES.items():
            for name, variant in VARIANTS.items():
                parts = [part[f"{mask}-{name}"] for part in found.values()]
                curves = [part["found"] for part in parts]
                config: dict[str, Any] = {
                    **asdict(self.size), "lr": variant.lr, "adapt": variant.adapt, "psnr_by_steps": curves,
                    "start": "best of the pool" if variant.pool else "mean of all z",
                }  # fmt: skip
                made[f"search-{mask}-{name}"] = self.job.record(
                    parts, claim="how the latent space is searched best", chapter="07_inpainting", unit="dB",
                    dataset=f"{self.size.data} {self.size.split}, {len(self.y)} faces; {hole}",
                    method=f"the talk's loss, 0.5 0.5 1; {name}; Poisson output",
                    metric="PSNR of the mean MSE, whole image, after the best number of steps",
                    values=[max(curve.values()) for curve in curves], config=config,
                    deviations=["Used to choose start, rate and steps; no test face was looked at."],
                )  # fmt: skip
        return made
