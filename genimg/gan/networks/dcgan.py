"""Generator and critic in the manner of DCGAN."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from genimg._base.errors import at_least, choice
from genimg._base.seeding import seeded
from genimg.gan.networks.sides import doublings

DOUBLINGS = ("transposed", "resize")


class Generator(nn.Module):
    """z (n, latent) → image (n, channels, size, size) in (−1, 1): a linear layer, then doublings of the side."""

    def __init__(self, latent: int, channels: int, widths: Sequence[int], side: int, up: str = "transposed") -> None:
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
            blocks += [*_doubling(inputs, outputs, up), nn.GroupNorm(8, outputs), nn.ReLU()]
        self.blocks = nn.Sequential(*blocks)
        self.end = nn.Sequential(*_doubling(widths[-1], channels, up), nn.Tanh())

    def forward(self, z: Tensor) -> Tensor:
        return self.end(self.blocks(self.start(z)))


def _doubling(inputs: int, outputs: int, up: str) -> list[nn.Module]:
    """Layers that double the side: 4 x 4 transposed with stride 2, or each pixel twice and then 3 x 3.

    Two neighbours of a transposed convolution see different weights of its kernel, which leaves a grid; after resizing
    all see the same (Odena, Dumoulin & Olah 2016).
    """
    if up == "transposed":
        return [nn.ConvTranspose2d(inputs, outputs, 4, 2, 1)]
    return [nn.Upsample(scale_factor=2), nn.Conv2d(inputs, outputs, 3, padding=1)]


class Critic(nn.Module):
    """Image (n, channels, size, size) → (n,), or (n, numbers): halvings of the side without norms, a linear layer."""

    def __init__(self, channels: int, widths: Sequence[int], side: int, numbers: int = 1) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        for inputs, outputs in zip([channels, *widths], widths, strict=False):
            blocks += [nn.Conv2d(inputs, outputs, 4, 2, 1), nn.LeakyReLU(0.2)]
        self.blocks = nn.Sequential(*blocks, nn.Flatten())
        self.end = nn.Linear(widths[-1] * side * side, numbers)

    def features(self, x: Tensor) -> Tensor:
        """(n, d): what the linear layer at the end sees."""
        return self.blocks(x)

    def forward(self, x: Tensor) -> Tensor:
        found = self.end(self.features(x))
        return found.squeeze(1) if self.end.out_features == 1 else found


def dcgan(
    latent: int = 64,
    size: int = 28,
    channels: int = 1,
    width: int = 32,
    seed: int | None = None,
    up: str = "transposed",
    critic_width: int | None = None,
    spectral: bool = False,
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
        up: how the generator doubles the side, "transposed" as in DCGAN or "resize", which leaves no grid.
        critic_width: `width` of the critic, if it is another.
        spectral: divides each layer of the critic by the largest singular value of its weights, convolutions as
            matrices of one row per output channel.

    Raises:
        UsageError: for a side that no sequence of doublings reaches, or a width that is no multiple of 8.

    Source: Radford, Metz & Chintala 2016, without their BatchNorm; Gulrajani et al. 2017, section 4; `spectral`:
    Miyato, Kataoka, Koyama & Yoshida 2018.

    Example:
        >>> import torch
        >>> G, D = dcgan(latent=16, size=28, width=8, seed=0)
        >>> x = G(torch.zeros(2, 16))
        >>> x.shape, D(x).shape
        (torch.Size([2, 1, 28, 28]), torch.Size([2]))
    """
    at_least(channels, 1, "channels")
    side, halvings = doublings("dcgan", size, width)
    choice(up, "up", DOUBLINGS)
    widths, of_critic = ([w * 2**k for k in range(halvings)] for w in (width, critic_width or width))
    doublings("dcgan", size, of_critic[0])
    with seeded(seed):
        G, D = Generator(latent, channels, widths[::-1], side, up), Critic(channels, of_critic, side)
        if spectral:
            for layer in list(D.modules()):
                if isinstance(layer, nn.Conv2d | nn.Linear):
                    spectral_norm(layer)
        return G, D


def encoder(
    latent: int = 128, size: int = 64, channels: int = 3, width: int = 48, seed: int | None = None,
    deviations: bool = True,
) -> Critic:  # fmt: skip
    """Image (n, channels, size, size) → (n, 2 · latent), means and log deviations of z: a critic's layers.

    Args:
        latent, size, channels, width, seed: as for `dcgan`.
        deviations: False gives the means alone, (n, latent).

    Source: Kingma & Welling 2014; the layers are those of `dcgan`'s critic.

    Example:
        >>> import torch
        >>> encoder(latent=8, size=32, channels=1, width=8, seed=0)(torch.zeros(2, 1, 32, 32)).shape
        torch.Size([2, 16])
    """
    side, halvings = doublings("encoder", size, width)
    with seeded(seed):
        return Critic(channels, [width * 2**k for k in range(halvings)], side, latent * (1 + deviations))
