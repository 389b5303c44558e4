"""Experiment chromagan: other objectives by known answers, teacher and judge, the whole of it at profile quick."""

import dataclasses
import json
from pathlib import Path

import pytest
import torch

from genimg import colorize, networks, zoo
from genimg._base.errors import UsageError
from genimg._base.records import load_claims
from genimg._base.seeding import rng
from genimg.lab.experiments import EXPERIMENTS, chromagan, colour_peers, colours
from genimg.numerics.color import in_gamut, scale_ab

CPU = torch.device("cpu")
BOOK = Path(__file__).parent.parent / "book"


def test_bins_are_colours_of_a_screen_and_hold_every_one_of_them_nearby():
    centres = colour_peers.grid()
    lab = torch.stack([torch.full((len(centres), 99), 0.0), *(c[:, None].expand(-1, 99) for c in centres.T)], 1)
    lab[:, 0] = torch.arange(1.0, 100.0)
    assert bool(in_gamut(lab[..., None]).flatten(1).any(1).all())
    assert torch.equal(centres, centres.unique(dim=0)) and bool((centres % 10 == 0).all())
    primaries = torch.eye(3).reshape(3, 3, 1, 1)
    ab = colorize.Coloured(*colorize.Pictures(primaries, None, rng(0), in_order=True).sample(3)).ab
    away = torch.cdist((255 * ab - 128)[..., 0, 0], centres).min(dim=1).values
    assert float(away.max()) < 13  # a corner of the gamut may have its nearest multiple of ten outside


def test_a_colour_is_spread_over_five_bins_around_it():
    centres = colour_peers.grid()
    ab = torch.tensor([[12.0, -7.0], [0.0, 0.0]])[..., None, None]
    share = colour_peers.Bins.spread(centres, ab)[..., 0, 0]
    assert torch.allclose(share.sum(1), torch.ones(2)) and (share > 0).sum(1).tolist() == [5, 5]
    assert centres[share[0].argmax()].tolist() == [10.0, -10.0]
    at = centres.tolist().index([0.0, 0.0])
    beside = centres.tolist().index([10.0, 0.0])
    assert float(share[1, beside] / share[1, at]) == pytest.approx(2.718281828 ** (-(10**2) / (2 * 5**2)), rel=1e-4)


def test_rare_colours_weigh_more_and_the_mean_weight_is_one():
    red, grey = torch.tensor([0.9, 0.1, 0.1]), torch.tensor([0.5, 0.5, 0.5])
    images = torch.stack([grey] * 9 + [red])[..., None, None].expand(-1, -1, 4, 4).contiguous()
    bins = colour_peers.Bins.of(colorize.Pictures(images, None, rng(0)), draws=1000)
    pictures = colorize.Pictures(images, None, rng(1), in_order=True).sample(10)
    share = bins.spread(bins.centres, 255 * pictures.ab - 128).mean((0, 2, 3))
    assert float((share * bins.rarity).sum()) == pytest.approx(1.0, abs=0.1)  # draws are not the pictures
    nearest = bins.spread(bins.centres, 255 * pictures.ab - 128)[:, :, 0, 0].argmax(1)
    assert float(bins.rarity[nearest[9]]) > 2 * float(bins.rarity[nearest[0]])


def test_the_annealed_mean_lies_between_the_mean_and_the_mode():
    centres = torch.tensor([[0.0, 0.0], [50.0, 20.0]])
    bins = colour_peers.Bins(centres, torch.ones(2))
    logits = torch.tensor([1 / 4, 3 / 4]).log().reshape(1, 2, 1, 1)
    assert bins.chroma(logits, 1.0).flatten().tolist() == pytest.approx([37.5, 15.0])
    assert bins.chroma(logits, 1e-3).flatten().tolist() == pytest.approx([50.0, 20.0])
    odds = 3 ** (1 / 0.38)
    assert bins.chroma(logits).flatten().tolist() == pytest.approx([50 * odds / (1 + odds), 20 * odds / (1 + odds)])


