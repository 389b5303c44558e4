"""What a check says of an answer."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Verdict:
    """Right, or not yet and a hint; it prints as one line.

    Attributes:
        right: whether the answer was accepted.
        says: for a wrong answer the hint, which names the mistake where it is a typical one; for a right one what to
            take away from it, or nothing.

    Example:
        >>> Verdict(False, "the sign is the other way round: D is large on real")
        Not yet: the sign is the other way round: D is large on real
        >>> bool(Verdict(True)), Verdict(True)
        (True, Right.)
    """

    right: bool
    says: str = ""

    def __bool__(self) -> bool:
        return self.right

    def __repr__(self) -> str:
        return f"{'Right.' if self.right else 'Not yet:'} {self.says}".strip()
