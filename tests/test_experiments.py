"""Experiments at profile quick: they run, report what they say, and depend on nothing but their seeds."""

import dataclasses
import io
import math
import re
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.io import savemat

from genimg import anomaly, inpaint, metrics, networks, objectives, seeding, zoo
from genimg._base import ranks, weights
from genimg._base.errors import Absent, UsageError
from genimg._base.records import answers, load_claims
from genimg.lab.experiments import (
    EXPERIMENTS,
    OutOfTime,
    adaptation,
    cells,
    digits,
    face_encoder,
    face_recipes,
    faces,
    fills,
    history_ablation,
    history_ad,
    history_epochs,
    history_rivals,
    inpainting_search,
    inpainting_table,
    out_of_distribution,
    peers,
    pyramid,
    runner,
    searches,
    solar_cells,
)
from genimg.lab.experiments.cells import BLENDS
from genimg.problems.inpaint import masks

CPU = torch.device("cpu")
BOOK = Path(__file__).parent.parent / "book"


def test_theory_finds_its_identities(tmp_path):
    seen = []
    records = EXPERIMENTS["theory"].run("quick", [0, 1], CPU, tmp_path, progress=lambda *a: seen.append(a))
    assert max(records["theory-js-identity"].values) < 1e-12
    assert max(records["theory-w1-duality"].values) < 1e-9
    assert records["theory-tv-factor"].values == pytest.approx([2.0, 2.0])
    assert all(2.0 < v < 2.4 for v in records["theory-gp-bias"].values)  # theory: 2.21, few steps here
    assert seen[-1][1] == seen[-1][2]


def test_modes_reports_all_methods_and_repeats_itself(tmp_path):
    a = EXPERIMENTS["modes"].run("quick", [0], CPU, tmp_path)
    b = EXPERIMENTS["modes"].run("quick", [0], CPU, tmp_path)
    assert {k: r.values for k, r in a.items()} == {k: r.values for k, r in b.items()}
    assert len(a) == 16 and all(0 <= r.mean <= 25 for r in a.values())


def test_digits_trains_measures_and_cut_short_ends_as_if_it_had_not_been(tmp_path, monkeypatch):
    monkeypatch.setattr(digits, "EVERY", 10)
    run, folder = EXPERIMENTS["digits"].run, tmp_path / "cut" / "digits" / "quick-0"
    whole = run("quick", [0], CPU, tmp_path / "whole")
    assert whole["digits-sliced-w1"].mean > 3 * whole["digits-sliced-w1-floor"].mean  # 40 steps learn little
    assert whole["digits-sliced-w1"].weights is not None

    def until(what, done, total):
        if done == 20:
            raise OutOfTime

    with pytest.raises(OutOfTime):
        run("quick", [0], CPU, tmp_path / "cut", progress=until)
    assert weights.read_tensors(folder / "state.safetensors")[1]["step"] == 10
    resumed = run("quick", [0], CPU, tmp_path / "cut", resume=True)
    assert {k: (r.values, r.weights) for k, r in resumed.items()} == {
        k: (r.values, r.weights) for k, r in whole.items()
    }
    assert weights.sha256(folder / "digits.safetensors") == whole["digits-sliced-w1"].weights


def test_every_number_belongs_to_one_experiment():
    names = {claim["id"] for claim in load_claims(BOOK / "claims.json")} | {p.stem for p in BOOK.glob("records/*.json")}
    assert len(names) > 300
    for name in names:
        assert sum(e.owns(name) for e in EXPERIMENTS.values()) == 1, name


def test_several_ranks_train_only_what_they_speed_up(tmp_path, monkeypatch):
    monkeypatch.setattr(ranks, "count", lambda: 2)
    with pytest.raises(UsageError, match="start it without torchrun"):
        EXPERIMENTS["history-ad"].run("quick", [0], CPU, tmp_path)


