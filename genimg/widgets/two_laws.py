"""Two laws on a line, to be moved: every distance between them, the coupling and the dual variables follow.

Everything is computed in the page, by the functions at the top of `two_laws.js`; the tests hold them to
`genimg.numerics.divergence` and `genimg.numerics.transport`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import traitlets
from torch import Tensor

from genimg._base.errors import UsageError, choice
from genimg.numerics import divergence, transport
from genimg.plots import BLUE, GREEN, ORANGE
from genimg.widgets.page import Pictured, module

KINDS = ("gaussian", "uniform", "bumps", "point")
_GRID = torch.linspace(-6, 6, 241, dtype=torch.float64)


class TwoLaws(Pictured):
    """Two laws on [-6, 6] with sliders, and KL both ways, JS, delta, W1, the optimal coupling, f and D*.

    What a law would have beyond -6 and 6 is cut off.

    Args:
        first: P1 (real, blue): `kind` ("gaussian", "uniform", "bumps" or "point"), `mean` in [-4, 4] and `width` in
            [0.2, 2.5]: standard deviation, half the width, half the distance of the bumps, or nothing for a point.
            What is left out is as in N(-1, 1).
        second: P2 (generated, orange), likewise; left out as in N(1, 1).

    Raises:
        UsageError: for an unknown kind or key, or numbers outside the sliders.

    Example:
        >>> TwoLaws(second=dict(kind="point", mean=2))
        TwoLaws(gaussian at -1, point at 2)
    """

    _esm = module("two_laws")
    _kept = ("first", "second")
    first = traitlets.Dict().tag(sync=True)
    second = traitlets.Dict().tag(sync=True)

    def __init__(
        self, first: Mapping[str, Any] | None = None, second: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(first=_spec(first, "first", -1.0), second=_spec(second, "second", 1.0), **kwargs)

    def __repr__(self) -> str:
        shown = (f"{spec['kind']} at {spec['mean']:g}" for spec in (self.first, self.second))
        return f"TwoLaws({', '.join(shown)})"

    def _picture(self) -> str:
        """The first state as an SVG: the laws, the potential f, and the distances in words."""
        p, q = _masses(self.first), _masses(self.second)
        w1 = transport.w1_1d(_GRID, _GRID, p, q)
        # On a grid a density gives a point some mass; on the line it gives none.
        singular = (self.first["kind"] == "point") != (self.second["kind"] == "point")
        delta = 1.0 if singular else float(divergence.delta(p, q))
        js = float(torch.log(torch.tensor(2.0))) if singular else float(divergence.js(p, q))
        gap = q.cumsum(0) - p.cumsum(0)
        f = torch.cat([torch.zeros(1), (gap[:-1].sign() * (gap[:-1].abs() > 1e-9) * 0.05).cumsum(0)])
        f = f - (f.max() + f.min()) / 2
        line = _path(170 - 30 * f / max(1.0, float(f.max())))
        top = float(torch.maximum(p, q).max())
        words = f"JS {js:.2f}, total variation {delta:.2f}, W1 {w1:.2f}"
        label = f"Two laws, {self.first['kind']} and {self.second['kind']}, and the dual variable of W1. {words}."
        return (
            f'<svg viewBox="0 0 500 240" width="500" style="max-width:100%" role="img" aria-label="{label}">'
            + _filled(p / top, BLUE)
            + _filled(q / top, ORANGE)
            + f'<path d="{line}" fill="none" stroke="{GREEN}" stroke-width="2"/>'
            + '<text x="10" y="129" fill="currentColor" font-size="12">f, the optimal 1-Lipschitz critic</text>'
            + f'<text x="10" y="226" fill="currentColor" font-size="13">{words}</text></svg>'
        )


def _spec(given: Mapping[str, Any] | None, name: str, mean: float) -> dict[str, Any]:
    spec: dict[str, Any] = {"kind": "gaussian", "mean": mean, "width": 1.0} | dict(given or {})
    unknown = set(spec) - {"kind", "mean", "width"}
    if unknown:
        raise UsageError(f"{name} knows kind, mean and width, not {sorted(unknown)[0]!r}")
    choice(spec["kind"], f"{name}: kind", KINDS)
    for part, low, high in (("mean", -4.0, 4.0), ("width", 0.2, 2.5)):
        spec[part] = float(spec[part])
        if not low <= spec[part] <= high:
            raise UsageError(f"{name}: {part} must be between {low:g} and {high:g}, got {spec[part]:g}")
    return spec


def _masses(spec: Mapping[str, Any]) -> Tensor:
    """Probabilities on the grid (241,)."""
    mean, width = spec["mean"], spec["width"]
    if spec["kind"] == "point":
        p = torch.zeros_like(_GRID)
        p[int((_GRID - mean).abs().argmin())] = 1.0
    elif spec["kind"] == "uniform":
        p = ((_GRID + 0.025).clamp(max=mean + width) - (_GRID - 0.025).clamp(min=mean - width)).clamp(min=0.0)
    elif spec["kind"] == "bumps":
        p = torch.stack([torch.exp(-(((_GRID - at) / 0.35) ** 2) / 2) for at in (mean - width, mean + width)]).sum(0)
    else:
        p = torch.exp(-(((_GRID - mean) / width) ** 2) / 2)
    return p / p.sum()


def _path(y: Tensor) -> str:
    return "M" + "L".join(f"{8 + 2 * i:d} {value:.1f}" for i, value in enumerate(y.tolist()))


def _filled(share: Tensor, colour: str) -> str:
    line = _path(110 - 95 * share)
    return (
        f'<path d="{line}L488 110L8 110Z" fill="{colour}" fill-opacity=".3"/>'
        f'<path d="{line}" fill="none" stroke="{colour}" stroke-width="2"/>'
    )
