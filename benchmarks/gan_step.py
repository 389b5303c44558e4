"""How fast is a step of WGAN-GP, five critic updates and one of the generator, beside other loops?

The same networks, batch, data in memory and optimiser in each way; only the loop differs:

  genimg           `gi.gan_steps`, channels last, bfloat16 where the processor computes in it
  genimg, float32  the same in float32, as the networks come
  tutorial         the loop as tutorials write it
  tutorial, amp    the same loop given what ours has: channels last, autocast where the processor has bfloat16
  torch-mimicry    the networks' own `train_step` of torch-mimicry
  torchgan         the losses' own `train_ops` of torchgan

The last two are measured if they are found: neither installs beside a torch of today, so
`pip install --no-deps --target build/peers torch-mimicry torchgan` puts them where nothing else sees them, and parts
of them that do not import (TensorFlow, torch._six) are replaced by empty modules, which the training does not touch.
torch-mimicry's penalty takes three channels only; torchgan's takes the norm over the whole batch at once, one number
for all samples, which is another penalty at the same cost.

That `genimg, float32` and `tutorial` make the same update from the same random numbers is checked first. The ways take
turns; shown are real images per second (medians) and the ratio to the fastest of the others as they come, round by
round.
"""

from __future__ import annotations

import copy
import importlib
import statistics
import sys
import types
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import click
import torch
from measure import benchmark, device_option, in_turns, keep, out_option, ratio, rounds_option, threads_option
from torch import Tensor, nn

import genimg as gi

CRITIC_UPDATES, LAM = 5, 10.0
ADAM: dict[str, Any] = {"lr": 1e-4, "betas": (0.0, 0.9)}


class Case(NamedTuple):
    """Networks and batch of one comparison."""

    network: str
    size: int
    channels: int
    width: int
    batch: int
    latent: int = 64

    @property
    def about(self) -> str:
        """As the tables say it."""
        return f"{self.size}x{self.size}x{self.channels}, {self.network} {self.width}, batch {self.batch}"

    def build(self, device: torch.device) -> tuple[nn.Module, nn.Module]:
        """G and D, always from the same seed."""
        made = getattr(gi.networks, self.network)
        G, D = made(latent=self.latent, size=self.size, channels=self.channels, width=self.width, seed=0)
        return G.to(device), D.to(device)

    def laws(self, device: torch.device) -> tuple[gi.Empirical, gi.Gaussian, torch.Generator]:
        """P_real (noise: the time does not depend on it), P_Z and the penalty's draws."""
        rng = gi.rng(0)
        images = torch.rand(2048, self.channels, self.size, self.size, generator=rng).mul(2).sub(1).to(device)
        draws = [gi.rng(seed, device) for seed in (1, 2, 3)]
        return gi.Empirical(images, draws[0]), gi.Gaussian(self.latent, draws[1]), draws[2]


CASES = {
    "28": Case("dcgan", 28, 1, 32, 64),
    "32": Case("resnet", 32, 3, 32, 32),
    "64": Case("dcgan", 64, 3, 48, 32),
}
Steps = Iterator[Any]


def chosen(names: tuple[str, ...], width: int | None, batch: int | None) -> Iterator[Case]:
    """The cases of these names, with another width or batch where one is asked for."""
    for name in names:
        yield CASES[name]._replace(width=width or CASES[name].width, batch=batch or CASES[name].batch)


def case_option(*names: str) -> Any:
    """Which cases; these, if none is asked for."""
    kind = click.Choice(list(CASES))
    return click.option("--case", "names", type=kind, multiple=True, default=names, show_default=True)


width_option = click.option("--width", type=click.IntRange(1), help="Of the networks, instead of the case's.")
batch_option = click.option("--batch", type=click.IntRange(1), help="Instead of the case's.")


def ours(case: Case, device: torch.device, amp: bool) -> Steps:
    """One step each time it is asked."""
    G, D = case.build(device)
    real, latent, rng = case.laws(device)
    if amp:
        G, D = (network.to(memory_format=torch.channels_last) for network in (G, D))
    options = {"steps": 10**9, "batch": case.batch, "critic_per_step": CRITIC_UPDATES, "amp": amp, **ADAM}
    for _ in gi.gan_steps(G, D, real, latent, gi.WassersteinGP(lam=LAM), rng=rng, **options):
        yield G, D