def test_faces_trains_measures_saves_the_average_and_resumes(tmp_path, monkeypatch):
    first = EXPERIMENTS["faces"].run("quick", [0], CPU, tmp_path)
    assert len(first) == 3 * len(faces.METRICS)
    assert first["faces-kid"].mean > 2 * first["faces-kid-real"].mean
    assert first["faces-recall-efflite0"].mean < first["faces-recall-efflite0-real"].mean
    assert first["faces-sliced-w1"].mean > 2 * first["faces-sliced-w1-real"].mean  # four steps learn nothing
    assert first["faces-precision-real"].mean > 0.3 and first["faces-recall"].mean < first["faces-recall-real"].mean
    assert set(first["faces-sliced-w1"].config["per_scale"]) == {"32", "16", "8"}
    folder = tmp_path / "faces" / "quick-0"
    state, _ = weights.read_tensors(folder / "state.safetensors")
    G, _ = zoo.load(folder / "faces.safetensors")
    average = {key: state[f"average/weights/{key}"].half().float() for key in G.state_dict()}
    assert all(torch.equal(value, average[key]) for key, value in G.state_dict().items())
    assert any(not torch.equal(state[f"G/weights/{key}"].half().float(), value) for key, value in average.items())
    assert first["faces-recall"].weights == weights.sha256(folder / "faces.safetensors")

    every = dataclasses.replace(faces.SIZES["quick"], every=1)
    monkeypatch.setitem(faces.SIZES, "quick", every)  # finished: no step may be taken again
    monkeypatch.setattr(objectives.WassersteinGP, "critic_loss", None)
    (folder / "seconds.json").write_text('{"seconds": 1000.0}')  # of the training, in an earlier process
    again = EXPERIMENTS["faces"].run("quick", [0], CPU, tmp_path, resume=True)
    assert 1000 < again["faces-recall"].seconds < 1100
    assert {k: r.values for k, r in again.items()} == {k: r.values for k, r in first.items()}


def test_patches_of_bands_add_up_and_lie_where_they_should():
    x = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    fine, middle, coarse = pyramid.bands(x, 3)
    for band in (middle, fine):
        coarse = torch.nn.functional.interpolate(coarse, scale_factor=2, mode="bilinear") + band
    assert torch.allclose(coarse, x, atol=1e-5)
    cut = pyramid.patches(x, torch.tensor([[[0, 5], [1, 2]], [[25, 3], [4, 9]]]))
    assert torch.equal(cut[1], x[0, :, 5:12, 3:10].flatten()) and torch.equal(cut[2], x[1, :, 1:8, 4:11].flatten())


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    out = tmp_path_factory.mktemp("table")
    return out, EXPERIMENTS["inpainting-table"].run("quick", [0], CPU, out)


def test_inpainting_table_reports_rows_fills_and_extensions(table):
    _, records = table
    assert len(records) == 2 * 7 + 2 and not any(name.startswith("inpaint-") for name in records)  # no claim on LFW
    for mask in ("centre", "squares"):
        cells = records[f"inpainting-lfw-{mask}-best"].config["tables"][0]
        assert len(cells) == 9 + len(fills.METHODS) + 3 + 1
        assert cells["telea"]["raw"]["hole"]["mse"] == pytest.approx(cells["telea"]["poisson"]["hole"]["mse"], rel=0.01)
        for cell in cells.values():
            assert cell["poisson"]["hole"]["mse"] > cell["poisson"]["whole"]["mse"]  # what is known is right
            assert cell["overlay"]["whole"]["psnr_images"] >= cell["overlay"]["whole"]["psnr"]
        share = {"centre": 1 / 4, "squares": 3 / 16}[mask]
        poisson = cells["mean"]["poisson"]
        assert poisson["whole"]["mse"] == pytest.approx(share * poisson["hole"]["mse"], rel=1e-3)
        over = records[f"inpainting-lfw-{mask}-over-fill"].mean
        assert over == pytest.approx(
            records[f"inpainting-lfw-{mask}-best"].mean - records[f"inpainting-lfw-{mask}-fill"].mean
        )
    assert set(records["inpainting-lfw-holes"].config["psnr_by_hole"][0]) == {"0.25", "0.5"}


def test_inpainting_table_resumes_part_by_part(table, monkeypatch):
    out, first = table
    (out / "inpainting-table" / "quick-0" / "lfw" / "squares-yeh.json").unlink()
    calls = []
    search = inpainting_table.search
    monkeypatch.setattr(inpainting_table, "search", lambda *a: calls.append(a) or search(*a))
    run = EXPERIMENTS["inpainting-table"].run
    again = run("quick", [0], CPU, out, resume=True)
    assert len(calls) == 1 and {k: r.values for k, r in again.items()} == {k: r.values for k, r in first.items()}
    longer = dataclasses.replace(inpainting_table.SIZES["quick"], steps=3)
    monkeypatch.setitem(inpainting_table.SIZES, "quick", longer)
    with pytest.raises(UsageError, match="other constants"):
        run("quick", [0], CPU, out, resume=True)


