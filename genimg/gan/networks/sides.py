"""How a side of pixels is reached by doublings, for the families that start from a small square."""

from __future__ import annotations

from genimg._base.errors import UsageError, at_least


def doublings(name: str, size: int, width: int) -> tuple[int, int]:
    """(side, doublings) with side · 2^doublings = size and side from 4 to 7.

    Example:
        >>> doublings("dcgan", 28, 8), doublings("dcgan", 64, 8)
        ((7, 2), (4, 4))
    """
    if width < 8 or width % 8:
        raise UsageError(f"{name}: width must be a positive multiple of 8, got {width}")
    side, count = at_least(size, 8, "size"), 0
    while side > 7 and side % 2 == 0:
        side, count = side // 2, count + 1
    if not 4 <= side <= 7 or count < 2:
        raise UsageError(f"{name}: size must be 4, 5, 6 or 7 times a power of two from 4 on (28, 32, 64 …), got {size}")
    return side, count
