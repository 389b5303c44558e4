"""Scores that know nothing of the data: what a detector has to beat before its number means something.

Each is fixed in advance with its sign (larger = more anomalous: brighter, rougher, harder to compress), as nobody may
look at anomalies to turn it round. Networks' images in, (n,) out.
"""

from __future__ import annotations

import io

import torch
from torch import Tensor

from genimg._base.errors import images as checked
from genimg.numerics.fields import grad


def mean_intensity(images: Tensor) -> Tensor:
    """Mean over pixels and channels, in [−1, 1]; for MNIST the amount of ink.

    Example:
        >>> mean_intensity(torch.tensor([1.0, 0.0]).reshape(1, 1, 1, 2)).tolist()
        [0.5]
    """
    return checked(images).flatten(1).mean(1)


def mean_gradient(images: Tensor) -> Tensor:
    """Mean over pixels and channels of ‖∇u‖, forward differences; the roughness of the texture.

    Example:
        >>> u = torch.tensor([[[[0.0, 0.6], [0.8, 0.0]]]])      # norms 1, 0.6 in the first row, 0.8, 0 in the second
        >>> round(float(mean_gradient(u)), 4)
        0.6
    """
    return grad(checked(images)).square().sum(1).sqrt().flatten(1).mean(1)


def compressed_size(images: Tensor) -> Tensor:
    """Bytes of each image as a PNG file, 8 bits a channel: an upper bound of its complexity.

    Compare within one size and number of channels only; the version of zlib moves it by a few bytes.

    Source: Serrà et al., Input complexity and out-of-distribution detection with likelihood-based generative models,
    2020 (there several compressors, and as a correction of the likelihood).

    Example:
        >>> flat, noise = torch.zeros(1, 1, 16, 16), torch.rand(1, 1, 16, 16, generator=torch.Generator()) * 2 - 1
        >>> sizes = compressed_size(torch.cat([flat, noise]))
        >>> bool(sizes[0] < 100 < 256 < sizes[1])
        True
    """
    from genimg.data.raw import as_picture

    pixels = ((checked(images).cpu() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).numpy()
    sizes = []
    for array in pixels:
        file = io.BytesIO()
        as_picture(array).save(file, "PNG")
        sizes.append(file.tell())
    return torch.tensor(sizes, dtype=torch.float32)
