"""A walk between two latents, straight or on the sphere, with pictures that were computed before."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
import traitlets
from torch import Tensor

from genimg._base.errors import UsageError, at_least, choice
from genimg.numerics import interpolation
from genimg.plots import pixels
from genimg.widgets.page import Pictured, module
from genimg.widgets.wire import enlarged, film, light, png_url

_STRIP = 6
"""Frames per way in the fixed picture."""


class LatentPath(Pictured):
    """The same walk along several ways: a slider for t, a switch for the way, and a score drawn along all of them.

    Every picture is there from the beginning, so nothing has to be computed where the page is read. In a notebook `way`
    (the name) and `value` (the index of t) can be observed or set. With `between(…, live=…)` readers of a built page
    may ask for more: the networks are then loaded, every t is computed in the page, and other ends are drawn.

    Args:
        frames: by the way's name: (n, c, h, w), float in [-1, 1] or uint8, all of one shape; t runs from 0 to 1.
        label: What is shown, for those who do not see it.
        scores: by the same names: n finite numbers each, drawn as lines.
        score: what the number is, as the line's title.
        scale: CSS pixels per image pixel; enlarged images stay sharp up to 48 pixels.

    Raises:
        UsageError: for ways of different shapes, scores that do not fit, no label, or more than 1.5 MB.

    Example:
        >>> LatentPath({"straight": torch.zeros(3, 1, 4, 4), "sphere": torch.ones(3, 1, 4, 4)}, label="Two digits")
        LatentPath(3 frames, straight or sphere, 'Two digits')
    """

    _esm = module("latent_path")
    _kept = ("ways", "frames", "scores", "score", "label", "size", "live", "ends", "way", "value")
    ways = traitlets.List(traitlets.Unicode()).tag(sync=True)
    frames = traitlets.List(traitlets.List(traitlets.Unicode())).tag(sync=True)
    scores = traitlets.List(traitlets.List(traitlets.Float())).tag(sync=True)
    score = traitlets.Unicode().tag(sync=True)
    label = traitlets.Unicode().tag(sync=True)
    size = traitlets.List(traitlets.Int()).tag(sync=True)
    live = traitlets.Unicode().tag(sync=True)
    ends = traitlets.List(traitlets.List(traitlets.Float())).tag(sync=True)
    way = traitlets.Unicode().tag(sync=True)
    value = traitlets.Int(0).tag(sync=True)

    def __init__(
        self,
        frames: Mapping[str, Tensor],
        label: str,
        scores: Mapping[str, Sequence[float] | Tensor] | None = None,
        score: str = "score",
        scale: int = 4,
        **kwargs: Any,
    ) -> None:
        if not frames or len({tuple(images.shape) for images in frames.values()}) != 1:
            raise UsageError("frames must hold images of one shape for each way, at least one way")
        if not label.strip():
            raise UsageError("label must say what the frames show; it is read to those who do not see them")
        cells = {name: pixels(images) for name, images in frames.items()}
        n, height, width = next(iter(cells.values())).shape[:3]
        self._cells = cells
        urls = light([png_url(cell) for way in cells.values() for cell in way], "frames")
        super().__init__(
            ways=list(frames),
            frames=[urls[i : i + n] for i in range(0, len(urls), n)],
            scores=_lines(scores, list(frames), n),
            score=score,
            label=label,
            size=[at_least(scale, 1, "scale") * height, scale * width],
            way=kwargs.pop("way", next(iter(frames))),
            **kwargs,
        )

    @classmethod
    def between(
        cls,
        G: Callable[[Tensor], Tensor],
        a: Tensor,
        b: Tensor,
        label: str,
        critic: Callable[[Tensor], Tensor] | None = None,
        steps: int = 25,
        live: str = "",
        **kwargs: Any,
    ) -> LatentPath:
        """G along `interpolation.linear` and `interpolation.spherical` from a to b, both (d,).

        Args:
            critic: images (n, c, h, w) -> (n,): the score to draw.
            steps: pictures per way, both ends among them.
            live: a walk of `widgets.live.GRAPHS`, "digits" or "faces", whose networks are G and `critic`; built pages
                let readers run it.
            kwargs: as for the class; `score` names what the critic measures.

        Raises:
            UsageError: as for the class, and if `live` is unknown or computes something else than G and `critic`.

        Example:
            >>> G = lambda z: z.view(-1, 1, 1, 2).clamp(-1, 1)
            >>> path = LatentPath.between(G, torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0]), "ramps", steps=3)
            >>> path.ways
            ['straight', 'on the sphere']
        """
        t = torch.linspace(0, 1, at_least(steps, 2, "steps"), device=a.device)
        ways = {"straight": interpolation.linear(a, b, t), "on the sphere": interpolation.spherical(a, b, t)}
        with torch.no_grad():
            frames = {name: G(z) for name, z in ways.items()}
            scores = {name: critic(images) for name, images in frames.items()} if critic else None
        path = cls(frames, label, scores, **kwargs)
        if live:
            _same_networks(live, a, frames["straight"][0], scores["straight"][0] if scores else None)
            # Four decimals are less than a picture shows, and the same on every machine.
            path.live, path.ends = live, [[round(value, 4) for value in end.tolist()] for end in (a, b)]
        return path

    @traitlets.validate("value")
    def _inside(self, proposal: Any) -> int:
        return min(max(0, int(proposal["value"])), len(self.frames[0]) - 1)

    @traitlets.validate("way")
    def _known(self, proposal: Any) -> str:
        if proposal["value"] not in self.ways:
            raise UsageError(f"way must be one of {', '.join(self.ways)}, got {proposal['value']!r}")
        return str(proposal["value"])

    def __repr__(self) -> str:
        return f"LatentPath({len(self.frames[0])} frames, {' or '.join(self.ways)}, {self.label!r})"

    def _picture(self) -> str:
        """A few frames of each way under each other: what stays on paper."""
        parts = []
        for name, cells in self._cells.items():
            sheet, _ = film(cells, _STRIP)
            grown = max(1, min(self.size[1] // cells.shape[2], 800 // sheet.shape[1]))
            image = enlarged(sheet, grown, f"{self.label}, {name}: from t = 0 to t = 1")
            parts.append(f"<div>{html.escape(name)}</div>{image}")
        return "\n".join(parts)


def _same_networks(live: str, z: Tensor, picture: Tensor, score: Tensor | None) -> None:
    """Nothing, if the walk of that name gives this picture and score at z: else a page would show two generators."""
    from genimg.widgets.live import GRAPHS

    graph = GRAPHS[choice(live, "live", GRAPHS)]()
    if z.shape == graph.inputs["z"].shape[1:] and set(graph.outputs) == {"x", "score"}:
        with torch.no_grad():
            found = graph.module(z.detach().cpu()[None])  # and the pictures may be a GPU's, whose convolutions round
        expected = (picture.cpu()[None], found[1] if score is None else score.cpu()[None])
        if all(torch.allclose(one, other, rtol=1e-2, atol=1e-2) for one, other in zip(found, expected, strict=True)):
            return
    raise UsageError(f"live {live!r} does not compute these pictures and scores; its networks are others")


def _lines(scores: Mapping[str, Sequence[float] | Tensor] | None, ways: list[str], n: int) -> list[list[float]]:
    if scores is None:
        return []
    if set(scores) != set(ways):
        raise UsageError(f"scores must hold one line for each of {', '.join(ways)}, got {', '.join(scores)}")
    lines = [torch.as_tensor(scores[name]).detach().cpu().double().flatten().tolist() for name in ways]
    if any(len(line) != n or not all(map(math.isfinite, line)) for line in lines):
        raise UsageError(f"scores must hold {n} finite numbers for each way")
    # Four digits are more than a line shows, and the same on every machine.
    return [[float(f"{value:.4g}") for value in line] for line in lines]
