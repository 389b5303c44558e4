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
    and so their product answers the same. Batch normalisation becomes a factor and a summand: the exporter would put it
    into the weights before it, which float16 then no longer holds; the runtime does the same when it loads.
    """

    def __init__(self, G: ChromaGenerator) -> None:
        super().__init__()
        self.G = copy.deepcopy(G).eval().requires_grad_(False)
        assert self.G.classifier is not None
        if isinstance(self.G.classifier, nn.Sequential):
            self.G.classifier = product(self.G.classifier).half().float()  # as the file keeps it
        _apart(self.G)

    def forward(self, L: Tensor) -> tuple[Tensor, Tensor]:
        ab, logits = self.G(L)
        return ab, logits.softmax(1)


class Affine(nn.Module):
    """What batch normalisation does in eval mode: x · scale + shift, each of them one number a channel.

    Example:
        >>> norm = nn.BatchNorm2d(2, eps=3.0).eval()  # of mean 0 and variance 1
        >>> Affine(norm)(torch.full((1, 2, 1, 1), 5.0)).flatten().tolist()
        [2.5, 2.5]
    """

    def __init__(self, norm: nn.BatchNorm2d) -> None:
        super().__init__()
        assert norm.running_mean is not None and norm.running_var is not None
        scale = norm.weight.double() / (norm.running_var.double() + norm.eps).sqrt()
        shift = norm.bias.double() - norm.running_mean.double() * scale
        self.scale, self.shift = (nn.Buffer(each.detach().float()[:, None, None]) for each in (scale, shift))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.scale + self.shift


def _apart(network: nn.Module) -> None:
    """Puts an `Affine` in the place of each batch normalisation in the network."""
    for name, part in list(network.named_children()):
        if isinstance(part, nn.BatchNorm2d):
            setattr(network, name, Affine(part))
        else:
            _apart(part)


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
