"""Where does the time of a step of WGAN-GP go? The operations of one step by their own time, from PyTorch's profiler.

The step is `gi.gan_steps` as in `gan_step.py`, bfloat16 and channels last. Shares are of the time inside operations, on
the GPU where there is one; a profiler costs time itself, so no absolute time is shown.
"""

from __future__ import annotations

from pathlib import Path

import click
import torch
from gan_step import CASES, Case, batch_option, case_option, chosen, ours, width_option
from measure import benchmark, device_option, keep, out_option, threads_option
from torch.profiler import ProfilerActivity, profile

import genimg as gi

KINDS = {
    "convolutions": ("conv", "mkldnn_convolution"),
    "matrix products": ("addmm", "::mm", "linear"),
    "norms": ("group_norm", "native_layer_norm", "NormBackward"),
    "rectifiers and other element-wise work": (
        "relu",
        "add",
        "mul",
        "div",
        "sub",
        "tanh",
        "clamp",
        "sqrt",
        "pow",
        "neg",
    ),
    "copies, casts and fills": ("copy_", "cat", "fill_", "zero_", "empty", "contiguous", "clone", "to_dense"),
    "sums and means": ("sum", "mean"),
    "Adam": ("_foreach", "adam", "addcmul", "addcdiv", "lerp"),
}


def kind(operation: str) -> str:
    """The first kind that has a part of the name.

    >>> kind("aten::convolution_backward"), kind("aten::_foreach_add_"), kind("aten::index")
    ('convolutions', 'Adam', 'other')
    """
    if any(part in operation for part in KINDS["Adam"]):
        return "Adam"
    return next((name for name, parts in KINDS.items() if any(part in operation for part in parts)), "other")


def shares(case: Case, device: torch.device) -> dict[str, float]:
    """Share of each kind in the time of one step, the largest first; together 1."""
    steps = ours(case, device, amp=True)
    next(steps)
    activities = [ProfilerActivity.CPU] + [ProfilerActivity.CUDA] * (device.type == "cuda")
    with profile(activities=activities) as seen:
        next(steps)
    found: dict[str, float] = {}
    for event in seen.key_averages():
        if event.key.startswith("aten::") or device.type == "cuda":
            time = event.self_device_time_total if device.type == "cuda" else event.self_cpu_time_total
            found[kind(event.key)] = found.get(kind(event.key), 0.0) + time
    total = sum(found.values())
    return {name: time / total for name, time in sorted(found.items(), key=lambda pair: -pair[1]) if time}


@benchmark(__doc__)
@case_option(*CASES)
@width_option
@batch_option
@threads_option
@device_option
@out_option
def main(
    names: tuple[str, ...], width: int | None, batch: int | None, threads: int | None, device: str, out: Path | None
) -> None:
    """Measures and prints a table."""
    if threads:
        torch.set_num_threads(threads)
    where, rows = gi.devices.pick(device), []
    for case in chosen(names, width, batch):
        click.echo(f"{case.about}; {gi.devices.describe(where)}")
        for what, share in shares(case, where).items():
            click.echo(f"  {what:42}{share:7.1%}")
            rows.append({"case": case.about, "kind": what, "share": round(share, 4)})
    keep(out, where, rows=rows)


if __name__ == "__main__":
    main()
