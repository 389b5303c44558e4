"""The loop of ChromaGAN: G and its critic learn from the same pictures, once each per step."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from genimg._base.errors import UsageError, at_least, positive
from genimg.gan.networks import ChromaGenerator, Colours, LiteGenerator
from genimg.gan.objectives import CriticLoss
from genimg.gan.runs import Guard, Run, follow
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
    batch: int = 10,
    lr: float = 2e-5,
    critic_lr: float | None = None,
    betas: tuple[float, float] = (0.5, 0.999),
    eps: float = 1e-7,
    critic_first: bool = False,
    amp: bool | None = None,
    decay_lr: bool = False,
    average: nn.Module | None = None,
    average_decay: float = 0.999,
    checkpoint: str | Path | None = None,
    checkpoint_every: int = 500,
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
        batch: pictures per step; 10 in the authors' code.
        lr, betas, eps: Adam's; those of the authors' code, which trains for 5 epochs of ImageNet.
        critic_lr: D's, if it is another.
        critic_first: D learns before G in each step; the authors' code has G first.
        amp: bfloat16 autocast; None means on CUDA only. It pays on CPUs with bfloat16 units too.
        decay_lr: lowers the rates linearly, from `lr` in the first step towards 0 after the last.
        average, average_decay, checkpoint, checkpoint_every: as in `training.gan_steps`.

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
    device = next(G.parameters()).device
    use_amp = device.type == "cuda" if amp is None else amp
    autocast = torch.autocast(device.type, dtype=torch.bfloat16, enabled=use_amp)
    rates = {"G": positive(lr, "lr"), "D": positive(critic_lr or lr, "critic_lr")}
    networks: dict[str, nn.Module] = {"G": G} if critic is None else {"G": G, "D": critic}
    optimisers: dict[str, torch.optim.Optimizer] = {  # fused: a tenth of a small network's step, also on a CPU
        name: torch.optim.Adam(
            [p for p in network.parameters() if p.requires_grad], lr=rates[name], betas=betas, eps=eps, fused=True
        )
        for name, network in networks.items()
    }
    run = Run(
        networks | ({} if average is None else {"average": average}), optimisers, {"pictures": pictures, "penalty": rng}
    )
    at_least(checkpoint_every, 1, "checkpoint_every")
    at_least(batch, 1 if G.size > 32 else 2, "batch")  # at 32 the last norms see one pixel per picture
    done = run.load(checkpoint) if checkpoint and Path(checkpoint).exists() else 0
    guard = Guard(networks)
    pictures.position = done * batch % len(pictures.images)  # of pictures in order; others come from their rng
    nothing = torch.zeros((), device=device)

    for step in range(done + 1, at_least(steps, 0, "steps") + 1):
        if decay_lr:
            for name, optimiser in optimisers.items():
                optimiser.param_groups[0]["lr"] = rates[name] * (1 - (step - 1) / steps)
        real = pictures.sample(batch)
        judged = CriticLoss(nothing, nothing, nothing)
        with autocast:
            out = answered(G, real, objective.classes > 0)

        for turn in ("D", "G") if critic_first else ("G", "D"):
            if turn == "G":
                if critic is not None:
                    critic.requires_grad_(False)  # G needs the slope of D at its colours, not at D's weights
                with autocast:
                    paid = objective.generator_terms(critic, out, real)
                _update(optimisers["G"], paid.loss)
                if critic is not None:
                    critic.requires_grad_(True)
            elif critic is not None:
                with autocast:
                    judged = objective.critic_terms(critic, real.L, real.ab, out.ab, rng)
                _update(optimisers["D"], judged.loss)
        if average is not None:
            follow(average, G, min(average_decay, step / (step + 10)))

        watched = {"loss of G": paid.loss, "critic loss": judged.loss, "distance": judged.distance}
        guard.check(step, watched)
        yield ColourStep(step, *(v.detach() for v in (*paid, *judged)))
        if checkpoint and (step % checkpoint_every == 0 or step == steps):
            guard.check(step, watched, now=True)
            run.save(checkpoint, step)


def answered(G: ChromaGenerator, real: Coloured, classes: bool) -> Colours:
    """What G says of these draws, from their L or from the features of its frozen trunk, if these are there."""
    if real.seen is None:
        return G(real.L, classes=classes)
    assert isinstance(G, LiteGenerator)
    mixed = torch.is_autocast_enabled(real.L.device.type)  # which casts by itself
    return G.decode(real.seen if mixed else tuple(part.to(real.L) for part in real.seen), classes=classes)


def _update(optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    optimiser.step()
