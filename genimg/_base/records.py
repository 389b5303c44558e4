"""A number and where it comes from: one JSON file per number, the only source of figures in the book."""

from __future__ import annotations

import importlib.metadata
import json
import math
import platform
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from genimg import __version__
from genimg._base import disk
from genimg._base.errors import UsageError

_SHARE = "share/genimg-book/"


def versions() -> dict[str, str]:
    """Versions of what decides a number: Python, torch, NumPy and this package."""
    found = {name: importlib.metadata.version(name) for name in ("torch", "torchvision", "numpy")}
    return {"python": platform.python_version()} | found | {"genimg": __version__}


def commit(folder: str | Path = ".") -> str:
    """The git commit of `folder`, with `+` where the package or the book has changes; `unknown` outside a checkout."""
    try:
        git = ["git", "-C", str(folder)]
        head = subprocess.run([*git, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=True)
        changed = subprocess.run(
            [*git, "status", "--porcelain", "--untracked-files=no", "--", ":/genimg"], capture_output=True, text=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return head.stdout.strip() + ("+" if changed.stdout.strip() else "")


@dataclass(frozen=True)
class Record:
    """One measured number, over several seeds, with all that is needed to doubt it or to repeat it.

    Example:
        >>> r = Record(claim="2 + 2 = 4", chapter="08_scorecard", source="arithmetic", dataset="none", method="sum",
        ...            metric="value", unit="1", better="higher", reported=4.0, values=[4.0, 4.0], seeds=[0, 1],
        ...            config={}, profile="quick", device="CPU", seconds=0.1, weights=None, deviations=[])
        >>> r.mean, r.spread
        (4.0, 0.0)
    """

    claim: str  # what is asserted, one sentence
    chapter: str  # the page that discusses it, such as `04_wgan`
    source: str  # where the claim comes from (slide, equation, paper)
    dataset: str  # the data, with size and split
    method: str  # what produced the number
    metric: str  # what was measured
    unit: str  # its unit, `1` for a pure number
    better: str  # `higher` or `lower`
    reported: float | None  # the source's own number, or None
    values: Sequence[float]  # one number per seed
    seeds: Sequence[int]  # the seeds, in the order of `values`
    config: Mapping[str, Any]  # every constant that matters
    profile: str  # `quick`, `full`, or an honest name for something between
    device: str  # from `devices.describe`
    seconds: float  # duration of the run behind all values
    weights: str | None  # SHA-256 of the weights that the number was measured on, or None
    deviations: Sequence[str]  # where this differs from the source, one sentence each
    versions: Mapping[str, str] = field(default_factory=versions)  # filled in when left out
    commit: str = field(default_factory=commit)  # filled in when left out

    def __post_init__(self) -> None:
        if self.better not in ("higher", "lower"):
            raise UsageError(f"record: better must be 'higher' or 'lower', got {self.better!r}")
        if not self.values:
            raise UsageError("record: values is empty; a record holds at least one measured number")
        if len(self.values) != len(self.seeds):
            raise UsageError(f"record: {len(self.values)} values for {len(self.seeds)} seeds; one value per seed")
        if not all(math.isfinite(v) for v in self.values):
            raise UsageError(f"record: values must be finite, got {list(self.values)}")

    @property
    def mean(self) -> float:
        """Mean over the seeds."""
        return sum(self.values) / len(self.values)

    @property
    def spread(self) -> float:
        """Sample standard deviation over the seeds; 0 for a single seed."""
        if len(self.values) < 2:
            return 0.0
        return math.sqrt(sum((v - self.mean) ** 2 for v in self.values) / (len(self.values) - 1))

    def save(self, path: str | Path) -> Path:
        """Writes JSON, by `disk.write`."""
        text = json.dumps(asdict(self), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
        return disk.write(path, text.encode())


def load(path: str | Path) -> Record:
    """The record in that file.

    Raises:
        UsageError: if the file is missing, is not JSON, or lacks a field or has one too many.
    """
    path = Path(path)
    content = disk.read_json(path, "`genimg train` makes records")
    if not isinstance(content, dict):
        raise UsageError(f"record {path} must be a JSON object")
    known = {f.name for f in fields(Record)}
    wrong = [f"lacks {name!r}" for name in sorted(known - set(content))]
    wrong += [f"has an unknown field {name!r}" for name in sorted(set(content) - known)]
    if wrong:
        raise UsageError(f"record {path} {', '.join(wrong)}")
    for name, kinds in _TYPES.items():
        if type(content[name]) not in kinds:
            raise UsageError(f"record {path}: {name} is {type(content[name]).__name__}, not {kinds[0].__name__}")
    for name, of in (("values", (int, float)), ("seeds", (int,)), ("deviations", (str,))):
        if not all(type(each) in of for each in content[name]):
            raise UsageError(f"record {path}: {name} is no list of {of[-1].__name__}")
    try:
        return Record(**content)
    except (UsageError, TypeError, ValueError) as error:
        raise UsageError(f"record {path}: {error}") from None


_TEXT, _NUMBER, _NONE = (str,), (float, int), type(None)
_TYPES: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("claim", "chapter", "source", "dataset", "method", "metric", "unit", "better"), _TEXT),
    **dict.fromkeys(("profile", "device", "commit"), _TEXT),
    "reported": (*_NUMBER, _NONE), "seconds": _NUMBER, "weights": (str, _NONE), "values": (list,), "seeds": (list,),
    "deviations": (list,), "config": (dict,), "versions": (dict,),
}  # fmt: skip


def load_all(folder: str | Path) -> dict[str, Record]:
    """All records of a folder, by file name without `.json`, sorted."""
    return {path.stem: load(path) for path in sorted(Path(folder).glob("*.json"))}


def load_claims(path: str | Path) -> list[dict[str, Any]]:
    """The talk's numbers, one dict each: id, chapter, slide, claim, dataset, method, metric, unit, better, reported."""
    if not Path(path).exists():
        raise UsageError(
            f"{path} does not exist: it lies beside the notebooks, in book/ of a clone and in _sources/book of the "
            "built pages; work there, or copy it and records/"
        )
    claims = disk.read_json(path, "clone the repository again")
    if not isinstance(claims, list) or not all(isinstance(claim, dict) for claim in claims):
        raise UsageError(f"{path} must be a list of claims")
    need = {"id", "chapter", "slide", "claim", "dataset", "method", "metric", "unit", "better", "reported"}
    for claim in claims:
        if set(claim) != need:
            raise UsageError(f"{path}: claim {claim.get('id', '?')!r} must have exactly the fields {sorted(need)}")
    if len({claim["id"] for claim in claims}) != len(claims):
        raise UsageError(f"{path}: two claims share an id")
    return claims


def answers(records: Mapping[str, Record], claims: Sequence[Mapping[str, Any]]) -> dict[str, Record]:
    """Records with the talk's own number beside them, where they answer a claim: one whose `id` is their name."""
    talk = {claim["id"]: claim["reported"] for claim in claims}
    return {name: replace(record, reported=talk.get(name, record.reported)) for name, record in records.items()}


def scorecard(claims: Sequence[Mapping[str, Any]], records: Mapping[str, Record]) -> list[dict[str, Any]]:
    """One row per claim of the talk, in its order, then one per record that answers no claim of the talk.

    A record answers the claim whose `id` is its file name. Rows hold `id`, `chapter`, `claim`, `dataset`, `metric`,
    `unit`, `better`, `reported`, and `record` (None where the experiment has not been run).
    """
    shared = ("chapter", "claim", "dataset", "metric", "unit", "better", "reported")
    rows = [{"id": c["id"], **{k: c[k] for k in shared}, "record": records.get(c["id"])} for c in claims]
    asked = {c["id"] for c in claims}
    rows += [
        {"id": name, **{k: getattr(record, k) for k in shared}, "record": record}
        for name, record in records.items()
        if name not in asked
    ]
    return rows


def lay_out(folder: str | Path = ".") -> list[Path]:
    """Copies what the chapters read, `records/` and `claims.json`, out of the installed package.

    For a notebook that came alone: the wheel carries the records of the book at its commit. Files that are there stay.

    Returns:
        The files in `folder`.

    Raises:
        UsageError: if the package was installed without them.
    """
    try:
        files = importlib.metadata.files("genimg-book") or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    carried = [file for file in files if _SHARE in file.as_posix()]
    if not carried:
        raise UsageError("this installation carries no records; work in the folder book/ of a clone of the repository")
    found = []
    for file in carried:
        target = Path(folder) / file.as_posix().split(_SHARE)[1]
        if not target.exists():
            disk.write(target, Path(str(file.locate())).read_bytes())
        found.append(target)
    return found
