"""Answers to the exercises of the book, checked: `gi.check.<exercise>(answer)` says right, or not yet and why.

A check accepts every right answer, whatever its form, recognises the typical wrong ones and says for each what went
wrong, without the solution. An answer that cannot be judged, of another type or shape, is not yet right: a check raises
for nothing that a reader could have typed.

Book: the exercises of every chapter.
"""

from genimg.check.game import gaussian_logit, invariant, js_of_shift, lost_modes, no_idea, saturating
from genimg.check.penalty import clip_bound, escaping, multiple, one_sided, two_points
from genimg.check.pushforward import collapse, fold, quantile, shell, thin
from genimg.check.transport import blur, diameter, kinks, lipschitz, three_points, translation
from genimg.check.verdict import Verdict

__all__ = [
    "Verdict",
    "blur",
    "clip_bound",
    "collapse",
    "diameter",
    "escaping",
    "fold",
    "gaussian_logit",
    "invariant",
    "js_of_shift",
    "kinks",
    "lipschitz",
    "lost_modes",
    "multiple",
    "no_idea",
    "one_sided",
    "quantile",
    "saturating",
    "shell",
    "thin",
    "three_points",
    "translation",
    "two_points",
]
