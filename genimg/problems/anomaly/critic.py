"""D_TV: where it starts, how it is trained, and the score that it gives."""

from __future__ import annotations

import copy
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from genimg._base.errors import UsageError, at_least, choice
from genimg._base.seeding import seeded
from genimg.gan.distributions import Distribution
from genimg.gan.history import History
from genimg.gan.objectives import Objective, TotalVariation
from genimg.gan.training import critic_steps

INITS = ("mean", "last", "scratch")


class Fit(NamedTuple):
    """A trained detector `D`, in eval mode, and `losses`: (steps, 3), columns loss, distance, penalty of each step."""

    D: nn.Module
    losses: Tensor


def initial_critic(
    D: nn.Module,
    history: History | None,
    init: str = "mean",
    *,
    rate: float = 0.0,
    start: float = 0.0,
    end: float | None = None,
    seed: int = 0,
) -> nn.Module:
    """The network that D_TV starts from, as a trainable copy of D, which is left alone.

    `mean`: averaged weights of the saved critics, W⁰ = ∫ c · W_{D_t} · exp(−rate · t) dt. `last`: the last saved
    critic, which is all that the GAN itself keeps. `scratch`: every layer drawn anew, nothing of the GAN is left.

    Args:
        D: the critic's architecture; its weights do not matter.
        history: recorded critics; may be None for `scratch`.
        rate, start, end: of `mean`, as in `History.weights`; the same as those of P_Ghist, as in the talk.
        seed: of `scratch`.

    Raises:
        UsageError: an unknown `init`, no history where one is needed, or for `scratch` a layer that has weights and no
            `reset_parameters`.

    Source: the talk, "Which initialization for D_TV?".

    Example:
        >>> history, D = History(), nn.Linear(1, 1, bias=False)
        >>> for t in (1, 2):
        ...     _ = nn.init.constant_(D.weight, float(t))
        ...     history.add(t, D, D)
        >>> [float(initial_critic(D, history, init).weight.detach()) for init in ("mean", "last")]
        [1.5, 2.0]
    """
    if choice(init, "init", INITS) == "scratch":
        critic = _drawn_anew(D, seed)
    elif history is None or not len(history):
        raise UsageError(f"init {init!r} starts from saved critics, but there is no history; use init='scratch'")
    else:
        last = len(history) - 1
        critic = history.mean_critic(D, rate, start, end) if init == "mean" else history.critic(last, D)
    return critic.requires_grad_(True).train()


def fit_detector(
    critic: nn.Module,
    real: Distribution,
    past: Distribution,
    objective: Objective = TotalVariation(lam=10.0),  # noqa: B008  # frozen
    *,
    steps: int,
    rng: torch.Generator,
    **recipe: Any,
) -> Fit:
    """Step (c) of the method: sup over −1 ≤ D ≤ 1 of E_{P_real}[D] − E_{P_Ghist}[D].

    The loop is `critic_steps`; to look at D_TV while it is trained, run that yourself.

    Args:
        critic: where D_TV starts, from `initial_critic`; it is trained in place.
        real: P_real, the normal data.
        past: P_Ghist, from `History.past`.
        objective: `TotalVariation`, or `TanhTotalVariation` to see why not.
        steps, rng: as in `critic_steps`.
        recipe: as in `critic_steps`; lr is 1e-4. It is this project's choice, as the rest: the source states none.

    Raises:
        Diverged: as `critic_steps`.

    Source: Chatillon & Ballester 2020; the talk, "Training our anomaly detector D_TV".

    Example:
        >>> import genimg as gi
        >>> real, past = gi.Gaussian(1, gi.rng(0), mean=0.0), gi.Gaussian(1, gi.rng(1), mean=4.0)
        >>> critic = initial_critic(gi.networks.mlp([1, 32, 1]), None, "scratch")
        >>> D_tv, losses = fit_detector(critic, real, past, steps=200, rng=gi.rng(2), lr=1e-2)
        >>> losses.shape, bool(losses[-1, 1] > 0.9)                     # delta = 2 Phi(2) - 1 = 0.954
        (torch.Size([200, 3]), True)
        >>> near, far = anomaly_score(D_tv, torch.tensor([[0.0], [4.0]])).tolist()
        >>> near < 0 < far
        True
    """
    seen = [
        torch.stack([step.loss, step.distance, step.penalty])
        for step in critic_steps(critic, real, past, objective, steps=steps, rng=rng, **{"lr": 1e-4, **recipe})
    ]
    losses = torch.stack(seen).cpu() if seen else torch.empty(0, 3)
    return Fit(critic.eval().requires_grad_(False), losses)


@torch.no_grad()
def anomaly_score(D: nn.Module, images: Tensor, batch: int = 1024) -> Tensor:
    """−D(x), one forward pass per image; larger = more anomalous.

    Args:
        D: a critic, large on real; it is run in eval mode, on the device where it is, and left in the mode it was in.
        images: (n, …) float, anywhere; values outside [−1, 1] (noise) are let through.

    Returns:
        (n,) float32 on the CPU.

    Raises:
        UsageError: integer images, or a network that does not give one number per image.

    Source: the talk, "HistoryAD", step (c): D_TV is the detector.

    Example:
        >>> anomaly_score(nn.Flatten(0), torch.tensor([[0.5], [-2.0]])).tolist()
        [-0.5, 2.0]
    """
    at_least(batch, 1, "batch")
    if not images.is_floating_point():
        raise UsageError(f"images must be float, got {images.dtype}; use Images.floats() or x / 127.5 - 1")
    first, was_training = next(D.parameters(), None), D.training
    device = images.device if first is None else first.device
    D.eval()
    try:
        scores = [-D(part.to(device)).float() for part in images.split(batch)] if len(images) else [torch.empty(0)]
    finally:
        D.train(was_training)
    for part in scores:
        if part.ndim not in (1, 2) or part.numel() != len(part):
            raise UsageError(f"a detector gives one number per image, this network gives shape {tuple(part.shape)}")
    return torch.cat([part.flatten() for part in scores]).cpu()


def _drawn_anew(D: nn.Module, seed: int) -> nn.Module:
    twin = copy.deepcopy(D)
    with seeded(seed):
        for layer in twin.modules():
            reset = getattr(layer, "reset_parameters", None)
            if reset is not None:
                reset()
            elif next(layer.parameters(recurse=False), None) is not None:
                raise UsageError(f"init 'scratch': {type(layer).__name__} has weights but no reset_parameters()")
    return twin