def test_inpainting_table_answers_the_claims_of_the_talk():
    cell = {"whole": {"mse": 9.0, "psnr": 38.6, "psnr_images": 38.7, "ssim": 0.9}}
    cells = dict.fromkeys(BLENDS, cell)
    methods = [*inpainting_table.TABLE]
    methods += [*fills.METHODS, *inpainting_table.EXTENSIONS, "reach"]
    part = {"device": "CPU", "seconds": 1.0, "commit": "0"}
    job = runner.Job("inpainting-table", "quick", [0], CPU, Path(), lambda *a: None)
    study = inpainting_table.Study(job, inpainting_table.SIZES["quick"])
    best = dict.fromkeys(inpainting_table.TABLES, "ours, 0.5 0.5 1.0")
    hole = {"search": cells, **dict.fromkeys(fills.METHODS, cells)}
    found = {
        "tables": {mask: dict.fromkeys(methods, cells) for mask in inpainting_table.TABLES},
        "holes": {"0.25": hole, "0.5": hole},
        "reach": cell["whole"], "best": best, "parts": [part], "weights": "ab", "images": 3, "search": {},
    }  # fmt: skip
    made = answers(study.of("celeba", [found]), load_claims(BOOK / "claims.json"))
    claims = {
        c["id"]: c
        for c in load_claims(BOOK / "claims.json")
        if c["id"].startswith(("inpaint-a-celeba", "inpaint-b-celeba"))
    }
    assert len(claims) == 54 and claims.keys() == {name for name in made if name.startswith("inpaint-")}
    for name, claim in claims.items():
        for field in ("metric", "unit", "better", "reported", "chapter"):
            assert claim[field] == getattr(made[name], field)
        numbers = [w for w in claim["claim"].replace(",", "").split() if w[0] in "01"]  # alpha, beta, eta
        assert made[name].claim.startswith(claim["claim"][:7]) and made[name].method.split("; ")[0].endswith(
            " ".join(numbers)
        )


def test_the_search_is_measured_along_its_way(tmp_path):
    records = EXPERIMENTS["inpainting-search"].run("quick", [0], CPU, tmp_path)
    assert len(records) == 2 * len(inpainting_search.VARIANTS)
    curves = {name: record.config["psnr_by_steps"][0] for name, record in records.items()}
    for mask in ("centre", "squares"):
        base = curves[f"search-{mask}-base"]
        assert set(base) == {"0", "1", "2"} and records[f"search-{mask}-base"].mean == max(base.values())
        # Before the first step only the start counts.
        others = [name for name, variant in inpainting_search.VARIANTS.items() if variant.start != "mean"]
        moved = (*(f"-{name}" for name in others), "-adapted")
        starts = {curve["0"] for name, curve in curves.items() if mask in name and not name.endswith(moved)}
        assert starts == {base["0"]} and curves[f"search-{mask}-pool"]["0"] != base["0"]
        assert curves[f"search-{mask}-encoder"]["0"] == curves[f"search-{mask}-encoder-guided"]["0"] != base["0"]
    here = study(inpainting_search, tmp_path)
    G, D, _ = faces.here(here.job, 32, here.y.shape[1], 0)
    y, mask = here.y, masks.centre_square(32)
    x = inpaint.complete(G, y, mask, torch.zeros(3, 8))[2]
    assert curves["search-centre-base"]["0"] == pytest.approx(metrics.psnr(x, y, 2, "mse"), abs=1e-3)


def test_adapting_is_measured_beside_the_search_of_the_table(tmp_path):
    records = EXPERIMENTS["adaptation"].run("quick", [0], CPU, tmp_path)
    assert len(records) == 2 * (len(adaptation.METHODS) * len(adaptation.METRICS) + 1)
    for mask in ("centre", "squares"):
        of = {name: records[f"adapted-{mask}-{name}"] for name in (*adaptation.METHODS, "gain")}
        assert of["gain"].mean == pytest.approx(of["adapted"].mean - of["search"].mean)
        assert of["adapted"].mean != of["far"].mean != of["search"].mean
        assert of["encoder"].mean != of["started"].mean != of["search"].mean
    # The talk's row of the table is the same search on the same faces.
    task, _ = study(inpainting_table, tmp_path).task("lfw", 0)
    cell = searches.search(task, task.mask("centre"), inpaint.OURS)
    assert records["adapted-centre-search"].mean == cells.psnr(cell)
    # The truth is no further from the law of faces than what was filled by untrained networks.
    kid = records["adapted-centre-search-kid"]
    assert kid.mean > kid.config["truth"][0] and kid.better == "lower"
    assert 0 < records["adapted-centre-gaussian-st-lpips"].mean < records["adapted-centre-search-st-lpips"].mean
    assert records["adapted-centre-guided"].mean != records["adapted-centre-far"].mean


def test_recipes_of_faces_have_the_same_time_and_are_judged_alike(tmp_path, monkeypatch):
    monkeypatch.setattr(zoo, "pretrained", lambda: False)  # its judges are tested with `faces`
    monkeypatch.setattr(face_recipes.Study, "afforded", lambda self, seed, size: 2 + size.critic_per_step)
    records = EXPERIMENTS["face-recipes"].run("quick", [0], CPU, tmp_path)
    assert {name.rsplit("-", 1)[0].removeprefix("face-recipes-") for name in records} == set(face_recipes.RECIPES)
    assert records["face-recipes-published-recall"].config["steps"] == [7]
    reaches = {name: records[f"face-recipes-{name}-reach"].mean for name in face_recipes.RECIPES}
    assert len(set(reaches.values())) == 4 and reaches["decoder"] != reaches["resized"]
    again = EXPERIMENTS["face-recipes"].run("quick", [0], CPU, tmp_path, resume=True)
    assert {k: r.values for k, r in again.items()} == {k: r.values for k, r in records.items()}


