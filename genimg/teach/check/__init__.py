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