def tutorial(case: Case, device: torch.device, amp: bool = False) -> Steps:
    """What is written first: all in float32, unless by `amp`; D's weights get gradients in the generator's step too."""
    G, D = case.build(device)
    real, latent, rng = case.laws(device)
    if amp:
        G, D = (network.to(memory_format=torch.channels_last) for network in (G, D))
    short = torch.autocast(device.type, torch.bfloat16) if gi.devices.bfloat16(device, amp) else nullcontext()
    of_G, of_D = (torch.optim.Adam(network.parameters(), **ADAM) for network in (G, D))
    while True:
        for _ in range(CRITIC_UPDATES):
            with short:
                fake = G(latent.sample(case.batch)).detach()
                x = real.sample(case.batch)
                of_D.zero_grad()
                loss = D(fake).mean() - D(x).mean() + LAM * penalty(D, x, fake, rng)
            loss.backward()
            of_D.step()
        of_G.zero_grad()
        with short:
            loss = -D(G(latent.sample(case.batch))).mean()
        loss.backward()
        of_G.step()
        yield G, D


def penalty(D: nn.Module, x: Tensor, fake: Tensor, rng: torch.Generator) -> Tensor:
    """E[(‖∇D(x̂)‖ − 1)²]."""
    u = torch.rand(len(x), 1, 1, 1, generator=rng, device=x.device)
    between = (u * x + (1 - u) * fake).requires_grad_(True)
    scores = D(between)
    (slope,) = torch.autograd.grad(scores, between, torch.ones_like(scores), create_graph=True, retain_graph=True)
    return ((slope.flatten(1).norm(dim=1) - 1) ** 2).mean()


class Stub(types.ModuleType):
    """A module that holds whatever is asked of it."""

    def __getattr__(self, name: str) -> Any:
        return mock.MagicMock()


def mimicry(case: Case, device: torch.device) -> Steps:
    """Our networks as theirs, trained by their `train_step`."""
    if case.channels != 3:
        raise click.ClickException("its penalty takes three channels only")
    missing = ("tensorflow", "torch._six", "torch.utils.tensorboard")
    with mock.patch.dict(sys.modules, {name: Stub(name) for name in missing}):
        base = importlib.import_module("torch_mimicry.nets.wgan_gp.wgan_gp_base")
        log = importlib.import_module("torch_mimicry.training.metric_log").MetricLog()

    class Generator(base.WGANGPBaseGenerator):  # type: ignore[name-defined, misc]
        def __init__(self, network: nn.Module) -> None:
            super().__init__(nz=case.latent, ngf=case.width, bottom_width=4)
            self.network = network

        def forward(self, z: Tensor) -> Tensor:
            return self.network(z)

    class Discriminator(base.WGANGPBaseDiscriminator):  # type: ignore[name-defined, misc]
        def __init__(self, network: nn.Module) -> None:
            super().__init__(ndf=case.width, gp_scale=LAM)
            self.network = network

        def forward(self, x: Tensor) -> Tensor:
            return self.network(x)[:, None]

    inner_G, inner_D = case.build(device)
    G, D = Generator(inner_G), Discriminator(inner_D)
    of_G, of_D = (torch.optim.Adam(network.parameters(), **ADAM) for network in (G, D))
    real, _, _ = case.laws(device)
    while True:
        for _ in range(CRITIC_UPDATES):
            batch = (real.sample(case.batch), None)
            D.train_step(real_batch=batch, netG=G, optD=of_D, log_data=log, device=device)
        G.train_step(real_batch=batch, netD=D, optG=of_G, log_data=log, device=device)
        yield inner_G, inner_D


