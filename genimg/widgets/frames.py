"""A slider over pictures that were computed before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import traitlets
from torch import Tensor

from genimg._base.errors import UsageError, at_least
from genimg.plots import pixels
from genimg.widgets.page import Pictured, module
from genimg.widgets.wire import enlarged, film, light, png_url

_STRIP = 6
"""Frames in the fixed picture."""


class FrameSlider(Pictured):
    """One of n images at a time, chosen with a slider; in a notebook `value` is the index and can be observed or set.

    Args:
        frames: (n, c, h, w) or a list of (c, h, w), float in [-1, 1] or uint8, all of one size.
        label: What is shown, for the slider and for readers who do not see it.
        scale: CSS pixels per image pixel; enlarged images stay sharp. Not wider than the page in any case.

    Raises:
        UsageError: for images of different sizes, a wrong number of captions, no label, or more than 1.5 MB.

    Example:
        >>> FrameSlider(torch.zeros(2, 1, 4, 4), captions=["t = 0", "t = 1"], label="From one digit to another")
        FrameSlider(2 frames, 'From one digit to another')
    """

    _esm = module("frames")
    _kept = ("frames", "captions", "label", "width", "sharp", "value")
    frames = traitlets.List(traitlets.Unicode()).tag(sync=True)
    captions = traitlets.List(traitlets.Unicode()).tag(sync=True)
    label = traitlets.Unicode().tag(sync=True)
    width = traitlets.Int().tag(sync=True)
    sharp = traitlets.Bool().tag(sync=True)
    value = traitlets.Int(0).tag(sync=True)

    def __init__(
        self, frames: Tensor | Sequence[Tensor], captions: Sequence[str], label: str, scale: int = 4, **kwargs: Any
    ) -> None:
        images = [frame for frame in frames]  # noqa: C416  # a tensor is iterable, but not a Sequence
        if not images or len({tuple(image.shape) for image in images}) != 1:
            raise UsageError("frames must be images of one size, at least one of them")
        if len(captions) != len(images):
            raise UsageError(f"captions must hold one entry per frame ({len(images)}), got {len(captions)}")
        if not label.strip():
            raise UsageError("label must say what the frames show; it is read to those who do not see them")
        at_least(scale, 1, "scale")
        cells = pixels(torch.stack(images))
        urls = light([png_url(cell) for cell in cells], "frames")
        self._cells = cells
        wide = scale * cells.shape[2]
        super().__init__(frames=urls, captions=list(captions), label=label, width=wide, sharp=scale > 1, **kwargs)

    @traitlets.validate("value")
    def _inside(self, proposal: Any) -> int:
        return min(max(0, int(proposal["value"])), len(self.frames) - 1)

    def __repr__(self) -> str:
        return f"FrameSlider({len(self.frames)} frames, {self.label!r})"

    def _picture(self) -> str:
        """A few frames beside each other, as an image: what stays on paper."""
        sheet, chosen = film(self._cells, _STRIP)
        # Small frames are enlarged here: a page without scripts knows nothing of `sharp`.
        grown = max(1, min(self.width // self._cells.shape[2], 800 // sheet.shape[1]))
        return enlarged(sheet, grown, f"{self.label}; frames: {', '.join(self.captions[i] for i in chosen)}")
