"""Draw a hole into a picture, and watch a search fill it.

The search is a function of the notebook; the widget knows nothing of generators. Page and kernel talk through traits
alone (`request` one way, `phase`, `frame`, `results` the other). In a built page, where no kernel answers, the page
does so itself, by the networks of `widgets.live` and the functions in `latent_search.js`; the tests hold these to
`genimg.problems.inpaint` and `genimg.numerics.poisson`.
"""

from __future__ import annotations

import asyncio
import html
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import anywidget
import torch
import traitlets
from torch import Tensor

from genimg._base import errors
from genimg._base.errors import UsageError, choice
from genimg.plots import pixels
from genimg.widgets.live import GRAPHS
from genimg.widgets.page import module, page_html
from genimg.widgets.wire import bits_of, cell_of, light, mask_of, png_url

Step = tuple[int, int, Tensor, str]
"""Steps done, steps in all, the picture so far (c, h, w) in [-1, 1], a few words about it."""
Solve = Callable[[Tensor, Tensor], Iterable[Step]]
Finish = Callable[[Tensor, Tensor, Tensor], Mapping[str, Tensor]]

_STATE = ["label", "size", "colour", "pictures", "names", "presets", "uploads", "chosen", "own", "bits"]
_STATE += ["phase", "done", "total", "note", "frame", "results"]
_EVERY = 0.08
"""Seconds between two pictures of a running search."""
_BREATH = 0.005
"""Seconds that the search then leaves to the kernel: in them the page's Stop is read."""
_HOLE = torch.tensor([0.72, 0.44])
"""Two greys of the chequers that stand for nothing, as in every paint program."""


