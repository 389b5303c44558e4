"""Lightness in, chroma and a class distribution out: what colours the reader's own picture in the page."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from genimg import zoo
from genimg.gan.networks import ChromaGenerator
from genimg.widgets.live.graph import Graph


class Colouring(nn.Module):
    """L (1, 1, size, size) in [0, 1] → ab (1, 2, size, size) as the network gives it, and y (1, classes), of sum 1.

    Where the class branch has several linear layers, a single matrix is left of them: there is nothing between them,
    and so their product answers the same.
    """

    def __init__(self, G: ChromaGenerator) -> None:
        super().__init__()
        self.G = copy.deepcopy(G).eval().requires_grad_(False)
        assert self.G.classifier is not None
        if isinstance(self.G.classifier, nn.Sequential):
            self.G.classifier = product(self.G.classifier).half().float()  # as the file keeps it

    def forward(self, L: Tensor) -> tuple[Tensor, Tensor]:
        ab, logits = self.G(L)
        return ab, logits.softmax(1)


@torch.no_grad()
def product(layers: nn.Sequential) -> nn.Linear:
    """One linear layer that does what several do, one after the other; computed in float64.

    Example:
        >>> layers = nn.Sequential(nn.Linear(2, 5), nn.Linear(5, 3))
        >>> x = torch.ones(1, 2)
        >>> torch.allclose(product(layers)(x), layers(x), atol=1e-6)
        True
    """
    parts = [layer for layer in layers if isinstance(layer, nn.Linear)]
    weight, bias = parts[0].weight.double(), parts[0].bias.double()
    for layer in parts[1:]:
        weight, bias = layer.weight.double() @ weight, layer.weight.double() @ bias + layer.bias.double()
    one = nn.Linear(parts[0].in_features, parts[-1].out_features)
    one.weight.copy_(weight)
    one.bias.copy_(bias)
    return one


def shipped() -> Graph:
    """The shipped `colours`: L → ab, y."""
    G, _ = zoo.load("colours", kind="colours")
    assert isinstance(G, ChromaGenerator)
    ramp = torch.linspace(0, 1, G.size).expand(1, 1, G.size, G.size).contiguous()
    return Graph(Colouring(G), {"L": ramp}, ("ab", "y"))
