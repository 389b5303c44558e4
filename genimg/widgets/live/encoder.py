"""Where the search in the page starts, as a graph: z that `gi.inpaint.Encoder` makes of the known pixels.

A picture without colour is shown to it, and to the search, in the tones of the generator; the graph gives what is
shown, and what the page needs to go back from there.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from genimg import zoo
from genimg._base.seeding import child, rng
from genimg.problems.inpaint import Encoder, Tones
from genimg.problems.inpaint.encoder import seen
from genimg.problems.inpaint.tones import show
from genimg.widgets.live.graph import Graph


class Start(nn.Module):
    """(mask (1, 1, h, w), y (1, c, h, w)) → z (1, d), as `Encoder`, then `Shown` with grey as 0 or 1."""

    def __init__(self, encoder: Encoder, tones: Tones | None) -> None:
        super().__init__()
        self.network, self.tones = encoder.network, tones

    def forward(self, mask: Tensor, y: Tensor) -> tuple[Tensor, ...]:
        shown = show(y, mask, self.tones)
        back = (x.flatten().to(y) for x in (shown.grey, shown.gain, shown.shift))
        return self.network(seen(shown.y, mask)), shown.y, *back


def encoder() -> Graph:
    """(mask (1, 1, 64, 64), y (1, 3, 64, 64)) → (z (1, 256), shown, grey, gain, shift) for the generator of faces."""
    mask = torch.ones(1, 1, 64, 64)
    mask[..., 16:48, 16:48] = 0
    y = torch.rand(1, 3, 64, 64, generator=rng(child(0, "live encoder"))) - 0.5
    G, _ = zoo.load("faces")
    module = Start(Encoder.load("faces-encoder"), Tones.of(G))
    return Graph(module, {"mask": mask, "y": y}, ("z", "shown", "grey", "gain", "shift"))
