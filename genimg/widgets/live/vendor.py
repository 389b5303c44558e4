"""onnxruntime-web from the npm registry, by Python alone: version and SHA-512 stand in package-lock.json, npm's own."""

from __future__ import annotations

import base64
import hashlib
import http.client
import io
import json
import os
import tarfile
import urllib.request
from pathlib import Path
from typing import NamedTuple

from genimg._base import disk
from genimg._base.errors import UsageError

LOCK = Path(__file__).with_name("package-lock.json")
PACKAGE = "onnxruntime-web"
REGISTRY = "https://registry.npmjs.org"
FILES = {"ort": "dist/ort.wasm.bundle.min.mjs", "wasm": "dist/ort-wasm-simd-threaded.wasm"}
"""Of 33 MB what a page needs, one thread and no graphics card: the module, and what it compiles."""


class Locked(NamedTuple):
    """An entry of the lock file."""

    version: str
    integrity: str


def locked(package: str = PACKAGE) -> Locked:
    """What the lock file says of a package.

    Example:
        >>> locked().integrity.partition("-")[0]
        'sha512'
    """
    entry = json.loads(LOCK.read_text(encoding="utf-8"))["packages"][f"node_modules/{package}"]
    return Locked(entry["version"], entry["integrity"])


def runtime(cache: Path) -> dict[str, Path]:
    """The files of the runtime, by the names of `FILES`, from `cache` or else from the registry.

    The registry is $NPM_CONFIG_REGISTRY if that is set, as for npm.

    Raises:
        UsageError: if the registry cannot be reached, or sends something else than what was locked.
    """
    entry = locked()
    folder = cache / f"{PACKAGE}-{entry.version}"
    found = {name: folder / Path(inside).name for name, inside in FILES.items()}
    if not all(path.is_file() for path in found.values()):
        archive = _download(entry)
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
            parts = {name: tar.extractfile(f"package/{inside}") for name, inside in FILES.items()}
            contents = {name: part.read() for name, part in parts.items() if part}
        for name, path in found.items():
            disk.write(path, contents[name])  # whole: another build may be filling the same cache
    return found


def _download(entry: Locked) -> bytes:
    settings = {name.lower(): value for name, value in os.environ.items()}  # npm reads them in any case
    registry = settings.get("npm_config_registry") or REGISTRY
    url = f"{registry.rstrip('/')}/{PACKAGE}/-/{PACKAGE}-{entry.version}.tgz"
    try:
        with urllib.request.urlopen(url, timeout=60) as answer:
            data = bytes(answer.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        reason = getattr(error, "reason", None) or error
        raise UsageError(f"{PACKAGE} cannot be had from {registry} ({reason})") from None
    digest = "sha512-" + base64.b64encode(hashlib.sha512(data).digest()).decode()
    if digest != entry.integrity:
        raise UsageError(f"{url} is not the {PACKAGE} {entry.version} that {LOCK.name} names: its SHA-512 differs")
    return data
