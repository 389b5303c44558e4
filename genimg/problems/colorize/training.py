"""The loop of ChromaGAN: G and its critic learn from the same pictures, once each per step."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from genimg._base.errors import UsageError, at_least
from genimg.gan.networks import ChromaGenerator, Colours, LiteGenerator
from genimg.gan.objectives import CriticLoss
from genimg.gan.runs import Recipe, Run
from genimg.problems.colorize.features import Features
from genimg.problems.colorize.objective import ChromaObjective
from genimg.problems.colorize.pictures import Coloured, Pictures


class ColourStep(NamedTuple):
    """What one step reports; tensors without gradient. `loss` is G's, then its terms without their weights.

    `critic` is D's loss, `distance` E[D(real)] − E[D(fake)], `penalty` with its weight; 0 where no critic is trained.
    """

    step: int
    loss: Tensor
    error: Tensor
    adversarial: Tensor
    classes: Tensor
    critic: Tensor
    distance: Tensor
    penalty: Tensor


def colour_steps(
    G: ChromaGenerator,
    D: nn.Module | None,
    pictures: Pictures | Features,
    objective: ChromaObjective,
    *,
    steps: int,
    rng: torch.Generator,
    critic_first: bool = False,
    **recipe: Any,
) -> Iterator[ColourStep]:
    """Trains G, and D against it: one update of each per step, on one batch.

    G runs once per step. The colours by which it learns are those that D then judges; in the authors' code D judges
    what G gives after its update, which takes a second run and moves the running means of its norms twice.

    Args:
        G: on the pictures' device, in the mode it is to be trained in; see `networks.chromagan`.
        D: critic (L, ab) → scores; None, or left alone, where the objective's `adversarial` is 0.
        pictures: P_real.
        objective: `FAITHFUL`, `IMPROVED`, or one with other weights.
        steps: number of updates, those of an earlier, resumed run included.
        rng: draws the penalty's u, on the pictures' device.
        critic_first: D learns before G in each step; the authors' code has G first.
        recipe: of `runs.Recipe`; here those of the authors' code, which trains for 5 epochs of ImageNet: batch 10, lr
            2e-5, betas (0.5, 0.999), eps 1e-7. amp pays on CPUs with bfloat16 units too.

    Yields:
        `ColourStep` after each update, counted from 1, or from where the checkpoint left off.

    Raises:
        Diverged: as `training.gan_steps`.
        UsageError: no D, class branch or y where the objective asks for one; a checkpoint of another run.

    Source: Vitoria, Raad & Ballester 2020, and the code published with it.

    Example:
        >>> import genimg as gi
        >>> G, D = gi.networks.chromagan(size=32, width=2, classes=2, seed=0)
        >>> law = Pictures(torch.rand(4, 3, 32, 32), torch.tensor([[1.0, 0.0]]).expand(4, 2), gi.rng(0))
        >>> last = [s for s in colour_steps(G, D, law, ChromaObjective(), steps=2, rng=gi.rng(1), batch=2)][-1]
        >>> last.step, bool(last.loss.isfinite())
        (2, True)
    """
    critic = D if objective.adversarial else None
    if objective.adversarial and critic is None:
        raise UsageError("this objective has adversarial > 0 and so needs a critic D")
    how = Recipe.of(recipe, batch=10, lr=2e-5, betas=(0.5, 0.999), eps=1e-7, fused=True)
    at_least(how.batch, 1 if G.size > 32 else 2, "batch")  # at 32 the last norms see one pixel per picture
    networks: dict[str, nn.Module] = {"G": G} if critic is None else {"G": G, "D": critic}
    run = Run(networks, {"pictures": pictures, "penalty": rng}, how)
    nothing = torch.zeros((), device=next(G.parameters()).device)

    for step in run.steps(steps):
        pictures.position = (step - 1) * how.batch % len(pictures.images)  # of pictures in order; others have their rng
        real = pictures.sample(how.batch)
        judged = CriticLoss(nothing, nothing, nothing)
        with run.autocast:
            out = answered(G, real, objective.classes > 0)

        for turn in ("D", "G") if critic_first else ("G", "D"):
            if turn == "G":
                with run.frozen("D") if critic else nullcontext(), run.autocast:
                    paid = objective.generator_terms(critic, out, real)
                run.descend("G", paid.loss)
            elif critic is not None:
                with run.autocast:
                    judged = objective.critic_terms(critic, real.L, real.ab, out.ab, rng)
                run.descend("D", judged.loss)

        watched = {"loss of G": paid.loss, "critic loss": judged.loss, "distance": judged.distance}
        run.settle(watched)
        yield ColourStep(step, *(v.detach() for v in (*paid, *judged)))


def answered(G: ChromaGenerator, real: Coloured, classes: bool) -> Colours:
    """What G says of these draws, from their L or from the features of its frozen trunk, if these are there."""
    if real.seen is None:
        return G(real.L, classes=classes)
    assert isinstance(G, LiteGenerator)
    mixed = torch.is_autocast_enabled(real.L.device.type)  # which casts by itself
    return G.decode(real.seen if mixed else tuple(part.to(real.L) for part in real.seen), classes=classes)
