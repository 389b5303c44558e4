"""Benchmarks run: each compares its ways before it measures them, here at the smallest size."""

import importlib
import json
import os
import sys
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

FOLDER = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture(autouse=True)
def beside_each_other(monkeypatch):
    """A script imports its neighbours, as Python started with it finds them."""
    monkeypatch.syspath_prepend(str(FOLDER))


def benchmark(name):
    return importlib.import_module(name)


@pytest.mark.parametrize("name", [path.stem for path in sorted(FOLDER.glob("*.py")) if path.stem != "measure"])
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


def test_detection_speed_compares_a_pass_with_the_search_and_the_peers():
    small = ["--images", "4", "--known", "40", "--steps", "2", "--width", "8", "--rounds", "1", "--device", "cpu"]
    result = CliRunner().invoke(benchmark("detection_speed").main, small)
    assert result.exit_code == 0, result.output
    rows = {line[:16].strip(): line[16:].split() for line in result.output.splitlines()[2:]}
    assert {"one pass", "latent search", "neighbours", "pyod anogan", "pyod knn"} <= set(rows)
    assert rows["one pass"][-1] == "1.0" and all(float(row[0].replace(",", "")) > 0 for row in rows.values())


def test_the_latent_search_finds_an_image_of_its_generator_and_treats_each_image_alone():
    import genimg as gi

    G, D = gi.networks.dcgan(latent=4, size=16, width=8, seed=0)
    G, D = G.eval(), D.eval()
    z = torch.randn(3, 4, generator=gi.rng(0))
    x = torch.cat([G(z[:2] + 0.2).detach(), torch.ones(1, 1, 16, 16)])
    search = benchmark("detection_speed").search
    left = search(G, D.blocks, x, z, 200)
    begun = search(G, D.blocks, x, z, 0)
    assert bool((left < begun).all()) and bool((left[:2] < 0.2 * begun[:2]).all()) and left[2] > 5 * left[0]
    assert torch.allclose(search(G, D.blocks, x[:1], z[:1], 9), search(G, D.blocks, x, z, 9)[:1], rtol=1e-3)
    by_hand = 0.9 * (x - G(z)).abs().flatten(1).sum(1) + 0.1 * (D.blocks(x) - D.blocks(G(z))).abs().sum(1)
    assert torch.allclose(begun, by_hand.detach(), rtol=1e-4)


def test_detection_speed_does_without_pyod(monkeypatch):
    from genimg._base.errors import UsageError
    from genimg.lab.experiments import peers

    def none(name):
        raise UsageError("the peers are PyOD's, and pyod is not installed")

    monkeypatch.setattr(peers, "_kind", none)
    small = ["--images", "4", "--known", "10", "--steps", "1", "--width", "8", "--rounds", "1", "--device", "cpu"]
    result = CliRunner().invoke(benchmark("detection_speed").main, small)
    assert result.exit_code == 0 and result.output.splitlines()[-1].endswith("pyod is not installed")
    assert "latent search" in result.output and "pyod knn" not in result.output


def test_poisson_edit_compares_with_a_sparse_solve():
    result = CliRunner().invoke(benchmark("poisson_edit").main, ["--size", "32", "--rounds", "1", "--no-opencv"])
    assert result.exit_code == 0, result.output
    square, wild = result.output.splitlines()[-2:]
    assert square.startswith("32, square of 16") and wild.startswith("32, strokes, ")
    assert all(float(value) > 0 for value in square[26:].split()[:3]) and "agree to" in square


def test_poisson_edit_says_how_to_get_opencv(monkeypatch):
    monkeypatch.setitem(sys.modules, "cv2", None)
    result = CliRunner().invoke(benchmark("poisson_edit").main, ["--size", "32", "--rounds", "1"])
    assert result.exit_code == 1 and "pip install opencv-python-headless" in result.output


