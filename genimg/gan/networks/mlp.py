"""A multilayer perceptron, for toy laws and detectors on features."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from torch import nn

from genimg._base.errors import UsageError, choice
from genimg._base.seeding import seeded


def mlp(
    widths: Sequence[int], activation: str = "relu", seed: int | None = None, zero_last: bool = False
) -> nn.Sequential:
    """A multilayer perceptron R^widths[0] → R^widths[-1].

    Args:
        widths: sizes of all layers, input and output included.
        activation: `relu`, `leaky` (slope 0.2), `tanh` or `silu`, between layers.
        seed: initialisation; None uses the ambient generator.
        zero_last: starts the last layer at zero. In one dimension a critic under a two-sided gradient penalty can
            lock into the wrong sign; started at D = 0 it does not.

    Example:
        >>> sum(p.numel() for p in mlp([2, 8, 1], seed=0).parameters())     # 2·8 + 8 + 8·1 + 1
        33
    """
    acts: dict[str, Callable[[], nn.Module]] = {
        "relu": nn.ReLU,
        "leaky": lambda: nn.LeakyReLU(0.2),
        "tanh": nn.Tanh,
        "silu": nn.SiLU,
    }
    choice(activation, "activation", acts)
    if len(widths) < 2:
        raise UsageError(f"mlp: widths needs an input and an output size, got {list(widths)}")
    layers: list[nn.Module] = []
    with seeded(seed):
        for inputs, outputs in pairwise(widths):
            layers += [nn.Linear(inputs, outputs), acts[activation]()]
    layers.pop()
    if zero_last:
        for parameter in layers[-1].parameters():
            nn.init.zeros_(parameter)
    return nn.Sequential(*layers)
