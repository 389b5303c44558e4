"""ST-LPIPS: how different two pictures look, by a network that shifts of a pixel leave alone.

Its weights ship inside a package, the extra `pretrained`; see `zoo.stlpips`.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, normalize, pad

from genimg._base.errors import UsageError

CHANNELS = (64, 192, 384, 256, 256)  # of the five layers that are compared
# What trained networks expect: mean and deviation of ImageNet's pictures on the scale [-1, 1].
MEAN, STD = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)


class Blur(nn.Module):
    """Every second pixel of the picture smoothed by the binomial (1, 2, 1), reflected at the border."""

    def forward(self, x: Tensor) -> Tensor:
        line = torch.tensor([0.25, 0.5, 0.25]).to(x)
        kernel = torch.outer(line, line).expand(x.shape[1], 1, 3, 3)
        return conv2d(pad(x, (2, 2, 2, 2), mode="reflect"), kernel, stride=2, groups=x.shape[1])


class ShiftTolerantLPIPS(nn.Module):
    """Pictures x, y (n, 3, h, w) in [-1, 1] → distances (n,); 0 for equal ones. Sides are at least 21.

    AlexNet's convolutions, where a blur takes the place of each stride. The responses at a pixel are scaled to length
    1, and their squared differences weighed by channel; the weights were fitted to what people call similar.

    Source: Ghildyal & Liu, Shift-tolerant perceptual similarity metric, 2022; Zhang et al., The unreasonable
    effectiveness of deep features as a perceptual metric, 2018 (the distance).

    Example:
        >>> x = torch.rand(2, 3, 32, 32) * 2 - 1
        >>> distance = ShiftTolerantLPIPS().eval()
        >>> [tuple(layer.shape[1:]) for layer in distance.layers(x)], distance(x, x).tolist()
        ([(64, 14, 14), (192, 7, 7), (384, 4, 4), (256, 4, 4), (256, 4, 4)], [0.0, 0.0])
    """

    def __init__(self) -> None:
        super().__init__()
        first, second, third, fourth, fifth = CHANNELS
        pool = nn.MaxPool2d(3, 1)
        self.trunk = nn.ModuleList(
            (
                nn.Sequential(nn.Conv2d(3, first, 11, padding=2), Blur(), nn.ReLU()),
                nn.Sequential(pool, Blur(), nn.Conv2d(first, second, 5, padding=2), nn.ReLU()),
                nn.Sequential(pool, Blur(), nn.Conv2d(second, third, 3, padding=1), nn.ReLU()),
                nn.Sequential(nn.Conv2d(third, fourth, 3, padding=1), nn.ReLU()),
                nn.Sequential(nn.Conv2d(fourth, fifth, 3, padding=1), nn.ReLU()),
            )
        )
        self.weights = nn.ParameterList(torch.ones(channels) for channels in CHANNELS)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        total = x.new_zeros(len(x))
        for weight, of_x, of_y in zip(self.weights, self.layers(x), self.layers(y), strict=True):
            total = total + torch.einsum("nchw,c->nhw", (of_x - of_y).square(), weight).mean((1, 2))
        return total

    def layers(self, x: Tensor) -> list[Tensor]:
        """The responses that are compared, of length 1 at each pixel where there is any."""
        x = (x - x.new_tensor(MEAN)[:, None, None]) / x.new_tensor(STD)[:, None, None]
        found = []
        for part in self.trunk:
            x = part(x)
            found.append(normalize(x, dim=1, eps=1e-10))
        return found


def load_stlpips(weights: Mapping[str, Tensor]) -> ShiftTolerantLPIPS:
    """ST-LPIPS with the weights of a published state, in eval mode and without gradients of its weights.

    Args:
        weights: those of its convolutions named net.… in their order, then those of its layers, lin….

    Raises:
        UsageError: for weights that do not fit.
    """
    network = ShiftTolerantLPIPS()
    learned = {name: value for name, value in weights.items() if name.endswith((".weight", ".bias"))}
    found = [value for name, value in learned.items() if name.startswith("net.")]
    found += [value.flatten() for name, value in learned.items() if name.startswith("lin")]
    own = network.state_dict()
    if [value.shape for value in found] != [value.shape for value in own.values()]:
        raise UsageError("these weights are not those of ST-LPIPS")
    network.load_state_dict(dict(zip(own, found, strict=True)))
    return network.eval().requires_grad_(False)
