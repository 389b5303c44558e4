"""Benchmarks run: each compares its ways before it measures them, here at the smallest size."""

import importlib.util
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

FOLDER = Path(__file__).parents[1] / "benchmarks"


def benchmark(name):
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", [path.stem for path in sorted(FOLDER.glob("*.py"))])
def test_every_benchmark_explains_itself(name):
    result = CliRunner().invoke(benchmark(name).main, ["--help"])
    assert result.exit_code == 0 and "Options:" in result.output


def test_past_sampling_measures_four_ways():
    small = ["--states", "3", "--batch", "5", "--width", "8", "--size", "16", "--rounds", "1", "--device", "cpu"]
    result = CliRunner().invoke(benchmark("past_sampling").main, small)
    assert result.exit_code == 0, result.output
    numbers = result.output.splitlines()[-1].split()
    assert numbers[:2] == ["3", "5"] and all(float(value) > 0 for value in numbers[2:6])


def test_all_ways_draw_what_history_past_draws():
    """The same instants and z: `grouped` is `Mixture.sample` of pushforwards, and the others agree with it."""
    import genimg as gi

    history = gi.History()
    for k in range(4):
        G, D = gi.networks.dcgan(latent=4, size=16, width=8, seed=k)
        history.add(k + 1, G, D)
    past = history.past(G, gi.Gaussian(4, gi.rng(0)), gi.rng(1), rate=0.3)
    images = past.sample(9)
    which = torch.multinomial(past.weights, 9, replacement=True, generator=gi.rng(1))
    z = torch.empty(9, 4).index_copy_(0, torch.argsort(which, stable=True), latent_as_past_draws_it(which, 4))
    with torch.no_grad():
        for way in benchmark("past_sampling").ways([part.G for part in past.parts]).values():
            assert torch.allclose(way(which, z), images, atol=1e-5)


def latent_as_past_draws_it(which, dim):
    """One call of the latent law per instant drawn, in the order of the instants."""
    import genimg as gi

    latent = gi.Gaussian(dim, gi.rng(0))
    return torch.cat([latent.sample(k) for k in torch.bincount(which).tolist() if k])
