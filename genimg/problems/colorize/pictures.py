"""P_real of colouring: lightness, chroma and class distribution of coloured pictures, drawn together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn

from genimg._base.errors import UsageError, at_least, same_length
from genimg.numerics.color import rgb_to_lab, scale_ab, scale_l


class Coloured(NamedTuple):
    """n draws, as networks see them.

    Attributes:
        L: (n, 1, h, w) in [0, 1].
        ab: (n, 2, h, w) in [0, 1].
        y: class distributions (n, classes), or None where there are none.
        seen: features of L by a frozen trunk, for `LiteGenerator.decode`, or None; see `Features`.
    """

    L: Tensor
    ab: Tensor
    y: Tensor | None
    seen: tuple[Tensor, ...] | None = None


class Pictures:
    """The law of (L, ab, y) of a data set: draws rows with replacement, or takes them in their order.

    Args:
        images: sRGB (N, 3, h, w), uint8 in 0 to 255 or float in [0, 1]; kept as they are, since bytes take a quarter
            of the memory and a batch is converted in a hundredth of the time of a step.
        y: class distributions (N, classes) from `targets` or `taught`, or None.
        rng: generator on the pictures' device.
        flips: mirrors each draw with probability 1/2. The authors do not.
        in_order: takes the rows one after the other and starts again after the last, as the authors do (they do not
            shuffle); `position` says which row is next. A data set sorted by class then gives batches of one class.

    Raises:
        UsageError: no pictures, other shapes or types, a y that does not fit.

    Example:
        >>> white = torch.full((1, 3, 2, 2), 255, dtype=torch.uint8)
        >>> L, ab, y, _ = Pictures(white, None, torch.Generator()).sample(5)
        >>> L.shape, round(float(L.mean()), 3), y
        (torch.Size([5, 1, 2, 2]), 1.0, None)
    """

    def __init__(
        self, images: Tensor, y: Tensor | None, rng: torch.Generator, flips: bool = False, in_order: bool = False
    ) -> None:
        if images.ndim != 4 or images.shape[1] != 3 or len(images) == 0:
            raise UsageError(f"pictures to learn from are (n, 3, h, w), got {tuple(images.shape)}")
        if images.dtype != torch.uint8 and not (images.is_floating_point() and 0 <= images.min() <= images.max() <= 1):
            raise UsageError("pictures to learn from are uint8, or float in [0, 1] (not in [-1, 1])")
        if y is not None:
            same_length(images, y, "pictures and class distributions")
            if y.ndim != 2 or bool((y < 0).any()) or bool(((y.sum(1) - 1).abs() > 1e-3).any()):
                raise UsageError("each row of y must be a distribution over the classes: not negative, with sum 1")
        self.images, self.y, self.rng = images, y, rng
        self.flips, self.in_order, self.position = flips, in_order, 0

    def sample(self, n: int) -> Coloured:
        """n draws."""
        device = self.images.device
        if self.in_order:
            rows = (torch.arange(n, device=device) + self.position) % len(self.images)
            self.position = (self.position + n) % len(self.images)
        else:
            rows = torch.randint(len(self.images), (n,), generator=self.rng, device=device)
        x = self.images[rows]
        x = x.float() / 255 if x.dtype == torch.uint8 else x
        if self.flips:
            x = torch.where(torch.rand(n, 1, 1, 1, generator=self.rng, device=device) < 0.5, x.flip(3), x)
        lab = rgb_to_lab(x)
        return Coloured(scale_l(lab[:, :1]), scale_ab(lab[:, 1:]), None if self.y is None else self.y[rows])


def targets(labels: Tensor, classes: int, smooth: float = 0.0) -> Tensor:
    """Class distributions from labels: 1 − smooth on the label, `smooth` spread over all classes; (n, classes).

    Args:
        labels: int64 (n,), from 0 to classes − 1.
        smooth: in [0, 1).

    Raises:
        UsageError: labels out of range, or another `smooth`.

    Example:
        >>> targets(torch.tensor([1]), 2, smooth=0.5).tolist()
        [[0.25, 0.75]]
    """
    at_least(classes, 1, "classes")
    if not 0 <= smooth < 1:
        raise UsageError(f"smooth must lie in [0, 1), got {smooth}")
    if labels.ndim != 1 or bool((labels < 0).any()) or bool((labels >= classes).any()):
        raise UsageError(f"labels must be (n,), from 0 to {classes - 1}")
    return (1 - smooth) * nn.functional.one_hot(labels.long(), classes).float() + smooth / classes


@torch.no_grad()
def taught(teacher: Callable[[Tensor], Tensor], images: Tensor, batch: int = 100) -> Tensor:
    """Class distributions from a classifier of lightness, softmax of its logits; (n, classes).

    Once per picture, before training, where the authors ask their teacher again in each epoch: it always says the same.

    Args:
        teacher: L (n, 1, h, w) in [0, 1] → logits (n, classes). A module is asked in eval mode, without dropout and
            with the running means of its norms, and is left in the mode it was in.
        images: sRGB (n, 3, h, w), uint8 or float in [0, 1].

    Source: the talk, "Class distribution loss" (y_v of a frozen VGG16).

    Example:
        >>> taught(lambda L: torch.cat([L.mean((2, 3)), 0 * L.mean((2, 3))], 1), torch.zeros(1, 3, 2, 2)).tolist()
        [[0.5, 0.5]]
    """
    with in_eval(teacher):
        return torch.cat(
            [teacher(Pictures(part, None, torch.Generator(), in_order=True).sample(len(part)).L).float().softmax(1)
             for part in images.split(at_least(batch, 1, "batch"))]
        )  # fmt: skip


@contextmanager
def in_eval(network: object) -> Iterator[None]:
    """Runs a block with all parts of a network in eval mode, then puts each back into the mode it was in."""
    parts = list(network.modules()) if isinstance(network, nn.Module) else []
    modes = [part.training for part in parts]
    for part in parts:
        part.training = False
    try:
        yield
    finally:
        for part, mode in zip(parts, modes, strict=True):
            part.training = mode
