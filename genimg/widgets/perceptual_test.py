"""The perceptual test of the talk: one picture at a time, the question whether its colours look natural, yes or no.

The test runs in the page; a kernel, where there is one, gets the answers. Which method made which picture stands in the
page from the beginning, since there may be nobody else to ask, but encoded: enough against a look at the page's source,
not against somebody who wants to cheat.
"""

from __future__ import annotations

import base64
import html
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import traitlets
from torch import Tensor

from genimg._base.errors import UsageError
from genimg._base.seeding import child, rng
from genimg.plots import pixels
from genimg.problems.colorize.answers import Answer, write_answers
from genimg.widgets.page import Pictured, module
from genimg.widgets.wire import enlarged, film, light, png_url

QUESTION = (
    "Does this image has a natural colorization? Try not to spend too much time looking at the details. "
    "Five seconds per image should be enough. You can use keys y and n or click the 'Yes' and 'No' buttons."
)
"""Word for word from the talk, slide "Perceptual evaluation" (an IPOL demo)."""

_STRIP = 5
"""Pictures in the row that stands where scripts do not run."""


class PerceptualTest(Pictured):
    """Pictures of several methods in one shuffled row, each to be judged natural or not; at the end the shares.

    In a notebook `answers` holds what has been said so far, `save` writes it as a file that can be merged with those
    of others (`gi.colorize.answers.read_answers`), and `observer` is the name that was typed in. In a page without
    kernel the same is done by the browser: results with intervals, and the file to download.

    Give each observer a seed: then no method always comes last, when all are tired.

    Args:
        pictures: by method: (n, c, h, w), float in [-1, 1] or uint8, c = 1 or 3, all of one size. The method "real" is
            what the others are compared with, if it is there.
        names: of the scenes, in the order of the pictures; or such a list for each method. Pictures of one name show
            one scene, which the interval of a class takes into account. Without names scenes are numbered, and the
            k-th picture of every method shows scene k.
        seed: of the order; it is the same in every run.
        observer: who answers, if that is known beforehand.
        question: what is asked of each picture, in place of the talk's `QUESTION`; its first sentence stands over each.

    Raises:
        UsageError: for pictures of another kind or of different sizes, names that do not fit, or more than 1.5 MB.

    Source: the talk, slide "Perceptual evaluation". Its numbers of observers and images are not given.

    Example:
        >>> test = PerceptualTest({"real": torch.zeros(2, 3, 4, 4), "gan": torch.ones(2, 3, 4, 4)}, seed=0)
        >>> test
        PerceptualTest(4 pictures by 2 methods, 0 answered)
        >>> test.replies = [(True, 2.5)]
        >>> [answer.natural for answer in test.answers]
        [True]
    """

    _esm = module("perceptual_test")
    _kept = ("question", "pictures", "key", "size")
    question = traitlets.Unicode(QUESTION).tag(sync=True)
    pictures = traitlets.List(traitlets.Unicode()).tag(sync=True)
    key = traitlets.Unicode().tag(sync=True)
    size = traitlets.List(traitlets.Int()).tag(sync=True)
    observer = traitlets.Unicode().tag(sync=True)
    replies = traitlets.List(traitlets.Tuple(traitlets.Bool(), traitlets.Float(min=0))).tag(sync=True)
    opened = traitlets.Bool(False).tag(sync=True)

    def __init__(
        self,
        pictures: Mapping[str, Tensor | np.ndarray],
        *,
        names: Sequence[str] | Mapping[str, Sequence[str]] | None = None,
        seed: int,
        observer: str = "",
        **kwargs: Any,
    ) -> None:
        cells = {method: pixels(torch.as_tensor(images)) for method, images in pictures.items()}
        if not cells or not all(method.strip() for method in cells):
            raise UsageError("pictures must hold images by the name of their method")
        if len({cell.shape[1:3] for cell in cells.values()}) != 1:
            raise UsageError("pictures must all have one size; another one would tell the method")
        scenes = _scenes(names, {method: len(cell) for method, cell in cells.items()})
        row = [(method, i) for method, cell in cells.items() for i in range(len(cell))]
        order = torch.randperm(len(row), generator=rng(child(seed, "perceptual test"))).tolist()
        shuffled = [row[place] for place in order]
        self._shown = [(scenes[method][i], method) for method, i in shuffled]
        self._cells = np.stack([cells[method][i] for method, i in shuffled])
        key = {"methods": list(cells), "shown": self._shown}
        super().__init__(
            pictures=light([png_url(cell) for cell in self._cells], "pictures"),
            key=base64.b64encode(json.dumps(key, ensure_ascii=False).encode()).decode(),
            size=list(self._cells.shape[1:3]),
            observer=observer,
            **kwargs,
        )

    @property
    def answers(self) -> list[Answer]:
        """What has been said, in the order of the pictures."""
        return [
            Answer(image, method, natural, seconds, self.observer.strip())
            for (image, method), (natural, seconds) in zip(self._shown, self.replies, strict=False)
        ]

    def save(self, path: str | Path) -> None:
        """Writes the answers as CSV, what is there of them; a file of that name is replaced.

        Raises:
            UsageError: before the first answer, or for a path that cannot be written.
        """
        write_answers(path, self.answers)

    # What a page sends is refused by traitlets' own error: only then the last good value is kept.
    @traitlets.validate("replies")
    def _possible(self, proposal: Any) -> list[tuple[bool, float]]:
        replies: list[tuple[bool, float]] = proposal["value"]
        if len(replies) > len(self.pictures):
            raise traitlets.TraitError(f"{len(replies)} replies for {len(self.pictures)} pictures")
        if not all(math.isfinite(seconds) for _, seconds in replies):
            raise traitlets.TraitError("a reply took no finite number of seconds")
        return replies

    @traitlets.validate("opened")
    def _complete(self, proposal: Any) -> bool:
        if proposal["value"] and len(self.replies) < len(self.pictures):
            raise traitlets.TraitError("the methods stay hidden until every picture has been judged")
        return bool(proposal["value"])

    def __repr__(self) -> str:
        methods = len({method for _, method in self._shown})
        count = f"{len(self.pictures)} picture{'s' * (len(self.pictures) > 1)} by {methods} method{'s' * (methods > 1)}"
        return f"PerceptualTest({count}, {len(self.replies)} answered)"

    def _state(self) -> dict[str, Any]:
        # The page is for another reader.
        return super()._state() | {"observer": "", "replies": [], "opened": False}

    def _picture(self) -> str:
        """The question over the first pictures: what stays on paper."""
        sheet, chosen = film(self._cells[:_STRIP], _STRIP)
        grown = max(1, 700 // sheet.shape[1]) if max(self.size) <= 48 else 1
        alt = f"The first {len(chosen)} of {len(self.pictures)} pictures of the test"
        return f"<p>“{html.escape(self.question, quote=False)}”</p>\n{enlarged(sheet, grown, alt)}"


def _scenes(
    names: Sequence[str] | Mapping[str, Sequence[str]] | None, counts: Mapping[str, int]
) -> dict[str, list[str]]:
    """The names of each method's pictures."""
    if names is None:
        return {method: [f"image {i + 1}" for i in range(n)] for method, n in counts.items()}
    given = names if isinstance(names, Mapping) else dict.fromkeys(counts, names)
    if set(given) != set(counts):
        raise UsageError(f"names must hold a list for each of {', '.join(counts)}, got {', '.join(given)}")
    for method, n in counts.items():
        if len(given[method]) != n or len(set(given[method])) != n or not all(name.strip() for name in given[method]):
            raise UsageError(f"names must hold {n} different names for {method!r}, got {list(given[method])}")
    return {method: list(given[method]) for method in counts}
