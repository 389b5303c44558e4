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
    if width < 8 or width % 8:
        raise UsageError(f"dcgan: width must be a positive multiple of 8, got {width}")
    side, doublings = at_least(size, 8, "size"), 0
    while side > 7 and side % 2 == 0:
        side, doublings = side // 2, doublings + 1
    if not 4 <= side <= 7 or doublings < 2:
        raise UsageError(f"dcgan: size must be 4, 5, 6 or 7 times a power of two from 4 on (28, 32, 64 …), got {size}")
    widths = [width * 2**k for k in range(doublings)]
    with seeded(seed):
        return Generator(latent, channels, widths[::-1], side), Critic(channels, widths, side)
