"""How pictures look to networks that know photographs: beside PSNR, which a blurred mean of all answers wins.

Both need the extra `pretrained`. Everything is measured on the CPU, so that every device is judged alike.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from genimg import zoo
from genimg.gan import networks
from genimg.numerics import metrics

SEEN_SIDE = 224  # pixels that EfficientNet-Lite0 was trained on


class Looks:
    """Judges pictures (n, 1 or 3, h, w) in [-1, 1] beside real ones.

    Args:
        real: other pictures of the same law: those that are judged would be too near to themselves.
    """

    def __init__(self, real: Tensor) -> None:
        self.judge, self.distance = zoo.efficientnet(), zoo.stlpips()
        self.real = seen(self.judge, real)

    @torch.no_grad()
    def of(self, x: Tensor, y: Tensor) -> dict[str, float]:
        """Mean ST-LPIPS from x to the truth y, and KID-EffLite0 of the law of x."""
        x = x.cpu().float()
        return {
            "st-lpips": round(apart(x, y, self.distance), 5),
            "kid": round(metrics.kid(self.real, seen(self.judge, x)), 5),
        }


@torch.no_grad()
def seen(judge: networks.EfficientNetLite0, x: Tensor) -> Tensor:
    """(n, 1280) features of images (n, 1 or 3, h, w) in [-1, 1], enlarged to the side that the judge was trained on."""
    parts = []
    for part in x.split(50):
        large = interpolate((part + 1) / 2, (SEEN_SIDE, SEEN_SIDE), mode="bilinear", align_corners=False)
        large = large.expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)
        parts.append(judge.head(judge.trunk(large)[-1]))
    return torch.cat(parts)


@torch.no_grad()
def apart(x: Tensor, y: Tensor, distance: networks.ShiftTolerantLPIPS | None = None) -> float:
    """Mean ST-LPIPS from images x to the truth y, both (n, 1 or 3, h, w) in [-1, 1]."""
    distance = distance or zoo.stlpips()
    both = zip(x.cpu().float().split(100), y.cpu().float().split(100), strict=True)
    return float(torch.cat([distance(*(part.expand(-1, 3, -1, -1) for part in pair)) for pair in both]).mean())


@torch.no_grad()
def diversity(x: Tensor) -> float:
    """Mean ST-LPIPS between two samples of a law, over the pairs (first, second), (third, fourth), … of x."""
    x = x[: len(x) // 2 * 2].expand(-1, 3, -1, -1)
    distance = zoo.stlpips()
    return float(torch.cat([distance(part[::2], part[1::2]) for part in x.split(100)]).mean())
