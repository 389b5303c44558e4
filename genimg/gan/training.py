"""Three loops, each an iterator over steps: train a critic between two laws, a generator against it, or an encoder
with a generator.

A loop yields once per step, so that a progress bar, a live plot, early stopping and a history are ordinary `for`
statements of the caller. Networks, laws and objective are arguments; nothing here knows which.
Inside `ranks.joined`, as `torchrun … -m genimg train` is, both loops share each batch among the ranks.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from genimg._base import disk, ranks
from genimg._base.errors import UsageError, at_least, positive
from genimg._base.weights import read_tensors
from genimg.gan.distributions import Distribution
from genimg.gan.history import History, load_folder
from genimg.gan.objectives import CriticLoss, Objective
from genimg.gan.runs import Diverged as Diverged
from genimg.gan.runs import Recipe, Run


class Step(NamedTuple):
    """What one step reports; tensors without gradient, read with `float()` when wanted (a GPU then waits once)."""

    step: int
    loss: Tensor
    distance: Tensor
    penalty: Tensor
    generator: Tensor


def critic_steps(
    D: nn.Module,
    real: Distribution,
    fake: Distribution,
    objective: Objective,
    *,
    steps: int,
    rng: torch.Generator,
    **recipe: Any,
) -> Iterator[Step]:
    """Trains D between two fixed laws: the dual variable of the distance that `objective` stands for.

    Args:
        D: critic, (n, …) → (n,) or (n, 1); on the laws' device.
        real, fake: P1 and P2.
        rng: the objective's own randomness (the penalty's u), on the laws' device.
        recipe: of `runs.Recipe`; here the batch is 256, of each law, lr is 1e-3, and amp is off.

    Yields:
        `Step` after each update, counted from 1; `generator` is NaN.

    Example:
        >>> import genimg as gi
        >>> D = gi.networks.mlp([1, 32, 1], seed=0)
        >>> p, q = gi.Gaussian(1, gi.rng(0), mean=0.0), gi.Gaussian(1, gi.rng(1), mean=4.0)
        >>> last = [s for s in critic_steps(D, p, q, gi.TotalVariation(), steps=200, rng=gi.rng(2), lr=1e-2)][-1]
        >>> last.step, bool(last.distance > 0.9)               # delta = 2 Phi(2) - 1 = 0.954
        (200, True)
    """
    how = Recipe.of(recipe, batch=256, lr=1e-3, amp=False)
    run = Run({"D": D}, {"real": real, "fake": fake, "objective": rng}, how, objective=type(objective).__name__)
    ddp_critic = ranks.wrap_ddp(_CriticLoss(D, objective, run.autocast))
    none = torch.tensor(math.nan)
    for step in run.steps(steps):
        samples = ranks.share(real.sample, how.batch), ranks.share(fake.sample, how.batch)
        out = _critic_update(run, ddp_critic, *samples, rng)
        objective.project(D)
        told = Step(step, *_of_all(out, none))
        run.settle({"critic loss": told.loss, "distance": told.distance})
        yield told


def gan_steps(
    G: nn.Module,
    D: nn.Module,
    real: Distribution,
    latent: Distribution,
    objective: Objective,
    *,
    steps: int,
    rng: torch.Generator,
    critic_per_step: int = 5,
    accumulate: int = 1,
    **recipe: Any,
) -> Iterator[Step]:
    """Trains G against D: `critic_per_step` critic updates, then one generator update, per step.

    Args:
        G: z (n, …) → samples of the shape of `real`'s; on the laws' device.
        D: critic, as in `critic_steps`.
        steps: number of generator updates, those of an earlier, resumed run included.
        rng: the objective's own randomness, on the laws' device.
        critic_per_step: 5 in WGAN and WGAN-GP, 1 in the original GAN.
        accumulate: parts that each rank computes its share of a batch in, one after the other, adding up gradients:
            the same step with a fraction of the memory.
        recipe: of `runs.Recipe`: batch (64), lr (1e-4), critic_lr, betas (0.5, 0.9), amp, average, decay_lr,
            checkpoint and others.

    Yields:
        `Step` after each generator update, counted from 1, or from where the checkpoint left off.

    Raises:
        Diverged: when a loss is not finite or the critic explodes; G and D are back in their last good state.
        UsageError: if the checkpoint belongs to other networks, laws or constants.

    Source: Goodfellow et al. 2014, algorithm 1; Arjovsky et al. 2017, algorithm 1; Gulrajani et al. 2017, algorithm 1.
    """
    how = Recipe.of(recipe)
    at_least(critic_per_step, 1, "critic_per_step")
    if how.batch % (ranks.count() * at_least(accumulate, 1, "accumulate")):
        raise UsageError(f"a batch of {how.batch} does not fall into {ranks.count()} x {accumulate} equal parts")
    laws = {"real": real, "latent": latent, "objective": rng}
    run = Run({"G": G, "D": D}, laws, how, critic_per_step=critic_per_step, objective=type(objective).__name__)
    ddp_critic, made = ranks.wrap_ddp(_CriticLoss(D, objective, run.autocast)), ranks.wrap_ddp(G)

    def of_generator(z: Tensor) -> Tensor:
        with run.autocast:
            return objective.generator_loss(D, made(z))

    for step in run.steps(steps):
        for _ in range(critic_per_step):
            with torch.no_grad(), run.autocast:
                fake = G(ranks.share(latent.sample, how.batch))
            out = _critic_update(run, ddp_critic, ranks.share(real.sample, how.batch), fake.float(), rng, accumulate)
            objective.project(D)

        with run.frozen("D"):
            parts = ranks.share(latent.sample, how.batch).chunk(accumulate)
            losses = run.descend("G", (of_generator(z) for z in parts), accumulate)

        told = Step(step, *_of_all(out, torch.stack(losses).mean()))
        run.settle({"critic loss": told.loss, "distance": told.distance, "generator loss": told.generator})
        yield told


class EncoderStep(NamedTuple):
    """What one step of `encoder_steps` reports; tensors without gradient."""

    step: int
    error: Tensor
    divergence: Tensor


def encoder_steps(
    E: nn.Module,
    G: nn.Module,
    real: Distribution,
    *,
    steps: int,
    rng: torch.Generator,
    encoder_lr: float | None = None,
    **recipe: Any,
) -> Iterator[EncoderStep]:
    """Trains G to give back what E encoded: a variational autoencoder, whose decoder is a start for a GAN.

    A generator that starts at random spends most of a short training on where a face is. One that starts as a decoder
    has every training picture near its range; `gan_steps` then makes what it draws look real. Run beside `gan_steps`
    (`zip`), with a small `lr`, this loop keeps the pictures near the range while that happens.

    The loss is the negative evidence bound, (N / 2) log E‖x − G(z)‖²/N + KL(E(x) ‖ N(0, 1)), with the variance of the
    decoder's Gaussian at its optimum, so that no weight has to be chosen; N numbers per picture.

    Args:
        E: picture (n, …) → (n, 2 d), means and log deviations, as `networks.encoder`.
        G: z (n, d) → pictures.
        steps: number of updates, those of an earlier, resumed run included.
        rng: draws z, on the law's device.
        encoder_lr: Adam's rate for E, if it is not that of G. Either network may be frozen.
        recipe: of `runs.Recipe`; here lr is 1e-3, betas are (0.9, 0.99).

    Yields:
        `EncoderStep` after each update: the mean squared error, and the divergence in nats per picture.

    Raises:
        Diverged, UsageError: as `gan_steps`.

    Source: Kingma & Welling 2014, equation 10; Rybkin, Daniilidis & Levine 2021 (the optimal variance); Larsen et al.
    2016 (a decoder that is a GAN's generator).

    Example:
        >>> import genimg as gi
        >>> E, G = gi.networks.mlp([2, 16, 2], seed=0), gi.networks.mlp([1, 16, 2], seed=1)
        >>> law = gi.Pushforward(lambda t: torch.cat([t, 2 * t], dim=1), gi.Gaussian(1, gi.rng(2)))   # a line
        >>> found = [float(s.error) for s in encoder_steps(E, G, law, steps=300, rng=gi.rng(3), lr=1e-2)]
        >>> found[0] > 1, found[-1] < 0.1
        (True, True)
    """
    how = Recipe.of(recipe, lr=1e-3, betas=(0.9, 0.99), fused=True)
    rates = {"E": positive(encoder_lr or how.lr, "encoder_lr")}
    run = Run({"G": G, "E": E}, {"real": real, "noise": rng}, how, rates=rates)
    for step in run.steps(steps):
        x = real.sample(how.batch)
        with run.autocast:
            encoded = E(x)
        mean, log_std = encoded.float().chunk(2, dim=1)
        log_std = log_std.clamp(-7.0, 2.0)
        z = mean + log_std.exp() * torch.randn(mean.shape, generator=rng, device=mean.device)
        with run.autocast:
            made = G(z)
        error = (made.float() - x).square().mean()
        divergence = ((mean.square() + (2 * log_std).exp() - 1) / 2 - log_std).sum(1).mean()
        run.descend(("G", "E"), x[0].numel() / 2 * error.log() + divergence)
        found = {"error": error.detach(), "divergence": divergence.detach()}
        run.settle(found)
        yield EncoderStep(step, *found.values())


def train_gan(
    G: nn.Module,
    D: nn.Module,
    real: Distribution,
    latent: Distribution,
    objective: Objective,
    *,
    steps: int,
    rng: torch.Generator,
    snapshot_every: int,
    checkpoint: str | Path | None = None,
    **options: Any,
) -> History:
    """Runs `gan_steps` to the end and keeps the states of G and D every `snapshot_every` steps.

    Args:
        checkpoint: a folder here, for the state of the run and its snapshots; an interrupted call goes on from it.
        options: further arguments of `gan_steps`.

    Returns:
        The history; G and D are left in their final states.

    Raises:
        UsageError: if another process trains in that folder, or what `gan_steps` raises.
    """
    folder = Path(checkpoint) if checkpoint else None
    state = folder / "state.safetensors" if folder else None
    with disk.lock(folder) if folder else nullcontext():
        done = int(read_tensors(state)[1]["step"]) if state and state.exists() else 0
        history = load_folder(folder / "snapshots", done) if folder else History()
        for step in gan_steps(G, D, real, latent, objective, steps=steps, rng=rng, checkpoint=state, **options):
            if step.step % at_least(snapshot_every, 1, "snapshot_every") == 0:
                history.add(step.step, G, D)
                if folder:
                    only = History()
                    only.add(step.step, G, D)
                    only.save(folder / "snapshots" / f"{step.step:08d}.safetensors")
        return history


class _CriticLoss(nn.Module):
    """The loss of a critic as a module, so that several ranks see one forward and one backward pass per update.

    However often the objective calls D, and whatever slopes it takes on the way, is then no concern of theirs.
    """

    def __init__(self, D: nn.Module, objective: Objective, autocast: torch.autocast | None = None) -> None:
        super().__init__()
        self.D, self.objective, self.autocast = D, objective, autocast or nullcontext()

    def forward(self, real: Tensor, fake: Tensor, rng: torch.Generator) -> CriticLoss:
        with self.autocast:
            return self.objective.critic_loss(self.D, real, fake, rng)


def _critic_update(
    run: Run, ddp_critic: nn.Module, real: Tensor, fake: Tensor, rng: torch.Generator, parts: int = 1
) -> CriticLoss:
    if real.shape[1:] != fake.shape[1:]:
        shapes = f"real samples are {tuple(real.shape[1:])}, the others {tuple(fake.shape[1:])}"
        raise UsageError(f"the laws differ in shape: {shapes}")
    found = []

    def losses() -> Iterator[Tensor]:
        for some, others in zip(real.chunk(parts), fake.chunk(parts), strict=True):
            out = ddp_critic(some, others, rng)
            found.append(torch.stack([value.detach() for value in out]))
            yield out.loss

    run.descend("D", losses(), parts)
    return CriticLoss(*torch.stack(found).mean(0))


def _of_all(critic: CriticLoss, generator: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """What was measured on the whole batch, all ranks' shares together."""
    loss, distance, penalty = critic
    if ranks.count() > 1:
        loss, distance, penalty, generator = ranks.mean(torch.stack([*critic, generator.to(loss)]))
    return loss, distance, penalty, generator
