"""`genimg train`: the experiments of the book."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from genimg.apps.cli.base import Commands, Failed, console, debug_option, device_option, folder_type, shown, told

if TYPE_CHECKING:
    from rich.console import Console

    from genimg._base.records import Record
    from genimg.lab.experiments import Experiment

CUT = 75  # exit code of a run that ended because its time was up: EX_TEMPFAIL of sysexits.h, "try again"
Measure = Callable[["Experiment"], "dict[str, Record]"]


@click.command()
@click.argument("experiment", required=False)
@click.option(
    "--profile",
    type=click.Choice(["quick", "cpu", "full"]),
    default="quick",
    show_default=True,
    help="quick tests the machinery in seconds, cpu takes two cores an hour or so, full wants a GPU.",
)
@device_option
@click.option("--seed", "seeds", type=int, multiple=True, help="Seed; repeat it for several runs.  [default: 0]")
@click.option("--out", type=folder_type, help="Folder for checkpoints and weights.  [default: build/train]")
@click.option("--records", type=folder_type, help="Folder for records.  [default: book/records; quick: OUT/records]")
@click.option("--resume", is_flag=True, help="Go on from the checkpoints in OUT.")
@click.option(
    "--budget-minutes",
    type=click.FloatRange(min=0, min_open=True),
    help=f"Stop after so long, exit code {CUT}; --resume goes on from the last checkpoint.",
)
@debug_option
def train(
    experiment: str | None,
    profile: str,
    device: str,
    seeds: tuple[int, ...],
    out: Path | None,
    records: Path | None,
    resume: bool,
    budget_minutes: float | None,
) -> None:
    """Run an experiment of the book and write its records; without a name, list the experiments.

    The name `all` runs every one, in order of what the scorecard lacks; those whose pictures are not here are skipped.
    Several GPUs: torchrun --nproc-per-node N -m genimg train faces --profile full --device cuda

    \b
    Example:
      genimg train
      genimg train digits --profile full --device cuda --seed 0 --seed 1 --seed 2 --resume
      genimg train all --profile full --budget-minutes 10 --resume
    """
    from genimg._base import devices, errors, ranks
    from genimg._base.records import answers, load_claims
    from genimg.apps import console as show
    from genimg.lab.experiments import EXPERIMENTS, OutOfTime
    from genimg.press import notebooks

    if experiment is None:
        show.table(console(), ("experiment", "what it measures"), [(e.name, e.help) for e in EXPERIMENTS.values()])
        return
    if len(set(seeds)) < len(seeds):
        raise errors.UsageError(f"--seed {' --seed '.join(map(str, seeds))}: the same seed twice gives the same run")
    end = None if budget_minutes is None else time.monotonic() + 60 * budget_minutes
    errors.choice(experiment, "experiment", [*EXPERIMENTS, "all"])
    root = notebooks.find_root()
    out = (out or root / "build" / "train").resolve()
    # A smoke test must not replace what hours of training measured.
    records = (records or (out if profile == "quick" else root / "book") / "records").resolve()
    listed = root / "book" / "claims.json"
    with ranks.joined(devices.pick(device)) as here:
        mute = ranks.rank() > 0
        if experiment == "all" and ranks.count() > 1:  # where one rank alone fails the others would wait for ever
            raise errors.UsageError("`all` has experiments that several ranks do not speed up: one rank, or name one")

        def measure(e: Experiment) -> dict[str, Record]:
            with show.steps(console(stderr=True, mute=mute)) as bar:

                def progress(what: str, done: int, total: int) -> None:
                    if end is not None and ranks.agree(time.monotonic() > end):
                        raise OutOfTime
                    bar(what, done, total)

                made = e.run(profile, list(seeds or (0,)), here, out, resume, progress)
            made = answers(made, load_claims(listed) if listed.is_file() else [])
            for name, record in made.items():
                record.save(records / f"{name}.json")
            return made

        screen = console(mute=mute)
        say = partial(screen.print, markup=False)
        try:
            if experiment == "all":
                _all(screen, root, records, profile, list(seeds or (0,)), measure)
            else:
                _table(screen, measure(EXPERIMENTS[experiment]))
        except OutOfTime:
            say(f"{budget_minutes:g} minutes are over; --resume goes on from the last checkpoint")
            if not ranks.launched():  # torchrun would take it for a crash
                raise SystemExit(CUT) from None
            return
        say(f"records: {shown(records)}")


def _table(screen: Console, made: Mapping[str, Record]) -> None:
    from genimg.apps import console as show

    rows = [(name, show.value({"record": r}), r.unit, ", ".join(map(str, r.seeds))) for name, r in made.items()]
    show.table(screen, ("record", "value", "unit", "seeds"), rows, right=("value",))


def _all(screen: Console, root: Path, folder: Path, profile: str, seeds: list[int], measure: Measure) -> None:
    """Every experiment that lacks something; one that fails does not keep the others from running."""
    from genimg._base import errors, records
    from genimg.lab.experiments import OutOfTime
    from genimg.lab.experiments.agenda import agenda

    say = partial(screen.print, markup=False)
    known = records.load_all(folder)
    claims = [claim["id"] for claim in records.load_claims(root / "book" / "claims.json")]
    failed = []
    for experiment, lacking in agenda(claims, known, profile, seeds).items():
        if not lacking:
            say(f"{experiment.name}: complete")
            continue
        say(f"{experiment.name}: lacks {lacking}")
        try:
            made = measure(experiment)
        except errors.Absent as error:
            say(f"{experiment.name}: skipped, {error}")
        except OutOfTime:
            raise
        except Exception as error:
            failed.append(experiment.name)
            if Commands.debug:
                traceback.print_exception(error)
            say(f"{experiment.name}: failed, {told(error)}")
        else:
            say(f"{experiment.name}: {len(made)} records")
    if failed:
        raise Failed(f"experiments failed: {', '.join(failed)}")