def test_the_plain_solve_of_the_benchmark_is_the_same_problem():
    import genimg as gi
    from genimg.problems.inpaint import masks

    y, g = (torch.rand(1, 3, 20, 24, generator=gi.rng(k)) for k in range(2))
    for mask in (masks.half((20, 24)), masks.strokes((20, 24)), masks.random_pixels((20, 24))):
        torch.testing.assert_close(benchmark("poisson_edit").plain(y, g, mask), gi.poisson.edit(y, g, mask))


def test_latent_search_measures_four_ways_at_equal_quality():
    small = ["--images", "2", "--steps", "5", "--rounds", "1", "--candidates", "16"]
    result = CliRunner().invoke(benchmark("latent_search").main, small)
    assert result.exit_code == 0, result.output
    rows = {line[:12].strip(): line[12:].split() for line in result.output.splitlines()[2:6]}
    assert list(rows) == ["one by one", "batched", "good starts", "stopping"]
    assert rows["one by one"][2] == rows["batched"][2] and rows["one by one"][1] == "1.0"
    random, good = result.output.splitlines()[-2:]
    assert float(good.split()[1]) >= float(random.split()[1])  # the best of 16 against a single one


def test_colour_speed_compares_batches_with_one_by_one_and_tensors_with_arrays():
    small = ["--pictures", "3", "--side", "40", "--size", "32", "--width", "2", "--classes", "3", "--batch", "2"]
    result = CliRunner().invoke(benchmark("colour_speed").main, [*small, "--rounds", "1", "--device", "cpu"])
    assert result.exit_code == 0, result.output
    rows = {line[:20].strip(): line[20:].split() for line in result.output.splitlines()[2:] if line[0] != " "}
    assert list(rows) == [
        "files, batched", "files, one by one", "network, batched", "network, one", "network, whole",
        "to Lab, tensors", "to Lab, skimage", "to sRGB, tensors", "to sRGB, skimage",
    ]  # fmt: skip
    assert all(float(number.replace(",", "")) > 0 for row in rows.values() for number in row)
    assert {rows[name][-1] for name in ("files, batched", "network, batched", "to Lab, tensors")} == {"1.00"}


def test_colour_speed_measures_nothing_where_the_ways_disagree(monkeypatch):
    module = benchmark("colour_speed")
    monkeypatch.setattr(module.gi.color, "rgb_to_lab", lambda x: 1.01 * x)
    small = ["--pictures", "1", "--side", "32", "--size", "32", "--width", "2", "--classes", "0", "--rounds", "1"]
    result = CliRunner().invoke(module.main, [*small, "--device", "cpu"])
    assert result.exit_code == 1 and "to Lab: the ways disagree by" in result.output


def run(name, *words):
    """What a benchmark says and keeps."""
    result = CliRunner().invoke(benchmark(name).main, [*words, "--out", "found.json"])
    assert result.exit_code == 0, result.output
    return result.output, json.loads(Path("found.json").read_text())