@pytest.mark.parametrize("method", ["pix2pix", "zhang"])
def test_the_other_objectives_learn_one_colour(method):
    green = torch.tensor([0.2, 0.6, 0.3]).reshape(1, 3, 1, 1)
    images = (green * torch.linspace(0.5, 1.2, 8).reshape(8, 1, 1, 1)).expand(-1, -1, 32, 32).contiguous()
    pictures = colorize.Pictures(images, None, rng(0))
    bins = colour_peers.Bins.of(pictures, draws=100)
    outputs = {"outputs": len(bins.centres)} if method == "zhang" else {}
    G, D = networks.chromagan(32, 4, 0, seed=0, **outputs)
    common = {"steps": 25, "batch": 4, "lr": 3e-3, "amp": False}
    if method == "pix2pix":
        steps = colour_peers.pix2pix_steps(G, D, pictures, **common)
    else:
        steps = colour_peers.zhang_steps(G, bins, pictures, **common)
    answer = chromagan.predictor(G.eval(), bins if method == "zhang" else None)
    real = colorize.Pictures(images, None, rng(1), in_order=True).sample(8)

    def off():
        with torch.no_grad():
            ab = answer(100 * real.L, torch.zeros(8))
        return float((scale_ab(ab).mean((2, 3)) - real.ab.mean((2, 3))).abs().mean())

    before = off()
    assert list(steps) == list(range(1, 26))
    assert off() < before / 2


def test_a_classifier_learns_what_can_be_told_apart():
    labels = torch.arange(64) % 2
    x = torch.rand(64, 1, 16, 16, generator=rng(0)) - 0.5 + labels.reshape(-1, 1, 1, 1)
    network = colorize.classifier(1, 2, width=4, seed=0)
    steps = list(colorize.classifier_steps(network, x, labels, steps=30, rng=rng(1), batch=32, lr=1e-2))
    assert [s.step for s in steps] == list(range(1, 31)) and not network.training
    assert colorize.accuracy(network, x, labels) > 0.9
    with pytest.raises(UsageError, match="same length"):
        colorize.accuracy(network, x, labels[1:])


def test_the_teacher_lends_its_trunk_and_shares_nothing():
    G, _ = networks.chromagan(32, 4, 2, seed=0, normalise=True)
    teacher = colorize.Teacher(G, 2, seed=1)
    L = torch.rand(3, 1, 32, 32, generator=rng(0))
    assert not torch.equal(teacher.trunk[0].weight, G.trunk[0].weight)
    assert teacher.start(G) is G
    assert torch.equal(teacher.trunk((L - G.mean) / G.std), G.trunk((L - G.mean) / G.std))
    with torch.no_grad():
        G.trunk[0].weight.zero_()
    assert bool(teacher.trunk[0].weight.any())
    assert torch.equal(teacher(L), teacher.head(teacher.trunk((L - teacher.mean) / teacher.std)))


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    out = tmp_path_factory.mktemp("chromagan")
    return out, EXPERIMENTS["chromagan"].run("quick", [0, 1], CPU, out)


def test_every_method_is_scored_by_every_metric(found):
    _, records = found
    assert len(records) == 9 * 5 + 1 and not any(name.startswith("color-") for name in records)
    assert records["chromagan-photos-grey-colourfulness"].mean < 0.5
    for method in chromagan.TRIVIAL:
        assert records[f"chromagan-photos-{method}-psnr"].spread == 0  # no seed in it
    assert records["chromagan-photos-full-psnr"].spread > 0
    gain = records["chromagan-photos-over-class-map"]
    full, known = records["chromagan-photos-full-psnr"], records["chromagan-photos-class-map-psnr"]
    assert gain.values == pytest.approx([a - b for a, b in zip(full.values, known.values, strict=True)])


def test_ablations_leave_out_what_their_name_says():
    assert chromagan.OBJECTIVES["no-class"].classes == 0 and chromagan.OBJECTIVES["no-class"].adversarial > 0
    assert chromagan.OBJECTIVES["no-wgan"].adversarial == 0 and chromagan.OBJECTIVES["no-wgan"].classes > 0
    assert chromagan.OBJECTIVES["full"] == chromagan.OURS


def test_a_part_that_is_there_is_not_made_again(found, monkeypatch):
    out, first = found
    monkeypatch.setattr(chromagan.Study, "fit", None)
    again = EXPERIMENTS["chromagan"].run("quick", [0, 1], CPU, out, resume=True)
    assert {k: r.values for k, r in again.items()} == {k: r.values for k, r in first.items()}


