"""Tables of results: decimals under each other, ± small, the best of each column marked, the trivial rows in grey.

In a page or a notebook a table is HTML (the pages make it sortable); where only text is shown it is text.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

from genimg._base.errors import UsageError

Cell = float | tuple[float, float | None] | str | None
"""A number, a mean with its standard deviation, words, or nothing."""

_RIGHT = "text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums"


class Table:
    """Rows of numbers under named columns.

    Args:
        rows: by name, as many cells each as there are columns.
        columns: their titles.
        title: what the table is about, above it.
        corner: the title of the names.
        digits: after the point, for all columns or one number for each.
        best: which number is the best of a column, "high", "low" or "" (no such thing), for all or for each.
        trivial: rows of methods that learn nothing; they stand in grey, and they compete.
        apart: rows that do not compete, such as chance or an upper bound.

    Raises:
        UsageError: for rows of another length, or names that are no rows.

    Example:
        >>> Table({"critic": [(0.91, 0.01)], "mean": [0.5]}, ["AUROC"], best="high", trivial=["mean"])
                    AUROC
        critic *0.91 ±0.01
        mean    0.50
        * the best of its column; in grey: mean
    """

    def __init__(
        self,
        rows: Mapping[str, Sequence[Cell]],
        columns: Sequence[str],
        *,
        title: str = "",
        corner: str = "",
        digits: int | Sequence[int] = 2,
        best: str | Sequence[str] = "",
        trivial: Sequence[str] = (),
        apart: Sequence[str] = (),
    ) -> None:
        n = len(columns)
        self.columns, self.title, self.corner = list(columns), title, corner
        self.rows = {name: list(cells) for name, cells in rows.items()}
        self.digits = [digits] * n if isinstance(digits, int) else list(digits)
        self.goals = [best] * n if isinstance(best, str) else list(best)
        if {n} != {len(self.digits), len(self.goals), *map(len, self.rows.values())}:
            raise UsageError(f"each row, digits and best must hold one entry per column ({n})")
        unknown = sorted({*trivial, *apart} - set(rows))
        if unknown or not set(self.goals) <= {"high", "low", ""}:
            raise UsageError(f"no row is called {unknown[0]!r}" if unknown else "best must be 'high', 'low' or ''")
        self.trivial, self.apart = set(trivial), set(apart)
        self.best = [self._best(k) for k in range(n)]

    def _best(self, k: int) -> set[str]:
        """The rows whose number, as it is shown, is the best of column k."""
        shown = {name: round(_mean(cells[k]), self.digits[k]) for name, cells in self.rows.items() if _is(cells[k])}
        rivals = {name: value for name, value in shown.items() if name not in self.apart}
        if not self.goals[k] or len(rivals) < 2:
            return set()
        top = max(rivals.values()) if self.goals[k] == "high" else min(rivals.values())
        return {name for name, value in rivals.items() if value == top}

    def _numbers(self, cell: Cell, k: int) -> tuple[str, str]:
        """The number of a cell as text, and its spread."""
        if not _is(cell):
            return str(cell or ""), ""
        spread = cell[1] if isinstance(cell, tuple) else None
        text = f"{_mean(cell):.{self.digits[k]}f}".replace("-", "−")
        return text, "" if spread is None else f"±{spread:.{self.digits[k]}f}"

    def __repr__(self) -> str:
        """The table as text."""
        lines = {
            name: [
                f"{'*' if name in self.best[k] else ''}{' '.join(filter(None, self._numbers(cell, k)))}"
                for k, cell in enumerate(cells)
            ]
            for name, cells in self.rows.items()
        }
        # Numbers end under each other, although some have a spread and some have not.
        for k in range(len(self.columns)):
            wide = {name: len(self._numbers(cells[k], k)[1]) for name, cells in self.rows.items()}
            room = max(wide.values(), default=0)
            for name, length in wide.items():
                lines[name][k] += " " * (room - length + (room > 0 and length == 0))
        grid = [[self.corner, *self.columns], *([name, *cells] for name, cells in lines.items())]
        widths = [max(map(len, column)) for column in zip(*grid, strict=True)]
        text = [self.title] if self.title else []
        for name, *cells in grid:
            ends = (f"{cell:>{width}}" for cell, width in zip(cells, widths[1:], strict=True))
            text.append("  ".join([f"{name:{widths[0]}}", *ends]))
        return "\n".join([*(line.rstrip() for line in text), *self._legend()])

    def _legend(self) -> list[str]:
        parts = ["* the best of its column"] if any(self.best) else []
        parts += [f"in grey: {', '.join(name for name in self.rows if name in self.trivial)}"] if self.trivial else []
        return ["; ".join(parts)] if parts else []

    def _repr_html_(self) -> str:
        head = "".join(f'<th scope="col" style="{_RIGHT}">{html.escape(column)}</th>' for column in self.columns)
        body = []
        for name, cells in self.rows.items():
            kind = "apart" if name in self.apart else "trivial" if name in self.trivial else ""
            shown = "".join(self._html_cell(name, cell, k) for k, cell in enumerate(cells))
            body.append(
                f'<tr{f" class={kind!r}" if kind else ""}><th scope="row" style="text-align:left">'.replace("'", '"')
                + f"{html.escape(name)}</th>{shown}</tr>"
            )
        caption = f"<caption>{html.escape(self.title)}</caption>" if self.title else ""
        return (
            f'<table class="genimg-table">{caption}<thead><tr><th scope="col" style="text-align:left">'
            f"{html.escape(self.corner)}</th>{head}</tr></thead>\n<tbody>\n" + "\n".join(body) + "\n</tbody></table>"
        )

    def _html_cell(self, name: str, cell: Cell, k: int) -> str:
        number, spread = self._numbers(cell, k)
        text = html.escape(number)
        if name in self.best[k]:
            text = f'<strong title="the best of its column">{text}</strong>'
        if spread:
            text += f" <small>{spread}</small>"
        value = f' data-value="{_mean(cell):.{self.digits[k]}f}"' if _is(cell) else ""
        return f'<td{value} style="{_RIGHT}">{text}</td>'


def _is(cell: Cell) -> bool:
    return cell is not None and not isinstance(cell, str)


def _mean(cell: Cell) -> float:
    assert cell is not None and not isinstance(cell, str)
    return float(cell[0] if isinstance(cell, tuple) else cell)
