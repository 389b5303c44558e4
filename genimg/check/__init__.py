"""Answers to the exercises of the book, checked: `gi.check.<exercise>(answer)` says right, or not yet and why.

A check accepts every right answer, whatever its form, recognises the typical wrong ones and says for each what went
wrong, without the solution. An answer that cannot be judged, of another type or shape, is not yet right: a check raises
for nothing that a reader could have typed.

Book: the exercises of every chapter.
"""

from genimg.check.verdict import Verdict

__all__ = ["Verdict"]