def test_classifiers_of_other_constants_are_refused(found, monkeypatch):
    out, _ = found
    longer = dataclasses.replace(chromagan.SIZES["quick"].data["photos"], teacher=3)
    monkeypatch.setitem(chromagan.SIZES["quick"].data, "photos", longer)
    with pytest.raises(UsageError, match=r"teacher\.safetensors was made with other constants"):
        EXPERIMENTS["chromagan"].run("quick", [0], CPU, out, resume=True)


def test_a_new_start_leaves_other_seeds_and_needs_pictures_first(tmp_path, monkeypatch):
    folder = tmp_path / "chromagan" / "quick" / "photos"
    (folder / "0-full").mkdir(parents=True)
    files = ("teacher.safetensors", "0-full.json", "0-full/colours-photos.safetensors", "1-full.json", "10-full.json")
    for name in files:
        (folder / name).touch()

    def nothing(*a):
        raise UsageError("no pictures")

    monkeypatch.setattr(chromagan.Study, "look", nothing)
    with pytest.raises(UsageError, match="pictures of one of photos are needed"):
        EXPERIMENTS["chromagan"].run("quick", [0], CPU, tmp_path)
    assert all((folder / name).exists() for name in files)
    monkeypatch.undo()
    for name in ("prepare", "parts", "records"):
        monkeypatch.setattr(chromagan.Study, name, lambda *a: {})
    EXPERIMENTS["chromagan"].run("quick", [0], CPU, tmp_path)
    assert sorted(path.name for path in folder.iterdir()) == ["1-full.json", "10-full.json"]


def test_trained_networks_are_kept_for_the_zoo(found):
    out, records = found
    folder = out / "chromagan" / "quick" / "photos" / "0-full"
    entry = json.loads((folder / "manifest.json").read_text())["colours-photos"]
    assert (entry["kind"], entry["architecture"]) == ("colours", "chromagan") and entry["arguments"]["normalise"]
    assert {"data", "steps", "seed", "objective", "profile", "device"} <= set(entry["recipe"])
    tensors, _ = zoo.read_tensors(folder / "colours-photos.safetensors")
    G, _ = networks.chromagan(**entry["arguments"])
    G.load_state_dict({k.removeprefix("G/"): v for k, v in tensors.items() if k.startswith("G/")})


def test_what_answers_the_talk_is_a_claim():
    assert {claim["id"] for claim in load_claims(BOOK / "claims.json")} >= chromagan.TALK.keys()


def test_pictures_keep_their_lightness():
    x = torch.rand(4, 3, 32, 32, generator=rng(0))
    same = chromagan.coloured(x, lambda L, labels: torch.zeros(len(L), 2, 1, 1), torch.zeros(4))
    assert float((chromagan.lightness(same) - chromagan.lightness(x)).abs().max()) < 0.6  # steps of 1/255


@pytest.mark.skipif(not zoo.pretrained(), reason="needs the extra `pretrained`")
def test_colours_compares_every_method_with_grey_and_with_l2(tmp_path, monkeypatch):
    monkeypatch.delenv("GENIMG_DATA", raising=False)
    records = EXPERIMENTS["colours"].run("quick", [0, 1], CPU, tmp_path)
    assert len(records) == 3 + 8 * 3  # the shipped network and eight methods, three metrics where no label is known
    grey, l2, full = (records[f"colours-photos-{method}-psnr"] for method in ("grey", "l2", "full"))
    assert grey.spread == 0 and grey.config["over_grey"] == 0 and l2.config["minus_l2"] == 0
    assert full.config["minus_l2"] == pytest.approx(full.mean - l2.mean, abs=1e-3)
    low, high = full.config["over_grey_interval"]
    assert low <= full.config["over_grey"] <= high and low != high
    assert full.config["over_grey"] == pytest.approx(full.mean - grey.mean, abs=1e-3)
    assert all(isinstance(share, float) for share in full.config["share_of_bound"])
    assert l2.config["share_of_bound"] == [None, None]
    monkeypatch.setattr(colours.Study, "fit", None)  # what is there is not made again
    again = EXPERIMENTS["colours"].run("quick", [0, 1], CPU, tmp_path, resume=True)
    assert {name: record.values for name, record in again.items()} == {k: r.values for k, r in records.items()}
