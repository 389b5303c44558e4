"""Where the search in the page starts, as a graph: z that `gi.inpaint.Encoder` makes of the known pixels."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from genimg._base.seeding import child, rng
from genimg.problems.inpaint import Encoder
from genimg.problems.inpaint.encoder import seen
from genimg.widgets.live.graph import Graph


class Start(nn.Module):
    """(mask (1, 1, h, w), y (1, c, h, w)) → z (1, d), as `Encoder`."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.network = encoder.network

    def forward(self, mask: Tensor, y: Tensor) -> Tensor:
        return self.network(seen(y, mask))


def encoder() -> Graph:
    """(mask (1, 1, 64, 64), y (1, 3, 64, 64)) → z (1, 256) for the generator of faces."""
    mask = torch.ones(1, 1, 64, 64)
    mask[..., 16:48, 16:48] = 0
    y = torch.rand(1, 3, 64, 64, generator=rng(child(0, "live encoder"))) - 0.5
    return Graph(Start(Encoder.load("faces-encoder")), {"mask": mask, "y": y}, ("z",))
