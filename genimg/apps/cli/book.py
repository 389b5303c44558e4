"""`genimg run`, `build`, `serve` and `score`: the chapters, their pages, and the numbers in them."""

from __future__ import annotations

import ast
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from genimg.apps.cli.base import (
    Failed,
    console,
    debug_option,
    device_option,
    existing_folder,
    folder_type,
    profile_option,
    shown,
)

if TYPE_CHECKING:
    from genimg.press.execution import Result


@click.command()
@click.argument("chapters", nargs=-1, metavar="[CHAPTER]...")
@profile_option
@device_option
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of every random number.")
@click.option("--out", type=folder_type, help="Folder for results.  [default: build/book]")
@click.option("--jobs", "workers", type=click.IntRange(1), default=1, show_default=True, help="Chapters at a time.")
@click.option("--in-place", is_flag=True, help="Replace the committed notebook of each chapter that succeeds.")
@click.option("-p", "extra", nargs=2, multiple=True, metavar="NAME VALUE", help="Another parameter of the chapters.")
@debug_option
def run(
    chapters: tuple[str, ...],
    profile: str,
    device: str,
    seed: int,
    out: Path | None,
    workers: int,
    in_place: bool,
    extra: tuple[tuple[str, str], ...],
) -> None:
    """Execute chapters with papermill, all of them or those named (04_wgan, 04 or wgan).

    A chapter that fails does not stop the others; the exit code is then 1.

    \b
    Example:
      genimg run
      genimg run 04_wgan --profile full --device cuda --out build/full
    """
    import torch

    from genimg._base import devices, disk
    from genimg.apps import console as show
    from genimg.press import execution, notebooks

    root = notebooks.find_root()
    out = (out or root / "build" / "book").resolve()
    torch.set_num_threads(1)  # as every chapter does; the manifest says so
    hardware = devices.describe(devices.pick(device))
    parameters = {"profile": profile, "seed": seed, "device": device} | {k: _literal(v) for k, v in extra}
    paths = notebooks.chapters(root, chapters)
    jobs = [execution.prepare(path, parameters, in_place=in_place) for path in paths]
    screen = console()
    board = show.RunBoard(screen, {job.chapter: job.cells for job in jobs})
    results: list[Result] = []
    with disk.lock(out), board.progress:

        def one_by_one() -> Iterator[tuple[execution.Job, Result]]:
            for job in jobs:
                board.start(job.chapter)
                yield job, execution.run(job, out, in_place=in_place, on_cell=partial(board.cell, job.chapter))

        def side_by_side() -> Iterator[tuple[execution.Job, Result]]:
            for job, result in execution.side_by_side(jobs, out, workers, in_place=in_place):
                board.start(job.chapter)
                for _ in range(result.cells):
                    board.cell(job.chapter)
                yield job, result

        for job, result in one_by_one() if workers == 1 else side_by_side():
            execution.update_manifest(out, job, result, hardware)
            board.finish(job.chapter, result.status, result.seconds)
            results.append(result)
    results.sort(key=lambda result: [job.chapter for job in jobs].index(result.chapter))
    rows = [(r.chapter, str(r.cells), f"{r.seconds:.1f}", r.status) for r in results]
    show.table(screen, ("chapter", "cells", "seconds", "status"), rows, right=("cells", "seconds"))
    screen.print(f"manifest: {shown(out / 'manifest.json')}", markup=False)
    failed = [r for r in results if r.error]
    for r in failed:
        click.echo(f"genimg: {r.chapter}, {r.error}; the partial notebook is {shown(r.notebook)}", err=True)
    if failed:
        raise Failed("")


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


ADDRESSLESS = "address: none (git has no origin on GitHub), so no button opens Colab; --repository owner/name sets one"


