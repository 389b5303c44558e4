"""The result of `load`: pictures as one tensor, with their labels and where they come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from genimg._base.errors import UsageError, choice


@dataclass(frozen=True, eq=False, repr=False)
class Images:
    """A data set, or one split of it.

    Attributes:
        images: uint8 `(n, c, h, w)`, 0 to 255; may be a private (copy-on-write) view of a file on disk.
        labels: int64 `(n,)`, positions in `classes`, or None where the data set has none.
        classes: names of the classes, `()` where there are no labels.
        split: `"train"`, `"test"`, `"val"` …
        source: one sentence that says which place was used.

    Example:
        >>> pictures = torch.tensor([0, 255, 51], dtype=torch.uint8).reshape(3, 1, 1, 1)
        >>> digits = Images(pictures, torch.tensor([0, 1, 1]), ("zero", "one"), "toy", "train", "made by hand", "none")
        >>> digits
        Images(toy/train: 3 x 1x1x1 uint8, 2 classes, made by hand)
        >>> digits.floats().flatten()
        tensor([-1.0000,  1.0000, -0.6000])
        >>> len(digits.only("one")), len(digits.without("one"))
        (2, 1)
    """

    images: Tensor
    labels: Tensor | None
    classes: tuple[str, ...]
    name: str
    split: str
    source: str
    licence: str

    def __post_init__(self) -> None:
        if self.images.dtype != torch.uint8 or self.images.ndim != 4:
            raise UsageError(f"images must be uint8 (n, c, h, w), got {self.images.dtype} {tuple(self.images.shape)}")
        if self.labels is not None and self.labels.shape != self.images.shape[:1]:
            raise UsageError(f"{len(self.images)} images but labels of shape {tuple(self.labels.shape)}")

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        shape = "x".join(map(str, self.images.shape[1:]))
        labels = f"{len(self.classes)} classes" if self.labels is not None else "no labels"
        return f"Images({self.name}/{self.split}: {len(self)} x {shape} uint8, {labels}, {self.source})"

    def floats(self) -> Tensor:
        """What networks see: float32 `(n, c, h, w)` in [-1, 1], `x / 127.5 - 1`."""
        return self.images.to(torch.float32).div_(127.5).sub_(1.0)

    def take(self, index: Tensor | slice | Sequence[int]) -> Images:
        """The pictures at `index`: a slice, positions, or a boolean mask `(n,)`."""
        rows = index if isinstance(index, slice) else torch.as_tensor(index)
        return replace(self, images=self.images[rows], labels=None if self.labels is None else self.labels[rows])

    def only(self, *classes: str | int) -> Images:
        """The pictures of these classes, given by name or by position; labels and `classes` stay as they are.

        Raises:
            UsageError: the data set has no labels, or no such class.
        """
        return self.take(self._of(classes))

    def without(self, *classes: str | int) -> Images:
        """The pictures of all other classes: the normal data when `classes` are the anomalies.

        Raises:
            UsageError: the data set has no labels, or no such class.
        """
        return self.take(~self._of(classes))

    def _of(self, classes: tuple[str | int, ...]) -> Tensor:
        if self.labels is None:
            raise UsageError(f"{self.name}/{self.split} has no labels, so no class can be picked from it")
        wanted = [self._position(name) for name in classes]
        return torch.isin(self.labels, torch.tensor(wanted, dtype=torch.int64))

    def _position(self, name: str | int) -> int:
        if isinstance(name, str):
            return self.classes.index(choice(name, f"class of {self.name}", self.classes))
        if not 0 <= name < len(self.classes):
            raise UsageError(f"class {name} of {self.name} does not exist; positions are 0 to {len(self.classes) - 1}")
        return int(name)
