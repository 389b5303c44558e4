"""The bibliography as readers meet it in a sentence: authors, year and an address."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple


class Citation(NamedTuple):
    """One work."""

    authors: str  # such as `Goodfellow et al.`
    year: str  # of publication
    url: str  # of its DOI, else the one that the bibliography gives; may be empty


def read(file: Path) -> dict[str, Citation]:
    """The works in a BibTeX file by key; none if there is no such file."""
    if not file.is_file():
        return {}
    from pybtex.database import parse_file

    return {key: _citation(entry) for key, entry in parse_file(str(file)).entries.items()}


def _citation(entry: Any) -> Citation:
    people = entry.persons.get("author") or entry.persons.get("editor") or []
    names = [" ".join(map(str, [*person.rich_prelast_names, *person.rich_last_names])) for person in people]
    if len(names) > 2:
        authors = f"{names[0]} et al."
    else:
        authors = " and ".join(names) or str(entry.fields.get("title", entry.key))
    doi, url = entry.fields.get("doi"), entry.fields.get("url", "")
    return Citation(authors, str(entry.fields.get("year", "n.d.")), f"https://doi.org/{doi}" if doi else url)
