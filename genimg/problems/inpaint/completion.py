"""Semantic inpainting in one call: search the latent space, then join G(ẑ) to what is known."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from genimg._base.errors import at_least
from genimg._base.errors import mask as checked_mask
from genimg.gan.distributions import Distribution
from genimg.numerics import poisson
from genimg.problems.inpaint.losses import Level, Loss
from genimg.problems.inpaint.search import best_starts, frozen, search_steps
from genimg.problems.inpaint.weight import WINDOW

BLENDS = ("poisson", "overlay", "raw")


class Inpainted(NamedTuple):
    """Completions of n images, (n, c, h, w) in [-1, 1].

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
    latent: Distribution,
    *,
    pixel: float = 1.0,
    gradient: float = 0.5,
    prior: float = 0.1,
    prior_form: str = "critic",
    level: Level = Level(),  # noqa: B008
    norm: str = "l1",
    window: int | None = WINDOW,
    candidates: int = 256,
    restarts: int = 1,
    batch: int = 64,
    **search: Any,
) -> Inpainted:
    """Completes images y with what G can generate, by the two steps of the talk; Yeh 2017 by other arguments.

    Args:
        G: generator (n, d) → (n, c, h, w).
        D: critic (n, c, h, w) → (n,), large on real.
        y: incomplete images (n, c, h, w) in [-1, 1]; what they hold at missing pixels is not looked at.
        mask: (h, w), (1, 1, h, w) or (n, 1, h, w), 1 = known, 0 = missing.
        latent: the law of z, on G's device.
        pixel, gradient, prior, prior_form, level, norm, window: of the loss, see `Loss`.
        candidates: one pool of so many z is drawn, for all images alike; each image starts from the best of them.
        restarts: searches per image, from the so many best candidates; the one that ends lowest is the answer.
        batch: searches at once.
        search: further arguments of `search_steps`: steps, lr, betas, clip, sphere, patience, tolerance.

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
        >>> law = Gaussian(1, torch.Generator().manual_seed(0))
        >>> out = inpaint(G, nn.Flatten(), y, mask, law, prior=0.0, steps=300, lr=0.01)
        >>> bool((out.poisson - 0.25).abs().max() < 0.01)
        True
    """
    device = next(G.parameters()).device
    y, known = y.to(device), checked_mask(mask, y).to(device)
    options = {"pixel": pixel, "gradient": gradient, "prior": prior, "prior_form": prior_form, "level": level}
    pool = latent.sample(at_least(candidates, at_least(restarts, 1, "restarts"), "candidates"))
    G, D = frozen(G), frozen(D)
    found, lowest, losses = [], [], []
    for rows in torch.arange(len(y)).split(max(1, batch // restarts)):
        part = known if len(known) == 1 else known[rows]
        loss = Loss(D, y[rows], part, norm=norm, window=window, **options)  # type: ignore[arg-type]
        path = []
        for step in search_steps(G, loss, best_starts(G, loss, pool, restarts), **search):
            path.append(step.loss)
        low = step.best_loss.min(dim=1)
        found.append(step.best_z[torch.arange(len(rows)), low.indices])
        lowest.append(low.values)
        losses.append(torch.stack(path))
    longest = max(map(len, losses))
    losses = [torch.cat([path, path[-1:].expand(longest - len(path), -1, -1)]) for path in losses]
    z = torch.cat(found)
    return Inpainted(*complete(G, y, known, z), z, torch.cat(lowest), torch.cat(losses, dim=1))
