"""Architectures, apart from data and objectives. Networks own no optimiser and give raw scores.

Book: 02_gan_theory (first GAN), 04_wgan.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from torch import Tensor, nn

from genimg.checks import UsageError, at_least, choice
from genimg.seeding import seeded


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


class Generator(nn.Module):
    """z (n, latent) → image (n, channels, size, size) in (−1, 1): a linear layer, then doublings of the side."""

    def __init__(self, latent: int, channels: int, widths: Sequence[int], side: int) -> None:
        super().__init__()
        self.latent = latent
        self.start = nn.Sequential(
            nn.Linear(latent, widths[0] * side * side),
            nn.Unflatten(1, (widths[0], side, side)),
            nn.GroupNorm(8, widths[0]),
            nn.ReLU(),
        )
        blocks: list[nn.Module] = []
        for inputs, outputs in pairwise(widths):
            blocks += [nn.ConvTranspose2d(inputs, outputs, 4, 2, 1), nn.GroupNorm(8, outputs), nn.ReLU()]
        self.blocks = nn.Sequential(*blocks)
        self.end = nn.Sequential(nn.ConvTranspose2d(widths[-1], channels, 4, 2, 1), nn.Tanh())

    def forward(self, z: Tensor) -> Tensor:
        return self.end(self.blocks(self.start(z)))


class Critic(nn.Module):
    """Image (n, channels, size, size) → score (n,): halvings of the side without any norm, then a linear layer."""

    def __init__(self, channels: int, widths: Sequence[int], side: int) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        for inputs, outputs in zip([channels, *widths], widths, strict=False):
            blocks += [nn.Conv2d(inputs, outputs, 4, 2, 1), nn.LeakyReLU(0.2)]
        self.blocks = nn.Sequential(*blocks, nn.Flatten())
        self.end = nn.Linear(widths[-1] * side * side, 1)

    def features(self, x: Tensor) -> Tensor:
        """(n, d): what the linear layer at the end sees."""
        return self.blocks(x)

    def forward(self, x: Tensor) -> Tensor:
        return self.end(self.features(x)).squeeze(1)


def dcgan(
    latent: int = 64, size: int = 28, channels: int = 1, width: int = 32, seed: int | None = None
) -> tuple[Generator, Critic]:
    """Generator and critic in the manner of DCGAN, for any side that is 4 to 7 times a power of two.

    Two departures, both for the gradient penalty and for what later chapters do with saved states: the critic has no
    normalisation at all, and the generator has GroupNorm in place of BatchNorm, so that no sample depends on its batch
    and an average of weights has no running statistics to spoil.

    Args:
        latent: dimension of z.
        size: side of the image in pixels: 28 (7·4), 32 (4·8), 64 (4·16) …
        channels: 1 or 3, say.
        width: channels of the layer next to the image, doubled at each halving of the side; a multiple of 8.
        seed: initialisation of both networks; None uses the ambient generator.

    Raises:
        UsageError: for a side that no sequence of doublings reaches, or a width that is no multiple of 8.

    Source: Radford, Metz & Chintala 2016, without their BatchNorm; Gulrajani et al. 2017, section 4.
    Book: 02_gan_theory, 04_wgan.

    Example:
        >>> import torch
        >>> G, D = dcgan(latent=16, size=28, width=8, seed=0)
        >>> x = G(torch.zeros(2, 16))
        >>> x.shape, D(x).shape
        (torch.Size([2, 1, 28, 28]), torch.Size([2]))
    """
    at_least(channels, 1, "channels")
    side, doublings = _doublings("dcgan", size, width)
    widths = [width * 2**k for k in range(doublings)]
    with seeded(seed):
        return Generator(latent, channels, widths[::-1], side), Critic(channels, widths, side)


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
    Book: 07_inpainting.

    Example:
        >>> import torch
        >>> G, D = resnet(latent=16, size=16, width=8, seed=0)
        >>> x = G(torch.zeros(2, 16))
        >>> x.shape, D(x).shape
        (torch.Size([2, 3, 16, 16]), torch.Size([2]))
    """
    at_least(channels, 1, "channels")
    side, doublings = _doublings("resnet", size, width)
    widths = [width * min(2**k, 8) for k in range(doublings + 1)]
    with seeded(seed):
        G = ResidualGenerator(latent, channels, widths[::-1], side)
        D = ResidualCritic(channels, widths, side, _layer if critic_norm else lambda channels: nn.Identity())
        for network in (G, D):
            for name, parameter in network.named_parameters():
                if parameter.ndim > 1:
                    nn.init.xavier_uniform_(parameter, gain=2**0.5 if ".branch." in name else 1.0)
                elif name.endswith("bias"):
                    nn.init.zeros_(parameter)
    return G, D


def _groups(channels: int) -> nn.Module:
    return nn.GroupNorm(8, channels)


def _layer(channels: int) -> nn.Module:
    return nn.GroupNorm(1, channels)


def _doublings(name: str, size: int, width: int) -> tuple[int, int]:
    """(side, doublings) with side · 2^doublings = size and side from 4 to 7.

    Example:
        >>> _doublings("dcgan", 28, 8), _doublings("dcgan", 64, 8)
        ((7, 2), (4, 4))
    """
    if width < 8 or width % 8:
        raise UsageError(f"{name}: width must be a positive multiple of 8, got {width}")
    side, doublings = at_least(size, 8, "size"), 0
    while side > 7 and side % 2 == 0:
        side, doublings = side // 2, doublings + 1
    if not 4 <= side <= 7 or doublings < 2:
        raise UsageError(f"{name}: size must be 4, 5, 6 or 7 times a power of two from 4 on (28, 32, 64 …), got {size}")
    return side, doublings
