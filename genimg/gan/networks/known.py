"""Critics whose slope is known, for checks that have to hand a network to an answer.

Such a network is named, not pickled, where the answer runs in a process of its own (the classroom): its name and
its weights are all that there is to say about it.
"""

from __future__ import annotations

from torch import Tensor, nn


class Linear(nn.Module):
    """The critic x -> <weight, x>, of slope |weight|: samples (n, …) of d coordinates to (n,).

    Args:
        weight: (d,); a gradient with respect to it is taken if it asks for one.

    Example:
        >>> import torch
        >>> Linear(torch.tensor([3.0, 4.0]))(torch.ones(2, 1, 2)).tolist()
        [7.0, 7.0]
    """

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.weight = weight

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(1) @ self.weight


class MeanChroma(nn.Module):
    """The critic of L (n, 1, h, w) and ab (n, 2, h, w) that gives `weight` times the mean of ab, (n, 1, 1, 1).

    Example:
        >>> import torch
        >>> MeanChroma(torch.tensor(2.0))(torch.zeros(1, 1, 2, 2), torch.ones(1, 2, 2, 2)).tolist()
        [[[[2.0]]]]
    """

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.weight = weight

    def forward(self, L: Tensor, ab: Tensor) -> Tensor:
        return self.weight * ab.mean((1, 2, 3), keepdim=True) + 0 * L.mean()


KNOWN = {kind.__name__: kind for kind in (Linear, MeanChroma)}
