"""Bad input gets one clear line that says what to do."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable

from torch import Tensor


class UsageError(ValueError):
    """A mistake in what was asked for, not in the package; the command line prints it without a traceback."""


class Absent(UsageError):
    """What was asked for needs pictures or weights that are not on this machine."""


def choice(value: str, name: str, options: Iterable[str]) -> str:
    """`value` if it is one of `options`.

    Raises:
        UsageError: naming the options, the closest one first.

    Example:
        >>> choice("quick", "profile", ["quick", "full"])
        'quick'
        >>> choice("ful", "profile", ["quick", "full"])
        Traceback (most recent call last):
        genimg._base.errors.UsageError: profile 'ful' is unknown; did you mean 'full'? (one of: quick, full)
    """
    known = list(options)
    if value in known:
        return value
    close = difflib.get_close_matches(str(value), known, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    raise UsageError(f"{name} {value!r} is unknown; {hint}(one of: {', '.join(known)})")


def positive(value: float, name: str) -> float:
    """`value` if it is a finite number above zero.

    Example:
        >>> positive(0.0, "lr")
        Traceback (most recent call last):
        genimg._base.errors.UsageError: lr must be a finite number above 0, got 0.0
    """
    if not (math.isfinite(value) and value > 0):
        raise UsageError(f"{name} must be a finite number above 0, got {value}")
    return value


def at_least(value: int, low: int, name: str) -> int:
    """`value` if it is an integer not below `low`.

    Example:
        >>> at_least(0, 1, "batch")
        Traceback (most recent call last):
        genimg._base.errors.UsageError: batch must be an integer of at least 1, got 0
    """
    if int(value) != value or value < low:
        raise UsageError(f"{name} must be an integer of at least {low}, got {value}")
    return int(value)


def images(x: Tensor, name: str = "images") -> Tensor:
    """`x` if it is a batch of images as networks see them: float, (n, c, h, w), values in [-1, 1].

    Raises:
        UsageError: for another number of axes, integer pixels, an empty batch, NaN, or values outside [-1, 1].

    Example:
        >>> import torch
        >>> images(torch.zeros(2, 1, 4, 4)).shape
        torch.Size([2, 1, 4, 4])
    """
    if x.ndim != 4:
        raise UsageError(f"{name} must have shape (n, c, h, w), got {tuple(x.shape)}")
    if not x.is_floating_point():
        raise UsageError(f"{name} must be float in [-1, 1], got {x.dtype}; use Images.floats() or x / 127.5 - 1")
    if x.numel() == 0:
        raise UsageError(f"{name} is empty: shape {tuple(x.shape)}")
    low, high = float(x.min()), float(x.max())
    if not (low >= -1.001 and high <= 1.001):  # also catches NaN
        raise UsageError(f"{name} must lie in [-1, 1], got values from {low:.3g} to {high:.3g}")
    return x


def mask(m: Tensor, like: Tensor) -> Tensor:
    """Where the pixels of `like` (n, c, h, w) are known: bool (1, 1, h, w) or (n, 1, h, w), on its device.

    Args:
        m: (h, w), (1, 1, h, w) or (n, 1, h, w), 1 or True = known, 0 or False = missing.

    Raises:
        UsageError: for another shape, or other values.

    Example:
        >>> import torch
        >>> mask(torch.tensor([[1, 0]]), torch.zeros(3, 1, 1, 2))
        tensor([[[[ True, False]]]])
    """
    m = m[None, None] if m.ndim == 2 else m
    if m.ndim != 4 or m.shape[0] not in (1, len(like)) or m.shape[1] != 1 or m.shape[2:] != like.shape[2:]:
        raise UsageError(f"mask {tuple(m.shape)} does not fit images {tuple(like.shape)}: it is (h, w) or (n, 1, h, w)")
    known = m == 1
    if not bool((known | (m == 0)).all()):
        raise UsageError("a mask holds 1 (known) and 0 (missing) and nothing else")
    return known.to(like.device)


def same_length(x: Tensor, y: Tensor, names: str) -> None:
    """Nothing, if `x` and `y` have as many rows.

    Example:
        >>> import torch
        >>> same_length(torch.zeros(2), torch.zeros(3), "scores and labels")
        Traceback (most recent call last):
        genimg._base.errors.UsageError: scores and labels must have the same length, got 2 and 3
    """
    if len(x) != len(y):
        raise UsageError(f"{names} must have the same length, got {len(x)} and {len(y)}")