def test_the_encoder_of_faces_is_trained_kept_for_the_zoo_and_goes_on(tmp_path):
    records = EXPERIMENTS["face-encoder"].run("quick", [0], CPU, tmp_path)
    assert set(records) == {"face-encoder-centre", "face-encoder-squares"}
    folder = tmp_path / "face-encoder" / "quick-0"
    E = inpaint.Encoder.load(folder / "faces-encoder.safetensors")
    here = study(face_encoder, tmp_path)
    G, _, _ = faces.here(here.job, 32, here.y.shape[1], 0)
    assert E.fits(G)
    x = inpaint.blend(here.y, G(E(here.y, masks.centre_square(32))), masks.centre_square(32))[2]
    # The file is in half precision.
    assert records["face-encoder-centre"].mean == pytest.approx(metrics.psnr(x, here.y, 2, "mse"), abs=0.01)
    entry = zoo.read_manifest(folder / "manifest.json")["faces-encoder"]
    assert entry["kind"] == "encoder" and entry["recipe"]["steps"] == 3
    again = EXPERIMENTS["face-encoder"].run("quick", [0], CPU, tmp_path, resume=True)
    assert {name: record.values for name, record in again.items()} == {n: r.values for n, r in records.items()}


def test_an_encoder_of_another_generator_is_refused(tmp_path):
    job = study(face_encoder, tmp_path).job
    y = torch.zeros(1, 3, 64, 64)
    G, _ = networks.dcgan(256, 64, 3, 8, seed=0)
    with pytest.raises(UsageError, match="run `genimg train face-encoder` first"):
        face_encoder.here(job, G.eval(), y, 0)


def test_a_recipe_affords_fewer_steps_where_they_cost_more(tmp_path):
    study_of = study(face_recipes, tmp_path)
    size = {name: faces.Size(**{**dataclasses.asdict(study_of.size.base), **changes})
            for name, changes in face_recipes.RECIPES.items()}  # fmt: skip
    dear = dataclasses.replace(size["published"], critic_per_step=40)
    assert 2 <= study_of.afforded(0, dear) < study_of.afforded(0, size["cheap"])


def test_the_table_searches_as_the_recipe_of_the_weights_says(tmp_path, monkeypatch):
    task, _ = study(inpainting_table, tmp_path).task("lfw", 0)
    assert task.how == inpaint.Search("pool", searches.LR, 2)  # untrained networks have no recipe
    monkeypatch.setitem(inpainting_table.SOURCES, "lfw", inpainting_table.SOURCES["lfw"]._replace(generator="faces"))
    arguments = {"latent": 8, "size": 32, "channels": task.y.shape[1], "width": 8}
    folder = tmp_path / "faces" / "quick-0"
    how = {"start": "mean", "lr": 0.03, "steps": 5}
    zoo.save("faces", "dcgan", arguments, *networks.dcgan(**arguments, seed=0), {"search": how}, folder=folder)
    task, digest = study(inpainting_table, tmp_path).task("lfw", 0)
    assert task.how == inpaint.Search("mean", 0.03, 5) and digest == weights.sha256(folder / "faces.safetensors")
    loss = inpaint.Loss(task.D, task.y, task.mask("centre"), inpaint.OURS)
    assert task.starts(loss, 1).shape == (3, 1, 8) and not task.starts(loss, 1).any()
    best = inpaint.best_starts(task.G, loss, task.pool, 2)
    assert torch.equal(task.starts(loss, 3), torch.cat([torch.zeros(3, 1, 8), best], dim=1))


def study(module, out):
    """The study of a module at profile quick, ready to work."""
    made = module.Study(runner.Job("any", "quick", [0], CPU, out, lambda *a: None), module.SIZES["quick"])
    made.load()
    return made


def test_the_table_is_the_talks():
    assert len(inpainting_table.TABLE) == 9 == len(set(inpainting_table.TABLE.values()))
    for name, loss in inpainting_table.TABLE.items():
        assert isinstance(loss.prior_loss, inpaint.LogPrior) == name.startswith("Yeh") and loss.constraint is None
        numbers = [float(w) for w in re.findall(r"[01]\.\d", name)]
        assert numbers in ([], [loss.pixel, loss.gradient, loss.prior / (0.003 if name.startswith("Yeh") else 1)])


