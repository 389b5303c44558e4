"""torchvision's downloads, into a folder of ours, with a quick and clear end where there is no network."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import sys
import threading
import urllib.error
import urllib.request
import uuid
from pathlib import Path

from genimg.data.catalogue import ENTRIES

PATIENCE = 6.0  # seconds until a host that does not answer counts as out of reach
STALL = 30.0  # seconds without a byte until a running download is given up
ARCHIVES = (".gz", ".tgz", ".zip")


class Unreachable(Exception):
    """A download that did not work, with the reason in one line."""


def unreachable(address: str, patience: float = PATIENCE) -> str:
    """Why `address` cannot be reached, or "" if it answers; after `patience` seconds at most."""
    reason = [f"no answer from {address.split('/')[2]} within {patience:.0f} s"]

    def ask() -> None:
        try:
            with urllib.request.urlopen(urllib.request.Request(address, method="HEAD"), timeout=patience):
                reason[0] = ""
        except urllib.error.HTTPError as error:  # an answer, if not a friendly one; only a proxy says 407
            reason[0] = "the proxy asks for a login" if error.code == 407 else ""
        except Exception as error:
            reason[0] = f"{address.split('/')[2]}: {_line(error)}"

    # A thread, because a name that the resolver cannot find ignores every timeout.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(patience)
    return reason[0]


def download(name: str, root: Path, split: str = "train") -> None:
    """Puts a data set into `root` in torchvision's layout.

    It is downloaded beside and then moved, so that an interrupted download does not look like data, and two processes
    do not disturb each other. Archives are removed once they are unpacked.

    Raises:
        Unreachable: no network, or torchvision could not download it.
    """
    entry = ENTRIES[name]
    if reason := unreachable(entry.probe):
        raise Unreachable(reason)
    root.mkdir(parents=True, exist_ok=True)
    beside = root / f".download-{name}-{uuid.uuid4().hex}"
    timeout = socket.getdefaulttimeout()
    socket.setdefaulttimeout(STALL)  # torchvision sets none and would wait for ever
    try:
        beside.mkdir()
        with contextlib.ExitStack() as stack:  # torchvision reports to both; a notebook's output stays clean
            stack.enter_context(contextlib.redirect_stdout(sys.stderr))
            if not sys.stderr.isatty():
                silent = stack.enter_context(open(os.devnull, "w"))
                stack.enter_context(contextlib.redirect_stdout(silent))
                stack.enter_context(contextlib.redirect_stderr(silent))
            _run(name, beside, split)
        _move(beside, root)
    except Exception as error:  # network, checksum, disk, missing gdown: all mean the same here
        raise Unreachable(_line(error)) from error
    finally:
        socket.setdefaulttimeout(timeout)
        shutil.rmtree(beside, ignore_errors=True)


def _run(name: str, folder: Path, split: str) -> None:
    from torchvision import datasets

    dataset = getattr(datasets, ENTRIES[name].torchvision)
    if name == "svhn":
        for part in ("extra",) if split == "extra" else ("train", "test"):
            dataset(str(folder), split=part, download=True)
    elif name == "imagenette":
        dataset(str(folder), split="train", size="320px", download=True)
    elif name == "celeba":
        dataset(str(folder), split="train", download=True)
    else:
        dataset(str(folder), train=True, download=True)


def _move(beside: Path, root: Path) -> None:
    for file in list(beside.rglob("*")):
        if file.is_file() and file.suffix in ARCHIVES:
            file.unlink()
    for item in beside.iterdir():
        try:
            os.replace(item, root / item.name)
        except OSError:
            if not (root / item.name).exists():
                raise
            # Another process was faster; what is there was moved there whole, as this would have been.


def _line(error: Exception) -> str:
    reason = getattr(error, "reason", None) or error
    return (str(reason).strip().splitlines() or [type(error).__name__])[0]
