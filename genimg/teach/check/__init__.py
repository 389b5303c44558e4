"""Answers to the exercises of the book, checked: `gi.check.<exercise>(answer)` says right, or not yet and why.

A check accepts every right answer, whatever its form, recognises the typical wrong ones and says for each what went
wrong, without the solution. An answer that cannot be judged, of another type or shape, is not yet right: a check raises
for nothing that a reader could have typed.
"""

from genimg.teach.check.colour import adversarial_weight, into_gamut, price_of_sampling, repaired, safest_colour
from genimg.teach.check.filling import edited_row, hedging, rim_weights
from genimg.teach.check.game import gaussian_logit, invariant, js_of_shift, lost_modes, no_idea, saturating
from genimg.teach.check.history import auroc, blind_spot, both_signs, instants, lopsided_critic, optimal_critic
from genimg.teach.check.penalty import clip_bound, escaping, multiple, one_sided, two_points
from genimg.teach.check.pushforward import collapse, fold, quantile, shell, thin
from genimg.teach.check.scores import psnr_averages, way_from_chance
from genimg.teach.check.transport import blur, diameter, kinks, lipschitz, sinkhorn, three_points, translation
from genimg.teach.check.verdict import Verdict

__all__ = [
    "Verdict",
    "adversarial_weight",
    "auroc",
    "blind_spot",
    "blur",
    "both_signs",
    "clip_bound",
    "collapse",
    "diameter",
    "edited_row",
    "escaping",
    "fold",
    "gaussian_logit",
    "hedging",
    "instants",
    "into_gamut",
    "invariant",
    "js_of_shift",
    "kinks",
    "lipschitz",
    "lopsided_critic",
    "lost_modes",
    "multiple",
    "no_idea",
    "one_sided",
    "optimal_critic",
    "price_of_sampling",
    "psnr_averages",
    "quantile",
    "repaired",
    "rim_weights",
    "safest_colour",
    "saturating",
    "shell",
    "sinkhorn",
    "thin",
    "three_points",
    "translation",
    "two_points",
    "way_from_chance",
]
