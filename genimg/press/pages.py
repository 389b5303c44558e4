"""Pages from chapters: the text of the book and the executed notebooks, staged in one folder, through Jupyter Book.

Papermill is the only executor (`genimg.press.execution`); the build executes nothing. Everywhere here `root` is the
project folder, `site` the staged book, `html` the built pages, and `address` where readers find this copy of the book.
"""

from __future__ import annotations

import ast
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from genimg._base import disk, records
from genimg._base.errors import UsageError
from genimg.press import address as addresses
from genimg.press import api, front, indexing, layout, notebooks, provenance, readers
from genimg.press.address import Address
from genimg.press.readers.stubs import whole
from genimg.press.slimming import lighten, slim

NOT_STAGED = shutil.ignore_patterns("*.ipynb", ".*", "__pycache__")
SOURCE = ("pyproject.toml", "README.md", "LICENSE", "LICENSE-TEXT", "genimg", "book/records", "book/claims.json")
STAGED_FROM_ROOT = ("_config.yml", "_toc.yml", "_*", "*.bib")
READERS = "_readers"  # the staged folder of chapters without what only pages show; readers' notebooks are made of them


def stage(root: Path, executed: Path | None, site: Path, address: Address | None = None) -> list[str]:
    """Everything that Jupyter Book reads, in `site`, which is emptied first.

    Of each chapter the notebook in `executed` is taken if it is the same text as the committed one, else the committed
    one, so that a page never shows the text of yesterday. A line on its provenance goes under every result.

    Args:
        executed: folder of executed notebooks, from `genimg run`; None takes the committed ones.

    Returns:
        One line for each chapter that is shown as committed although `executed` was given.
    """
    shutil.rmtree(site, ignore_errors=True)
    shutil.copytree(root / "book", site / "book", ignore=NOT_STAGED)
    for path in sorted({path for pattern in STAGED_FROM_ROOT for path in root.glob(pattern)} - {root / "_build"}):
        if path.is_dir():
            shutil.copytree(path, site / path.name, ignore=NOT_STAGED)
        else:
            shutil.copy2(path, site / path.name)
    (site / "genindex.md").write_text("# Index\n", encoding="utf-8")  # Sphinx fills it; this puts it into the contents
    (site / "api.md").write_text(api.page(), encoding="utf-8")
    notes, runs, times = [], provenance.runs(executed), {}
    known = records.load_all(root / "book" / "records")
    for path in notebooks.chapters(root):
        source, run = path, None
        if executed:
            candidate = executed / path.name
            if not candidate.is_file():
                notes.append(f"{path.stem}: as committed, it has not been run")
            elif not notebooks.same_text(notebooks.read(candidate), notebooks.read(path)):
                notes.append(f"{path.stem}: as committed, its text has changed since it was run")
            else:
                source = candidate
                run = runs.get(path.stem)
        shown = notebooks.read(source)
        if run and run.get("sha256") != hashlib.sha256(source.read_bytes()).hexdigest():
            run = None  # the entry is of another run
        if source != path:  # what is said of a figure may have been corrected since
            for cell, committed in zip(shown.cells, notebooks.read(path).cells, strict=True):
                cell.metadata["genimg"] = committed.metadata.get("genimg", {})
        addresses.fill_notebook(shown, address)
        notebooks.write(shown, site / READERS / path.name)
        for cell in notebooks.code_cells(shown):
            cell.source = whole(cell.source)  # a page shows solutions without the markers
        layout.fit(shown)
        _hide_bookkeeping(shown)
        times[path.stem] = front.time(shown, runs.get(path.stem))
        if path.stem in front.CARDS:
            disk.write(site / "book" / "_cards" / f"{path.stem}.png", front.card(shown, path.stem))
        indexing.mark(shown)
        provenance.annotate(shown, run, known)
        notebooks.write(shown, site / "book" / path.name)
    _fill_texts(site / "book", runs, times, address)
    config = site / "_config.yml"
    config.write_text(addresses.fill_config(config.read_text(encoding="utf-8"), address), encoding="utf-8")
    return notes


def _hide_bookkeeping(nb: NotebookNode) -> None:
    """Takes out of the code of a page what is no part of its argument: `glue(...)` and hints to the formatter."""
    for cell in notebooks.code_cells(nb):
        lines = cell.source.splitlines(keepends=True)
        try:
            body = ast.parse(cell.source).body
        except SyntaxError:  # a magic of IPython
            continue
        for statement in body:
            call = statement.value if isinstance(statement, ast.Expr) else None
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "glue":
                lines[statement.lineno - 1 : statement.end_lineno] = [""] * (
                    (statement.end_lineno or statement.lineno) - statement.lineno + 1
                )
        text = layout.FORMATTER.sub("", "".join(lines)).rstrip()
        cell.source = text or cell.source


