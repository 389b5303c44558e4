"""Semantic inpainting in one call: search the latent space, then join G(ẑ) to what is known."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from genimg._base.errors import images as checked_images
from genimg._base.errors import mask as checked_mask
from genimg.numerics import poisson
from genimg.problems.inpaint.adaptation import adapted
from genimg.problems.inpaint.losses import Formulation, Loss
from genimg.problems.inpaint.search import frozen, searches
from genimg.problems.inpaint.tones import Tones, show

BLENDS = ("poisson", "overlay", "raw")


class Inpainted(NamedTuple):
    """Completions of n images, (n, c, h, w) in [-1, 1].

    Where `tones` were given, G(ẑ) is that of a grey image as it was shown, made grey again: see `tones.show`.

    Attributes:
        raw: G(ẑ), also where y is known.
        overlay: y where it is known, G(ẑ) elsewhere.
        poisson: y where it is known, elsewhere an image with the gradient of G(ẑ), joined without a seam.
        z: ẑ (n, d).
        loss: (n,), of ẑ.
        losses: (k, n, r), of each step and start; a search that has ended keeps its last value.
    """

    raw: Tensor
    overlay: Tensor
    poisson: Tensor
    z: Tensor
    loss: Tensor
    losses: Tensor


def blend(y: Tensor, guide: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(raw, overlay, poisson) with any images in the place of G(ẑ), as in `Inpainted`.

    Source: the talk, "2nd Step" (Poisson editing is optional there).

    Example:
        >>> y, mask = torch.tensor([[[[0.5, 0.0, 0.5]]]]), torch.tensor([[1, 0, 1]])
        >>> [x.tolist() for x in blend(y, torch.full_like(y, -0.25), mask)[1:]]
        [[[[[0.5, -0.25, 0.5]]]], [[[[0.5, 0.5, 0.5]]]]]
    """
    known = checked_mask(mask, y)
    y = y.to(guide)
    return guide, torch.where(known, y, guide), torch.where(known, y, poisson.edit(y, guide, known).clamp(-1, 1))


@torch.no_grad()
def complete(G: nn.Module, y: Tensor, mask: Tensor, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(raw, overlay, poisson) for latent vectors z (n, d), as in `Inpainted`.

    Source: the talk, "2nd Step" (Poisson editing is optional there).
    """
    return blend(y, frozen(G)(z), mask)


def inpaint(
    G: nn.Module,
    D: nn.Module,
    y: Tensor,
    mask: Tensor,
    pool: Tensor,
    formulation: Formulation = Formulation(),  # noqa: B008
    adapt: int = 0,
    tones: Tones | None = None,
    **search: Any,
) -> Inpainted:
    """Completes images y with what G can generate, by the two steps of the talk; Yeh 2017 by another formulation.

    Args:
        G: generator (n, d) → (n, c, h, w).
        D: critic (n, c, h, w) → (n,), large on real.
        y: incomplete images (n, c, h, w) in [-1, 1]; what they hold at missing pixels is not looked at.
        mask: (h, w), (1, 1, h, w) or (n, 1, h, w), 1 = known, 0 = missing.
        pool: (N, d), where a search may start, on G's device; each image starts from the best of them.
        adapt: steps that the weights of a copy of G take for each image after its search, see `adapted`.
        tones: of G, so that images without colour are searched for among coloured ones, see `tones.show`.
        search: `first`, where each search starts in place of the best of the pool, a z (d,) or an `Encoder`;
            `restarts` (1) searches per image, from the so many best of the pool, of which the one that ends lowest
            is the answer; `batch` (64) searches at once; and those of `search_steps`: steps, lr, patience, tolerance,
            amp.

    Returns:
        `Inpainted`.

    Raises:
        UsageError: as `Loss` and `search_steps`.

    Source: the talk, "Semantic image inpainting"; Yeh et al. 2017 (`YEH2017`). Which starts, steps and step size the
    talk used is not known; those here are ours.

    Example:
        A generator of constant images, and one that is half missing: the other half tells which.

        >>> G = nn.Sequential(nn.Linear(1, 16, bias=False), nn.Unflatten(1, (1, 4, 4)))
        >>> _ = nn.init.ones_(G[0].weight)
        >>> from genimg.gan.distributions import Gaussian
        >>> y, mask = torch.full((1, 1, 4, 4), 0.25), torch.tensor([[1, 1, 0, 0]]).expand(4, 4)
        >>> pool = Gaussian(1, torch.Generator().manual_seed(0)).sample(256)
        >>> out = inpaint(G, nn.Flatten(), y, mask, pool, Formulation(prior=0.0), steps=300, lr=0.01)
        >>> bool((out.poisson - 0.25).abs().max() < 0.01)
        True
    """
    device = next(G.parameters()).device
    y, known = y.to(device), checked_mask(mask, y).to(device)
    checked_images(torch.where(known, y, 0.0), "y")
    shown = show(y, known, tones)
    paths: dict[int, list[Tensor]] = {}  # by the first image of a batch
    last = {}
    for rows, step in searches(G, D, shown.y, known, pool, formulation, **search):
        paths.setdefault(int(rows[0]), []).append(step.loss)
        last[int(rows[0])] = step
    longest = max(map(len, paths.values()))
    losses = [torch.stack(path + path[-1:] * (longest - len(path))) for path in paths.values()]
    z, lowest = (torch.cat(parts) for parts in zip(*(step.best() for step in last.values()), strict=True))
    guide = adapted(G, Loss(frozen(D), shown.y, known, formulation), z, adapt)
    return Inpainted(*blend(y, shown.back(guide), known), z, lowest, torch.cat(losses, dim=1))
