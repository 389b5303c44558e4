"""Tensors on disk: safetensors, never pickles, written beside and renamed so that no reader sees half a file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from genimg._base import disk
from genimg._base.errors import UsageError


def write_tensors(path: str | Path, tensors: Mapping[str, Tensor], about: Mapping[str, Any] | None = None) -> Path:
    """Writes `tensors` and the JSON-able `about` to one safetensors file, by `disk.write`.

    Example:
        >>> import tempfile, torch
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = write_tensors(Path(folder) / "x.safetensors", {"a": torch.ones(2)}, {"step": 3})
        ...     tensors, about = read_tensors(path)
        >>> tensors["a"].tolist(), about["step"]
        ([1.0, 1.0], 3)
    """
    from safetensors.torch import save

    plain = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    text = json.dumps(dict(about or {}), sort_keys=True)
    # One entry: safetensors writes several in an order that chance decides, and equal content would differ in bytes.
    return disk.write(path, save(plain, metadata={"about": f"{text}\n{digest(plain, text)}"}))


def digest(tensors: Mapping[str, Tensor], about: str) -> str:
    """SHA-256 of what a file holds: names, types, shapes and values of its tensors, and the text about them."""
    found = hashlib.sha256(about.encode())
    for name in sorted(tensors):
        value = tensors[name].contiguous()
        found.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        found.update(value.reshape(-1).view(torch.uint8).numpy().tobytes())
    return found.hexdigest()


def shapes(path: str | Path) -> dict[str, tuple[int, ...]]:
    """The shape of each tensor in a file, by its header alone, which has been compared with the file's length.

    Raises:
        UsageError: if the file is missing or damaged.
    """
    with _opened(path) as file:
        return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118


def read_tensors(path: str | Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors of a safetensors file, on the CPU, and what `write_tensors` was told about them.

    Raises:
        UsageError: if the file is missing or damaged, is not what was written by its own hash, or holds numbers that
            are not finite.
    """
    with _opened(path) as file:
        told, _, written = (file.metadata() or {}).get("about", "{}").partition("\n")  # JSON, and the hash of all
        about = json.loads(told)
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    if not isinstance(about, dict):
        raise UsageError(f"{path} is damaged: what it says about itself is no object; make it again")
    if written and written != digest(tensors, told):
        raise UsageError(f"{path} is damaged: it does not hold what was written to it; take another copy")
    for name, value in tensors.items():
        if value.is_floating_point() and not bool(value.isfinite().all()):
            raise UsageError(f"{path} holds numbers that are not finite, in {name}; take another copy")
    return tensors, about


@contextmanager
def _opened(path: str | Path) -> Iterator[Any]:
    """A safetensors file, open while the block runs."""
    from safetensors import SafetensorError, safe_open

    try:
        if Path(path).exists() and not Path(path).is_file():
            raise UsageError(f"{path} is no regular file, and holds no weights")
        with safe_open(str(path), framework="pt") as file:
            yield file
    except FileNotFoundError:
        raise UsageError(f"{path} does not exist") from None
    except (SafetensorError, json.JSONDecodeError, RecursionError, OSError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UsageError(f"{path} is damaged or not a safetensors file: {reason}") from None


def load_into(network: nn.Module, tensors: Mapping[str, Tensor], prefix: str, path: str | Path) -> None:
    """Fills a network with the tensors of a file whose names begin so.

    Raises:
        UsageError: if they do not fit.
    """
    try:
        network.load_state_dict({k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)})
    except (RuntimeError, ValueError, TypeError) as error:
        raise UsageError(f"{path} does not fit its network ({first_difference(error)}); take another copy") from None


def first_difference(error: Exception) -> str:
    """The first complaint of `load_state_dict`, without its heading."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    return lines[min(1, len(lines) - 1)][:200]


def sha256(*paths: str | Path) -> str:
    """SHA-256 of a file, in hexadecimal; of several, of their bytes one after the other."""
    found = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as file:
            while block := file.read(1 << 20):
                found.update(block)
    return found.hexdigest()