class MaskPainter(anywidget.AnyWidget):
    """A picture to paint a hole into, with brush, eraser and presets, and a button that lets a search fill it.

    In a notebook `mask` and `image` are what the reader has painted and chosen, `filled` is what the last search found,
    and `error` what it died of. Where no kernel runs, a fixed picture stands instead: the first image, the hole, and
    `result` if there is one.

    Args:
        images: (n, c, h, w) in [-1, 1], c = 1 or 3: what can be chosen.
        presets: masks (h, w) by name, 1 = known, 0 = missing.
        solve: gets the image (c, h, w) and the mask (h, w), float32, and gives an iterable of steps `(done, total,
            picture, text)`. A generator is best: between two of its steps the kernel reads what the page says, Stop
            included. The image still holds its pixels in the hole; to look at them there would be cheating. None makes
            a widget that only paints.
        finish: gets image, mask and the last picture and gives the pictures to compare, by name. If None: the picture
            itself ("raw"), and laid under the known pixels ("overlay").
        mask: the first mask, (h, w) or the name of a preset; the first preset if None, and nothing missing if there is
            no preset either.
        result: a picture (c, h, w) for the page without kernel, until it has one of its own: the first image, with
            that mask, filled before.
        label: what the images show; read to those who do not see them.
        upload: whether readers may take a picture of their own; it is cropped and resized in the page.
        live: the graph of `widgets.live` by which a built page searches on its own, such as "search", for images of its
            size. None leaves the fixed picture.

    Raises:
        UsageError: for images or masks of another kind or size, no label, more than 1.5 MB of images, or a graph that
            is no search.

    Example:
        >>> left = torch.ones(4, 4)
        >>> left[:, 2:] = 0
        >>> painter = MaskPainter(
        ...     torch.zeros(1, 1, 4, 4),
        ...     {"right half": left},
        ...     solve=lambda image, mask: [(1, 1, torch.ones(1, 4, 4), "white")],
        ...     label="a grey square",
        ... )
        >>> painter
        MaskPainter(1 image of 4 by 4, 'a grey square')
        >>> painter.fill()
        >>> painter.filled["overlay"][0, 0].tolist()
        [0.0, 0.0, 1.0, 1.0]
    """

    _esm = module("latent_search", "photograph", "mask_painter")
    label = traitlets.Unicode().tag(sync=True)
    size = traitlets.List(traitlets.Int()).tag(sync=True)
    colour = traitlets.Bool().tag(sync=True)
    pictures = traitlets.List(traitlets.Unicode()).tag(sync=True)
    names = traitlets.List(traitlets.Unicode()).tag(sync=True)
    presets = traitlets.List(traitlets.List(traitlets.Unicode())).tag(sync=True)
    fills = traitlets.Bool().tag(sync=True)
    uploads = traitlets.Bool().tag(sync=True)
    # What the page says: the picture (-1 is the reader's own), the mask, and "fill" or "stop".
    chosen = traitlets.Int(0).tag(sync=True)
    own = traitlets.Unicode().tag(sync=True)
    bits = traitlets.Unicode().tag(sync=True)
    request = traitlets.Unicode().tag(sync=True)
    # What the kernel answers.
    phase = traitlets.Enum(("idle", "running", "done", "stopped", "refused", "failed"), "idle").tag(sync=True)
    done = traitlets.Int(0).tag(sync=True)
    total = traitlets.Int(0).tag(sync=True)
    note = traitlets.Unicode().tag(sync=True)
    frame = traitlets.Unicode().tag(sync=True)
    results = traitlets.List(traitlets.List(traitlets.Unicode())).tag(sync=True)

    def __init__(
        self,
        images: Tensor,
        presets: Mapping[str, Tensor] | None = None,
        solve: Solve | None = None,
        *,
        finish: Finish | None = None,
        mask: Tensor | str | None = None,
        result: Tensor | None = None,
        names: Sequence[str] | None = None,
        label: str = "picture",
        upload: bool = True,
        live: str | None = None,
        **kwargs: Any,
    ) -> None:
        cells = pixels(errors.images(images))
        n, height, width = cells.shape[:3]
        if not label.strip():
            raise UsageError("label must say what the images show; it is read to those who do not see them")
        if names is not None and len(names) != n:
            raise UsageError(f"names must hold one entry per image ({n}), got {len(names)}")
        holes = {name: _mask(one, height, width, f"preset {name!r}") for name, one in (presets or {}).items()}
        if isinstance(mask, str):
            first = holes[choice(mask, "mask", holes)]
        elif mask is not None:
            first = _mask(mask, height, width, "mask")
        else:
            first = next(iter(holes.values()), torch.ones(height, width))
        self._images = images.detach().cpu().float()
        self._solve, self._finish = solve, finish or _overlay
        self._stopping = False
        self._task: asyncio.Task[None] | None = None  # a loop holds its tasks weakly
        self.filled: dict[str, Tensor] = {}
        self.error: Exception | None = None
        super().__init__(
            label=label,
            size=[height, width],
            colour=images.shape[1] == 3,
            pictures=light([png_url(cell) for cell in cells], "images"),
            names=list(names) if names else [f"image {i + 1}" for i in range(n)],
            presets=[[name, bits_of(one)] for name, one in holes.items()],
            fills=solve is not None,
            uploads=upload,
            bits=bits_of(first),
            **kwargs,
        )
        # The page is for another reader: it begins where the widget does.
        self._page = self._beside_each_other(first, result, live)
        if live is not None:
            choice(live, "live", [name for name in GRAPHS if name.startswith("search")])
            state = {name: getattr(self, name) for name in _STATE} | {"fills": True, "live": live}
            state["frame"] = png_url(pixels(result)[0]) if result is not None else ""
            self._page = page_html(self._esm, state, self._page)

    @property
    def image(self) -> Tensor:
        """The chosen picture, (c, h, w) in [-1, 1]."""
        if 0 <= self.chosen < len(self._images):
            return self._images[self.chosen]
        cell = cell_of(self.own)
        if list(cell.shape[:2]) != self.size:
            raise UsageError(f"the picture that was sent is {cell.shape[0]} by {cell.shape[1]}, not {self._by}")
        return torch.from_numpy(cell / 127.5 - 1).float().permute(2, 0, 1)[: self._images.shape[1]]

    @property
    def mask(self) -> Tensor:
        """The mask as it is painted, (h, w), float32, 1 = known, 0 = missing; can be set."""
        return mask_of(self.bits, *self.size)

    @mask.setter
    def mask(self, mask: Tensor) -> None:
        height, width = self.size
        self.bits = bits_of(_mask(mask, height, width, "mask"))

    def fill(self) -> None:
        """Starts the search, as the button does. Without a running event loop (in a script) it runs to its end."""
        if self.phase == "running" or self._solve is None:
            return
        self._stopping, self.error, self.filled = False, None, {}
        with self.hold_sync():
            self.phase, self.note = "running", ""
            self.done, self.total, self.frame, self.results = 0, 0, "", []
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            asyncio.run(self._search())
        else:
            self._task = loop.create_task(self._search())

    def stop(self) -> None:
        """Ends a running search after its present step; what it has found is kept."""
        self._stopping = True

    async def _search(self) -> None:
        steps: Any = ()
        picture, phase, note, shown = None, "done", "", 0.0
        try:
            image, mask = self.image, self.mask
            if bool(mask.all()):
                return self._answer("refused", "Nothing is missing: paint a hole first.")
            if not bool(mask.any()):
                return self._answer("refused", "Nothing is known: a search needs some pixels to hold on to.")
            assert self._solve is not None
            steps = self._solve(image.clone(), mask.clone())
            for step in steps:
                picture, note = _look(step, image), str(step[3])
                if self._stopping:
                    phase = "stopped"
                    break
                if time.monotonic() - shown > _EVERY:
                    self._show(step, picture)
                    await asyncio.sleep(_BREATH)
                    shown = time.monotonic()
            if picture is None:
                raise UsageError("the search gave no picture")
            self._show(step, picture)
        except KeyboardInterrupt:  # the notebook's own stop button
            phase = "stopped"
        except Exception as error:
            phase, note = "failed", self._blame(error)
        finally:
            getattr(steps, "close", lambda: None)()
        if picture is None:
            return self._answer(phase, note)
        # Also after an error: what was found until then is the reader's.
        try:
            found = {name: one.detach().cpu().float() for name, one in self._finish(image, mask, picture).items()}
            cells = [[name, png_url(pixels(one.clamp(-1, 1))[0])] for name, one in found.items()]
        except Exception as error:
            phase, note = "failed", self._blame(error)
            found, cells = {"raw": picture}, [["raw", png_url(pixels(picture)[0])]]
        self.filled = found
        return self._answer(phase, note, cells)

    def _show(self, step: Step, picture: Tensor) -> None:
        with self.hold_sync():
            self.done, self.total, self.note = int(step[0]), int(step[1]), str(step[3])
            self.frame = png_url(pixels(picture)[0])

    def _blame(self, error: Exception) -> str:
        self.error = error
        words = " ".join(str(error).split()) or "no message"
        words = words if isinstance(error, UsageError) else f"{type(error).__name__}: {words}"
        return words if len(words) < 240 else words[:239] + "…"

    def _answer(self, phase: str, note: str, cells: list[list[str]] | None = None) -> None:
        with self.hold_sync():
            self.results = cells or []
            self.note = note
            self.phase = phase

    @traitlets.observe("request")
    def _asked(self, change: Any) -> None:
        asked, self.request = change["new"], ""
        if asked == "fill":
            self.fill()
        elif asked == "stop":
            self.stop()

    @traitlets.observe("bits", "chosen", "own")
    def _another(self, change: Any) -> None:
        """What was found belongs to another hole or picture."""
        if self.phase in ("idle", "running"):
            return
        self.filled = {}
        with self.hold_sync():
            self.phase, self.note, self.frame, self.results = "idle", "", "", []

    @property
    def _by(self) -> str:
        return f"{self.size[0]} by {self.size[1]}"

    def __repr__(self) -> str:
        count = len(self._images)
        return f"MaskPainter({count} image{'s' * (count > 1)} of {self._by}, {self.label!r})"

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        data, metadata = super()._repr_mimebundle_(**kwargs) or ({}, {})
        return data | {"text/html": self._page}, metadata

    def _beside_each_other(self, mask: Tensor, result: Tensor | None, live: str | None) -> str:
        """Image, hole and result in a row: what stands where nothing can search."""
        image = self._images[0]
        row, column = torch.meshgrid(*(torch.arange(length) for length in self.size), indexing="ij")
        shown = {self.names[0]: image, "with the hole": mask * image + (1 - mask) * _HOLE[(row + column) % 2]}
        if result is not None:
            shown["filled"] = _look((0, 0, result, ""), image)
        where = "In a notebook, and in a browser with scripts and WebAssembly," if live else "In a notebook"
        sharp = "image-rendering:pixelated;" if max(self.size) <= 48 else ""
        parts = [
            '<div style="flex:1 1 90px;min-width:0;max-width:256px;text-align:center">'
            f'<img src="{png_url(pixels(one)[0])}" alt="{html.escape(f"{self.label}: {name}")}" '
            f'style="{sharp}display:block;width:100%;max-width:none;height:auto;border-radius:4px;margin:0 auto">'
            f"<span>{html.escape(name)}</span></div>"
            for name, one in shown.items()
        ]
        return (
            '<div class="genimg-widget" style="font:15px/1.4 system-ui,sans-serif;max-width:800px;margin:0 auto">\n'
            '<div style="display:flex;flex-wrap:wrap;gap:12px;justify-content:center">\n'
            + "\n".join(parts)
            + f'\n</div>\n<p style="margin:8px 0 0;text-align:center">{where} this is a drawing board: '
            "paint your own hole and watch the search fill it.</p>\n</div>"
        )


def _look(step: Any, image: Tensor) -> Tensor:
    if not (isinstance(step, tuple) and len(step) == 4 and isinstance(step[2], Tensor)):
        raise UsageError("a step of the search must be (done, total, picture, text)")
    picture = step[2].detach().cpu().float()
    if picture.shape != image.shape:
        raise UsageError(f"a step's picture must have shape {tuple(image.shape)}, got {tuple(picture.shape)}")
    if not float(picture.abs().max()) <= 1.5:  # also catches NaN
        raise UsageError("a step's picture must be finite and in [-1, 1]; has the search diverged?")
    return picture


def _overlay(image: Tensor, mask: Tensor, picture: Tensor) -> dict[str, Tensor]:
    return {"raw": picture, "overlay": mask * image + (1 - mask) * picture}


def _mask(mask: Tensor, height: int, width: int, name: str) -> Tensor:
    mask = torch.as_tensor(mask).detach().cpu().float()
    if tuple(mask.shape) != (height, width):
        raise UsageError(f"{name} must have shape ({height}, {width}) like the images, got {tuple(mask.shape)}")
    if not bool(((mask == 0) | (mask == 1)).all()):
        raise UsageError(f"{name} must hold 1 (known) and 0 (missing) only")
    return mask