@click.command()
@click.option(
    "--notebooks",
    "executed",
    type=existing_folder,
    help="Folder of executed notebooks.  [default: build/book, else the committed ones]",
)
@click.option("--out", type=folder_type, help="Folder that receives _build/html.  [default: the project folder]")
@click.option(
    "--repository",
    envvar="REPOSITORY",
    default="",
    metavar="OWNER/NAME",
    help="GitHub repository where readers find this copy.  [default: git's remote origin]",
)
@click.option("--pdf", is_flag=True, help="Print the book too, as one PDF; needs Chromium.")
@debug_option
def build(executed: Path | None, out: Path | None, repository: str, pdf: bool) -> None:
    """Build the pages from executed notebooks with Jupyter Book, and one zip of them; every warning is an error.

    \b
    Example:
      genimg run && genimg build --pdf
    """
    from genimg._base import disk
    from genimg.press import address, dark, front, notebooks, pages, panels, pieces, previews, printing
    from genimg.teach import forms
    from genimg.widgets.live import site as live

    root, start = notebooks.find_root(), time.perf_counter()
    executed = executed or pages.default_executed(root)
    site, found = root / "build" / "site", address.find(root, repository)

    def finish(html: Path) -> None:
        front.announce(html, found)
        previews.write(html)
        panels.mark(html)
        dark.mark(html)
        forms.fill(html)
        pieces.mark(html)
        notes.extend([*pages.add_downloads(root, site, html, found), *pages.add_networks(html, root / "build")])

    notes: list[str] = []
    with disk.lock(site):
        for note in pages.stage(root, executed, site, found):
            click.echo(note)
        # Networks are exported on the core that Jupyter Book leaves free; `add_networks` finds them there.
        exported = partial(live.exported, root / "build" / "live")
        index = pages.build(root, site, (out or root).resolve(), finish, exported)
        for note in notes:
            click.echo(note)
    archive = pages.bundle(index.parent, index.parent.parent / "genimg-book.zip")
    offered = [archive]
    click.echo(f"address: {found.url} {found.commit[:12]}".rstrip() if found else ADDRESSLESS)
    click.echo(f"open {shown(index)} ({time.perf_counter() - start:.0f} s)")
    click.echo(f"to hand out: {shown(archive)} ({archive.stat().st_size / 2**20:.0f} MB)")
    if pdf:
        printed = printing.print_pdf(root, index.parent, index.parent.parent / "genimg-book.pdf")
        click.echo(f"to print: {shown(printed)} ({printed.stat().st_size / 2**20:.0f} MB)")
        offered.append(printed)
    front.offer(index.parent, offered)


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 takes any free one.")
@click.option("--browser/--no-browser", default=True, help="Open the first page.  [default: browser]")
@click.option("--site", type=folder_type, help="Folder of built pages.  [default: _build/html]")
@debug_option
def serve(port: int, browser: bool, site: Path | None) -> None:
    """Serve the built book to this machine only, until Ctrl-C.

    \b
    Example:
      genimg serve --port 0
    """
    import signal
    import webbrowser

    from genimg._base.errors import UsageError
    from genimg.press import notebooks, serving

    site = (site or notebooks.find_root() / "_build" / "html").resolve()
    if not (site / "index.html").is_file():
        raise UsageError(f"{shown(site)} holds no book; build it first: make book")

    try:
        server = serving.server(site, port)
    except OSError as error:
        raise UsageError(f"port {port} cannot be used ({error.strerror}); give another one with --port") from None
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job starts with Ctrl-C ignored
    with server:
        address = f"http://127.0.0.1:{server.server_address[1]}/"
        click.echo(f"{address} until Ctrl-C")
        if browser:
            webbrowser.open(address)
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            click.echo("")


@click.command()
@click.option("--all", "every", is_flag=True, help="Every number as well, those of the talk and those measured here.")
@click.option("--json", "as_json", is_flag=True, help="Every number as JSON.")
@click.option("--records", "folder", type=existing_folder, help="Folder of records.  [default: book/records]")
@click.option("--rerun", type=existing_folder, help="Folder of records of a re-run, to compare with those of the book.")
@debug_option
def score(every: bool, as_json: bool, folder: Path | None, rerun: Path | None) -> None:
    """Say which sentences of the talk hold, by the records of this project, or compare the records with a re-run.

    A re-run whose mean leaves the tolerance stated in book/tolerances.json gives the exit code 1.

    \b
    Example:
      genimg score
      genimg score --json > scorecard.json
      genimg train theory --profile cpu --records build/again && genimg score --rerun build/again
    """
    import json
    from dataclasses import asdict

    from genimg._base import errors, records
    from genimg.apps import console as show
    from genimg.lab import reruns, verdicts
    from genimg.press import notebooks

    if rerun and as_json:
        raise errors.UsageError("--json prints the scorecard; --rerun compares and prints a table: give one of them")
    book = notebooks.find_root() / "book"
    known = records.load_all(folder or book / "records")
    if rerun:
        found = reruns.compare(known, records.load_all(rerun), reruns.load_tolerances(book / "tolerances.json"))
        if not found:
            raise errors.UsageError(
                f"{shown(rerun)} holds no records; make some: genimg train … --records {shown(rerun)}"
            )
        rows = [show.rerun_row(each) for each in found]
        show.table(console(), ("record", "book", "re-run", "may differ by", "verdict"), rows, right=("book", "re-run"))
        if any(each.verdict == "differs" for each in found):
            raise Failed("")
        return
    rows_of_talk = records.scorecard(records.load_claims(book / "claims.json"), known)
    if as_json:
        plain = [{**row, "record": row["record"] and asdict(row["record"])} for row in rows_of_talk]
        click.echo(json.dumps(plain, indent=1, ensure_ascii=False))
        return
    judged = [verdicts.judge(sentence, known) for sentence in verdicts.SENTENCES]
    said = [(v.sentence.says, v.word, verdicts.effect(v), str(v.seeds)) for v in judged]
    show.table(console(), ("the talk", "here", "effect [95 %]", "seeds"), said, right=("effect [95 %]", "seeds"))
    if not every:
        run = sum(row["record"] is not None for row in rows_of_talk)
        click.echo(f"{len(rows_of_talk)} numbers, {run} of them measured here: genimg score --all")
        return
    columns = ("claim", "reported", "ours", "unit", "seeds", "device", "deviations")
    show.table(console(), columns, [show.score_row(row) for row in rows_of_talk], right=("reported", "ours"))
