"""What makes a step of WGAN-GP fast: one change at a time, put in or taken out, in one run.

The loop is that of `gi.gan_steps` with a switch per change; that it makes the same update is checked first. `base` is
what this project trains with, and a row says how many times faster a step is with the change than without it:

  channels last     memory format of networks and images
  bf16              bfloat16 autocast; where the processor only imitates it, it is out, and its row is empty
  frozen critic     the generator's step asks no gradient of D's weights
  data on device    against a DataLoader that hands over uint8 pictures
  one critic pass   real and generated images through D in one call
  one generator pass  the images of all critic updates of a step in one call of G
  fused optimiser   Adam(fused=True)
  tangent penalty   the exact slope of the penalty by forward over reverse mode in place of reverse over reverse: with
                    v = 2 (‖∇D‖ − 1) ∇D / ‖∇D‖ held fixed it is the slope of the directional derivative v · ∇D
  compiled G        torch.compile of the generator; the critic cannot be, since its penalty is differentiated twice
  CUDA graphs       the same with mode "reduce-overhead", which captures graphs; on CUDA only

At the end the share of the machine's matrix rate that a step reaches: floating-point operations counted by PyTorch,
against a product of two large matrices in the same precision.
"""

from __future__ import annotations

import contextlib
import statistics
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import click
import torch
from gan_step import (
    ADAM,
    CRITIC_UPDATES,
    LAM,
    Case,
    batch_option,
    case_option,
    chosen,
    ours,
    same_weights,
    width_option,
)
from measure import benchmark, device_option, in_turns, keep, out_option, ratio, rounds_option, seconds, threads_option
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.data import DataLoader, TensorDataset
from torch.utils.flop_counter import flop_registry

import genimg as gi


@dataclass(frozen=True)
class Changes:
    """What is in."""

    channels_last: bool = True
    bf16: bool = True
    frozen_critic: bool = True
    data_on_device: bool = True
    one_critic_pass: bool = False
    one_generator_pass: bool = False
    fused_optimiser: bool = False
    tangent_penalty: bool = False
    compiled_G: bool = False
    CUDA_graphs: bool = False


def loop(case: Case, device: torch.device, has: Changes) -> Iterator[tuple[nn.Module, nn.Module]]:
    """One step each time it is asked."""
    G, D = case.build(device)
    real, latent, rng = case.laws(device)
    if has.channels_last:
        G, D = (network.to(memory_format=torch.channels_last) for network in (G, D))
    of_G, of_D = (torch.optim.Adam(n.parameters(), **ADAM, fused=has.fused_optimiser or None) for n in (G, D))
    autocast = torch.autocast(device.type, dtype=torch.bfloat16, enabled=has.bf16)
    draw: Any = real if has.data_on_device else Loader(real.x, case.batch, device)
    made = G
    if has.compiled_G or has.CUDA_graphs:
        made = torch.compile(G, mode="reduce-overhead" if has.CUDA_graphs else None)  # type: ignore[assignment]

    def scores(x: Tensor) -> Tensor:
        return D(x).float()

    def fakes() -> Iterator[Tensor]:
        many = CRITIC_UPDATES if has.one_generator_pass else 1
        while True:
            with torch.no_grad(), autocast:
                made_now = made(latent.sample(many * case.batch)).float()
            yield from made_now.split(case.batch)  # outside of no_grad, which would reach the reader of this iterator

    generated = fakes()
    while True:
        for _ in range(CRITIC_UPDATES):
            fake, x = next(generated), draw.sample(case.batch)
            with autocast:
                if has.one_critic_pass:
                    on_real, on_fake = scores(torch.cat([x, fake])).chunk(2)
                else:
                    on_real, on_fake = scores(x), scores(fake)
                penalty = tangent_penalty if has.tangent_penalty else gi.objectives.gradient_penalty
                loss = LAM * penalty(D, x, fake, rng) - (on_real.mean() - on_fake.mean())
            of_D.zero_grad()
            loss.backward()
            of_D.step()
        if has.frozen_critic:
            D.requires_grad_(False)
        with autocast:
            loss = -scores(made(latent.sample(case.batch))).mean()
        of_G.zero_grad()
        loss.backward()
        of_G.step()
        D.requires_grad_(True)
        yield G, D


class Loader:
    """Batches of uint8 pictures from a DataLoader, to the device and to [-1, 1] one by one."""

    def __init__(self, images: Tensor, batch: int, device: torch.device) -> None:
        pictures = ((images.cpu() + 1) * 127.5).byte()
        self.loader = DataLoader(TensorDataset(pictures), batch, shuffle=True, pin_memory=device.type == "cuda")
        self.device, self.batches = device, iter(self.loader)

    def sample(self, n: int) -> Tensor:
        """The next batch, (n, c, h, w)."""
        for _ in range(2):
            with contextlib.suppress(StopIteration):
                (x,) = next(self.batches)
                return x.to(self.device, non_blocking=True).float() / 127.5 - 1
            self.batches = iter(self.loader)
        raise click.ClickException("the loader is empty")


