"""ChromaGAN: a generator of chroma and of a class distribution from one trunk, and a critic of patches.

Everything the authors left to Keras's defaults is written out, since PyTorch's differ: the padding of even sizes, the
slope 0.3, epsilon 1e-3 and momentum 0.01 of the batch norms (Keras counts the other way: 0.99), Glorot's weights.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from genimg._base.errors import UsageError, at_least, choice
from genimg._base.seeding import seeded
from genimg.gan.networks.efficientnet import STRIDES, EfficientNetLite0, Trunk

VGG16 = (64, 64, "pool", 128, 128, "pool", 256, 256, 256, "pool", 512, 512, 512)  # up to block 4, convolution 3
TRUNKS = ("vgg16", "efficientnet-lite0")
UPSAMPLE = ("nearest", "bilinear")
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))  # mean and standard deviation of its R, G, B in [0, 1]
SPREAD = 0.05  # root mean square of ab less 1/2 in photographs


class Colours(NamedTuple):
    """What a `ChromaGenerator` gives.

    Attributes:
        ab: chroma (n, 2, size, size) in [0, 1], as `color.scale_ab` scales it. With `outputs` other than 2: logits
            (n, outputs, size / 2, size / 2) of so many bins of chroma.
        logits: of the class distribution, (n, classes), or None if the class branch was not asked.
    """

    ab: Tensor
    logits: Tensor | None


class ChromaGenerator(nn.Module, ABC):
    """L (n, 1, size, size) in [0, 1] → `Colours`; see `chromagan` for its arguments.

    Attributes:
        size: side of the pictures in pixels.
        classes: length of the class distribution, 0 without one.
        outputs: 2 for chroma, else the number of its bins.
        classifier: the class branch after what it shares with the decoder, or None.
    """

    trunk: nn.Module
    classifier: nn.Module | None

    def __init__(self, size: int, classes: int, outputs: int) -> None:
        super().__init__()
        self.size, self.classes, self.outputs = size, classes, outputs

    def forward(self, L: Tensor, classes: bool = True) -> Colours:
        """Colours of L.

        Args:
            L: (n, 1, size, size) in [0, 1].
            classes: False skips the class branch, where most weights are.

        Raises:
            UsageError: for another shape.
        """
        if L.shape[1:] != (1, self.size, self.size):
            raise UsageError(f"this network takes L (n, 1, {self.size}, {self.size}), got {tuple(L.shape)}")
        return self._colours(L, classes)

    @abstractmethod
    def _colours(self, L: Tensor, classes: bool) -> Colours: ...


class VGGGenerator(ChromaGenerator):
    """The published generator.

    Each block is convolution, ReLU, batch norm, in this order. `trunk` has torchvision's numbering of VGG16's features,
    so that their weights fit by name.
    """

    trunk: nn.Sequential
    mean: Tensor
    std: Tensor

    def __init__(self, size: int, width: int, classes: int, outputs: int, upsample: str, normalise: bool) -> None:
        super().__init__(size, classes, outputs)

        def c(published: int) -> int:
            return published * width // 64

        trunk: list[nn.Module] = []
        inputs = 3
        for step in VGG16:
            if isinstance(step, str):
                trunk.append(nn.MaxPool2d(2))
            else:
                trunk += [nn.Conv2d(inputs, c(step), 3, padding=1), nn.ReLU(inplace=True)]
                inputs = c(step)
        self.trunk = nn.Sequential(*trunk)
        self.shared = nn.Sequential(
            *_block(c(512), c(512), 2), *_block(c(512), c(512), 1), *_block(c(512), c(512), 2),
            *_block(c(512), c(512), 1), nn.Flatten(),
        )  # fmt: skip
        flat = c(512) * (size // 32) ** 2
        # No activation between the linear layers of either branch: that is how the published network is.
        self.whole = nn.Sequential(nn.Linear(flat, c(1024)), nn.Linear(c(1024), c(512)), nn.Linear(c(512), c(256)))
        self.classifier = (
            nn.Sequential(nn.Linear(flat, c(4096)), nn.Linear(c(4096), c(4096)), nn.Linear(c(4096), classes))
            if classes
            else None
        )
        self.middle = nn.Sequential(*_block(c(512), c(512), 1), *_block(c(512), c(256), 1))
        self.decoder = nn.Sequential(
            nn.Conv2d(2 * c(256), c(256), 1), nn.ReLU(inplace=True),
            nn.Conv2d(c(256), c(128), 3, padding=1), nn.ReLU(inplace=True), nn.Upsample(scale_factor=2),
            nn.Conv2d(c(128), c(64), 3, padding=1), nn.ReLU(inplace=True),
            nn.Conv2d(c(64), c(64), 3, padding=1), nn.ReLU(inplace=True), nn.Upsample(scale_factor=2),
            nn.Conv2d(c(64), c(32), 3, padding=1), nn.ReLU(inplace=True),
            nn.Conv2d(c(32), outputs, 3, padding=1),
        )  # fmt: skip
        self.enlarge = nn.Upsample(
            scale_factor=2, mode=upsample, align_corners=False if upsample == "bilinear" else None
        )
        mean, std = IMAGENET if normalise else ((0.0,) * 3, (1.0,) * 3)
        for name, values in (("mean", mean), ("std", std)):
            self.register_buffer(name, torch.tensor(values).reshape(1, 3, 1, 1), persistent=False)

    def _colours(self, L: Tensor, classes: bool) -> Colours:
        seen = self.trunk((L - self.mean) / self.std)
        shared = self.shared(seen)
        whole = self.whole(shared)[:, :, None, None].expand(-1, -1, *seen.shape[2:])
        out = self.decoder(torch.cat([self.middle(seen), whole], dim=1))
        # The sigmoid in float32: in bfloat16 numbers near 1/2 are 0.004 apart, one unit of a or b.
        ab = self.enlarge(out.float().sigmoid()) if self.outputs == 2 else out
        return Colours(ab, self.classifier(shared) if classes and self.classifier is not None else None)


class LiteGenerator(ChromaGenerator):
    """The same idea around EfficientNet-Lite0: a decoder over its features at strides 32, 16, 8 and 4.

    What the class branch and the decoder share is a convolution over the deepest features and its mean over all
    places. Chroma is predicted at a quarter of the side and doubled twice, bilinearly. No batch norm but the trunk's,
    which stay as they are: the trunk is in eval mode in either mode of the network.
    """

    def __init__(self, size: int, width: int, classes: int, outputs: int) -> None:
        super().__init__(size, classes, outputs)
        self.trunk = Trunk()
        deep = STRIDES[32]
        self.shared = nn.Sequential(nn.Conv2d(deep, 256, 3, padding=1), nn.GroupNorm(8, 256), nn.ReLU())
        self.whole = nn.Linear(256, width)
        self.classifier = nn.Linear(256, classes) if classes else None
        self.lateral = nn.ModuleList(nn.Conv2d(channels, width, 1) for channels in STRIDES.values())
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.GroupNorm(8, width), nn.ReLU()) for _ in STRIDES
        )
        self.last = nn.Conv2d(width, outputs, 3, padding=1)

    def train(self, mode: bool = True) -> LiteGenerator:
        super().train(mode)
        self.trunk.eval()
        return self

    def decode(self, seen: tuple[Tensor, ...], classes: bool = True) -> Colours:
        """Colours (n, 2, size / 4, size / 4) from features of the trunk, the finest first."""
        shared = self.shared(seen[-1]).mean((2, 3))
        x = self.whole(shared)[:, :, None, None]
        for k in reversed(range(len(seen))):
            if k < len(seen) - 1:
                x = interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
            x = self.blocks[k](x + self.lateral[k](seen[k]))
        out = self.last(x)
        # The sigmoid in float32: in bfloat16 numbers near 1/2 are 0.004 apart, one unit of a or b.
        ab = out.float().sigmoid() if self.outputs == 2 else out
        return Colours(ab, self.classifier(shared) if classes and self.classifier is not None else None)

    def _colours(self, L: Tensor, classes: bool) -> Colours:
        ab, logits = self.decode(self.trunk(L.expand(-1, 3, -1, -1)), classes)
        if self.outputs == 2:
            ab = interpolate(ab, (self.size, self.size), mode="bilinear", align_corners=False)
        return Colours(ab, logits)


class PatchCritic(nn.Module):
    """(L, ab), (n, 1, h, w) and (n, 2, h, w) in [0, 1] → scores (n, 1, h / 8, w / 8), one per patch, large on real.

    No norm and no sigmoid. Sides are multiples of 8.

    Args:
        width: channels of the first layer.
        spread: what it sees of ab is (ab - 1/2) / `spread`, and of L 2 L - 1. Chroma of pictures lies within some
            hundredths of 1/2, where few units bend: a critic of ab itself is nearly linear there, and a linear one
            knows nothing but the mean. None shows it ab and L as they are, as published.
    """

    def __init__(self, width: int, spread: float | None = None) -> None:
        super().__init__()
        self.spread = spread
        even, odd = 1, nn.ZeroPad2d((1, 2, 1, 2))  # a 4 x 4 kernel that keeps the side is one pixel off centre
        self.layers = nn.Sequential(
            nn.Conv2d(3, width, 4, 2, even), nn.LeakyReLU(0.3),
            nn.Conv2d(width, 2 * width, 4, 2, even), nn.LeakyReLU(0.3),
            nn.Conv2d(2 * width, 4 * width, 4, 2, even), nn.LeakyReLU(0.3),
            odd, nn.Conv2d(4 * width, 8 * width, 4), nn.LeakyReLU(0.3),
            odd, nn.Conv2d(8 * width, 1, 4),
        )  # fmt: skip

    def forward(self, L: Tensor, ab: Tensor) -> Tensor:
        if self.spread:
            L, ab = 2 * L - 1, (ab - 0.5) / self.spread
        return self.layers(torch.cat([L, ab], dim=1))


def chromagan(
    size: int = 224,
    width: int = 64,
    classes: int = 1000,
    seed: int | None = None,
    upsample: str = "nearest",
    normalise: bool = False,
    outputs: int = 2,
    trunk: str = "vgg16",
) -> tuple[ChromaGenerator, PatchCritic]:
    """Generator and critic of ChromaGAN; at the defaults the published ones, with 171.17 and 2.76 million parameters.

    Of the generator's, 123.6 million are in the class branch, which colouring does not need.

    Args:
        size: side of the pictures in pixels, a multiple of 32.
        width: channels of the first layers; all others, and the linear layers, scale with it. Even.
        classes: length of the class distribution; 0 builds no class branch, which leaves a network for L2 regression.
        seed: initialisation of both networks; None uses the ambient generator.
        upsample: the last doubling, of chroma itself. "nearest" gives blocks of 2 x 2, as published.
        normalise: grey L as three channels less the mean of ImageNet, over its standard deviation, which is what the
            weights of VGG16 were trained on; published without. It is part of the network, so that whoever colours
            with it cannot forget it.
        outputs: 2 for chroma; else so many logits, at half the size, for a classification of chroma.
        trunk: "vgg16" as published, or "efficientnet-lite0", whose decoder has `width` channels, a multiple of 8, and
            gives chroma, and logits of bins, at a quarter of the size; `upsample` and `normalise` are VGG16's.
            Weights of ImageNet come from `load_vgg16`, or `load_trunk`.

    Raises:
        UsageError: for a size that is no multiple of 32, or a width that does not fit.

    Source: Vitoria, Raad & Ballester 2020, figure 2 and the code published with it. Weights start as Keras starts
    them, uniform with variance 2 / (fan in + fan out), biases at 0; for the trunk see `load_vgg16`.

    Example:
        >>> G, D = chromagan(size=32, width=8, classes=10, seed=0)
        >>> L = torch.rand(2, 1, 32, 32)
        >>> out = G(L)
        >>> out.ab.shape, out.logits.shape, D(L, out.ab).shape
        (torch.Size([2, 2, 32, 32]), torch.Size([2, 10]), torch.Size([2, 1, 4, 4]))
    """
    if at_least(size, 32, "size") % 32:
        raise UsageError(f"chromagan: size must be a multiple of 32, got {size}")
    choice(trunk, "trunk", TRUNKS)
    lite = trunk != "vgg16"
    if at_least(width, 2, "width") % (8 if lite else 2):
        raise UsageError(f"chromagan: width must be {'a multiple of 8' if lite else 'even'}, got {width}")
    choice(upsample, "upsample", UPSAMPLE)
    with seeded(seed):
        at_least(classes, 0, "classes")
        at_least(outputs, 2, "outputs")
        G: ChromaGenerator
        if lite:
            G = LiteGenerator(size, width, classes, outputs)
        else:
            G = VGGGenerator(size, width, classes, outputs, upsample, normalise)
        D = PatchCritic(32, SPREAD) if lite else PatchCritic(width)
        for network in (G, D):
            for layer in network.modules():
                if isinstance(layer, nn.Conv2d | nn.Linear):
                    nn.init.xavier_uniform_(layer.weight)
                    if layer.bias is not None:
                        nn.init.zeros_(layer.bias)
        if isinstance(G, LiteGenerator):
            nn.init.normal_(G.last.weight, std=0.01)  # the first colours are nearly grey
    return G, D


def load_trunk(G: ChromaGenerator, network: EfficientNetLite0) -> ChromaGenerator:
    """Puts a trunk with its weights into G, in place and frozen; `zoo.efficientnet` has one.

    Raises:
        UsageError: for a G with another trunk.
    """
    if not isinstance(G, LiteGenerator):
        raise UsageError("this network has another trunk; see chromagan(trunk=…)")
    G.trunk.load_state_dict(network.trunk.state_dict())
    G.trunk.requires_grad_(False)
    return G


def load_vgg16(G: ChromaGenerator, weights: Mapping[str, Tensor] | None = None) -> ChromaGenerator:
    """Puts the ImageNet weights of VGG16 into the trunk, in place; the rest of G stays as it is.

    Args:
        G: of width 64.
        weights: a state of torchvision's VGG16, of which `features.0` to `features.21` are used; None downloads it,
            once, into torch's own cache.

    Returns:
        G.

    Raises:
        UsageError: if the download fails, or the weights do not fit.

    Source: Simonyan & Zisserman 2015, configuration D, by torchvision.
    """
    if weights is None:
        from torchvision.models import VGG16_Weights

        try:
            weights = VGG16_Weights.IMAGENET1K_V1.get_state_dict(progress=False, check_hash=True)
        except (OSError, RuntimeError) as error:  # no network, no such host, a damaged file
            raise UsageError(
                f"the ImageNet weights of VGG16 cannot be downloaded ({error}); train from scratch, or pass weights="
            ) from None
    own = G.trunk.state_dict()
    try:
        found = {name: weights[f"features.{name}"] for name in own}
        G.trunk.load_state_dict(found)
    except (KeyError, RuntimeError) as error:
        reason = str(error).splitlines()[-1].strip()
        raise UsageError(f"these weights are not those of VGG16, or this trunk is not of width 64: {reason}") from None
    return G


def _block(inputs: int, outputs: int, stride: int) -> list[nn.Module]:
    """Convolution, ReLU, batch norm. With stride 2 Keras pads an even side at its end only."""
    padding = [nn.ZeroPad2d((0, 1, 0, 1))] if stride == 2 else []
    convolution = nn.Conv2d(inputs, outputs, 3, stride, padding=0 if stride == 2 else 1)
    return [*padding, convolution, nn.ReLU(inplace=True), nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.01)]
