"""The best linear answer as a graph: what `gi.inpaint.Linear` expects at missing pixels, for the search in the page."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from genimg._base.seeding import child, rng
from genimg.problems.inpaint import Linear
from genimg.widgets.live.graph import Graph

STEPS = 60  # of conjugate gradients: where half a face is missing, the error is below four grey values of 256

TINY = 1e-9  # with a small hole they are done after a few steps, and go on at nothing divided by nothing


class Answer(nn.Module):
    """(mask (1, 1, h, w), y (1, c, h, w)) → E[x | known pixels of y] (1, c, h, w), as `Linear.given`.

    Its k x k system is not formed: conjugate gradients with the diagonal in front need two products with the basis a
    step.

    Example:
        >>> law = Linear(torch.zeros(1, 1, 2), torch.tensor([[1.0], [1.0]]), 1e-4)
        >>> x = Answer(law)(torch.tensor([[[[1.0, 0.0]]]]), torch.tensor([[[[0.5, 9.0]]]]))
        >>> [round(v, 2) for v in x.flatten().tolist()]
        [0.5, 0.5]
    """

    mean: Tensor
    basis: Tensor
    lengths: Tensor

    def __init__(self, law: Linear) -> None:
        super().__init__()
        self.register_buffer("mean", law.mean.flatten()[None])
        self.register_buffer("basis", law.basis)
        self.noise = law.noise
        self.register_buffer("lengths", law.basis.square().sum(0)[None])

    def forward(self, mask: Tensor, y: Tensor) -> Tensor:
        known = mask.expand_as(y).flatten(1)
        behind = self.lengths * known.mean() + self.noise  # about the diagonal of the system

        def system(h: Tensor) -> Tensor:
            return (known * (h @ self.basis.T)) @ self.basis + self.noise * h

        rest = (known * (y.flatten(1) - self.mean)) @ self.basis
        h, along = torch.zeros_like(rest), rest / behind
        size = (rest * along).sum()
        for _ in range(STEPS):
            pulled = system(along)
            step = size / (along * pulled).sum().clamp(min=TINY)
            h, rest = h + step * along, rest - step * pulled
            eased = rest / behind
            last, size = size, (rest * eased).sum()
            along = eased + size / last.clamp(min=TINY) * along
        return (h @ self.basis.T + self.mean).unflatten(1, y.shape[1:])


def linear() -> Graph:
    """(mask (1, 1, 64, 64), y (1, 3, 64, 64)) → the best linear answer for faces."""
    mask = torch.ones(1, 1, 64, 64)
    mask[..., 16:48, 16:48] = 0
    y = torch.rand(1, 3, 64, 64, generator=rng(child(0, "live linear"))) - 0.5
    return Graph(Answer(Linear.load("faces-linear")), {"mask": mask, "y": y}, ("expected",))
