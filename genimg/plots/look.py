"""Colours, widths and the matplotlib style."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import torch
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from torch import Tensor

from genimg._base.errors import UsageError, positive

BLUE = "#0072B2"
"""P_real, the first law."""
ORANGE = "#E69F00"
"""P_G, the second law."""
GREEN = "#009E73"
"""The critic, or a dual variable."""
RED = "#D55E00"
"""Anomalies."""
GREY = "#767676"
"""Everything else (the lightest grey that is still legible as text on white)."""
INK = "#2B2B2B"
"""Text and axes."""
OTHERS = (INK, "#B5548C", "#3A9BD9", GREY)
"""Curves that are none of the book's four things; also told apart by `DASHES`."""
DASHES = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2)))
"""Line styles that go with `OTHERS`, so that no curve is known by its colour alone."""

FULL = 8.0
"""Width in inches of a figure that fills the text column: 800 pixels at 100 per inch."""
HALF = 4.8
"""Width in inches of a narrow figure; show it with `"width": "60%"` and its text is as large as in a full one."""

Colours = Mapping[str, str] | Sequence[str] | None

_MEANING = (
    (BLUE, ("p_real", "p_1", "p1", "real", "data", "p_x")),
    (ORANGE, ("p_g", "p_2", "p2", "p_theta", "fake", "generated", "g(z)", "model", "samples of g")),
    (GREEN, ("critic", "dual", "d*", "d^*", "d(x)", "d_w", "discriminator", "potential", "d", "f")),
    (RED, ("anomal", "out of distribution", "out-of-distribution")),
)


def style() -> None:
    """Set the book's matplotlib style, and in a notebook PNG at twice the resolution with no cropping.

    Cropping is off since it would give each figure its own scale: text would be larger in one than in the next.

    Example:
        >>> style()
        >>> plt.rcParams["figure.figsize"]
        [8.0, 3.2]
    """
    mpl.rcParams.update(mpl.rcParamsDefault | {"backend": mpl.rcParams["backend"]})
    mpl.rcParams.update(
        {
            "figure.figsize": (FULL, 3.2),
            "figure.dpi": 100,
            "figure.constrained_layout.use": True,
            "figure.facecolor": "white",
            "savefig.facecolor": "white",
            "savefig.dpi": 200,
            # DejaVu ships with matplotlib, so that two machines draw the same pixels.
            "font.family": "sans-serif",
            "font.sans-serif": ["DejaVu Sans"],
            "mathtext.fontset": "dejavusans",
            "font.size": 10,
            "axes.titlesize": 10.5,
            "axes.titlelocation": "left",
            "axes.titlepad": 8,
            "axes.labelsize": 10,
            "axes.labelcolor": INK,
            "axes.edgecolor": "#9A9A9A",
            "axes.linewidth": 0.8,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.axisbelow": True,
            "axes.prop_cycle": cycler(color=OTHERS) + cycler(linestyle=DASHES),
            "axes.formatter.useoffset": False,
            "text.color": INK,
            "xtick.color": "#9A9A9A",
            "ytick.color": "#9A9A9A",
            "xtick.labelcolor": INK,
            "ytick.labelcolor": INK,
            "xtick.labelsize": 9,
            "ytick.labelsize": 9,
            "lines.linewidth": 1.8,
            "lines.solid_capstyle": "round",
            "legend.frameon": False,
            "legend.fontsize": 10,
            "image.interpolation": "nearest",
            "image.cmap": "gray",
            "svg.hashsalt": "genimg",
        }
    )
    if "IPython" in sys.modules:
        _retina()


def _retina() -> None:
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    if shell is None or not hasattr(shell, "kernel"):
        return
    from matplotlib_inline.backend_inline import set_matplotlib_formats
    from matplotlib_inline.config import InlineBackend

    # The configuration too: the inline back end re-reads it when the cell ends that imported pyplot first.
    inline = InlineBackend.instance(parent=shell)
    whole: dict[str, Any] = {"bbox_inches": None}
    inline.print_figure_kwargs = whole
    inline.figure_formats = {"retina"}
    set_matplotlib_formats("retina", **whole)


def colour(label: str, position: int = 0) -> str:
    r"""The book's colour for what `label` names, else one of `OTHERS` by `position`.

    `$`, braces, backslashes and font commands are ignored, so `"P_G"` and `r"$\mathbb{P}_G$"` are the same thing.

    Example:
        >>> colour("P_real") == BLUE, colour(r"$\mathbb{P}_G$") == ORANGE, colour("critic D(x)") == GREEN
        (True, True, True)
        >>> colour("JS", 1) == OTHERS[1]
        True
    """
    plain = label.lower()
    for noise in ("\\mathbb", "\\mathrm", "\\text", "\\#", "$", "{", "}", "\\"):
        plain = plain.replace(noise, "")
    for value, names in _MEANING:
        if any(plain == name or (len(name) > 1 and plain.startswith(name)) for name in names):
            return value
    return OTHERS[position % len(OTHERS)]