def test_the_talk_has_psnr_of_the_mean_mse():
    talk = {claim["id"]: claim["reported"] for claim in load_claims(BOOK / "claims.json")}
    pairs = [
        (v, talk[k.removesuffix("mse") + "psnr"])
        for k, v in talk.items()
        if k.startswith("inpaint-") and k.endswith("mse")
    ]
    assert len(pairs) == 36
    for mse, psnr in pairs:
        assert psnr == pytest.approx(10 * math.log10(255**2 / mse), abs=0.007)
    best = min((k for k in talk if k.startswith("inpaint-b-celeba") and k.endswith("mse")), key=talk.get)
    assert (best, talk[best]) == ("inpaint-b-celeba-ours-p1-g9-r5-mse", 321.3023)


def test_inpainting_table_says_what_it_lacks(tmp_path, monkeypatch):
    houses = dataclasses.replace(inpainting_table.SIZES["quick"], data=("svhn",))
    monkeypatch.setitem(inpainting_table.SIZES, "quick", houses)
    with pytest.raises(UsageError, match="train faces"):
        EXPERIMENTS["inpainting-table"].run("quick", [0], CPU, tmp_path)
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(UsageError, match="genimg-book\\[peers\\]"):
        EXPERIMENTS["inpainting-table"].run("quick", [0], CPU, tmp_path)


