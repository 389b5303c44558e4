"""Semantic inpainting: fill a hole with what a generator would have put there, given what is known around it.

Step 1 is a GAN of `gi.training`. Step 2 searches its latent space for ẑ whose image agrees with the known pixels,
most of all beside the hole, and looks real to the critic. Step 3 joins G(ẑ) to the known pixels by Poisson editing.

Source: Vitoria, Sintes & Ballester 2019; Yeh et al. 2017; the talk, part 4.
"""

from genimg.problems.inpaint.adaptation import adapted
from genimg.problems.inpaint.completion import BLENDS, Inpainted, blend, complete, inpaint
from genimg.problems.inpaint.encoder import Encoder
from genimg.problems.inpaint.files import Filled, Searching, Unusable, inpaint_files, read_mask
from genimg.problems.inpaint.linear import Linear
from genimg.problems.inpaint.losses import (
    OURS,
    WIDE,
    YEH2017,
    Clipped,
    Formulation,
    Level,
    LogPrior,
    Loss,
    OnSphere,
    critic_level,
    critic_prior,
    guided,
    l1,
    l2,
    ours,
    yeh,
)
from genimg.problems.inpaint.masks import PRESETS
from genimg.problems.inpaint.search import Search, SearchStep, best_starts, frozen, search_steps, searches
from genimg.problems.inpaint.tones import Tones
from genimg.problems.inpaint.weight import edge_weight, weight
