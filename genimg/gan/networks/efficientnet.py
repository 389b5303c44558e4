"""EfficientNet-Lite0: a classifier of ImageNet that is small enough for a CPU, and its features at four strides.

Its weights ship inside a package, the extra `pretrained`; see `zoo.efficientnet`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from torch import Tensor, nn
from torch.nn.functional import pad

from genimg._base.errors import UsageError

# Of each stage: blocks, kernel, stride of the first, expansion, channels.
STAGES = (
    (1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112), (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)  # fmt: skip
STRIDES = {4: 24, 8: 40, 16: 112, 32: 320}  # of the features: channels
TAPS = (1, 2, 4, 6)  # the stages after which they are taken
CLASSES = 1000


class Same(nn.Conv2d):
    """A convolution whose padding is TensorFlow's "same": an odd pixel is added at the end of a side."""

    def forward(self, x: Tensor) -> Tensor:
        k, s = self.kernel_size[0], self.stride[0]
        h, w = (max(0, k - s if side % s == 0 else k - side % s) for side in x.shape[-2:])
        if h == w and h % 2 == 0:
            return nn.functional.conv2d(x, self.weight, self.bias, s, h // 2, 1, self.groups)
        return super().forward(pad(x, (w // 2, w - w // 2, h // 2, h - h // 2)))


class Bottleneck(nn.Module):
    """Expansion, depthwise convolution and projection, around which the input goes where the shape stays."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = inputs * expansion
        wide = _unit(inputs, inner, 1) if expansion > 1 else []
        self.layers = nn.Sequential(
            *wide, *_unit(inner, inner, kernel, stride, groups=inner), *_unit(inner, outputs, 1)[:2]
        )
        self.around = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x) if self.around else self.layers(x)


class Seen(NamedTuple):
    """What EfficientNet-Lite0 gives: features by stride, 4, 8, 16 and 32, and the logits of ImageNet's classes."""

    features: tuple[Tensor, Tensor, Tensor, Tensor]
    logits: Tensor


class EfficientNetLite0(nn.Module):
    """sRGB (n, 3, h, w) in [0, 1] → `Seen`; sides are multiples of 32.

    Trained on pictures of 224 pixels; 4.65 million parameters, 0.41 and 1.28 of them in the head.

    Source: Tan & Le 2019; the "lite" variant (2020) has no squeeze-and-excitation, and ReLU6 for its activations.

    Example:
        >>> import torch
        >>> seen = EfficientNetLite0().eval()(torch.zeros(1, 3, 64, 64))
        >>> [tuple(part.shape[1:]) for part in seen.features], seen.logits.shape
        ([(24, 16, 16), (40, 8, 8), (112, 4, 4), (320, 2, 2)], torch.Size([1, 1000]))
    """

    def __init__(self) -> None:
        super().__init__()
        self.trunk = Trunk()
        self.head = nn.Sequential(*_unit(320, 1280, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.classifier = nn.Linear(1280, CLASSES)

    def forward(self, x: Tensor) -> Seen:
        features = self.trunk(x)
        return Seen(features, self.classifier(self.head(features[-1])))


class Trunk(nn.Module):
    """The features of `EfficientNetLite0` alone, in channels 24, 40, 112 and 320."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(*_unit(3, 32, 3, 2))
        stages: list[nn.Module] = []
        inputs = 32
        for blocks, kernel, stride, expansion, outputs in STAGES:
            stages.append(
                nn.Sequential(
                    *(
                        Bottleneck(inputs if k == 0 else outputs, outputs, kernel, stride if k == 0 else 1, expansion)
                        for k in range(blocks)
                    )
                )
            )
            inputs = outputs
        self.stages = nn.ModuleList(stages)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """sRGB, or L three times, in [0, 1]."""
        x = self.stem((255 * x - 127) / 128)
        found = []
        for k, stage in enumerate(self.stages):
            x = stage(x)
            if k in TAPS:
                found.append(x)
        return tuple(found)


def load_efficientnet(weights: Mapping[str, Tensor]) -> EfficientNetLite0:
    """EfficientNet-Lite0 with the weights of a published state, in eval mode and without gradients of its weights.

    Args:
        weights: in the order of the published file, which is that in which a picture goes through the layers; names
            do not count.

    Raises:
        UsageError: for weights that do not fit.
    """
    network = EfficientNetLite0()
    found = [value for name, value in weights.items() if not name.endswith("num_batches_tracked")]
    own = {name: value for name, value in network.state_dict().items() if not name.endswith("num_batches_tracked")}
    if [value.shape for value in found] != [value.shape for value in own.values()]:
        raise UsageError("these weights are not those of EfficientNet-Lite0")
    network.load_state_dict(dict(zip(own, found, strict=True)), strict=False)
    return network.eval().requires_grad_(False)


def _unit(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    """Convolution, BatchNorm with TensorFlow's epsilon, ReLU6."""
    return [
        Same(inputs, outputs, kernel, stride, groups=groups, bias=False),
        nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.01),
        nn.ReLU6(inplace=True),
    ]
