"""`genimg train`: the experiments of the book."""

from __future__ import annotations

from pathlib import Path

import click

from genimg.cli.base import console, debug_option, device_option, folder_type, shown


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
@debug_option
def train(
    experiment: str | None,
    profile: str,
    device: str,
    seeds: tuple[int, ...],
    out: Path | None,
    records: Path | None,
    resume: bool,
) -> None:
    """Run an experiment of the book and write its records; without a name, list the experiments.

    \b
    Example:
      genimg train
      genimg train digits --profile full --device cuda --seed 0 --seed 1 --seed 2 --resume
    """
    from genimg import checks, devices, notebooks
    from genimg import console as show
    from genimg.experiments import EXPERIMENTS

    screen = console()
    if experiment is None:
        show.table(screen, ("experiment", "what it measures"), [(e.name, e.help) for e in EXPERIMENTS.values()])
        return
    checks.choice(experiment, "experiment", EXPERIMENTS)
    root = notebooks.find_root()
    out = (out or root / "build" / "train").resolve()
    # A smoke test must not replace what hours of training measured.
    records = (records or (out if profile == "quick" else root / "book") / "records").resolve()
    with show.steps(console(stderr=True)) as progress:
        made = EXPERIMENTS[experiment].run(profile, list(seeds or (0,)), devices.pick(device), out, resume, progress)
    for name, record in made.items():
        record.save(records / f"{name}.json")
    rows = [(name, show.value({"record": r}), r.unit, ", ".join(map(str, r.seeds))) for name, r in made.items()]
    show.table(screen, ("record", "value", "unit", "seeds"), rows, right=("value",))
    screen.print(f"records: {shown(records)}", markup=False)
