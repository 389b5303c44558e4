"""The residual generator and critic of WGAN-GP."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise

from torch import Tensor, nn

from genimg._base.errors import at_least
from genimg._base.seeding import seeded
from genimg.gan.networks.sides import doublings

_groups = partial(nn.GroupNorm, 8)


class Residual(nn.Module):
    """Two 3 x 3 convolutions, each after a norm and a ReLU, and a 1 x 1 convolution past them; the side changes by two.

    Upwards the side is doubled before the first convolution, downwards pixels are averaged two by two after the second
    one, and before the shortcut's.
    """

    def __init__(self, inputs: int, outputs: int, up: bool, norm: Callable[[int], nn.Module]) -> None:
        super().__init__()
        middle = outputs if up else inputs
        up_2 = nn.Upsample(scale_factor=2) if up else nn.Identity()
        down_2 = nn.Identity() if up else nn.AvgPool2d(2)
        self.branch = nn.Sequential(
            norm(inputs), nn.ReLU(), up_2, nn.Conv2d(inputs, middle, 3, padding=1, bias=False),
            norm(middle), nn.ReLU(), nn.Conv2d(middle, outputs, 3, padding=1), down_2,
        )  # fmt: skip
        self.shortcut = nn.Sequential(up_2, down_2, nn.Conv2d(inputs, outputs, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.shortcut(x) + self.branch(x)


class ResidualGenerator(nn.Module):
    """z (n, latent) → image (n, channels, size, size) in (−1, 1): a linear layer, then residual doublings."""

    def __init__(self, latent: int, channels: int, widths: Sequence[int], side: int) -> None:
        super().__init__()
        self.latent = latent
        self.start = nn.Sequential(nn.Linear(latent, widths[0] * side * side), nn.Unflatten(1, (widths[0], side, side)))
        self.blocks = nn.Sequential(*(Residual(a, b, True, _groups) for a, b in pairwise(widths)))
        self.end = nn.Sequential(
            _groups(widths[-1]), nn.ReLU(), nn.Conv2d(widths[-1], channels, 3, padding=1), nn.Tanh()
        )

    def forward(self, z: Tensor) -> Tensor:
        return self.end(self.blocks(self.start(z)))


class ResidualCritic(nn.Module):
    """Image (n, channels, size, size) → score (n,): a convolution, residual halvings, then a linear layer."""

    def __init__(self, channels: int, widths: Sequence[int], side: int, norm: Callable[[int], nn.Module]) -> None:
        super().__init__()
        blocks = [Residual(a, b, False, norm) for a, b in pairwise(widths)]
        self.blocks = nn.Sequential(nn.Conv2d(channels, widths[0], 3, padding=1), *blocks, nn.Flatten())
        self.end = nn.Linear(widths[-1] * side * side, 1)

    def features(self, x: Tensor) -> Tensor:
        """(n, d): what the linear layer at the end sees."""
        return self.blocks(x)

    def forward(self, x: Tensor) -> Tensor:
        return self.end(self.features(x)).squeeze(1)


def resnet(
    latent: int = 128,
    size: int = 64,
    channels: int = 3,
    width: int = 64,
    seed: int | None = None,
    critic_norm: bool = True,
) -> tuple[ResidualGenerator, ResidualCritic]:
    """The residual generator and critic of WGAN-GP, for any side that is 4 to 7 times a power of two.

    One departure: the generator has GroupNorm (8 groups) in place of BatchNorm, as in `dcgan`. At the default size and
    width the generator has 8,540,483 parameters, the critic 7,491,841; without those of the norms 8,535,619 and
    7,488,001.

    Args:
        latent, size, seed: as for `dcgan`.
        channels: 1 or 3, say.
        width: channels of the layer next to the image, doubled at each halving of the side, up to eight times; a
            multiple of 8.
        critic_norm: layer normalisation in the critic, over channels and pixels with a scale and a shift per channel;
            False for none.

    Raises:
        UsageError: as `dcgan`.

    Source: Gulrajani et al. 2017, GoodGenerator and GoodDiscriminator of the code published with it (`gan_64x64.py`);
    weights start as there, uniform with variance 4 / (fan in + fan out) in the blocks and 2 / (fan in + fan out)
    elsewhere, biases at 0.

    Example:
        >>> import torch
        >>> G, D = resnet(latent=16, size=16, width=8, seed=0)
        >>> x = G(torch.zeros(2, 16))
        >>> x.shape, D(x).shape
        (torch.Size([2, 3, 16, 16]), torch.Size([2]))
    """
    at_least(channels, 1, "channels")
    side, halvings = doublings("resnet", size, width)
    widths = [width * min(2**k, 8) for k in range(halvings + 1)]
    with seeded(seed):
        G = ResidualGenerator(latent, channels, widths[::-1], side)
        D = ResidualCritic(channels, widths, side, partial(nn.GroupNorm, 1) if critic_norm else nn.Identity)
        for network in (G, D):
            for name, parameter in network.named_parameters():
                if parameter.ndim > 1:
                    nn.init.xavier_uniform_(parameter, gain=2**0.5 if ".branch." in name else 1.0)
                elif name.endswith("bias"):
                    nn.init.zeros_(parameter)
    return G, D