def torchgan(case: Case, device: torch.device) -> Steps:
    """Our networks with the two attributes that torchgan asks for, trained by its losses' `train_ops`."""
    losses = importlib.import_module("torchgan.losses")
    G, D = case.build(device)
    G.encoding_dims, G.label_type, D.label_type = case.latent, "none", "none"  # type: ignore[assignment]
    of_G, of_D = (torch.optim.Adam(network.parameters(), **ADAM) for network in (G, D))
    critic, generator = losses.WassersteinDiscriminatorLoss(), losses.WassersteinGeneratorLoss()
    smooth = losses.WassersteinGradientPenalty(lambd=LAM)
    real, _, _ = case.laws(device)
    while True:
        for _ in range(CRITIC_UPDATES):
            x = real.sample(case.batch)
            critic.train_ops(G, D, of_D, x, device)
            smooth.train_ops(G, D, of_D, x, device)
        generator.train_ops(G, D, of_G, device, case.batch)
        yield G, D


def same_weights(*loops: Steps) -> None:
    """Nothing, if one step of two loops in float32 gives the same weights."""
    for a, b in zip(*(copy.deepcopy(next(steps)) for steps in loops), strict=True):
        one, two = (torch.cat([p.detach().flatten() for p in network.parameters()]) for network in (a, b))
        # Adam divides a gradient by its own size: where it is rounding only, before a norm say, the update is a coin's.
        far = float(((one - two).abs() > 0.01 * ADAM["lr"]).float().mean())
        if far > 0.02:
            raise click.ClickException(f"the two loops disagree in {far:.1%} of a network's weights")


def contenders(case: Case, device: torch.device, peers: Path) -> tuple[dict[str, Steps], list[str]]:
    """The ways that can be had, each warmed up by one step, and a line for each that cannot."""
    if peers.is_dir() and str(peers) not in sys.path:
        sys.path.append(str(peers))
    made: dict[str, Steps] = {
        "genimg": ours(case, device, True),
        "genimg, float32": ours(case, device, False),
        "tutorial": tutorial(case, device),
        "tutorial, amp": tutorial(case, device, True),
        "torch-mimicry": mimicry(case, device),
        "torchgan": torchgan(case, device),
    }
    ready, notes = {}, []
    for name, steps in made.items():
        try:
            next(steps)
        except click.ClickException as error:
            notes.append(f"{name}: {error.message}")
        except ModuleNotFoundError as error:
            where = f"pip install --no-deps --target {peers} torch-mimicry torchgan"
            notes.append(f"{name}: not measured, {error.name} is not installed ({where})")
        else:
            ready[name] = steps
    return ready, notes


@benchmark(__doc__)
@case_option(*CASES)
@width_option
@batch_option
@rounds_option
@threads_option
@device_option
@click.option("--peers", type=click.Path(path_type=Path), default=Path("build/peers"), show_default=True)
@out_option
def main(
    names: tuple[str, ...],
    width: int | None,
    batch: int | None,
    rounds: int,
    threads: int | None,
    device: str,
    peers: Path,
    out: Path | None,
) -> None:
    """Measures and prints a table."""
    if threads:
        torch.set_num_threads(threads)
    where = gi.devices.pick(device)
    click.echo(f"{gi.devices.describe(where)}; five critic updates and one of G; median of {rounds} steps")
    rows, notes = [], []
    for case in chosen(names, width, batch):
        G, D = case.build(where)
        counts = [sum(p.numel() for p in network.parameters()) / 1e6 for network in (G, D)]
        click.echo(f"{case.about}; G {counts[0]:.2f} M, D {counts[1]:.2f} M weights")
        same_weights(ours(case, where, False), tutorial(case, where))
        ready, missing = contenders(case, where, peers)
        times = in_turns({way: lambda steps=steps: next(steps) for way, steps in ready.items()}, rounds, where)
        others = {way: taken for way, taken in times.items() if not way.startswith("genimg") and way != "tutorial, amp"}
        best = min(others, key=lambda way: statistics.median(others[way]))
        for way, taken in times.items():
            rate, gain = CRITIC_UPDATES * case.batch / statistics.median(taken), ratio(times[best], taken)
            click.echo(f"  {way:16}{rate:10.1f} images/s   {gain:6.2f} times {best}")
            rows.append(
                {"case": case.about, "way": way, "images_per_second": round(rate, 2), "times_best": round(gain, 3)}
            )
        for line in missing:
            click.echo(f"  {line}")
            notes.append(f"{case.about}: {line}")
    keep(out, where, rows=rows, notes=notes, rounds=rounds)


if __name__ == "__main__":
    main()
