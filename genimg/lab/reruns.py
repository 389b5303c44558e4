"""Whether a re-run says what the record says: within a tolerance that is stated before it is run.

`book/tolerances.json` states one for every record, by the pattern of its name: the mean of a re-run may be `absolute`
away, in the record's unit, and on top of that three times the spread of the record over its own seeds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from genimg._base import disk
from genimg._base.errors import UsageError
from genimg._base.records import Record

SPREADS = 3


@dataclass(frozen=True)
class Tolerance:
    """How far a re-run may be off."""

    records: str  # pattern of the names it is for, such as `*-psnr`
    absolute: float  # in the unit of the record
    why: str  # one sentence

    def __post_init__(self) -> None:
        if not self.absolute > 0:
            raise UsageError(f"tolerance of {self.records}: absolute must be positive, got {self.absolute}")

    def of(self, record: Record) -> float:
        """`absolute + 3 · spread`: a record of several seeds knows itself how much a seed matters."""
        return self.absolute + SPREADS * record.spread


@dataclass(frozen=True)
class Comparison:
    """A record beside its re-run."""

    name: str  # of the record
    record: Record | None  # what the book says; None if it has no such record
    rerun: Record  # what was measured now
    allowed: float  # how far their means may be apart, in the record's unit

    @property
    def verdict(self) -> str:
        """`agrees`, `differs`, or why there is nothing to compare."""
        if self.record is None:
            return "no such record"
        if self.record.profile != self.rerun.profile:
            return f"profile {self.rerun.profile}, record {self.record.profile}"
        return "agrees" if abs(self.rerun.mean - self.record.mean) <= self.allowed else "differs"


def load_tolerances(path: str | Path) -> list[Tolerance]:
    """The stated tolerances, in order; the first whose pattern fits a name is the name's own."""
    try:
        return [
            Tolerance(**entry) for entry in disk.read_json(path, "it states how far a re-run may be off each record")
        ]
    except UsageError:
        raise
    except (TypeError, ValueError) as error:
        raise UsageError(f"{path} must list records, absolute and why: {error}") from None


def tolerance_of(name: str, tolerances: Sequence[Tolerance]) -> Tolerance:
    """The first tolerance whose pattern fits.

    Raises:
        UsageError: if there is none.
    """
    found = next((tolerance for tolerance in tolerances if fnmatch(name, tolerance.records)), None)
    if found is None:
        raise UsageError(f"record {name}: no tolerance is stated for it in book/tolerances.json")
    return found


def compare(
    records: Mapping[str, Record], reruns: Mapping[str, Record], tolerances: Sequence[Tolerance]
) -> list[Comparison]:
    """Every record that was measured again, beside what the book says.

    Example:
        >>> def of(*values, profile="cpu"):
        ...     return Record(claim="", chapter="", source="", dataset="", method="", metric="", unit="1",
        ...                   better="higher", reported=None, values=values, seeds=range(len(values)), config={},
        ...                   profile=profile, device="", seconds=1, weights=None, deviations=[])
        >>> stated = [Tolerance("a", 0.5, "three spreads of 1 come on top")]
        >>> [compare({"a": of(1.0, 2.0, 3.0)}, {"a": of(x)}, stated)[0].verdict for x in (5.5, 5.6)]
        ['agrees', 'differs']
        >>> compare({"a": of(1.0)}, {"a": of(1.0, profile="quick")}, stated)[0].verdict
        'profile quick, record cpu'
    """
    found = []
    for name, rerun in reruns.items():
        record = records.get(name)
        found.append(Comparison(name, record, rerun, tolerance_of(name, tolerances).of(record) if record else 0.0))
    return found
