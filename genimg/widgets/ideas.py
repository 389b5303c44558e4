"""One idea at a time, with sliders: a pushforward, the optimal discriminator, clipping against a penalty.

Everything is computed in the page, by the functions at the top of `ideas.js`; the tests hold them to
`genimg.numerics.divergence`, `genimg.numerics.transport` and samples.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import anywidget
import torch
import traitlets

from genimg._base.errors import UsageError, choice
from genimg.plots import BLUE, GREEN, ORANGE
from genimg.widgets.page import module, page_html

_MODULE = module("ideas")


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
}
"""For each idea what its figure is called, and its sliders."""


class Idea(anywidget.AnyWidget):
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

    _esm = _MODULE
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

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        data, metadata = super()._repr_mimebundle_(**kwargs) or ({}, {})
        state = {name: getattr(self, name) for name in ("idea", "label", "sliders", "values")}
        return data | {"text/html": page_html(_MODULE, state, self._drawing())}, metadata

    def _drawing(self) -> str:
        """The laws of the first state as an SVG; the critics and the numbers need the page's script."""
        v = self.values
        if self.idea == "pushforward":
            z = torch.linspace(-4, 4, 201)
            x = v["shift"] + v["scale"] * z + v["bend"] * z**3
            laws = [(z, _normal(z, 0, 1), GREEN), (x, _normal(z, 0, 1) / (v["scale"] + 3 * v["bend"] * z**2), ORANGE)]
        else:
            t = torch.linspace(-6, 6, 201)
            centres = (v["real"], v["fake"]) if self.idea == "discriminator" else (v["gap"] / 2, -v["gap"] / 2)
            widths = (1.0, v.get("width", 1.0))
            laws = [(t, _normal(t, c, w), k) for c, w, k in zip(centres, widths, (BLUE, ORANGE), strict=True)]
        heaps = "".join(
            f'<path d="M{"L".join(f"{300 + 48 * a:.0f} {190 - 180 * b:.0f}" for a, b in zip(*xy, strict=True))}Z"'
            f' fill="{k}" fill-opacity=".35"/>'
            for *xy, k in ((x.tolist(), y.tolist(), k) for x, y, k in laws)
        )
        return (
            f'<svg viewBox="0 0 600 200" width="600" style="max-width:100%" role="img" aria-label="{self.label}: two'
            f' densities on the line.">{heaps}</svg><p>Where scripts run, this figure has sliders.</p>'
        )


def _normal(x: torch.Tensor, mean: float, sd: float) -> torch.Tensor:
    return torch.exp(-(((x - mean) / sd) ** 2) / 2) / (sd * 2.5066282746310002)
