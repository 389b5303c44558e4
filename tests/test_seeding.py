"""Seeds and devices."""

import hashlib
import random

import numpy as np
import pytest
import torch

from genimg import devices, seeding
from genimg._base.errors import UsageError


def test_children_of_a_seed_are_fixed_numbers():
    """The same on every machine and in every version: records depend on it. SHA-256 of '0:latent', first four bytes."""
    assert seeding.child(0, "latent") == int(hashlib.sha256(b"0:latent").hexdigest()[:8], 16) // 2
    seen = {seeding.child(seed, name) for seed in range(50) for name in ("real", "latent", "objective")}
    assert len(seen) == 150


def test_seeded_restores_the_ambient_generator_even_after_an_error():
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    with pytest.raises(RuntimeError), seeding.seeded(1):
        raise RuntimeError
    assert torch.equal(torch.rand(2), expected)


def test_seeded_none_leaves_randomness_ambient():
    torch.manual_seed(3)
    with seeding.seeded(None):
        a = torch.rand(2)
    torch.manual_seed(3)
    assert torch.equal(a, torch.rand(2))


def test_deterministic_seeds_everything_and_asks_for_one_thread():
    was = torch.are_deterministic_algorithms_enabled()
    try:
        draws = []
        for _ in range(2):
            seeding.deterministic(4)
            draws.append((random.random(), float(np.random.rand()), float(torch.rand(()))))
        assert draws[0] == draws[1]
        assert torch.get_num_threads() == 1
    finally:
        torch.use_deterministic_algorithms(was)


def test_devices():
    assert devices.pick("cpu").type == "cpu"
    assert devices.pick(torch.device("cpu")).type == "cpu"
    assert devices.pick("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    assert devices.describe("cpu").startswith("CPU, ")
    with pytest.raises(UsageError, match="did you mean 'cuda'"):
        devices.pick("cud")
    with pytest.raises(UsageError, match="no GPU here|GPUs here"):
        devices.pick("cuda:99")
