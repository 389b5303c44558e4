"""One form: a question, what is right, and what the typical mistakes give.

What a page holds of the right answers are hashes of rounded numbers: nobody reads them by accident, and anybody may
who wants to. The solution stands folded below anyway.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from genimg.teach import check
from genimg.teach.check import Verdict

Answer = tuple[Any, ...]
"""What `gi.check` is called with."""
DIGITS = 3
"""Significant digits that are asked for."""


@dataclass(frozen=True)
class Question:
    """What an exercise is asked in the page."""

    exercise: str  # its label, such as `ex-03-three`
    judge: str  # the name of its check
    asks: str  # the question, with formulas between dollars

    def verdict(self, answer: Answer) -> Verdict:
        """What the check says."""
        verdict = getattr(check, self.judge)(*answer)
        assert isinstance(verdict, Verdict)
        return verdict


@dataclass(frozen=True)
class Number(Question):
    """A form that asks for a number."""

    read: Callable[..., Any]  # from an answer (the arguments of the check) to the number that is asked for
    right: Sequence[Answer]  # answers that the check accepts, all kinds that have different numbers
    wrong: Sequence[Answer]  # answers that it does not, one for each typical mistake
    within: float | None = None  # what the number may be off, if three digits are too many

    def number(self, answer: Answer) -> float:
        """The number that is asked for, of this answer."""
        return float(self.read(*answer))

    def data(self) -> dict[str, Any]:
        """What a page needs: places with the hashes of the numbers there, each with what is said of it."""
        places = [(answer, True) for answer in self.right] + [(answer, False) for answer in self.wrong]
        known: dict[str, dict[str, Any]] = {}
        for answer, right in places:
            value = self.number(answer)
            place = _place(value) if self.within is None else math.floor(math.log10(self.within))
            middle = bucket(value, place)
            around = range(middle - 1, middle + 2)
            if self.within is not None:
                reach = round(self.within / 10**place)
                around = range(middle - reach, middle + reach + 1)
            says = self.verdict(answer).says
            entry = {"place": place, "of": [hashed(self.exercise, k) for k in around], "right": right, "says": says}
            known.setdefault(f"{place}:{middle}", entry)  # what is right comes first and stays
        return {"salt": self.exercise, "known": list(known.values())}


@dataclass(frozen=True)
class Choice(Question):
    """A form that asks for one of several statements."""

    options: Sequence[tuple[str, Answer]]  # each with the answer to the check that it stands for; one of them is right

    def data(self) -> dict[str, Any]:
        """What a page needs: the hash of the right option's number, and what is said of each."""
        verdicts = [self.verdict(answer) for _, answer in self.options]
        [right] = [k for k, verdict in enumerate(verdicts) if verdict]
        return {
            "salt": self.exercise,
            "right": hashed(self.exercise, right),
            "says": [verdict.says for verdict in verdicts],
        }


Form = Number | Choice


def hashed(salt: str, k: int) -> str:
    """FNV-1a of `salt:k`, 32 bits, in hexadecimal; the page's script has the same.

    Example:
        >>> hashed("", 0) == hashed("", 1), len(hashed("ex", -5))
        (False, 8)
    """
    state = 0x811C9DC5
    for byte in f"{salt}:{k}".encode():
        state = (state ^ byte) * 0x01000193 & 0xFFFFFFFF
    return f"{state:08x}"


def bucket(value: float, place: int) -> int:
    """The value in units of 10^place, rounded.

    Example:
        >>> bucket(1.8410, -2), bucket(-1.3863, -2), bucket(1568, 1)
        (184, -139, 157)
    """
    return math.floor(value / 10.0**place + 0.5)


def _place(value: float) -> int:
    """The power of ten of the last of the digits that are asked for."""
    return math.floor(math.log10(abs(value))) - DIGITS + 1 if value else -DIGITS
