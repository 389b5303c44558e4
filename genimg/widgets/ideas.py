"""One idea at a time, with sliders: a pushforward, an optimal critic, the law of the past, a gamut, a seam.

Everything is computed in the page, by the functions at the top of `ideas.js`; the tests hold them to `genimg.numerics`,
`genimg.gan.history` and samples.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import torch
import traitlets

from genimg._base.errors import UsageError, choice
from genimg.numerics import color, poisson
from genimg.plots import BLUE, GREY, ORANGE
from genimg.widgets.page import Pictured, module


class Slider(NamedTuple):
    """A number that the reader moves: `label` says what it is, `start` where it begins."""

    key: str
    label: str
    low: float
    high: float
    step: float
    start: float


IDEAS: dict[str, tuple[str, tuple[Slider, ...]]] = {
    "pushforward": (
        "A generator moves noise: G(z) = shift + scale · z + bend · z³",
        (
            Slider("shift", "shift", -3, 3, 0.1, 0.0),
            Slider("scale", "scale", 0.2, 1.5, 0.05, 1.0),
            Slider("bend", "bend", 0, 0.3, 0.01, 0.05),
        ),
    ),
    "discriminator": (
        "The optimal discriminator between two Gaussians",
        (
            Slider("real", "centre of P_real", -3, 3, 0.1, -1.0),
            Slider("fake", "centre of P_G", -3, 3, 0.1, 1.0),
            Slider("width", "std. deviation of P_G", 0.3, 2, 0.05, 1.0),
        ),
    ),
    "penalty": (
        "Two critics of two Gaussians: clipped, and with a gradient penalty",
        (
            Slider("gap", "distance of the laws", 0.1, 4, 0.1, 2.0),
            Slider("K", "K of the clipped critic", 0.1, 3, 0.1, 0.5),
            Slider("lam", "λ of the penalty", 0.1, 20, 0.1, 10.0),
        ),
    ),
    "past": (
        "The law of a generator's past, and the critic between it and the data",
        (
            Slider("alpha", "α, first step kept", 0, 110, 2, 0.0),
            Slider("beta", "β, rate of decay", 0, 0.2, 0.005, 0.0),
            Slider("swing", "swing of the generator", 0, 5, 0.1, 4.0),
        ),
    ),
    "gamut": (
        "The colours that a screen can show at one lightness",
        (
            Slider("L", "L, lightness", 2, 98, 1, 65.0),
            Slider("a", "a, green to red", -110, 110, 1, 60.0),
            Slider("b", "b, blue to yellow", -110, 110, 1, 70.0),
        ),
    ),
    "poisson": (
        "Poisson editing of one row of pixels",
        (
            Slider("offset", "guide too bright by", -0.3, 0.3, 0.01, 0.15),
            Slider("tilt", "guide tilted by", -0.4, 0.4, 0.01, 0.0),
            Slider("end", "last pixel of the hole", 20, 47, 1, 32.0),
        ),
    ),
}
"""For each idea what its figure is called, and its sliders."""


class Idea(Pictured):
    """One live figure: sliders below a picture, and one sentence of numbers that follows them.

    Args:
        idea: one of `IDEAS`.
        **values: where the sliders begin, by their keys.

    Raises:
        UsageError: for an unknown idea or key, or a number off its slider.

    Example:
        >>> Idea("penalty", lam=1)
        Idea('penalty', gap=2, K=0.5, lam=1)
    """

    _esm = module("ideas")
    _kept = ("idea", "label", "sliders", "values")
    idea = traitlets.Unicode().tag(sync=True)
    label = traitlets.Unicode().tag(sync=True)
    sliders = traitlets.List(traitlets.Dict()).tag(sync=True)
    values = traitlets.Dict().tag(sync=True)

    def __init__(self, idea: str, **values: float) -> None:
        label, sliders = IDEAS[choice(idea, "idea", IDEAS)]
        unknown = set(values) - {slider.key for slider in sliders}
        if unknown:
            raise UsageError(f"{idea} has {', '.join(s.key for s in sliders)}, not {sorted(unknown)[0]!r}")
        start = {slider.key: float(values.get(slider.key, slider.start)) for slider in sliders}
        for slider in sliders:
            if not slider.low <= start[slider.key] <= slider.high:
                raise UsageError(
                    f"{slider.key} must be between {slider.low:g} and {slider.high:g}, got {start[slider.key]:g}"
                )
        super().__init__(idea=idea, label=label, sliders=[slider._asdict() for slider in sliders], values=start)

    def __repr__(self) -> str:
        return f"Idea({self.idea!r}, {', '.join(f'{key}={value:g}' for key, value in self.values.items())})"

    def _picture(self) -> str:
        """The first state as an SVG, without the sliders and the numbers, which need the page's script."""
        shapes, what = {"gamut": _slice, "poisson": _row}.get(self.idea, _heaps)(self.idea, self.values)
        return (
            '<svg viewBox="0 0 600 200" width="600" style="max-width:100%" role="img"'
            f' aria-label="{self.label}: {what}.">{shapes}</svg>'
            "<p>Run this cell, or allow scripts on this page, and this figure has sliders.</p>"
        )


