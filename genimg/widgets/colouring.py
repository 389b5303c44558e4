"""Colours for the reader's own grey picture, with a slider between grey and coloured.

The page does all but the network: it splits a picture into light and colour, reduces the light to what the network
takes, enlarges its answer and joins both, with the numbers of `gi.color` and `gi.colorize`. The network
answers from the kernel, or in a built page from a live model.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
import traitlets
from torch import Tensor
from torch.nn.functional import interpolate

from genimg._base.errors import UsageError, choice
from genimg.gan.networks import ChromaGenerator
from genimg.numerics.color import grey, lightness, scale_l, unscale_ab
from genimg.plots import pixels
from genimg.problems.colorize import guided, merge, shrink
from genimg.widgets.page import Pictured, module
from genimg.widgets.wire import jpeg_url, light

_SENTENCE = (
    "Run this cell, or allow scripts on this page, and a picture of your own is coloured here; it is sent nowhere."
)


class Answer(NamedTuple):
    """What a network says of one picture: ab (1, 2, size, size) in [0, 1], and y (classes,), of sum 1, or empty."""

    ab: Tensor
    y: Tensor


class Colouring(Pictured):
    """A picture of the reader's own, or one of a few, as it is in grey and as a network colours it.

    The page compares grey, coloured and original with a movable line, makes the colours stronger on request, and gives
    the coloured picture as a file. A picture that is chosen, dropped or pasted stays in the page; in a notebook the
    kernel gets its lightness as small as the network takes it. Where neither a kernel nor a live model is, the first
    picture stays, with its sliders; where scripts do not run, a fixed picture of it.

    Args:
        G: from `networks.chromagan`, with two outputs.
        pictures: by name: sRGB (3, h, w), or grey (1, h, w), float in [0, 1], of any sizes; the first is shown at once.
        classes: the words of G's class branch, if it has one.
        live: the network of a built page, a key of `widgets.live.GRAPHS`, which must be G: "colours", for the shipped
            `colours`. Without it only a kernel colours other pictures than the first.

    Raises:
        UsageError: no pictures, other shapes or values, a G that predicts bins of chroma, words that do not fit its
            class branch, a `live` that is unknown or another network, or more than 1.5 MB.

    Example:
        >>> from genimg.gan.networks import chromagan
        >>> G, _ = chromagan(size=32, width=2, classes=0, seed=0)
        >>> Colouring(G, {"a ramp": torch.linspace(0, 1, 40 * 50).view(1, 40, 50)})
        Colouring(1 picture, 32 by 32 pixels of chroma)
    """

    _esm = module("colouring")
    _kept = ("size", "classes", "pictures", "names", "first", "live")
    size = traitlets.Int().tag(sync=True)
    classes = traitlets.List(traitlets.Unicode()).tag(sync=True)
    pictures = traitlets.List(traitlets.Unicode()).tag(sync=True)
    names = traitlets.List(traitlets.Unicode()).tag(sync=True)
    first = traitlets.Dict().tag(sync=True)
    live = traitlets.Unicode().tag(sync=True)
    # What the page asks, {id, L}, and what the kernel answers, {id, ab, y} or {id, error}; base64 of float32.
    asked = traitlets.Dict().tag(sync=True)
    answer = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        G: ChromaGenerator,
        pictures: Mapping[str, Tensor],
        classes: Sequence[str] = (),
        live: str = "",
        **kwargs: Any,
    ) -> None:
        if G.outputs != 2:
            raise UsageError(f"this network gives {G.outputs} logits per pixel and not chroma")
        if len(classes) != G.classes:
            raise UsageError(f"classes must name the {G.classes} classes of the network, got {len(classes)}")
        if not pictures or not all(name.strip() for name in pictures):
            raise UsageError("pictures must hold at least one picture, each by its name")
        cells = {name: _cell(picture, name) for name, picture in pictures.items()}
        self._G = G
        self._first = next(iter(pictures.values()))[None].detach().cpu().float()
        L = scale_l(shrink(lightness(self._first), G.size))
        self._said = self._look(L)
        if live:
            _same_network(live, L, self._said)
        super().__init__(
            size=G.size,
            classes=list(classes),
            pictures=light([jpeg_url(cell) for cell in cells.values()], "pictures"),
            names=list(cells),
            # Finer than a picture shows, and the same on every machine.
            first=_sent(Answer(*(numbers.round(decimals=4) for numbers in self._said))),
            live=live,
            **kwargs,
        )

    @torch.no_grad()
    def _look(self, L: Tensor) -> Answer:
        training = self._G.training
        try:
            ab, logits = self._G.eval()(L.to(next(self._G.parameters()).device))
        finally:
            self._G.train(training)
        return Answer(ab.cpu().float(), torch.empty(0) if logits is None else logits[0].cpu().float().softmax(0))

    @traitlets.observe("asked")
    def _asked(self, change: Any) -> None:
        asked = change["new"]
        try:
            found = _sent(self._look(_received(asked.get("L", ""), self.size)))
        except Exception as error:  # the page waits for an answer, whatever happens
            found = {"error": f"{type(error).__name__}: {' '.join(str(error).split())}"[:240]}
        self.answer = {"id": asked.get("id", "")} | found

    def __repr__(self) -> str:
        count = f"{len(self.pictures)} picture{'s' * (len(self.pictures) > 1)}"
        return f"Colouring({count}, {self.size} by {self.size} pixels of chroma)"

    def _picture(self) -> str:
        """Grey, coloured and original in a row: what stands where scripts do not run."""
        x = self._first
        L = lightness(x)
        shown = {"grey": grey(x), "coloured": merge(L, guided(shrink(L, self.size), unscale_ab(self._said.ab)))}
        if x.shape[1] == 3:
            shown["original"] = x
        least = min(1.0, 256 / max(x.shape[-2:]))
        sides = [max(1, round(side * least)) for side in x.shape[-2:]]
        small = {
            name: interpolate(one, sides, mode="bilinear", antialias=True).clamp(0, 1) for name, one in shown.items()
        }
        parts = [
            '<div style="flex:1 1 90px;min-width:0;max-width:256px;text-align:center">'
            f'<img src="{jpeg_url(_cell(one[0], name))}" alt="{html.escape(f"{self.names[0]}, {name}")}" '
            f'style="display:block;width:100%;height:auto;border-radius:6px"><span>{name}</span></div>'
            for name, one in small.items()
        ]
        return (
            '<div style="display:flex;flex-wrap:wrap;gap:12px;justify-content:center">\n'
            + "\n".join(parts)
            + f'\n</div>\n<p style="margin:8px 0 0;text-align:center">{_SENTENCE}</p>'
        )


@torch.no_grad()
def _same_network(live: str, L: Tensor, said: Answer) -> None:
    """Nothing, if the graph of that name gives this answer: else a page would colour with two networks."""
    from genimg.widgets.live import GRAPHS

    graph = GRAPHS[choice(live, "live", GRAPHS)]()
    if set(graph.inputs) == {"L"} and graph.inputs["L"].shape == L.shape:
        ab, y = graph.module(L)  # on a CPU; a GPU's convolutions round
        if torch.allclose(ab, said.ab, atol=1e-2) and y[0].shape == said.y.shape:
            return
    raise UsageError(f"live {live!r} does not give the colours of this network")


def _cell(picture: Tensor, name: str) -> np.ndarray:
    """(1 or 3, h, w) in [0, 1] as bytes (h, w, 3)."""
    if picture.ndim != 3 or not picture.is_floating_point() or not 0 <= picture.min() <= picture.max() <= 1:
        raise UsageError(
            f"picture {name!r} must be (3, h, w) or (1, h, w), float in [0, 1], got {tuple(picture.shape)}"
        )
    return np.ascontiguousarray(pixels(2 * picture - 1)[0])


def _sent(answer: Answer) -> dict[str, str]:
    return {name: _text(numbers) for name, numbers in answer._asdict().items()}


def _text(numbers: Tensor) -> str:
    return base64.b64encode(numbers.contiguous().numpy().astype("<f4").tobytes()).decode()


def _received(text: str, size: int) -> Tensor:
    numbers = np.frombuffer(base64.b64decode(text, validate=True), "<f4").astype(np.float32)
    if len(numbers) != size * size or not np.isfinite(numbers).all():
        raise UsageError(f"the lightness that was sent is not of {size} by {size} pixels")
    return torch.from_numpy(numbers).view(1, 1, size, size)
