"""The best linear answer to a hole: what a Gaussian law of images expects at missing pixels, given the known ones.

It has the smallest mean squared error that anything linear in the known pixels can have, and looks like it: a blur. A
search in the range of a generator may keep near it and draw the features that it lacks (`Formulation.law`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from genimg import zoo
from genimg._base.errors import UsageError, positive
from genimg._base.weights import read_tensors, write_tensors

KIND = "genimg linear answer"
COMPONENTS = 250
NOISES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)  # variances per number, for values in [-1, 1], of which `fit` chooses
HELD_OUT = 200  # images on which it chooses
MOST = 250_000_000  # numbers that it takes, one gigabyte


@dataclass(frozen=True, eq=False)
class Linear:
    """A Gaussian law of images, x = mean + basis · h + noise · ε with normal h and ε: the means given some pixels.

    E[x | x_known] is linear in the known pixels, and no linear answer has a smaller mean squared error if the mean and
    the covariance of the images are these. In closed form: a k x k system per mask. What the basis leaves out of a
    picture is not white, as ε is, so the noise that fills holes best is larger than the one of most likelihood.

    Attributes:
        mean: (c, h, w).
        basis: (c · h · w, k), columns orthogonal, as long as the deviations along them.
        noise: variance of what the basis leaves out, per number.

    Source: Tipping & Bishop 1999, equations 6 and 7; with another noise, ridge regression (Hoerl & Kennard 1970).

    Example:
        Two pixels that are alike up to a little noise: the known one tells the other.

        >>> x = torch.randn(1000, 1, 1, 1, generator=torch.Generator().manual_seed(0)).expand(-1, 1, 1, 2)
        >>> law = Linear.fit(x, components=1, noise=1e-4)
        >>> y, known = torch.tensor([[[[0.5, 9.0]]]]), torch.tensor([[[[True, False]]]])
        >>> [round(v, 2) for v in law.given(y, known).flatten().tolist()]
        [0.5, 0.5]
    """

    mean: Tensor
    basis: Tensor
    noise: float

    @classmethod
    def fit(cls, images: Tensor, components: int = COMPONENTS, noise: float | None = None) -> Linear:
        """The law of images (N, c, h, w), uint8 or in [-1, 1]: mean and principal components.

        Of many images it takes some, at equal distances, so that they fit into memory (`MOST`).

        Args:
            noise: variance; None chooses it from `NOISES`, so that squares in the middle of the last images, which the
                law then does not learn from, are filled best.

        Raises:
            UsageError: if there are fewer images or numbers per image than components.
        """
        from sklearn.decomposition import PCA

        room = MOST // max(1, images[:1].numel())
        if len(images) > room:
            images = images[torch.linspace(0, len(images) - 1, room).long()]
        x = images / 127.5 - 1 if images.dtype == torch.uint8 else images.float()
        held_out = x[len(x) - (min(HELD_OUT, len(x) // 10) if noise is None else 0) :]
        rows = x[: len(x) - len(held_out)].flatten(1)
        if not 0 < components < min(rows.shape):
            raise UsageError(f"{components} components need more images and numbers than that, got {tuple(x.shape)}")
        found = PCA(components, svd_solver="randomized", random_state=0).fit(rows.numpy())
        basis = (found.components_ * np.sqrt(found.explained_variance_)[:, None]).T
        mean = torch.from_numpy(found.mean_.astype(np.float32)).reshape(x.shape[1:])
        law = cls(mean, torch.from_numpy(basis.astype(np.float32)), noise or NOISES[0])
        if noise is None and len(held_out):
            h, w = x.shape[2:]
            known = torch.ones(1, 1, h, w, dtype=torch.bool)
            known[..., h // 4 : h - h // 4, w // 4 : w - w // 4] = False
            off = {v: replace(law, noise=v).given(held_out, known) - held_out for v in NOISES}
            law = replace(law, noise=min(NOISES, key=lambda v: float(off[v].square().sum())))
        return law

    def given(self, y: Tensor, known: Tensor) -> Tensor:
        """E[x | known pixels of y] (n, c, h, w); known is (n, 1, h, w) or (1, 1, h, w) bool."""
        if y.shape[1:] != self.mean.shape:
            raise UsageError(f"this law is of images {tuple(self.mean.shape)}, got {tuple(y.shape[1:])}")
        off, known = (y.detach().cpu().float() - self.mean).flatten(1), known.cpu()
        alike = known if len(known) == 1 else known.unique(dim=0)
        found = torch.empty_like(off)
        for mask in alike:
            rows = (known == mask).flatten(1).all(1).expand(len(y))
            seen = self.basis[mask.expand_as(self.mean).flatten()].double()
            system = seen.T @ seen + self.noise * torch.eye(seen.shape[1], dtype=torch.float64)
            there = off[rows][:, mask.expand_as(self.mean).flatten()].double()
            found[rows] = (self.basis @ torch.linalg.solve(system, seen.T @ there.T).float()).T
        return (found.reshape(y.shape) + self.mean).to(y)

    def save(self, path: str | Path) -> Path:
        """One safetensors file, the basis in half precision; for the zoo see `zoo.enter`, kind "linear"."""
        return write_tensors(
            Path(path), {"mean": self.mean, "basis": self.basis.half()}, {"kind": KIND, "noise": self.noise}
        )

    @classmethod
    def load(cls, source: str | Path) -> Linear:
        """The law in a file, or the one of that name in the zoo.

        Raises:
            UsageError: neither a file nor a name, or a file that is damaged or holds something else.
        """
        path = Path(source) if Path(source).is_file() else zoo.file(str(source), "linear")
        tensors, about = read_tensors(path)
        try:
            if about["kind"] != KIND:
                raise KeyError(about["kind"])
            mean, basis, noise = tensors["mean"].float(), tensors["basis"].float(), float(about["noise"])
            if basis.shape[0] != mean.numel() or mean.ndim != 3:
                raise ValueError("shapes that do not fit")
            return cls(mean, basis, positive(noise, "noise"))
        except (KeyError, TypeError, ValueError, UsageError):
            raise UsageError(f"{path} is no linear answer of genimg; make one with Linear.save") from None
