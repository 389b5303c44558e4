"""Layers with the way back written as forward operations, so that a graph without autograd holds a gradient.

A layer's pullback takes a gradient with respect to what it gives to one with respect to what it took: v ↦ Jᵀ v. That of
a transposed convolution is the convolution with the same weights, and the other way round: nothing is stored twice.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import singledispatch

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, conv2d, conv_transpose2d

from genimg._base.errors import UsageError

Pullback = Callable[[Tensor], Tensor]


def traced(network: nn.Module, x: Tensor) -> tuple[Tensor, Pullback]:
    """What a chain of layers gives for x, and the pullback there.

    Args:
        network: layers that run in the order in which they are registered, each of a kind that `pullback` knows.
        x: (n, …), what the first of them takes.

    Raises:
        UsageError: for a layer of another kind.

    Source: the chain rule.

    Example:
        tanh(3x) has the slope 3 / cosh²(0) at 0.

        >>> chain = nn.Sequential(nn.Linear(1, 1), nn.Tanh())
        >>> _ = nn.init.constant_(chain[0].weight, 3.0), nn.init.zeros_(chain[0].bias)
        >>> y, back = traced(chain.requires_grad_(False), torch.zeros(1, 1))
        >>> y.item(), back(torch.ones(1, 1)).item()
        (0.0, 3.0)
    """
    backs: list[Pullback] = []
    for layer in network.modules():
        if not any(layer.children()):
            x, back = pullback(layer, x)
            backs.append(back)

    def chain(v: Tensor) -> Tensor:
        for back in reversed(backs):
            v = back(v)
        return v

    return x, chain


@singledispatch
def pullback(layer: nn.Module, x: Tensor) -> tuple[Tensor, Pullback]:
    """layer(x), and v ↦ Jᵀ v there; for Linear, convolutions, GroupNorm, the activations and shapes of `dcgan`.

    Raises:
        UsageError: for a layer of another kind.
    """
    raise UsageError(f"no pullback is written for a layer of kind {type(layer).__name__}")


@pullback.register
def _(layer: nn.Linear, x: Tensor) -> tuple[Tensor, Pullback]:
    return layer(x), lambda v: v @ layer.weight


@pullback.register
def _(layer: nn.ConvTranspose2d, x: Tensor) -> tuple[Tensor, Pullback]:
    return layer(x), lambda v: conv2d(v, layer.weight, None, layer.stride, layer.padding)


@pullback.register
def _(layer: nn.Conv2d, x: Tensor) -> tuple[Tensor, Pullback]:
    # Exact where the stride divides the side, as in all halvings of `dcgan`.
    return layer(x), lambda v: conv_transpose2d(v, layer.weight, None, layer.stride, layer.padding)  # type: ignore[arg-type]


@pullback.register
def _(layer: nn.Upsample, x: Tensor) -> tuple[Tensor, Pullback]:
    # Each pixel twice in each direction: back to the sum of its four copies.
    return layer(x), lambda v: 4 * avg_pool2d(v, 2)


@pullback.register
def _(layer: nn.GroupNorm, x: Tensor) -> tuple[Tensor, Pullback]:
    def grouped(u: Tensor) -> Tensor:
        return u.reshape(len(u), layer.num_groups, -1)

    def per_channel(u: Tensor) -> Tensor:
        return u.view(1, -1, 1, 1)

    off = grouped(x) - grouped(x).mean(-1, keepdim=True)
    rate = (off.square().mean(-1, keepdim=True) + layer.eps).rsqrt()
    unit = off * rate  # mean 0, variance 1

    def back(v: Tensor) -> Tensor:
        w = grouped(v * per_channel(layer.weight))
        # What would move mean or variance is taken out again.
        return (rate * (w - w.mean(-1, keepdim=True) - unit * (w * unit).mean(-1, keepdim=True))).reshape(x.shape)

    return unit.reshape(x.shape) * per_channel(layer.weight) + per_channel(layer.bias), back


@pullback.register
def _(layer: nn.ReLU, x: Tensor) -> tuple[Tensor, Pullback]:
    return x.relu(), lambda v: torch.where(x > 0, v, 0.0)


@pullback.register
def _(layer: nn.LeakyReLU, x: Tensor) -> tuple[Tensor, Pullback]:
    return layer(x), lambda v: torch.where(x > 0, v, layer.negative_slope * v)


@pullback.register
def _(layer: nn.Tanh, x: Tensor) -> tuple[Tensor, Pullback]:
    y = x.tanh()
    return y, lambda v: v * (1 - y * y)


@pullback.register(nn.Flatten)
@pullback.register(nn.Unflatten)
def _(layer: nn.Module, x: Tensor) -> tuple[Tensor, Pullback]:
    return layer(x), lambda v: v.reshape(x.shape)
