"""The folder `_live` beside the pages: the runtime and one file per graph, each a classic script.

A page opened from disk may fetch nothing, but it may run scripts that lie beside it; so each file is a script that
leaves one gzipped file as base64 in `window.genimgLive`, where `openLive` of the widgets takes it. Weights that two
graphs have in common lie in a script of their own, which theirs load (`sharing`).
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import shutil
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from genimg._base import disk
from genimg._base.errors import UsageError
from genimg.widgets.live import GRAPHS, vendor
from genimg.widgets.live.graph import onnx_bytes
from genimg.widgets.live.sharing import ending, opening, pieces, sharing_script

FOLDER = "_live"
PACKAGE = Path(__file__).parents[2]


def write(html: Path, cache: Path, names: Iterable[str] = tuple(GRAPHS)) -> Path:
    """`html/_live` with `ort.js`, `wasm.js`, a script for each graph and for what they share; all of it, or nothing.

    Args:
        cache: keeps the runtime, and what was exported until weights or code change: usually `build`.

    Returns:
        The folder.

    Raises:
        UsageError: without the extra `live`, or if the npm registry cannot be reached and the cache is empty.
    """
    runtime = {name: path.read_bytes() for name, path in vendor.runtime(cache / "vendor").items()}
    shared, graphs = pieces({name: path.read_bytes() for name, path in exported(cache / "live", names).items()})
    scripts = {name: script(name, gzipped(data)) for name, data in runtime.items()}
    scripts |= {name: script(name, opening(data)) for name, data in shared.items()}
    for name, (part, data) in graphs.items():
        if part is None:
            scripts[name] = script(name, gzipped(data))
        else:
            scripts[name] = sharing_script(name, part, ending(shared[part], data))
    folder = html / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in scripts.items():
        (folder / f"{name}.js").write_text(text, encoding="ascii")
    return folder


def exported(cache: Path, names: Iterable[str] = tuple(GRAPHS)) -> dict[str, Path]:
    """The ONNX file of each graph, in the one folder of `cache`, named after the code and weights it was made from."""
    folder = cache / _made_from()
    found = {name: folder / f"{name}.onnx" for name in names}
    for name, path in found.items():
        if not path.is_file():
            disk.write(path, onnx_bytes(GRAPHS[name]()))  # whole: another process may be filling the same cache
    for stale in cache.iterdir() if cache.is_dir() else ():
        if stale != folder:
            shutil.rmtree(stale, ignore_errors=True)
    return found


def gzipped(data: bytes) -> str:
    """As base64, the same text each time."""
    return base64.b64encode(gzip.compress(data, 9, mtime=0)).decode()


def script(name: str, text: str) -> str:
    r"""A script that leaves a text under that name.

    Example:
        >>> script("a", "H4sI")
        '(window.genimgLive ||= {})["a"]="H4sI";\n'
    """
    return f'(window.genimgLive ||= {{}})[{json.dumps(name)}]="{text}";\n'


def _made_from() -> str:
    """The hash of all code of the package, of the weights' hashes, and of the exporter's versions.

    A graph may come from any module, and an export takes seconds; so no list of what it depends on can be wrong.
    """
    digest = hashlib.sha256()
    for path in [*sorted(PACKAGE.rglob("*.py")), PACKAGE / "zoo" / "trained" / "manifest.json"]:
        digest.update(path.relative_to(PACKAGE).as_posix().encode() + b"\0" + path.read_bytes())
    for package in ("torch", "onnx", "onnxscript"):
        try:
            digest.update(f"{package} {metadata.version(package)}".encode())
        except metadata.PackageNotFoundError:
            raise UsageError(f"they need {package}: pip install 'genimg-book[live]'") from None
    return digest.hexdigest()[:16]