def _heaps(idea: str, v: Mapping[str, float]) -> tuple[str, str]:
    """The two laws of an idea."""
    t = torch.linspace(-6, 6, 201)
    if idea == "pushforward":
        z = torch.linspace(-4, 4, 201)
        x = v["shift"] + v["scale"] * z + v["bend"] * z**3
        laws = [(z, _normal(z, 0, 1), GREY), (x, _normal(z, 0, 1) / (v["scale"] + 3 * v["bend"] * z**2), ORANGE)]
    elif idea == "past":
        times = torch.arange(max(0.0, v["alpha"]), 121, 2)
        weights = torch.softmax(-v["beta"] * times, 0)
        means = v["swing"] * torch.exp(-times / 60) * torch.cos(math.pi * times / 12) - 0.12
        mixture = (weights * _normal(t[:, None], means, 0.8)).sum(1)
        laws = [(t, 0.6 * _normal(t, -1.2, 0.5) + 0.4 * _normal(t, 1.5, 0.7), BLUE), (t, mixture, ORANGE)]
    else:
        centres = (v["real"], v["fake"]) if idea == "discriminator" else (v["gap"] / 2, -v["gap"] / 2)
        widths = (1.0, v.get("width", 1.0))
        laws = [(t, _normal(t, c, w), k) for c, w, k in zip(centres, widths, (BLUE, ORANGE), strict=True)]
    shapes = "".join(
        f'<path d="M{_points(48 * x + 300, 190 - 180 * y)}Z" fill="{k}" fill-opacity=".35"/>' for x, y, k in laws
    )
    return shapes, "two densities on the line"


def _slice(idea: str, v: Mapping[str, float]) -> tuple[str, str]:
    """The colours of a grid that exist at L, and the chosen one as a ring."""
    a, b = torch.cartesian_prod(*2 * [torch.arange(-112.0, 113, 8)]).T
    lab = torch.stack([torch.full_like(a, v["L"]), a, b]).reshape(1, 3, -1, 1)
    shades = (255 * color.lab_to_rgb(lab)).round().int()[0, :, :, 0].T.tolist()
    tiles = [
        f'<rect x="{296.5 + 0.85 * x:.1f}" y="{96.5 - 0.85 * y:.1f}" width="7" height="7" fill="rgb({r} {g} {b})"/>'
        for x, y, (r, g, b), there in zip(a, b, shades, color.in_gamut(lab).flatten(), strict=True)
        if there
    ]
    ring = f'<circle cx="{300 + 0.85 * v["a"]:.1f}" cy="{100 - 0.85 * v["b"]:.1f}" r="5" fill="none" stroke="{GREY}"/>'
    return "".join(tiles) + ring, f"at L = {v['L']:g} a rounded polygon around the grey in the middle"


def _row(idea: str, v: Mapping[str, float]) -> tuple[str, str]:
    """The known pixels, the guide, dashed, and the guide as it is edited into the hole."""
    i = torch.arange(48.0)
    y = 0.4 + 0.004 * i + 0.07 * torch.sin(i / 4)
    g = y + 0.22 * torch.exp(-(((i - 20) / 2.2) ** 2)) + v["offset"] + v["tilt"] * (i / 47 - 0.5)
    known = (i < 12) | (i > v["end"])
    x = poisson.edit(y.view(1, 1, 1, -1), g.view(1, 1, 1, -1), known[None].int()).flatten()
    lines = [(i, g, ORANGE, ' stroke-dasharray="6 4"'), (i[~known], x[~known], ORANGE, "")]
    lines += [(i[part], y[part], BLUE, "") for part in (i < 12, i > v["end"]) if part.any()]
    shapes = "".join(
        f'<path d="M{_points(12 * at + 18, 190 - 170 * row)}" fill="none" stroke="{k}" stroke-width="2"{dash}/>'
        for at, row, k, dash in lines
    )
    return shapes, "the known pixels, a guide beside them, and the guide joined to them across the hole"


def _points(x: torch.Tensor, y: torch.Tensor) -> str:
    return "L".join(f"{a:.0f} {b:.0f}" for a, b in zip(x.tolist(), y.tolist(), strict=True))


def _normal(x: torch.Tensor, mean: float | torch.Tensor, sd: float) -> torch.Tensor:
    return torch.exp(-(((x - mean) / sd) ** 2) / 2) / (sd * 2.5066282746310002)
