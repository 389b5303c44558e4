"""Ways between two latents: straight, and along the sphere on which a Gaussian's draws nearly lie."""

from __future__ import annotations

import torch
from torch import Tensor

from genimg._base.errors import UsageError

_CLOSE = 1e-4
"""Angle, in radians from 0 or from pi, below which the formula of the sphere divides by nearly nothing."""


def linear(a: Tensor, b: Tensor, t: float | Tensor) -> Tensor:
    """(1 - t) a + t b.

    Args:
        a, b: latents (d,) or (n, d), one shape.
        t: a number, or a tensor of shape (m,): then m latents (m, d), or (m, n, d), come back.

    Raises:
        UsageError: if the shapes differ.

    Example:
        >>> linear(torch.tensor([0.0, 2.0]), torch.tensor([2.0, 0.0]), torch.tensor([0.0, 0.5, 1.0])).tolist()
        [[0.0, 2.0], [1.0, 1.0], [2.0, 0.0]]
    """
    a, b, t = _ready(a, b, t)
    return (1 - t) * a + t * b


def spherical(a: Tensor, b: Tensor, t: float | Tensor) -> Tensor:
    """sin((1-t)ω)/sin ω · a + sin(tω)/sin ω · b with ω the angle between a and b: the great circle if the norms agree.

    Two independent draws of N(0, I) in R^d have norms near √d and are nearly orthogonal. The straight way between them
    passes at √(d/2), where the law has hardly any mass; this one stays near √d. If a and b point the same way it is
    the straight way. If they point in opposite ways every great circle joins them and none is preferred; the turn is
    then made through one fixed axis, the coordinate in which a is smallest, so that the result is never undefined.

    Args:
        a, b: latents (d,) or (n, d), one shape, none of them 0; d at least 2.
        t: as in `linear`; t = 0 gives a and t = 1 gives b.

    Raises:
        UsageError: if the shapes differ, a latent is 0, or opposite numbers are to be joined on a line (d = 1).

    Source: Shoemake, Animating rotation with quaternion curves, SIGGRAPH 1985; White, Sampling generative networks,
        2016, for latents of any length.

    Example:
        >>> spherical(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0]), 1 / 3)
        tensor([0.8660, 0.5000])
    """
    a, b, t = _ready(a, b, t)
    lengths = a.norm(dim=-1, keepdim=True), b.norm(dim=-1, keepdim=True)
    if not all(bool((length > 0).all()) for length in lengths):
        raise UsageError("spherical: a latent is 0, which has no direction")
    p, q = a / lengths[0], b / lengths[1]
    # Not arccos of the inner product: near 0 and pi that loses half of the digits.
    angle = 2 * torch.atan2((p - q).norm(dim=-1, keepdim=True), (p + q).norm(dim=-1, keepdim=True))
    same, opposite = angle < _CLOSE, angle > torch.pi - _CLOSE
    safe = torch.where(same | opposite, torch.ones_like(angle), angle)
    along = (torch.sin((1 - t) * safe) * a + torch.sin(t * safe) * b) / torch.sin(safe)
    along = torch.where(same, (1 - t) * a + t * b, along)
    if bool(opposite.any()):
        if a.shape[-1] < 2:
            raise UsageError("spherical: on a line no circle joins opposite numbers; take latents of 2 coordinates")
        length = (1 - t) * lengths[0] + t * lengths[1]
        turned = length * (torch.cos(t * torch.pi) * p + torch.sin(t * torch.pi) * _orthogonal(p))
        # The ends are what was asked for, not what a half turn rounds to.
        along = torch.where(opposite, torch.where(t == 0, a, torch.where(t == 1, b, turned)), along)
    return along


def _orthogonal(p: Tensor) -> Tensor:
    """A unit vector at right angles to the unit vector p: the axis in which p is smallest, without its part along p."""
    axis = torch.nn.functional.one_hot(p.abs().argmin(-1), p.shape[-1]).to(p)
    axis = axis - (axis * p).sum(-1, keepdim=True) * p
    return axis / axis.norm(dim=-1, keepdim=True)


def _ready(a: Tensor, b: Tensor, t: float | Tensor) -> tuple[Tensor, Tensor, Tensor]:
    if a.shape != b.shape or a.ndim not in (1, 2):
        raise UsageError(f"a and b must have one shape, (d,) or (n, d), got {tuple(a.shape)} and {tuple(b.shape)}")
    t = torch.as_tensor(t, dtype=a.dtype, device=a.device)
    return a, b, t.reshape(t.shape + (1,) * a.ndim)
