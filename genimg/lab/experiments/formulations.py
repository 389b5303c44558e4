"""The rows of the talk's two tables of inpainting, and their names in records."""

from __future__ import annotations

from genimg.problems import inpaint


def _table() -> dict[str, inpaint.Formulation]:
    """The rows of the talk's two tables, slides "Quantitative results". z is not clipped, so that all search alike."""
    weights = ((0.1, 0.9, 1.0), (0.5, 0.5, 1.0), (0.1, 0.9, 0.5), (0.5, 0.5, 0.5))
    rows = {"Yeh 2017": inpaint.yeh()}
    rows |= {f"Yeh 2017 + gradient, {p} {g} {e}": inpaint.yeh(p, g, e) for p, g, e in weights}
    return rows | {f"ours, {p} {g} {e}": inpaint.ours(p, g, e) for p, g, e in weights}


TABLE = _table()
OWN = tuple(name for name in TABLE if name.startswith("ours"))


def slug(row: str) -> str:
    """A row as the claims of the talk call it.

    Example:
        >>> [slug(row) for row in list(TABLE)[:6:5]], slug("Yeh 2017 + gradient, 0.1 0.9 1.0")
        (['yeh', 'ours-p1-g9-r10'], 'yehgrad-p1-g9-r10')
    """
    kind, _, weights = row.partition(", ")
    numbers = [round(10 * float(w)) for w in weights.split()]
    name = "ours" if kind == "ours" else "yehgrad" if numbers else "yeh"
    return "-".join([name, *(f"{letter}{n}" for letter, n in zip("pgr", numbers, strict=False))])
