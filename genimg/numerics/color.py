"""CIE Lab: lightness apart from chroma, on tensors, differentiable; what a colouring network reads and writes.

Lab is kept in CIE units everywhere: L in [0, 100], a (green to red) and b (blue to yellow) within about ±110 for what
a screen can show. Networks want numbers near [0, 1]; `scale_l` and `scale_ab` are for their border and nowhere else.

The constants are those of the sRGB standard with six decimals, as in scikit-image, whose white is rounded too: a pixel
with equal channels has |a| and |b| below 0.005, not 0. None of it may run in less than float32, so every formula is
written with operations that autocast and TF32 leave alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from genimg._base.errors import UsageError

XYZ_FROM_RGB = ((0.412453, 0.357580, 0.180423), (0.212671, 0.715160, 0.072169), (0.019334, 0.119193, 0.950227))
RGB_FROM_XYZ = torch.tensor(XYZ_FROM_RGB, dtype=torch.float64).inverse().tolist()
WHITE = (0.95047, 1.0, 1.08883)  # D65, the two-degree observer


def rgb_to_lab(x: Tensor) -> Tensor:
    """sRGB to CIE Lab with white point D65.

    L = 116 f(Y) − 16, a = 500 (f(X) − f(Y)), b = 200 (f(Y) − f(Z)), where X, Y, Z are linear in the light and divided
    by those of white, and f is the cube root, continued by a line near 0.

    Args:
        x: (n, 3, h, w), float in [0, 1]; values outside go on smoothly.

    Returns:
        (n, 3, h, w): L in [0, 100], a and b, in CIE units. Slopes are finite everywhere.

    Raises:
        UsageError: for another shape, or integers.

    Source: IEC 61966-2-1 (sRGB); CIE 15:2004, section 8.2.1.

    Example:
        >>> red = torch.tensor([1.0, 0.0, 0.0]).reshape(1, 3, 1, 1)
        >>> [round(v, 1) for v in rgb_to_lab(red).flatten().tolist()]
        [53.2, 80.1, 67.2]
    """
    X, Y, Z = (_cube_root(v / w) for v, w in zip(_mixed(_decode(_three(x)), XYZ_FROM_RGB), WHITE, strict=True))
    return torch.stack([116 * Y - 16, 500 * (X - Y), 200 * (Y - Z)], dim=1)


def lab_to_rgb(lab: Tensor, clip: bool = True) -> Tensor:
    """CIE Lab with white point D65 to sRGB, the inverse of `rgb_to_lab`.

    Args:
        lab: (n, 3, h, w) in CIE units.
        clip: to [0, 1], channel by channel, what no screen can show; else it stays outside.

    Returns:
        (n, 3, h, w); slopes are finite everywhere, and 0 where it was clipped.

    Raises:
        UsageError: as `rgb_to_lab`.

    Source: as `rgb_to_lab`.

    Example:
        >>> lab_to_rgb(torch.tensor([100.0, 0.0, 0.0]).reshape(1, 3, 1, 1)).flatten().round(decimals=3).tolist()
        [1.0, 1.0, 1.0]
    """
    L, a, b = _three(lab).unbind(1)
    y = (L + 16) / 116
    xyz = torch.stack([w * _cube(v) for v, w in zip((y + a / 500, y, y - b / 200), WHITE, strict=True)], dim=1)
    rgb = _encode(torch.stack(_mixed(xyz, RGB_FROM_XYZ), dim=1))
    return rgb.clamp(0, 1) if clip else rgb


def in_gamut(lab: Tensor, slack: float = 1e-4) -> Tensor:
    """Where a screen can show the colour: all of sRGB within [0, 1], up to `slack`. Bool (n, 1, h, w).

    Example:
        The strongest red there is, and a stronger one.

        >>> in_gamut(torch.tensor([[53.2, 53.2], [80.0, 120.0], [67.1, 67.1]]).reshape(1, 3, 1, 2)).tolist()
        [[[[True, False]]]]
    """
    rgb = lab_to_rgb(lab, clip=False)
    return ((rgb >= -slack) & (rgb <= 1 + slack)).all(dim=1, keepdim=True)


def lightness(x: Tensor) -> Tensor:
    """L alone, (n, 1, h, w) in [0, 100], of sRGB pictures (n, 3, h, w) or grey ones (n, 1, h, w) in [0, 1].

    Example:
        >>> lightness(torch.tensor([0.0, 1.0]).reshape(1, 1, 1, 2)).round(decimals=3).tolist()
        [[[[0.0, 100.0]]]]
    """
    return 116 * _cube_root(_luminance(x)) - 16


def grey(x: Tensor) -> Tensor:
    """The grey picture with the same L: sRGB with three equal channels, hence a = b = 0 to the constants' rounding.

    Args:
        x: (n, 3, h, w) or (n, 1, h, w) in [0, 1].

    Returns:
        (n, 3, h, w) in [0, 1].

    Example:
        Pure blue is dark: Y = 0.072, which a screen shows as 0.298.

        >>> [round(v, 3) for v in grey(torch.tensor([0.0, 0.0, 1.0]).reshape(1, 3, 1, 1)).flatten().tolist()]
        [0.298, 0.298, 0.298]
    """
    return _encode(_luminance(x)).expand(-1, 3, -1, -1).clamp(0, 1)


def scale_l(L: Tensor) -> Tensor:
    """L / 100, in [0, 1]: what a network reads. The authors' uint8 L over 255 is the same number, rounded."""
    return L / 100


