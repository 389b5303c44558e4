"""An encoder for the generator of faces: what it makes of the known pixels is where the search of chapter 07 starts.

Generator and critic are those that `genimg train faces` left for the same profile and seed, else those of the zoo, and
stay as they are. What the encoder alone reaches, without a step of the search, is measured on validation faces.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor, nn

from genimg import data, zoo
from genimg._base import devices, seeding
from genimg._base.errors import UsageError
from genimg._base.records import Record
from genimg._base.weights import sha256
from genimg.gan import networks
from genimg.gan.distributions import pictures
from genimg.lab.experiments import faces, runner
from genimg.lab.experiments.cells import HOLES
from genimg.numerics import metrics
from genimg.problems import inpaint
from genimg.problems.inpaint import encoder, masks


@dataclass(frozen=True)
class Size:
    """The constants of a profile."""

    data: str  # faces
    split: str  # of them, which no table shows
    side: int  # of the pictures, in pixels
    width: int  # of the encoder
    steps: int
    batch: int
    lr: float
    every: int  # steps between checkpoints
    images: int  # on which it is measured
    amp: bool  # bfloat16 where the processor has it


SIZES = {
    "quick": Size("lfw", "test", 32, width=8, steps=3, batch=4, lr=1e-3, every=2, images=3, amp=False),
    "cpu": Size("celeba", "val", 64, width=48, steps=8000, batch=32, lr=1e-3, every=250, images=64, amp=True),
    "full": Size("celeba", "val", 64, width=96, steps=60_000, batch=128, lr=1e-3, every=500, images=500, amp=True),
}
ENCODER = "faces-encoder"


class Study(runner.Study[Size]):
    """PSNR of what the encoder makes of two kinds of holes."""

    def load(self) -> None:
        self.train, held_out = (data.load(self.size.data, s, size=self.size.side) for s in ("train", self.size.split))
        some = torch.randperm(len(held_out), generator=seeding.rng(seeding.child(0, "validation")))
        self.y = held_out.take(some[: self.size.images]).floats()

    def count(self) -> int:
        return len(self.job.seeds) * self.size.steps

    def parts(self, seed: int) -> runner.Part:
        """The encoder, for the zoo, and what was measured of it."""
        size, device, folder = self.size, self.job.device, self.job.of(seed)
        G, D, generator = faces.here(self.job, size.side, self.y.shape[1], seed)
        shape = {"latent": int(G.latent), "size": size.side, "channels": self.y.shape[1] + 1, "width": size.width}  # type: ignore[arg-type]
        E = networks.encoder(**shape, seed=seeding.child(seed, "encoder"), deviations=False)
        E.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        rng = {name: seeding.rng(seeding.child(seed, name), device) for name in ("holes", "scores")}
        law = encoder.Varied(pictures(self.train.images, seeding.child(seed, "real"), device))
        steps = encoder.learn(
            E, G, D, law, masks.Holes(size.side, rng["holes"]), steps=size.steps, rng=rng["scores"], batch=size.batch,
            lr=size.lr, amp=size.amp, checkpoint=folder / "state.safetensors", checkpoint_every=size.every,
        )  # fmt: skip
        watch = self.job.train(seed, (step.step for step in steps), size.steps, size.every)
        with torch.no_grad():
            mean = G(torch.zeros(1, shape["latent"], device=device))[0].cpu()
        made = inpaint.Encoder(inpaint.frozen(E.eval()), mean)
        file = made.save(folder / f"{ENCODER}.safetensors", shape)
        found = {mask: self.reached(made, G, mask) for mask in HOLES}
        told = {
            "data": f"{size.data} train, {len(self.train)} faces, a little turned, moved, scaled, lighter or darker, "
            "half of them mirrored, some in grey",
            "steps": size.steps, "seed": seed, "generator": generator, "profile": self.job.profile,
            "objective": f"{encoder.MISSING:g} times the error in the hole and half of that in the whole, plus "
            f"{encoder.FEATURES:g} times that in the critic's features, minus {encoder.CRITIC:g} times its score",
            "optimiser": f"Adam, lr {size.lr:g}, falling linearly to 0, batch {size.batch}",
            "psnr": {mask: round(value, 2) for mask, value in found.items()},
            "device": devices.describe(device),
        }  # fmt: skip
        digest = zoo.enter(ENCODER, file, "encoder", "encoder", shape, told)
        return runner.made(found, device, watch.seconds, weights=digest)

    @torch.no_grad()
    def reached(self, E: inpaint.Encoder, G: nn.Module, mask: str) -> float:
        """PSNR of the mean squared error of G(E(y)), joined by Poisson editing."""
        y = self.y.to(self.job.device)
        known = hole(mask, self.size.side, len(y)).to(y)
        found = [
            inpaint.blend(part, G(E(part, holes)), holes)[2]
            for part, holes in zip(y.split(64), known.split(64), strict=True)
        ]
        return metrics.psnr(torch.cat(found), y, 2, "mse")

    def records(self, found: dict[int, runner.Part]) -> dict[str, Record]:
        parts, size = list(found.values()), self.size
        common: dict[str, Any] = {
            "claim": "an encoder completes faces without a search", "chapter": "07_inpainting", "unit": "dB",
            "method": "G(E(known pixels)); Poisson output", "metric": "PSNR of the mean MSE, whole image",
            "config": asdict(size), "deviations": ["Validation faces; the talk has no encoder."],
        }  # fmt: skip
        return {
            f"face-encoder-{mask}": self.job.record(
                parts, dataset=f"{faces.NAMES[size.data]} {size.side}x{size.side}, {len(self.y)} {size.split} faces; "
                f"{called}", values=[part["found"][mask] for part in parts], **common,
            )
            for mask, called in HOLES.items()
        }  # fmt: skip


def here(job: runner.Job, G: nn.Module, y: Tensor, seed: int) -> tuple[inpaint.Encoder, str | None]:
    """What this experiment left for this profile and seed, else the zoo's, and its SHA-256.

    An untrained one where images are small, to test the machinery.

    Raises:
        UsageError: if it was trained with another generator than G.
    """
    if y.shape[-1] != 64:
        small = networks.encoder(int(G.latent), y.shape[-1], y.shape[1] + 1, 8, seed, deviations=False)  # type: ignore[arg-type]
        return inpaint.Encoder(inpaint.frozen(small.to(job.device)), y[0]), None
    trained = job.out / "face-encoder" / f"{job.profile}-{seed}" / f"{ENCODER}.safetensors"
    path = trained if trained.is_file() else zoo.file(ENCODER, "encoder")
    E = inpaint.Encoder.load(path).to(job.device)
    if not E.fits(G):
        raise UsageError("the encoder was trained with another generator: run `genimg train face-encoder` first")
    return E, sha256(path)


def hole(mask: str, side: int, count: int) -> Tensor:
    """(count, 1, side, side): the centre square for all, or three squares for each its own."""
    if mask == "centre":
        return masks.centre_square(side).expand(count, -1, -1, -1)
    return torch.cat([masks.three_squares(side, seed=k) for k in range(count)])