@pytest.mark.parametrize("name", fills.METHODS)
def test_a_fill_of_a_constant_is_that_constant(name):
    y = torch.full((2, 3, 16, 16), 0.2)
    mask = masks.centre_square(16)
    hidden = torch.where(mask == 0, torch.nan, y)  # what is missing must not be looked at
    noise = torch.randn(20, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    law = inpaint.Linear.fit(0.2 + 1e-3 * noise, components=3)
    found = fills.fill(name, hidden, mask, law)
    assert torch.allclose(found, y, atol=3 / 127.5)  # Telea's is off by up to 2 of 255


def test_the_linear_fill_is_the_conditional_mean():
    """Against the textbook formula with the whole covariance matrix, and better than any other linear answer tried."""
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(4000, 3, generator=rng) @ torch.randn(3, 16, generator=rng) + 0.1 * torch.randn(
        4000, 16, generator=rng
    )
    law = inpaint.Linear.fit(x.reshape(-1, 1, 4, 4), components=3, noise=0.01)
    known = torch.rand(1, 1, 4, 4, generator=rng) < 0.6
    covariance = (law.basis @ law.basis.T + law.noise * torch.eye(16)).double()
    k = known.flatten()
    off = (x[:1] - law.mean.flatten()).double()
    expected = (
        law.mean.flatten()[~k] + (covariance[~k][:, k] @ torch.linalg.solve(covariance[k][:, k], off[0, k])).float()
    )
    found = law.given(x[:1].reshape(1, 1, 4, 4), known).flatten()[~k]
    assert torch.allclose(found, expected, atol=1e-4)
    with pytest.raises(UsageError, match="needs a law"):
        fills.fill("gaussian", x[:1].reshape(1, 1, 4, 4), known)


def test_later_layers_from_the_start_of_a_generator_are_the_generator():
    z = torch.randn(2, 5, generator=torch.Generator().manual_seed(0))
    for family in (networks.dcgan, networks.resnet):
        G, _ = family(latent=5, size=16, channels=1, width=8, seed=0)
        later = searches.Later(G)
        assert torch.equal(later(later.start(z).flatten(1)), G(z))
    with pytest.raises(UsageError, match="later layers"):
        searches.Later(networks.mlp([2, 2], seed=0))


def test_history_ad_reports_every_method_in_both_protocols(tmp_path):
    records = EXPERIMENTS["history-ad"].run("quick", [0], CPU, tmp_path)
    assert len(records) == 2 * (6 + 6) * 3
    knn = records["history-mnist-fence-knn-auroc"]
    assert len(knn.config["per_digit"][0]) == 2 and knn.config["chance"] == 0.5
    assert knn.config["per_digit"][0][0] > 0.8  # five neighbours among 500 digits already find the zeros
    a, b = (records[f"history-mnist-fence-knn-auprc-{k}"].config["chance"] for k in ("anomalous", "normal"))
    assert a + b == pytest.approx(1, abs=1e-3)
    assert "not blind" in records["history-mnist-egbad-neighbours-auroc"].deviations[-1]
    forest = records["history-mnist-fence-pyod_iforest-auroc"]
    assert forest.config["pyod"] and "One training serves both splits" in " ".join(forest.deviations)


def test_history_ad_resumes_from_what_each_digit_left_and_a_last_run_only_reads(tmp_path, monkeypatch):
    """Two processes, one per seed, the second one interrupted; the records are those of a run never interrupted."""
    done = []

    def measure(study, seed, digit, group, weights):
        if (seed, digit) in done:
            raise KeyboardInterrupt
        done.append((seed, digit))
        found = {"auroc": 0.1 * seed + 0.3 / (digit + 1)}
        found |= {f"{kind}_{name}": 0.5 for kind in ("auprc", "chance") for name in ("anomalous", "normal")}
        return {protocol: dict.fromkeys(history_ad.METHODS, found) for protocol in group}

    monkeypatch.setattr(history_ad.Study, "measure", measure)
    run = EXPERIMENTS["history-ad"].run
    whole = run("quick", [0, 1], CPU, tmp_path / "whole")
    done[:] = [(1, 1)]
    run("quick", [0], CPU, tmp_path / "parts")
    with pytest.raises(KeyboardInterrupt):
        run("quick", [1], CPU, tmp_path / "parts")
    assert done == [(1, 1), (0, 0), (0, 1), (1, 0)]
    del done[0]
    collected = run("quick", [0, 1], CPU, tmp_path / "parts", resume=True)
    assert done == [(0, 0), (0, 1), (1, 0), (1, 1)]
    plain = [{k: dataclasses.replace(r, seconds=0.0) for k, r in records.items()} for records in (whole, collected)]
    assert plain[0] == plain[1]
    assert collected == run("quick", [0, 1], CPU, tmp_path / "parts", resume=True)  # reads, `measure` would stop it
    more = dataclasses.replace(history_ad.SIZES["quick"], negatives=201)
    monkeypatch.setitem(history_ad.SIZES, "quick", more)
    with pytest.raises(UsageError, match="other constants"):
        run("quick", [0, 1], CPU, tmp_path / "parts", resume=True)
    done.clear()
    run("quick", [0, 1], CPU, tmp_path / "parts")  # not resumed: from the beginning
    assert len(done) == 4


def test_bad_requests_are_one_line():
    with pytest.raises(UsageError, match="did you mean 'quick'"):
        EXPERIMENTS["theory"].run("quik", [0], CPU, None)
    with pytest.raises(UsageError, match="at least one seed"):
        EXPERIMENTS["theory"].run("quick", [], CPU, None)


@pytest.fixture
def house_numbers(tmp_path, monkeypatch):
    """SVHN in its own format, and packs of what the talk compares it with; all of it made here, and small."""
    rng = np.random.default_rng(0)
    smooth = rng.integers(60, 120, (40, 1, 1, 3)) + rng.integers(0, 8, (40, 32, 32, 3))
    for split in ("train", "test"):
        savemat(tmp_path / f"{split}_32x32.mat", {"X": smooth.transpose(1, 2, 3, 0).astype(np.uint8), "y": np.ones(40)})
    for name in ("cifar10", "celeba"):
        with zipfile.ZipFile(tmp_path / f"{name}.zip", "w") as pack:
            for k in range(30):
                file = io.BytesIO()
                Image.fromarray(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(file, "PNG")
                pack.writestr(f"test/all/{k:03d}.png", file.getvalue())
    monkeypatch.setenv("GENIMG_DATA", str(tmp_path))
    monkeypatch.setenv("GENIMG_CACHE", str(tmp_path / "cache"))
    # 32 x 32 x 3 pixels have a covariance of 3072 x 3072, which takes half a minute; a quarter of them shows the same.
    monkeypatch.setattr(out_of_distribution, "SIDE", 16)
    kept = {name: what for name, what in peers.METHODS.items() if name in ("iforest", "knn")}
    monkeypatch.setattr(peers, "METHODS", kept)
    methods = out_of_distribution.METHODS.items()
    pruned = {name: what for name, what in methods if not name.startswith("pyod_") or name[5:] in kept}
    monkeypatch.setattr(out_of_distribution, "METHODS", pruned)
    return tmp_path


def test_the_talks_experiment_runs_on_svhn_where_it_is(house_numbers):
    run = EXPERIMENTS["out-of-distribution"].run
    records = run("quick", [0], CPU, house_numbers / "out")
    assert {name.split("-")[2] for name in records} == {"svhn"}  # the others have no training images here
    gradient = records["history-ood-svhn-gradient"]
    assert list(gradient.config["per_set"]) == ["cifar10", "celeba"] and "SVHN" in gradient.dataset
    assert gradient.values == [1.0]  # noise is rougher than a wall, on all 30 + 30 pictures
    assert records["history-ood-svhn-pixels"].mean > 0.95 and records["history-ood-svhn-features"].mean > 0.9
    assert not any("could not be had" in d for d in gradient.deviations)
    assert len(gradient.config["quantiles_first_seed"]["svhn"]) == out_of_distribution.QUANTILES
    again = run("quick", [0], CPU, house_numbers / "out", resume=True)
    assert again == records  # read, not computed: the seconds are the same
    detector = anomaly.Detector.load(house_numbers / "out/out-of-distribution/quick-0/svhn-own.safetensors")
    assert detector.evidence is not None and detector.shape == (3, 16, 16)


def test_out_of_distribution_needs_a_data_set(tmp_path, monkeypatch):
    monkeypatch.setattr(out_of_distribution, "load", lambda size: {("mnist", "test"): torch.zeros(1)})
    with pytest.raises(UsageError, match="none of svhn, celeba, cifar10 is here"):
        EXPERIMENTS["out-of-distribution"].run("quick", [0], CPU, tmp_path)


def test_solar_cells_reports_every_method_what_else_it_tells_and_resumes(tmp_path, solar_package, monkeypatch):
    """Defective cells are darker and stand at the end of the list; cells of many crystals are brighter."""
    monkeypatch.setenv("GENIMG_CACHE", str(tmp_path / "cache"))
    rng = np.random.default_rng(0)
    rows = [(p, ("mono", "poly")[k % 2]) for k, p in enumerate([0.0] * 60 + [1.0] * 12 + [0.3333333333333333] * 3)]
    level = [160 + 20 * (kind == "poly") - 100 * (p == 1) for p, kind in rows]
    solar_package(rows, [grey + rng.integers(-9, 10, (32, 32)) for grey in level])
    run = EXPERIMENTS["solar-cells"].run
    first = run("quick", [0, 1], CPU, tmp_path / "out")
    found = {name: first[f"history-solar-{name}-auroc"] for name in solar_cells.METHODS}
    assert len(first) == len(found)
    dark, bright = found["intensity-minus"], found["intensity"]
    assert dark.values == [1.0, 1.0] and bright.values == [0.0, 0.0]
    assert bright.config["tells_poly"] == [1.0, 1.0] and dark.config["tells_poly"] == [0.0, 0.0]
    assert dark.config["auroc_mono"] == dark.config["auroc_poly"] == dark.config["auroc_beside"] == [1.0, 1.0]
    for name in ("knn", "pca", "pixels"):
        assert min(found[name].values) > 0.9, name
    assert found["order"].values == [1.0, 1.0]  # 1 line from a training cell; of the defective 2 to 13
    assert found["order"].config["chance_anomalous"] == [0.5, 0.5]  # 12 of 24
    assert "48 functional cells to train, 12 functional and 12 defective" in dark.dataset
    monkeypatch.setattr(solar_cells.Study, "measure", lambda *a: pytest.fail("nothing may be measured again"))
    assert run("quick", [0, 1], CPU, tmp_path / "out", resume=True) == first


def test_an_untrained_detector_of_solar_cells_is_the_mean_critic():
    x = torch.rand(40, 1, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    for steps in (0, 5):
        size = dataclasses.replace(solar_cells.SIZES["quick"], detector_steps=steps)
        scores = solar_cells.of_history(x[:30], x[30:], x, 0, size)
        assert torch.allclose(scores["plain"], scores["mean"], atol=1e-6) == (steps == 0)
        assert scores.keys() == solar_cells.OF_HISTORY.keys() and not torch.equal(scores["features"], scores["mean"])


def test_solar_cells_without_their_package_are_absent(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "elpv_dataset", None)
    with pytest.raises(Absent, match="genimg-book\\[solar\\]"):
        EXPERIMENTS["solar-cells"].run("quick", [0], CPU, tmp_path)


def test_the_networks_of_the_rivals_fit_other_sides():
    rival = history_rivals.pair(5, 8, side=64)
    x = rival.G(torch.zeros(2, 5))
    assert x.shape == (2, 1, 64, 64)
    assert rival.logit(rival.hidden(rival.features(x))).shape == (2, 1)


def test_compression_alike_changes_little_and_something():
    x = torch.randint(100, 150, (3, 3, 16, 16), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    y = out_of_distribution.compressed(x)
    assert y.shape == x.shape and y.dtype == torch.uint8 and 0 < float((y.float() - x.float()).abs().mean()) < 25


def test_the_ablation_changes_one_thing_at_a_time(tmp_path):
    records = EXPERIMENTS["history-ablation"].run("quick", [0, 1], CPU, tmp_path)
    assert set(records) == {f"history-ablation-{name}" for name in history_ablation.SETTINGS}
    base = vars(history_ablation.BASE)
    for name, setting in history_ablation.SETTINGS.items():
        if not name.startswith("rate"):
            assert sum(value != base[key] for key, value in vars(setting).items()) == 1, name
    assert history_ablation.SETTINGS["rate0-start0.25"] == history_ablation.BASE
    values = {name: record.values for name, record in records.items()}
    assert len({tuple(v) for v in values.values()}) > 12  # the rows do differ
    assert all(0 <= v <= 1 for one in values.values() for v in one)


def test_history_epochs_reports_every_variant_blind_and_with_anomalies_and_resumes(tmp_path, monkeypatch):
    run = EXPERIMENTS["history-epochs"].run
    first = run("quick", [0], CPU, tmp_path)
    assert len(first) == (len(history_epochs.VARIANTS) * len(history_epochs.CHOICES) + 1) * 3
    blind = first["history-epochs-long-blind-auroc"]
    assert 0 <= blind.values[0] <= 1 and len(blind.config["delta"][0]) == 1
    monkeypatch.setattr(history_epochs.Study, "measure", lambda *a: pytest.fail("nothing may be measured again"))
    again = run("quick", [0], CPU, tmp_path, resume=True)
    assert {name: r.values for name, r in again.items()} == {name: r.values for name, r in first.items()}


def test_most_variants_of_the_history_are_made_with_the_first_seed_only(tmp_path, monkeypatch):
    area = {"auroc": 0.5, "auprc_anomalous": 0.5, "auprc_normal": 0.5}
    found = {"delta": [(0, 0.5)], "steps": 0, "scores": [0.0] * 300}
    found |= {choice: {**area, "step_rule": area, "step": 0} for choice in history_epochs.CHOICES}
    monkeypatch.setattr(history_epochs.Study, "measure", lambda *a: found)
    records = EXPERIMENTS["history-epochs"].run("quick", [3, 4], CPU, tmp_path)
    seeds = {
        name.split("-", 2)[2].rsplit("-", 2)[0]: list(r.seeds) for name, r in records.items() if "blind-auroc" in name
    }
    assert seeds == {
        name: [3, 4] if name in history_epochs.FEW else [3] for name in (*history_epochs.VARIANTS, "ensemble")
    }


def test_rivals_take_the_test_digits_of_the_history_and_resume(tmp_path, monkeypatch):
    run = EXPERIMENTS["history-rivals"].run
    first = run("quick", [0], CPU, tmp_path)
    assert len(first) == len(history_rivals.METHODS) * 2 * 3
    assert all(0 <= record.values[0] <= 1 for record in first.values())
    assert len({record.values[0] for name, record in first.items() if name.endswith("blind-auroc")}) > 6
    monkeypatch.setattr(history_rivals.Study, "measure", lambda *a: pytest.fail("nothing may be measured again"))
    again = run("quick", [0], CPU, tmp_path, resume=True)
    assert {name: r.values for name, r in again.items()} == {name: r.values for name, r in first.items()}


@pytest.mark.parametrize("name", ["fence-gan", "egbad", "anogan", "autoencoder", "pca"])
def test_rivals_tell_noise_from_the_bars_that_they_were_trained_on(name):
    """Whoever has a sign the wrong way round does not."""
    rng = torch.Generator().manual_seed(0)
    rows = torch.randint(28, (1200,), generator=rng)
    bars = torch.where(torch.arange(28)[None, :] == rows[:, None], 1.0, -1.0)[:, None, :, None].expand(-1, 1, -1, 28)
    bars = bars + 0.05 * torch.randn(1200, 1, 28, 28, generator=rng)
    noise = torch.where(torch.rand(200, 1, 28, 28, generator=rng) < 0.5, -1.0, 1.0)
    size = history_rivals.Size((1,), 4, 50, 8, 5, 300, None)
    with seeding.ambient(0):
        *_, score = history_rivals.OWN[name][1](bars[:1000], size, rng)
    assert float(score(noise).median()) > float(score(bars[1000:]).median())


def test_the_principal_components_leave_what_is_outside_their_plane():
    rng = torch.Generator().manual_seed(0)
    plane = torch.randn(32, 784, generator=rng)
    normal = (torch.randn(500, 32, generator=rng) @ plane).reshape(-1, 1, 28, 28)
    (score,) = history_rivals.pca(normal, history_rivals.SIZES["quick"], rng)
    assert float(score(normal[:20]).max()) < 1e-3
    direction = torch.linalg.svd(plane)[2][-1]  # of length 1, across the plane
    moved = normal[:20] + 3 * direction.reshape(1, 28, 28)
    assert torch.allclose(score(moved), torch.full((20,), 9.0, dtype=torch.float64), atol=1e-3)


def test_the_long_history_begins_before_the_first_step(tmp_path):
    normal = torch.rand(200, 1, 28, 28, generator=torch.Generator().manual_seed(0)) * 2 - 1
    size = history_epochs.SIZES["quick"]
    history, G, D = history_epochs.played(normal, 0, 1, size, tmp_path)
    fresh, _ = networks.dcgan(64, 28, 1, size.width, seed=seeding.child(0, "networks 1"))
    assert history.times[0] == 0 and history.times[-1] == size.epochs * history_epochs.steps_per_epoch(200, size)
    assert all(
        torch.equal(a, b) for a, b in zip(history.generators[0].values(), fresh.state_dict().values(), strict=True)
    )
    assert all(torch.equal(a, b) for a, b in zip(history.critics[-1].values(), D.state_dict().values(), strict=True))
