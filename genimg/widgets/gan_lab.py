"""A GAN that trains in the page: two small perceptrons, a law in the plane, and every switch of the game.

Everything is computed in the page, by the functions at the top of `gan_lab.js`; the tests hold its gradients to
PyTorch, its objectives to `genimg.gan.objectives` and its W1 to `genimg.numerics.transport`.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import traitlets

from genimg._base.errors import UsageError, choice, positive
from genimg._base.seeding import rng
from genimg.gan import distributions
from genimg.plots import BLUE, ORANGE
from genimg.widgets.page import Pictured, module

LAWS = ("one", "two", "far", "ring", "grid", "spiral", "drawn")
OBJECTIVES = ("saturating", "vanilla", "r1", "clip", "gp", "tv")
USUAL: dict[str, Any] = {
    "law": "ring",
    "objective": "vanilla",
    "strength": 1.0,
    "steps": 1,
    "rateD": 0.003,
    "rateG": 0.003,
    "momentum": 0.5,
    "activation": "leaky",
    "seed": 1,
}
"""What the controls say at first: `strength` is c, lambda or gamma, `steps` those of the critic, `momentum` Adam's."""


def _preset(note: str, setting: dict[str, Any], *cures: tuple[str, dict[str, Any], str]) -> dict[str, Any]:
    """A way to break the game, by what one sees and its setting; of each cure name, change and what one sees."""
    before = USUAL | setting
    after = [{"label": label, "setting": before | change, "note": note} for label, change, note in cures]
    return {"note": note, "setting": before, "cures": after}


PRESETS = {
    "collapse": _preset(
        "The generator outruns its critic: it jumps from mode to mode and never holds them all.",
        {"rateD": 0.001, "rateG": 0.01},
        (
            "five critic steps",
            {"steps": 5},
            "One change: the critic moves five times as often. Count the modes.",
        ),
        (
            "WGAN-GP",
            {"objective": "gp", "steps": 5},
            "A penalty, with the five critic steps that are usual for it. Count the modes: it takes half a minute.",
        ),
    ),
    "circling": _preset(
        "Both players have momentum: the cloud overshoots its goal and comes back, again and again.",
        {"law": "one", "momentum": 0.9},
        ("no momentum", {"momentum": 0.0}, "One change: no momentum. The cloud comes to rest on the data."),
    ),
    "vanishing gradients": _preset(
        "The critic is trained well and the laws are far apart: there is no pull, and nothing moves.",
        {"law": "far", "objective": "saturating", "steps": 10, "rateG": 0.001},
        ("the other loss", {"objective": "vanilla"}, "One change: −log D instead of log(1 − D). Look at the pull."),
    ),
}
"""A way to break the game each, and what repairs it; the tests train them all."""


class GanLab(Pictured):
    """A generator and a critic, 2-32-32-2 and 2-32-32-1, that the reader trains, breaks and repairs.

    The picture shows the critic as a heat map, the data, the generated samples and the pull that the critic has on
    them; beside it stand the critic's value, the exact W1 between 128 samples, and V or delta of laws counted in cells.

    Args:
        preset: one of `PRESETS`: a setting that breaks the game.
        **setting: what the controls say at first, by the names of `USUAL`; it goes before the preset.

    Raises:
        UsageError: for an unknown preset or name, or a number that cannot be.

    Example:
        >>> GanLab("collapse")
        GanLab(vanilla on ring, seed 1)
    """

    _esm = module("gan_lab")
    _kept = ("setting", "presets")
    setting = traitlets.Dict().tag(sync=True)
    presets = traitlets.Dict().tag(sync=True)

    def __init__(self, preset: str | None = None, **setting: Any) -> None:
        start = PRESETS[choice(preset, "preset", PRESETS)]["setting"] if preset else USUAL
        super().__init__(setting=_checked(start | setting), presets=PRESETS)

    def __repr__(self) -> str:
        return f"GanLab({self.setting['objective']} on {self.setting['law']}, seed {self.setting['seed']})"

    def _picture(self) -> str:
        """The game before its first step, as an SVG: a ring of eight, and noise."""
        real = distributions.ring(rng(1), modes=8, radius=2.0, std=0.08).sample(160)
        fake = torch.randn(128, 2, generator=rng(2)) * 0.3
        label = "A ring of eight blue clusters and an orange cloud of generated samples in the middle, before training."
        dots = "".join(
            f'<circle cx="{50 * (3 + x):.0f}" cy="{50 * (3 - y):.0f}" r="2.5" fill="{colour}"/>'
            for points, colour in ((real, BLUE), (fake, ORANGE))
            for x, y in points.tolist()
        )
        return (
            f'<svg viewBox="0 0 300 300" width="300" style="max-width:100%" role="img"'
            f' aria-label="{label}">{dots}</svg>'
            "<p>Run this cell, or allow scripts on this page, and two networks train here before your eyes.</p>"
        )


def _checked(setting: dict[str, Any]) -> dict[str, Any]:
    unknown = set(setting) - set(USUAL)
    if unknown:
        raise UsageError(f"a setting has {', '.join(USUAL)}, not {sorted(unknown)[0]!r}")
    for name, options in (("law", LAWS), ("objective", OBJECTIVES), ("activation", ("relu", "leaky", "tanh"))):
        choice(setting[name], name, options)
    for name in ("strength", "rateD", "rateG"):
        setting[name] = positive(float(setting[name]), name)
    for name in ("steps", "seed"):
        if not isinstance(setting[name], int) or setting[name] < 1:
            raise UsageError(f"{name} must be a whole number from 1 on, got {setting[name]!r}")
    if not (math.isfinite(setting["momentum"]) and 0 <= setting["momentum"] < 1):
        raise UsageError(f"momentum must be from 0 to below 1, got {setting['momentum']}")
    return setting
