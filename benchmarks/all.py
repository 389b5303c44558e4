"""Every benchmark, one after the other, into the folder that page 09_speed reads.

Each is a process of its own. What it says is kept as it said it; the newer ones also leave their rows as JSON. Nothing
else should run on the machine meanwhile.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import click
import torch
from measure import machine

HERE = Path(__file__).parent
BOOK = HERE.parent / "book" / "records" / "speed"
COMMANDS: dict[str, tuple[str, ...]] = {
    "gan_step": (),
    "gan_ablation": (),
    "gan_profile": (),
    "growth": (),
    "past_sampling": ("--threads", "2"),
    "image_folder": ("--pictures", "400", "--rounds", "3"),
    "w1_cost": (),
    "latent_search": (),
    "poisson_edit": (),
    "detection_speed": (),
    "colour_speed": (),
    "start_up": (),
}
WITH_ROWS = ("gan_step", "gan_ablation", "gan_profile", "growth", "image_folder", "w1_cost", "start_up")


@click.command(help=(__doc__ or "").split("\n\n")[0], context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--only", type=click.Choice(list(COMMANDS)), multiple=True, help="Some of them.  [default: all]")
@click.option("--out", type=click.Path(path_type=Path), default=BOOK, help="Folder.  [default: book/records/speed]")
def main(only: tuple[str, ...], out: Path) -> None:
    """Runs them, passes on what they say, and ends with 1 if one of them failed."""
    out.mkdir(parents=True, exist_ok=True)
    failed = []
    for name, words in COMMANDS.items():
        if only and name not in only:
            continue
        file = out / f"{name}.json"
        options = [*words, "--out", str(file)] if name in WITH_ROWS else [*words]
        click.echo(f"== {name}")
        done = subprocess.run(
            [sys.executable, str(HERE / f"{name}.py"), *options], stdout=subprocess.PIPE, text=True, check=False
        )
        click.echo(done.stdout)
        if done.returncode:
            failed.append(name)
            continue
        if name in WITH_ROWS:
            found = json.loads(file.read_text(encoding="utf-8"))
        else:
            command = " ".join(["python", f"benchmarks/{name}.py", *words])
            found = {"command": command, "machine": machine(torch.device("cpu"))}
        found["said"] = done.stdout.rstrip("\n").splitlines()
        file.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    if failed:
        raise click.ClickException(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
