"""Where a search starts: what an encoder, which has seen many faces with holes, makes of the known pixels.

From the mean of all z a search has far to go, and ends in the first valley that it meets. An encoder learns once, from
the faces that the generator has learned from, which z gives the missing part; the search then only has to mend it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import affine_grid, grid_sample

from genimg import zoo
from genimg._base.errors import UsageError
from genimg._base.weights import load_into, read_tensors, write_tensors
from genimg.gan import networks
from genimg.gan.distributions import Distribution, Gaussian
from genimg.gan.runs import Recipe, Run
from genimg.problems.inpaint.masks import Holes
from genimg.problems.inpaint.tones import GREY, lightness

KIND = "genimg encoder"
MISSING, FEATURES, CRITIC = 4.0, 30.0, 0.3  # weights of the loss, chosen on validation faces, by eye


class Encoder:
    """Known pixels → z whose image completes them.

    Args:
        network: (n, c + 1, h, w) → (n, d), as `networks.encoder` with means alone; it sees y, 0 where it is missing,
            and the mask.
        mean: G(0) (c, h, w) of the generator that it was trained with, by which `fits` knows it again.
    """

    def __init__(self, network: nn.Module, mean: Tensor) -> None:
        self.network, self.mean = network, mean

    @torch.no_grad()
    def __call__(self, y: Tensor, known: Tensor) -> Tensor:
        """z (n, d) for images y (n, c, h, w) in [-1, 1]; known is (n, 1, h, w) or (1, 1, h, w), bool or 0 and 1."""
        return self.network(seen(y, known.to(y)))

    @torch.no_grad()
    def fits(self, G: nn.Module) -> bool:
        """Whether it was trained with this generator: its z mean nothing to another."""
        if int(G.latent) != self.network.end.out_features:  # type: ignore[arg-type, union-attr]
            return False
        mean = G(torch.zeros(1, int(G.latent)).to(next(G.parameters())))[0]  # type: ignore[arg-type]
        return mean.shape == self.mean.shape and bool((mean.cpu() - self.mean).abs().max() < 0.05)

    def to(self, device: torch.device) -> Encoder:
        """Itself, its network moved there."""
        self.network.to(device)
        return self

    def save(self, path: str | Path, shape: dict[str, int]) -> Path:
        """One safetensors file in half precision; for the zoo see `zoo.enter`, kind "encoder".

        Args:
            shape: the arguments of `networks.encoder`.
        """
        tensors = {f"E/{name}": value.half() for name, value in self.network.state_dict().items()}
        return write_tensors(Path(path), {**tensors, "mean": self.mean.half()}, {"kind": KIND, "shape": shape})

    @classmethod
    def load(cls, source: str | Path) -> Encoder:
        """The encoder in a file, or the one of that name in the zoo.

        Raises:
            UsageError: neither a file nor a name, or a file that is damaged or holds something else.
        """
        path = Path(source) if Path(source).is_file() else zoo.file(str(source), "encoder")
        tensors, about = read_tensors(path)
        try:
            if about["kind"] != KIND:
                raise KeyError(about["kind"])
            with torch.device("meta"):  # nothing is taken of the memory before the file has been found to fit
                draft = networks.encoder(**about["shape"], deviations=False).state_dict()
            mean = tensors.pop("mean").float()
            if {f"E/{name}": value.shape for name, value in draft.items()} != {n: v.shape for n, v in tensors.items()}:
                raise ValueError("shapes that do not fit")
            network = networks.encoder(**about["shape"], deviations=False)
        except (KeyError, TypeError, ValueError, RuntimeError, OverflowError, UsageError):
            raise UsageError(f"{path} is no encoder of genimg; make one with Encoder.save") from None
        load_into(network, tensors, "E/", path)
        return cls(network.eval().requires_grad_(False), mean)


def seen(y: Tensor, known: Tensor) -> Tensor:
    """(n, c + 1, h, w): what an encoder is shown."""
    known = known.expand(len(y), -1, -1, -1)
    return torch.cat([y * known, known], 1)


class Varied:
    """Each draw of an image law a little turned, moved and scaled, mirrored or not, lighter or darker, at times grey.

    Photographs of readers are cropped and exposed in other ways than training faces.

    Args:
        law: gives (n, 3, h, w) in [-1, 1] and has an `rng`, on the samples' device, which also draws the changes.
    """

    def __init__(self, law: Any) -> None:
        self.law, self.rng = law, law.rng

    def sample(self, n: int) -> Tensor:
        """(n, c, h, w) in [-1, 1]."""
        x = self.law.sample(n)

        def normal(*shape: int) -> Tensor:
            return torch.randn(shape, generator=self.rng, device=x.device).clamp(-2, 2)

        def coin(share: float) -> Tensor:
            return torch.rand(n, generator=self.rng, device=x.device) < share

        scale, angle, shift = 1 + 0.06 * normal(n), 0.07 * normal(n), 0.05 * normal(n, 2)
        across, down = scale * angle.cos(), scale * angle.sin()
        mirror = torch.where(coin(0.5), -1.0, 1.0)
        move = torch.stack([mirror * across, -down, shift[:, 0], mirror * down, across, shift[:, 1]], 1).view(n, 2, 3)
        moved = affine_grid(move, list(x.shape), align_corners=False)
        x = grid_sample(x, moved, padding_mode="border", align_corners=False)
        x = ((1 + 0.15 * normal(n, 1, 1, 1)) * x + 0.12 * normal(n, 1, 1, 1)).clamp(-1, 1)
        if x.shape[1] != len(GREY):
            return x
        return torch.where(coin(0.2)[:, None, None, None], lightness(x), x)


class Learned(NamedTuple):
    """What one step of `learn` reports; tensors without gradient."""

    step: int
    error: Tensor
    features: Tensor
    score: Tensor


def learn(
    E: nn.Module,
    G: nn.Module,
    D: nn.Module,
    real: Distribution,
    holes: Holes,
    *,
    steps: int,
    rng: torch.Generator,
    **recipe: Any,
) -> Iterator[Learned]:
    """Trains E to complete pictures with holes by images of G, which stays as it is, like D.

    The loss compares G(E(y)) with the whole picture x, most of all where E does not see it, in pixels and, put into
    the known pixels, in the features of D, and rewards what D takes for real. z may be as long as those of N(0, I)
    are, and costs where it is longer. Pixels alone would be led by a blur, the mean of all that may be there.

    Args:
        E: (n, c + 1, h, w) → (n, d), as in `Encoder`.
        G, D: frozen, with D's `features` and `end` as in `networks.dcgan`.
        real: pictures (n, c, h, w) in [-1, 1], on the networks' device.
        steps: number of updates, those of an earlier, resumed run included.
        rng: draws the z by which D's scores of generated images are known, on the networks' device.
        recipe: of `runs.Recipe`; here the batch is 32, lr is 1e-3, falling, betas are (0.9, 0.999).

    Yields:
        `Learned` after each update: mean squared error in the holes, distance in the features of D as a share of their
        length, and D's mean score in deviations from that of generated images.

    Raises:
        Diverged, UsageError: as `gan_steps`.

    Source: Pathak et al. 2016 (an encoder that sees the context); Zhu et al. 2020 (one that must stay in the range of
    a fixed generator, with its critic in the loss); this project puts the two together.
    """
    how = Recipe.of(recipe, batch=32, lr=1e-3, betas=(0.9, 0.999), decay_lr=True)
    run = Run({"E": E}, {"real": real, "holes": holes}, how)
    with torch.no_grad():
        scores = D(G(Gaussian(int(G.latent), rng).sample(256))).float()  # type: ignore[arg-type]
    for step in run.steps(steps):
        x, known = real.sample(how.batch), holes.sample(how.batch)
        missing = 1 - known
        with run.autocast:
            z = E(seen(x, known).contiguous(memory_format=torch.channels_last)).float()
            made = G(z)
            completed = D.features(torch.where(known > 0, x.to(made), made)).float()  # type: ignore[operator]
            with torch.no_grad():
                wanted = D.features(x).float()  # type: ignore[operator]
            score = ((D.end(completed).float().squeeze(1) - scores.mean()) / scores.std()).mean()  # type: ignore[operator]
        off = (made.float() - x).square()
        error = ((missing * off).flatten(1).sum(1) / (missing.flatten(1).sum(1) * x.shape[1])).mean()
        features = ((completed - wanted).square().sum(1) / wanted.square().sum(1)).mean()
        length = (z.square().mean(1) - 1).clamp(min=0).mean()
        loss = MISSING * (error + off.mean() / 2) + FEATURES * features - CRITIC * score + length / 10
        run.descend("E", loss)
        found = {"error": error.detach(), "features": features.detach(), "score": score.detach()}
        run.settle(found)
        yield Learned(step, *found.values())
