"""In which order `genimg train all` runs the experiments: first those that the scorecard lacks most from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from genimg._base.records import Record
from genimg.lab.experiments import EXPERIMENTS, PROFILES, Experiment


def lacking(
    experiment: Experiment, claims: Iterable[str], records: Mapping[str, Record], profile: str, seeds: Sequence[int]
) -> int:
    """How many numbers of an experiment are missing: never measured, at a lesser profile, or without one of the seeds.

    Args:
        claims: ids of the talk's claims; one without a record is missing.

    Returns:
        A count; 1 where nothing at all was measured and the talk claims nothing.
    """
    measured = {name: record for name, record in records.items() if experiment.owns(name)}
    unanswered = [name for name in claims if experiment.owns(name) and name not in records]
    behind = [record for record in measured.values() if not _covers(record, profile, seeds)]
    return len(unanswered) + len(behind) if measured else max(1, len(unanswered))


def agenda(
    claims: Iterable[str], records: Mapping[str, Record], profile: str, seeds: Sequence[int]
) -> dict[Experiment, int]:
    """All experiments with what they lack, most first; one that needs weights of others comes after them."""
    known = list(claims)
    lacks = {name: lacking(e, known, records, profile, seeds) for name, e in EXPERIMENTS.items()}
    order: dict[Experiment, int] = {}
    for name in sorted(EXPERIMENTS, key=lambda name: -lacks[name]):
        for each in (*EXPERIMENTS[name].after, name):
            order.setdefault(EXPERIMENTS[each], lacks[each])
    return order


def _covers(record: Record, profile: str, seeds: Sequence[int]) -> bool:
    rank = PROFILES.index(record.profile) if record.profile in PROFILES else -1
    return rank >= PROFILES.index(profile) and set(seeds) <= set(record.seeds)
