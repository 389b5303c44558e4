"""Tensors on disk: safetensors, never pickles, written beside and renamed so that no reader sees half a file.

Book: 04_wgan, where trained weights are loaded.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from genimg import disk
from genimg.checks import UsageError


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

    data = save(
        {name: value.detach().cpu().contiguous() for name, value in tensors.items()},
        metadata={"about": json.dumps(dict(about or {}), sort_keys=True)},
    )
    return disk.write(path, data)


def read_tensors(path: str | Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors of a safetensors file, on the CPU, and what `write_tensors` was told about them.

    Raises:
        UsageError: if the file is missing or damaged.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="pt") as file:
            about = json.loads((file.metadata() or {}).get("about", "{}"))
            return {name: file.get_tensor(name) for name in file.keys()}, about  # noqa: SIM118
    except FileNotFoundError:
        raise UsageError(f"{path} does not exist") from None
    except (SafetensorError, json.JSONDecodeError, OSError) as error:
        raise UsageError(f"{path} is damaged or not a safetensors file: {error}") from None


def sha256(path: str | Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() if hasattr(hashlib, "file_digest") else _sha256(file)


def _sha256(file: Any) -> str:  # Python 3.10 has no hashlib.file_digest
    digest = hashlib.sha256()
    while block := file.read(1 << 20):
        digest.update(block)
    return digest.hexdigest()
