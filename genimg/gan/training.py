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
from genimg.gan.runs import Guard, Run, follow


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
    batch: int = 256,
    lr: float = 1e-3,
    betas: tuple[float, float] = (0.5, 0.9),
) -> Iterator[Step]:
    """Trains D between two fixed laws: the dual variable of the distance that `objective` stands for.

    Args:
        D: critic, (n, …) → (n,) or (n, 1); on the laws' device.
        real, fake: P1 and P2.
        objective: from `genimg.gan.objectives`.
        steps: number of updates.
        rng: the objective's own randomness (the penalty's u), on the laws' device.
        batch: samples of each law per step.
        lr, betas: of Adam.

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
    paid = ranks.together(_CriticLoss(D, objective))
    optimiser = torch.optim.Adam(D.parameters(), lr=positive(lr, "lr"), betas=betas)
    guard = Guard({"D": D})
    none = torch.tensor(math.nan)
    for step in range(1, at_least(steps, 0, "steps") + 1):
        out = _critic_update(paid, optimiser, ranks.share(real.sample, batch), ranks.share(fake.sample, batch), rng)
        objective.project(D)
        told = Step(step, *_of_all(out, none))
        guard.check(step, {"critic loss": told.loss, "distance": told.distance})
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
    batch: int = 64,
    critic_per_step: int = 5,
    accumulate: int = 1,
    lr: float = 1e-4,
    critic_lr: float | None = None,
    betas: tuple[float, float] = (0.5, 0.9),
    amp: bool | None = None,
    average: nn.Module | None = None,
    average_decay: float = 0.999,
    decay_lr: bool = False,
    checkpoint: str | Path | None = None,
    checkpoint_every: int = 500,
) -> Iterator[Step]:
    """Trains G against D: `critic_per_step` critic updates, then one generator update, per step.

    Args:
        G: z (n, …) → samples of the shape of `real`'s; on the laws' device.
        D: critic, as in `critic_steps`.
        real: P_real.
        latent: P_Z.
        objective: from `genimg.gan.objectives`.
        steps: number of generator updates, those of an earlier, resumed run included.
        rng: the objective's own randomness, on the laws' device.
        batch: samples per update, of all ranks together.
        critic_per_step: 5 in WGAN and WGAN-GP, 1 in the original GAN.
        accumulate: parts that each rank computes its share of a batch in, one after the other, adding up gradients:
            the same step with a fraction of the memory.
        lr: Adam's for G, and for D unless `critic_lr` is given.
        betas: Adam's.
        amp: bfloat16 autocast; None means on CUDA only.
        average: a copy of G that follows it as a moving average of its weights, w ← d·w + (1 − d)·G, after each step,
            with d = min(`average_decay`, step / (step + 10)), so that the first steps are soon forgotten.
        decay_lr: lowers both rates linearly, from `lr` in the first step towards 0 after the last.
        checkpoint: a file. Every `checkpoint_every` steps, once the caller is done with the step, all state goes there
            (weights, optimisers, generators of random numbers); if the file exists the run goes on from it, and on the
            CPU ends bit-identical to a run never interrupted.

    Yields:
        `Step` after each generator update, counted from 1, or from where the checkpoint left off.

    Raises:
        Diverged: when a loss is not finite or the critic explodes; G and D are back in their last good state.
        UsageError: if the checkpoint belongs to other networks, laws or constants.

    Source: Goodfellow et al. 2014, algorithm 1; Arjovsky et al. 2017, algorithm 1; Gulrajani et al. 2017, algorithm 1.
    """
    device = next(G.parameters()).device
    use_amp = device.type == "cuda" if amp is None else amp
    autocast = torch.autocast(device.type, dtype=torch.bfloat16, enabled=use_amp)
    of_G = torch.optim.Adam(G.parameters(), lr=positive(lr, "lr"), betas=betas)
    of_D = torch.optim.Adam(D.parameters(), lr=positive(critic_lr or lr, "critic_lr"), betas=betas)
    networks = {"G": G, "D": D} | ({} if average is None else {"average": average})
    constants = {
        "batch": batch, "critic_per_step": critic_per_step, "lr": lr, "critic_lr": critic_lr or lr, "betas": betas,
        "average_decay": average_decay, "decay_lr": decay_lr and steps, "objective": type(objective).__name__,
    }  # fmt: skip
    laws = {"real": real, "latent": latent, "objective": rng}
    run = Run(networks, {"G": of_G, "D": of_D}, laws, constants)
    at_least(checkpoint_every, 1, "checkpoint_every")
    at_least(critic_per_step, 1, "critic_per_step")
    if batch % (ranks.count() * at_least(accumulate, 1, "accumulate")):
        raise UsageError(f"a batch of {batch} does not fall into {ranks.count()} x {accumulate} equal parts")
    done = run.load(checkpoint) if checkpoint and Path(checkpoint).exists() else 0
    guard = Guard({"G": G, "D": D})
    of_critic, made = ranks.together(_CriticLoss(D, objective, autocast)), ranks.together(G)

    for step in range(done + 1, at_least(steps, 0, "steps") + 1):
        if decay_lr:
            for optimiser, rate in ((of_G, lr), (of_D, critic_lr or lr)):
                optimiser.param_groups[0]["lr"] = rate * (1 - (step - 1) / steps)
        for _ in range(critic_per_step):
            with torch.no_grad(), autocast:
                fake = G(ranks.share(latent.sample, batch))
            out = _critic_update(of_critic, of_D, ranks.share(real.sample, batch), fake.float(), rng, accumulate)
            objective.project(D)

        D.requires_grad_(False)  # the generator's step needs the slope of D at the fakes, not at its weights
        of_G.zero_grad(set_to_none=True)
        losses = []
        for z in ranks.share(latent.sample, batch).chunk(accumulate):
            with autocast:
                loss = objective.generator_loss(D, made(z))
            (loss / accumulate).backward()
            losses.append(loss.detach())
        of_G.step()
        D.requires_grad_(True)
        if average is not None:
            follow(average, G, min(average_decay, step / (step + 10)))

        told = Step(step, *_of_all(out, torch.stack(losses).mean()))
        watched = {"critic loss": told.loss, "distance": told.distance, "generator loss": told.generator}
        guard.check(step, watched)
        yield told
        if checkpoint and (step % checkpoint_every == 0 or step == steps):
            guard.check(step, watched, now=True)
            run.save(checkpoint, step)


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
    batch: int = 64,
    lr: float = 1e-3,
    encoder_lr: float | None = None,
    betas: tuple[float, float] = (0.9, 0.99),
    amp: bool | None = None,
    average: nn.Module | None = None,
    average_decay: float = 0.999,
    decay_lr: bool = False,
    checkpoint: str | Path | None = None,
    checkpoint_every: int = 500,
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
        real: P_real.
        steps: number of updates, those of an earlier, resumed run included.
        rng: draws z, on the law's device.
        batch: pictures per update.
        lr: Adam's for G, and for E unless `encoder_lr` is given.
        betas, amp, average, average_decay, decay_lr, checkpoint, checkpoint_every: as in `gan_steps`.

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
    device = next(G.parameters()).device
    use_amp = device.type == "cuda" if amp is None else amp
    autocast = torch.autocast(device.type, dtype=torch.bfloat16, enabled=use_amp)
    rates = (positive(lr, "lr"), positive(encoder_lr or lr, "encoder_lr"))
    groups = [
        {"params": [p for p in net.parameters() if p.requires_grad], "lr": rate}  # either network may be frozen
        for net, rate in zip((G, E), rates, strict=True)
    ]
    optimiser = torch.optim.Adam(groups, betas=betas, fused=True)
    networks = {"G": G, "E": E} | ({} if average is None else {"average": average})
    run = Run(networks, {"both": optimiser}, {"real": real, "noise": rng})
    at_least(checkpoint_every, 1, "checkpoint_every")
    done = run.load(checkpoint) if checkpoint and Path(checkpoint).exists() else 0
    guard = Guard({"G": G, "E": E})

    for step in range(done + 1, at_least(steps, 0, "steps") + 1):
        if decay_lr:
            for group, rate in zip(optimiser.param_groups, rates, strict=True):
                group["lr"] = rate * (1 - (step - 1) / steps)
        x = real.sample(batch)
        with autocast:
            encoded = E(x)
        mean, log_std = encoded.float().chunk(2, dim=1)
        log_std = log_std.clamp(-7.0, 2.0)
        z = mean + log_std.exp() * torch.randn(mean.shape, generator=rng, device=device)
        with autocast:
            made = G(z)
        error = (made.float() - x).square().mean()
        divergence = ((mean.square() + (2 * log_std).exp() - 1) / 2 - log_std).sum(1).mean()
        optimiser.zero_grad(set_to_none=True)
        (x[0].numel() / 2 * error.log() + divergence).backward()
        optimiser.step()
        if average is not None:
            follow(average, G, min(average_decay, step / (step + 10)))

        watched = {"error": error.detach(), "divergence": divergence.detach()}
        guard.check(step, watched)
        yield EncoderStep(step, *watched.values())
        if checkpoint and (step % checkpoint_every == 0 or step == steps):
            guard.check(step, watched, now=True)
            run.save(checkpoint, step)


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
    with disk.alone(folder) if folder else nullcontext():
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
    paid: nn.Module, optimiser: torch.optim.Optimizer, real: Tensor, fake: Tensor, rng: torch.Generator, parts: int = 1
) -> CriticLoss:
    optimiser.zero_grad(set_to_none=True)
    if parts == 1:
        out: CriticLoss = paid(real, fake, rng)
        out.loss.backward()
        optimiser.step()
        return out._replace(loss=out.loss.detach())
    found = []
    for some, others in zip(real.chunk(parts), fake.chunk(parts), strict=True):
        out = paid(some, others, rng)
        (out.loss / parts).backward()
        found.append(torch.stack([value.detach() for value in out]))
    optimiser.step()
    return CriticLoss(*torch.stack(found).mean(0))


def _of_all(critic: CriticLoss, generator: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """What was measured on the whole batch, all ranks' shares together."""
    loss, distance, penalty = critic
    if ranks.count() > 1:
        loss, distance, penalty, generator = ranks.mean(torch.stack([*critic, generator.to(loss)]))
    return loss, distance, penalty, generator