def _fill_texts(pages: Path, runs: Mapping[str, Any], times: Mapping[str, str], address: Address | None) -> None:
    """Puts in what the pages ask for: the address, `{{seconds:04_wgan}}` and `{{time:04_wgan}}`, and the `{{strip}}`.

    The seconds of a chapter that this machine has not run are a dash: typed by hand they would be of another machine.
    """

    def time(match: re.Match[str]) -> str:
        return f"{runs[match[1]]['seconds']:.0f} s" if match[1] in runs else "–"

    for page in pages.glob("*.md"):
        text = addresses.fill_text(page.read_text(encoding="utf-8"), address)
        text = re.sub(r"\{\{seconds:(\w+)\}\}", time, text if runs else _without_times(text))
        text = re.sub(r"\{\{time:(\w+)\}\}", lambda match: times.get(match[1], ""), text)
        if "{{strip}}" in text:
            text = text.replace("{{strip}}", front.strip())
        page.write_text(text, encoding="utf-8")


def _without_times(text: str) -> str:
    r"""The text without the column of a table that would tell times: where no chapter was run, there are none.

    Example:
        >>> print(_without_times("| a | time |\n|---|---|\n| b | {{seconds:01_a}} |\n\n| c | d |"))
        | a |
        |---|
        | b |
        <BLANKLINE>
        | c | d |
    """
    blocks = text.split("\n\n")
    for k, block in enumerate(blocks):
        rows = [line.split("|") for line in block.splitlines()]
        columns = {i for row in rows for i, cell in enumerate(row) if cell.strip().startswith("{{seconds:")}
        if len(columns) == 1 and block.startswith("|"):
            [column] = columns
            blocks[k] = "\n".join("|".join(cell for i, cell in enumerate(row) if i != column) for row in rows)
    return "\n\n".join(blocks)


def build(
    root: Path,
    site: Path,
    out: Path,
    finish: Callable[[Path], None] = lambda html: None,
    meanwhile: Callable[[], object] = lambda: None,
) -> Path:
    """HTML in `out/_build/html` from the staged book; a warning is an error (`jupyter-book build -n -W --keep-going`).

    The pages are built beside the old ones, which stay until the new ones are whole.

    Args:
        root: the project folder; the log goes to `build/pages.log` in it.
        finish: called with the folder of the new pages before they take the place of the old ones.
        meanwhile: called in a thread of its own while Jupyter Book works; that it fails is nobody's concern.

    Returns:
        The page to open.

    Raises:
        UsageError: if Jupyter Book is missing, or it complains; the message holds its first complaint.
    """
    html, log = out / "_build" / "html", root / "build" / "pages.log"
    _swept(html)
    beside = Path(tempfile.mkdtemp(prefix=f".genimg-{os.getpid()}-", suffix=disk.PART, dir=html.parent))
    try:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(meanwhile)
            new = _built(site, beside, log)
        slim(new)
        _close(new)
        finish(new)
        os.chmod(new, 0o755)
        old = beside / "old"
        if html.exists():
            os.replace(html, old)
        try:
            os.replace(new, html)
        except OSError:
            if old.exists():
                os.replace(old, html)
            raise
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return html / "index.html"


def _swept(html: Path) -> None:
    """Removes what killed builds left beside the pages; pages that one had already moved aside come back."""
    html.parent.mkdir(parents=True, exist_ok=True)
    for left in html.parent.glob(f".genimg-*{disk.PART}"):
        if not html.exists() and (left / "old" / "index.html").is_file():
            os.replace(left / "old", html)
        shutil.rmtree(left, ignore_errors=True)
    shutil.rmtree(html.parent / ".doctrees", ignore_errors=True)  # of earlier versions


def _built(site: Path, out: Path, log: Path) -> Path:
    """The folder of the new pages, below `out`."""
    html = out / "_build" / "html"
    program = "from jupyter_book.cli.main import main; main()"
    flags = ["-n", "-W", "--keep-going", "--path-output", str(out)]
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w", encoding="utf-8") as file:
        command = [sys.executable, "-c", program, "build", str(site), *flags]
        code = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, check=False).returncode
    text = re.sub("\x1b\\[[0-9;]*m", "", log.read_text(encoding="utf-8", errors="replace"))  # colours, asked or not
    log.write_text(text, encoding="utf-8")
    if "No module named 'jupyter_book'" in text:
        raise UsageError("building pages needs jupyter-book: pip install -e '.[book]'")
    if code:
        complaints = [line for line in text.splitlines() if "WARNING" in line or "ERROR" in line]
        more = f" (and {len(complaints) - 1} more)" if len(complaints) > 1 else ""
        said = [line for line in text.splitlines() if any(map(str.isalnum, line))]  # not a rule of "="
        first = (complaints or said[-1:] or ["no output"])[0]
        raise UsageError(f"jupyter-book failed: {first}{more}; all of it is in {log}")
    index = html / "index.html"
    if not index.is_file():
        raise UsageError(f"jupyter-book wrote no {index}; its log is {log}")
    return html