@pytest.fixture
def empty(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


SMALL = ("--rounds", "1", "--width", "8", "--batch", "2", "--threads", "1", "--device", "cpu")


def test_gan_step_compares_loops_that_make_the_same_update(empty):
    said, found = run("gan_step", "--case", "28", *SMALL)
    assert [row["way"] for row in found["rows"]] == ["genimg", "genimg, float32", "tutorial", "tutorial, amp"]
    assert found["rows"][2]["times_best"] == 1.0 and all(row["images_per_second"] > 0 for row in found["rows"])
    assert "torch-mimicry: its penalty takes three channels only" in said
    assert "torchgan: not measured, torchgan is not installed (pip install --no-deps" in said
    assert found["machine"]["threads"] == 1 and "--out" not in found["command"]


def test_gan_step_refuses_a_loop_that_does_something_else(monkeypatch):
    module = benchmark("gan_step")
    monkeypatch.setattr(module, "penalty", lambda D, x, fake, rng: 0 * D(x).mean())
    case, cpu = module.CASES["28"]._replace(width=8, batch=2), torch.device("cpu")
    with pytest.raises(Exception, match="the two loops disagree"):
        module.same_weights(module.ours(case, cpu, False), module.tutorial(case, cpu))


def test_every_switch_of_the_ablation_keeps_the_update(empty):
    """In float32 each change gives the weights that the loop without it gives, but for other batches and compilers."""
    from dataclasses import replace

    module, cpu = benchmark("gan_ablation"), torch.device("cpu")
    case = benchmark("gan_step").CASES["28"]._replace(width=8, batch=2)
    plain = module.Changes(bf16=False, channels_last=False)
    for name in ("channels_last", "frozen_critic", "one_critic_pass", "fused_optimiser", "tangent_penalty"):
        changed = replace(plain, **{name: not getattr(plain, name)})
        module.same_weights(module.loop(case, cpu, plain), module.loop(case, cpu, changed))


def test_the_tangent_penalty_has_value_and_slope_of_the_penalty():
    import genimg as gi

    module = benchmark("gan_ablation")
    D = gi.networks.dcgan(size=16, width=8, seed=0)[1].double()
    x, y = (torch.randn(3, 1, 16, 16, generator=gi.rng(k)).double() for k in range(2))
    slopes = []
    for way in (gi.objectives.gradient_penalty, module.tangent_penalty):
        value = way(D, x, y, gi.rng(2))
        slopes.append((value.detach(), *torch.autograd.grad(value, D.blocks[0].weight)))
    torch.testing.assert_close(*slopes, rtol=1e-4, atol=1e-6)  # scores are cast to float32 on the way


def test_operations_are_counted(empty):
    """A product of (n, k) and (k, m) has 2 n k m, its two gradients as many each."""
    module = benchmark("gan_ablation")
    layer, x = torch.nn.Linear(5, 7), torch.ones(3, 5, requires_grad=True)
    with module.Operations() as counted:
        layer(x).sum().backward()
    assert counted.total == 3 * 2 * 3 * 5 * 7


def test_the_profile_of_a_step_adds_up_and_finds_the_convolutions(empty):
    small = ("--width", "8", "--batch", "2", "--threads", "1", "--device", "cpu")
    _, found = run("gan_profile", "--case", "28", *small)
    shares = {row["kind"]: row["share"] for row in found["rows"]}
    assert abs(sum(shares.values()) - 1) < 1e-3 and shares["convolutions"] > 0.1
    assert list(shares.values()) == sorted(shares.values(), reverse=True)


def test_growth_varies_one_thing_at_a_time(empty):
    _, found = run("growth", "--small", "--rounds", "1", "--threads", "1", "--device", "cpu")
    assert [(row["axis"], row["value"]) for row in found["rows"]] == [
        ("batch", 2), ("batch", 4), ("width", 8), ("width", 16),
        ("size", 16), ("size", 32), ("states", 2), ("states", 3),
    ]  # fmt: skip
    assert all(row["ms"] > 0 for row in found["rows"])


def test_image_folder_gives_the_same_pictures_by_every_way(empty, monkeypatch):
    monkeypatch.setenv("GENIMG_CACHE", "mine")
    _, found = run("image_folder", "--pictures", "4", "--side", "48", "--size", "16", "--rounds", "1")
    assert [row["way"] for row in found["rows"]] == ["genimg, cold", "genimg, cached", "torchvision", "one by one"]
    assert os.environ["GENIMG_CACHE"] == "mine" and not Path("mine").exists()


def test_w1_cost_knows_the_errors(empty):
    _, found = run("w1_cost", "--points", "30", "--dim", "1", "--dim", "3", "--rounds", "1")
    errors = {(row["dim"], row["way"]): row["error"] for row in found["rows"]}
    assert (3, "sorting") not in errors
    assert max(errors[key] for key in [(1, "sorting"), (1, "primal LP"), (1, "dual LP"), (1, "sliced")]) < 1e-6
    assert errors[3, "sliced"] > 0.1 and errors[3, "dual LP"] < 1e-6 < errors[3, "Sinkhorn"]


def test_all_benchmarks_are_run_by_one_command():
    module = benchmark("all")
    there = {path.stem for path in FOLDER.glob("*.py")} - {"all", "measure"}
    assert set(module.COMMANDS) == there and set(module.WITH_ROWS) <= there