def tangent_penalty(D: nn.Module, real: Tensor, fake: Tensor, rng: torch.Generator) -> Tensor:
    """A scalar with the value and the slope of `gi.objectives.gradient_penalty`, at other cost."""
    u = torch.rand(len(real), *[1] * (real.ndim - 1), generator=rng, device=real.device)
    between = (u * real + (1 - u) * fake).requires_grad_(True)
    (slope,) = torch.autograd.grad(D(between).float().sum(), between)
    norm = (slope.float().flatten(1).square().sum(1) + 1e-12).sqrt()
    value = (norm - 1).square().mean()
    along = (2 * (norm - 1) / norm / len(real)).reshape(-1, *[1] * (real.ndim - 1)) * slope
    with forward_ad.dual_level():
        out = D(forward_ad.make_dual(between.detach(), along.detach()))
        tangent = forward_ad.unpack_dual(out).tangent.float().sum()
    return tangent - tangent.detach() + value


def trained_with(device: torch.device) -> Changes:
    """What is in where this project trains on that device."""
    return Changes(bf16=gi.devices.bfloat16(device))


def words(name: str) -> str:
    """As the table says it."""
    return name.replace("_", " ")


def variant(case: Case, device: torch.device, change: str) -> tuple[Iterator[Any] | None, str]:
    """The loop with one change undone or made, warmed up; or why it does not run here."""
    if change == "CUDA_graphs" and device.type != "cuda":
        return None, "on CUDA only"
    base = trained_with(device)
    if change == "bf16" and not base.bf16:
        return None, "this processor only imitates it"
    steps = loop(case, device, replace(base, **{change: not getattr(base, change)}))
    try:
        next(steps)
    except Exception as error:  # a compiler that is missing, an operation without a tangent
        return None, f"does not run: {str(error).strip().splitlines()[0][:100]}"
    return steps, ""


def matrix_rate(device: torch.device, dtype: torch.dtype, side: int = 1024) -> float:
    """Floating-point operations per second of a product of two square matrices: the best of ten."""
    a, b = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    return 2 * side**3 / min(seconds(lambda: a @ b, device) for _ in range(10))


class Operations(TorchDispatchMode):
    """Counts those of products and convolutions; PyTorch's own counter refuses autograd.grad."""

    total = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = function(*args, **(kwargs or {}))
        if (count := flop_registry.get(function._overloadpacket)) is not None:
            self.total += count(*args, **(kwargs or {}), out_val=out)
        return out


def operations(case: Case, device: torch.device) -> int:
    """Of one step."""
    steps = loop(case, device, trained_with(device))
    next(steps)
    with Operations() as counted:
        next(steps)
    return counted.total


@benchmark(__doc__)
@case_option("32", "64")
@width_option
@batch_option
@rounds_option
@threads_option
@device_option
@out_option
def main(
    names: tuple[str, ...],
    width: int | None,
    batch: int | None,
    rounds: int,
    threads: int | None,
    device: str,
    out: Path | None,
) -> None:
    """Measures and prints a table."""
    if threads:
        torch.set_num_threads(threads)
    where = gi.devices.pick(device)
    click.echo(f"{gi.devices.describe(where)}; gain of each change, median of {rounds} rounds")
    rows: list[dict[str, Any]] = []
    reached: list[dict[str, Any]] = []
    for case in chosen(names, width, batch):
        click.echo(case.about)
        plain = Changes(bf16=False, channels_last=False)
        same_weights(loop(case, where, plain), ours(case, where, amp=False))
        base, steps_of_base = loop(case, where, trained_with(where)), []
        for field in fields(Changes):
            what, inside = words(field.name), getattr(trained_with(where), field.name)
            steps, note = variant(case, where, field.name)
            if steps is None:
                gain = None
            else:  # each change beside the base, not all in one round: what a compiler leaves behind slows the others
                times = in_turns({"other": partial(next, steps), "base": partial(next, base)}, rounds, where)
                steps_of_base += times["base"]
                gain = ratio(times["other"], times["base"]) if inside else ratio(times["base"], times["other"])
                note = "in" if inside else "not in"
            click.echo(f"  {what:20}{'–' if gain is None else f'{gain:.2f}':>6}   {note}")
            rows.append({"case": case.about, "change": what, "gain": gain and round(gain, 3), "note": note})
        step = statistics.median(steps_of_base)
        rate = operations(case, where) / step
        precisions = ("bfloat16", "float32") if trained_with(where).bf16 else ("float32",)
        peaks = {kind: matrix_rate(where, getattr(torch, kind)) for kind in precisions}
        reached.append(
            {"case": case.about, "step_seconds": round(step, 4), "gflops": round(rate / 1e9, 1)}
            | {f"share_of_{kind}": round(rate / peak, 3) for kind, peak in peaks.items()}
            | {f"matrix_{kind}_gflops": round(peak / 1e9, 1) for kind, peak in peaks.items()}
        )
        parts = [f"{rate / peak:.0%} of a matrix product in {kind} ({peak / 1e9:.0f})" for kind, peak in peaks.items()]
        click.echo(f"  a step takes {step:.3f} s and reaches {rate / 1e9:.1f} GFLOP/s: {', '.join(parts)}")
    keep(out, where, rows=rows, reached=reached, rounds=rounds)


if __name__ == "__main__":
    main()