_POLICY = (
    "default-src 'self' file: data: blob: 'unsafe-inline' 'unsafe-eval'; object-src 'none'; base-uri 'self' file:; "
    "form-action 'self' file:"
)
"""Nothing from another host is loaded or asked, whatever a notebook's output contains; links can still be followed."""


_TOGGLE = '<summary><span class="toctree-toggle"'


def _close(html: Path) -> None:
    """Puts the policy into every page, and names the buttons that fold the second pages of chapters in the contents."""
    tag = f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    for page in html.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        text = re.sub("<head[^>]*>", lambda match: f"{match[0]}\n{tag}", text, count=1)
        page.write_text(
            text.replace(_TOGGLE, _TOGGLE.replace(">", ' aria-label="Further pages">', 1)), encoding="utf-8"
        )


def add_networks(html: Path, cache: Path) -> list[str]:
    """The trained networks that pages run on a click, in `html/_live`; without them the pages keep fixed pictures.

    Args:
        cache: keeps what was downloaded and exported, for the next build.

    Returns:
        One line if they could not be made: the extra `live` is missing, or the npm registry is out of reach.
    """
    from genimg.widgets.live import site

    try:
        site.write(html, cache)
    except UsageError as error:
        return [f"no network runs in these pages: {error}"]
    return []


def add_downloads(root: Path, site: Path, html: Path, address: Address | None = None) -> list[str]:
    """What readers take with them: the notebooks, with the records that they read, and the package as a wheel.

    In `html/_sources/book`, where the buttons lead, lie the notebooks for readers (`genimg.press.readers`); in
    `html/_sources/myst` the chapters as they are edited, without outputs, which the others have.

    Returns:
        One line if the wheel could not be made.
    """
    beside, edited = html / "_sources" / "book", html / "_sources" / "myst"
    labels = readers.labels.read(html)
    if labels:  # a class is handed out theorems of the same numbers
        disk.write(root / "build" / readers.labels.FILE, (html / readers.labels.FILE).read_bytes())
        (html / readers.labels.FILE).unlink()
    base = address.site if address else "../../"
    known = readers.References(labels, readers.citations.read(root / "book" / "references.bib"), base)
    for path in sorted((site / READERS).glob("*.ipynb")):
        nb = notebooks.read(path)
        made = {path.name: readers.chapter(nb, path.stem, known, address)}
        if answers := readers.solutions(nb, path.stem, known, address):
            made[f"{path.stem}_solutions.ipynb"] = answers
        for name, each in made.items():
            lighten(each)
            notebooks.write(each, beside / name)
        for cell in notebooks.code_cells(nb):
            cell.outputs, cell.execution_count = [], None
        notebooks.write(nb, edited / path.name)
    notebooks.beside(root, beside)
    try:
        wheel(root, html)
    except UsageError as error:
        return [f"no wheel lies beside these pages: {error}"]
    return []


def wheel(root: Path, out: Path) -> Path:
    """The package as a wheel in `out`, built from a copy, so that nothing of an earlier build gets into it.

    Raises:
        UsageError: if it cannot be built; the message holds pip's last line.
    """
    with tempfile.TemporaryDirectory() as folder:
        source, made = Path(folder) / "source", Path(folder) / "wheel"
        for name in SOURCE:
            if (root / name).is_dir():
                shutil.copytree(root / name, source / name, ignore=shutil.ignore_patterns("__pycache__", ".*"))
            elif (root / name).is_file():
                (source / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(root / name, source / name)
        command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(made)]
        done = subprocess.run([*command, str(source)], capture_output=True, text=True, check=False)
        found = sorted(made.glob("*.whl"))
        if done.returncode or not found:
            said = [line for line in done.stderr.splitlines() if line.strip()]
            raise UsageError(f"pip wheel failed: {said[-1] if said else 'no output'}")
        for stale in out.glob("genimg_book-*.whl"):
            stale.unlink()
        return Path(shutil.copy2(found[0], out))


def bundle(html: Path, file: Path) -> Path:
    """One zip of the site with a folder `genimg-book` in it, to hand out: its index.html opens without a server.

    Returns:
        `file`, which is there whole or not at all.
    """
    with disk.replacing(file) as part, zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(html.rglob("*")):
            archive.write(path, Path("genimg-book") / path.relative_to(html))
    return file


def default_executed(root: Path) -> Path | None:
    """`build/book` if a run left results there."""
    folder = root / "build" / "book"
    return folder if any(folder.glob("*.ipynb")) else None