def scale_ab(ab: Tensor) -> Tensor:
    """(ab + 128) / 255, in [0, 1]: what a network writes. The authors' uint8 a and b over 255, without the rounding.

    Example:
        >>> scale_ab(torch.tensor([-128.0, 0.0, 127.0])).tolist()
        [0.0, 0.501960813999176, 1.0]
    """
    return (ab + 128) / 255


def unscale_ab(ab: Tensor) -> Tensor:
    """255 ab − 128, in CIE units: the inverse of `scale_ab`."""
    return 255 * ab - 128


def _luminance(x: Tensor) -> Tensor:
    """Y, (n, 1, h, w) in [0, 1]."""
    if x.ndim == 4 and x.shape[1] == 1 and x.is_floating_point():
        return _decode(x)
    r, g, b = _decode(_three(x)).unbind(1)
    of_r, of_g, of_b = XYZ_FROM_RGB[1]
    return (of_r * r + of_g * g + of_b * b)[:, None]


def _mixed(x: Tensor, matrix: Sequence[Sequence[float]]) -> list[Tensor]:
    """The rows of matrix · x, each (n, h, w)."""
    u, v, w = x.unbind(1)
    return [p * u + q * v + r * w for p, q, r in matrix]


# Each curve is a power and a line. `where` alone would still multiply the infinite slope of the power at 0 by 0, which
# is NaN, so the power never sees what belongs to the line.


def _decode(x: Tensor) -> Tensor:
    return torch.where(x > 0.04045, ((x.clamp_min(0.04045) + 0.055) / 1.055) ** 2.4, x / 12.92)


def _encode(x: Tensor) -> Tensor:
    return torch.where(x > 0.0031308, 1.055 * x.clamp_min(0.0031308) ** (1 / 2.4) - 0.055, 12.92 * x)


def _cube_root(t: Tensor) -> Tensor:
    return torch.where(t > 0.008856, t.clamp_min(0.008856) ** (1 / 3), 7.787 * t + 16 / 116)


def _cube(t: Tensor) -> Tensor:
    return torch.where(t > 0.2068966, t**3, (t - 16 / 116) / 7.787)


def _three(x: Tensor) -> Tensor:
    if x.ndim != 4 or x.shape[1] != 3 or not x.is_floating_point():
        raise UsageError(f"colours must be float (n, 3, h, w), got {x.dtype} {tuple(x.shape)}")
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
