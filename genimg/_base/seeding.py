"""Randomness is passed around, never ambient: generators, independent sub-seeds, and one global switch.

Nothing outside this module seeds a global generator.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


def rng(seed: int, device: torch.device | str = "cpu") -> torch.Generator:
    """A generator of its own, started at `seed`.

    Example:
        >>> a, b = rng(3), rng(3)
        >>> bool((torch.rand(5, generator=a) == torch.rand(5, generator=b)).all())
        True
    """
    return torch.Generator(device).manual_seed(seed)


def child(seed: int, name: str) -> int:
    """A sub-seed in [0, 2^31) that depends on `seed` and `name` alone, the same on every machine.

    Neighbouring seeds (0, 1, 2 …) of one experiment must not share streams with neighbouring purposes of one seed,
    which `seed + 1` would do.

    Example:
        >>> child(0, "latent") == child(0, "latent"), child(0, "latent") == child(1, "latent")
        (True, False)
    """
    digest = hashlib.sha256(f"{seed}:{name}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1


@contextmanager
def seeded(seed: int | None) -> Iterator[None]:
    """Runs a block under `seed` and gives the caller's global generator back untouched (network initialisation).

    `None` leaves the ambient randomness alone.

    Example:
        >>> with seeded(1): a = torch.nn.Linear(2, 2).weight
        >>> with seeded(1): b = torch.nn.Linear(2, 2).weight
        >>> torch.equal(a, b)
        True
    """
    if seed is None:
        yield
        return
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield


@contextmanager
def ambient(seed: int) -> Iterator[None]:
    """Runs foreign code, which draws from the global generators of Python, NumPy and torch, under `seed`.

    The caller's generators come back untouched, those of every GPU included. Our own code takes an `rng` instead.

    Example:
        >>> with ambient(1): a = random.random(), np.random.rand(), float(torch.rand(()))
        >>> with ambient(1): b = random.random(), np.random.rand(), float(torch.rand(()))
        >>> a == b
        True
    """
    python, numpy = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng():
            random.seed(seed)
            np.random.seed(seed)
            torch.manual_seed(seed)
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)


def deterministic(seed: int) -> None:
    """Seeds Python, NumPy and torch and asks for one thread and deterministic algorithms on the CPU.

    One thread because the order of a floating-point sum, hence the last digit, depends on their number: a notebook
    then prints the same bytes on a laptop and on a server of the same kind. Called once, in a chapter's set-up cell.
    On CUDA the algorithms stay free to be fast: there a run is reproducible within tolerance, not bit by bit.
    """
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    if not torch.cuda.is_available():
        torch.use_deterministic_algorithms(True)