def readable(shade: str) -> str:
    """Orange words on white are too pale to read; a darker orange is still orange."""
    return {ORANGE: "#A66F00"}.get(shade, shade)


def pretty(label: str) -> str:
    r"""`P_real` as mathematics; a label with its own `$` is left alone.

    Example:
        >>> print(pretty("P_real"), pretty("samples of P_G"), pretty("$x_1$"))
        $P_\mathrm{real}$ samples of $P_\mathrm{G}$ $x_1$
    """
    return label if "$" in label else re.sub(r"\b([A-Z])_(\w+)", r"$\1_\\mathrm{\2}$", label)


def palette(labels: Sequence[str], colours: Colours) -> list[str]:
    """One colour per label: as given, else by `colour`."""
    if isinstance(colours, Mapping):
        unknown = sorted(set(colours) - set(labels))
        if unknown:
            raise UsageError(f"colours name {unknown[0]!r}, which is not among the labels: {', '.join(labels)}")
        return [colours.get(label, colour(label, i)) for i, label in enumerate(labels)]
    if colours is not None:
        if len(colours) != len(labels):
            raise UsageError(f"colours must hold one entry per label ({len(labels)}), got {len(colours)}")
        return list(colours)
    chosen, free = [], 0
    for label in labels:
        chosen.append(colour(label, free))
        free += chosen[-1] in OTHERS
    return chosen


def figure(width: float = FULL, height: float = 3.2, panels: int = 1, **kwargs: Any) -> tuple[Figure, Any]:
    """A new figure of the book's width with `panels` axes side by side: `(fig, ax)` or `(fig, [ax, ...])`.

    Example:
        >>> fig, (left, right) = figure(panels=2)
        >>> len(fig.axes), float(fig.get_figwidth())
        (2, 8.0)
    """
    positive(width, "width")
    positive(height, "height")
    return plt.subplots(1, panels, figsize=(width, height), layout="constrained", **kwargs)


def axes(ax: Axes | None, width: float, height: float) -> Axes:
    """`ax`, or the axes of a new figure."""
    if ax is not None:
        return ax
    new: Axes = figure(width, height)[1]
    return new


def array(values: Any, name: str, ndim: int | None = None) -> np.ndarray:
    """`values` (tensor, array or list) as a float64 array without NaN in it.

    Raises:
        UsageError: for a wrong number of axes, nothing at all, or NaN.
    """
    if isinstance(values, Tensor):
        values = values.detach().cpu().double().numpy()
    out = np.asarray(values, dtype=np.float64)
    if ndim is not None and out.ndim != ndim:
        raise UsageError(f"{name} must have {ndim} axes, got shape {out.shape}")
    if out.size == 0:
        raise UsageError(f"{name} is empty; there is nothing to draw")
    if np.isnan(out).any():
        raise UsageError(f"{name} contains NaN; drop those entries or find where they come from")
    return out


def key(ax: Axes, labels: Sequence[str], colours: Sequence[str], title: str = "") -> None:
    """The labels as one line of coloured words above `ax`, each after a dot: shorter to read than a boxed legend.

    A title goes above that line.
    """
    if title:
        ax.set_title(title, pad=26)
    dots = [
        Line2D([], [], marker="o", linestyle="", markersize=6, color=value, label=pretty(label))
        for label, value in zip(labels, colours, strict=True)
    ]
    shown = [dot for dot, label in zip(dots, labels, strict=True) if not label.startswith("_")]
    if shown:
        ax.legend(
            handles=shown,
            loc="lower left",
            bbox_to_anchor=(0, 1.0),
            ncols=len(shown),
            handletextpad=0.1,
            columnspacing=1.2,
            borderaxespad=0.1,
            borderpad=0.2,
        )


def frame(figure: Figure) -> Tensor:
    """A figure as a picture (3, h, w) of bytes, for a film (`widgets.FrameSlider`); the figure is closed.

    Args:
        figure: of any size; its dpi decides the number of pixels.

    Example:
        >>> frame(plt.figure(figsize=(2, 1), dpi=50)).shape
        torch.Size([3, 50, 100])
    """
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = torch.frombuffer(bytearray(canvas.buffer_rgba()), dtype=torch.uint8)
    width, height = canvas.get_width_height()
    plt.close(figure)
    return pixels.view(height, width, 4)[..., :3].permute(2, 0, 1).contiguous()
