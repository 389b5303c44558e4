"""Pictures that follow each other: how much their colours flicker, and a remedy.

A network that colours frames one by one does not know what it said before, and noise in L moves its answer. Both
functions work on small chroma, before it is enlarged.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from genimg._base.errors import UsageError, positive


class Steadied(NamedTuple):
    """Chroma (t, 2, h, w) with less flicker, and the L (1, 1, h, w) of the last frame: what the next frames need."""

    ab: Tensor
    L: Tensor


def steady(ab: Tensor, L: Tensor, keep: float = 0.8, cut: float = 10.0, before: Steadied | None = None) -> Steadied:
    """The exponential moving average of chroma, m_t = keep · m_{t−1} + (1 − keep) · ab_t, anew after each cut.

    Of chroma that is independent from frame to frame around a fixed colour, the flicker falls to
    (1 − keep) / √(1 + keep) of what it was: at 0.8 to 15 %. The price is that colours of what moves lag behind.

    Args:
        ab: (t, 2, h, w), frame after frame.
        L: (t, 1, h, w) of the same frames, in CIE units.
        keep: share of what was, in [0, 1); 0 changes nothing.
        cut: a mean |L_t − L_{t−1}| above it is a cut.
        before: what was given for the frames before these, so that a long video is done in parts; None starts.

    Raises:
        UsageError: another `keep`, shapes that do not fit, or no frames.

    Example:
        >>> red_then_grey = torch.tensor([8.0, 0.0, 0.0]).reshape(3, 1, 1, 1).expand(3, 2, 1, 1)
        >>> steady(red_then_grey, torch.zeros(3, 1, 1, 1), keep=0.5).ab[:, 0].flatten().tolist()
        [8.0, 4.0, 2.0]
    """
    _frames(ab, L, 1)
    if not 0 <= keep < 1:
        raise UsageError(f"keep must lie in [0, 1), got {keep}")
    positive(cut, "cut")
    m, seen = (None, L[:1]) if before is None else (before.ab[-1:], before.L)
    done = []
    for now, light in zip(ab.split(1), L.split(1), strict=True):
        m = now if m is None or float((light - seen).abs().mean()) > cut else keep * m + (1 - keep) * now
        seen = light
        done.append(m)
    return Steadied(torch.cat(done), seen)


def flicker(ab: Tensor, L: Tensor, still: float = 1.0) -> float:
    """Mean |Δab| from frame to frame, in CIE units, over the places where |ΔL| is at most `still`.

    Where L stays, the scene does, so colours should; across a cut some places stay by chance, which is why a measure
    of a video with many cuts is one per shot.

    Args:
        ab: (t, 2, h, w) in CIE units, t from 2 on.
        L: (t, 1, h, w) of the same frames.
        still: in CIE units.

    Raises:
        UsageError: shapes that do not fit, fewer than two frames, or nothing that stays.

    Example:
        The left pixel goes from a = b = 0 to (3, 4), which is 5; the right one changes its L and does not count.

        >>> ab = torch.tensor([[[[0.0, 9.0]], [[0.0, 9.0]]], [[[3.0, 0.0]], [[4.0, 0.0]]]])
        >>> flicker(ab, torch.tensor([[[[50.0, 50.0]]], [[[50.5, 90.0]]]]))
        5.0
    """
    _frames(ab, L, 2)
    stays = (L.diff(dim=0).abs() <= still)[:, 0]
    if not bool(stays.any()):
        raise UsageError("nothing keeps its lightness from one of these frames to the next")
    return float(ab.diff(dim=0).norm(dim=1)[stays].mean())


def _frames(ab: Tensor, L: Tensor, fewest: int) -> None:
    if ab.ndim != 4 or ab.shape[1] != 2 or L.shape != (len(ab), 1, *ab.shape[2:]):
        raise UsageError(f"frames are ab (t, 2, h, w) and L (t, 1, h, w), got {tuple(ab.shape)} and {tuple(L.shape)}")
    if len(ab) < fewest:
        raise UsageError(f"at least {fewest} frame{' is' if fewest == 1 else 's are'} needed, got {len(ab)}")
