"""Weights: what is saved is what is loaded, and a file with another hash is refused."""

import json

import pytest
import torch

import genimg as gi
from genimg import zoo
from genimg._base.errors import UsageError


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    monkeypatch.setattr(zoo, "FOLDER", tmp_path)
    G, D = gi.networks.dcgan(latent=4, size=28, width=8, seed=0)
    arguments = {"latent": 4, "size": 28, "channels": 1, "width": 8}
    zoo.save("small", "dcgan", arguments, G, D, {"data": "none", "steps": 0}, folder=tmp_path)
    return tmp_path, G, D


def test_loaded_networks_are_the_saved_ones_in_half_precision(shelf):
    _, G, D = shelf
    loaded_G, loaded_D = zoo.load("small")
    for network, loaded in ((G, loaded_G), (D, loaded_D)):
        assert not loaded.training
        for name, value in network.state_dict().items():
            assert loaded.state_dict()[name].dtype == torch.float32
            assert torch.equal(loaded.state_dict()[name], value.half().float())


def test_a_changed_file_is_refused_and_reported(shelf):
    folder, _, _ = shelf
    path = folder / "small.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(UsageError, match="small.safetensors has sha256"):
        zoo.load("small")
    ((name, ok, detail),) = zoo.verify()
    assert (name, ok) == ("small", False) and "sha256" in detail
    path.unlink()
    with pytest.raises(UsageError, match="is missing"):
        zoo.load("small")


def test_unknown_names_are_answered_with_the_known_ones(shelf):
    with pytest.raises(UsageError, match="did you mean 'small'"):
        zoo.load("smal")


def test_what_ships_is_whole_small_and_carries_its_recipe():
    shipped = json.loads((zoo.FOLDER / "manifest.json").read_text())
    assert "digits" in shipped
    assert all(ok for _, ok, _ in zoo.verify())
    sizes = [(zoo.FOLDER / entry["file"]).stat().st_size for entry in shipped.values()]
    assert max(sizes) <= 16 * 2**20 and sum(sizes) <= 60 * 2**20
    for entry in shipped.values():
        assert {"data", "steps", "seed", "objective", "profile", "device"} <= set(entry["recipe"])
    assert {row["name"] for row in zoo.describe()} == set(shipped)


def test_the_shipped_critic_prefers_real_digits_to_noise():
    """Large on real: the sign convention, on the weights that readers get."""
    _, D = zoo.load("digits")
    digits = gi.data.load("mnist", "test", subset=True).floats()[:100]
    noise = torch.rand(100, 1, 28, 28, generator=gi.rng(0)) * 2 - 1
    assert float(D(digits).mean()) > float(D(noise).mean())


COLOURS = {"size": 32, "width": 2, "classes": 3, "normalise": True, "upsample": "bilinear"}


@pytest.fixture
def colours(shelf):
    """The shelf with a colouring network beside the GAN."""
    folder, _, _ = shelf
    G, D = gi.networks.chromagan(**COLOURS, seed=0)
    zoo.save("paint", "chromagan", COLOURS, G, D, {"data": "none", "steps": 0}, folder=folder)
    return folder, G, D


def test_colouring_networks_are_a_kind_of_their_own(colours):
    _, G, D = colours
    assert zoo.names() == ["paint", "small"] and zoo.names("gan") == ["small"] and zoo.names("colours") == ["paint"]
    for network, loaded in zip((G, D), zoo.load("paint", kind="colours"), strict=True):
        assert type(loaded) is type(network) and not loaded.training
        for name, value in network.state_dict().items():
            assert torch.equal(loaded.state_dict()[name], value.half().float() if value.is_floating_point() else value)
    loaded, _ = zoo.load("paint", kind="colours")
    assert (loaded.size, loaded.classes, loaded.enlarge.mode) == (32, 3, "bilinear")
    assert float(loaded.mean.mean()) > 0.4  # normalise
    with pytest.raises(UsageError, match=r"trained gan 'paint' is unknown.*one of: small"):
        zoo.load("paint")
    with pytest.raises(UsageError, match=r"trained colours 'small' is unknown.*one of: paint"):
        zoo.load("small", kind="colours")
    with pytest.raises(UsageError, match="kind 'detector' is unknown"):
        zoo.load("paint", kind="detector")


def test_a_file_is_of_the_kind_that_its_manifest_says(colours):
    folder, _, _ = colours
    assert zoo.load(folder / "paint.safetensors", kind="colours")[0].size == 32
    with pytest.raises(UsageError, match="has no entry for a GAN"):
        zoo.load(folder / "paint.safetensors")
    with pytest.raises(UsageError, match="has no entry for a colouring network"):
        zoo.load(folder / "small.safetensors", kind="colours")


def test_colouring_networks_that_were_entered_as_gans_are_colours_all_the_same(colours):
    folder, _, _ = colours
    entries = json.loads((folder / "manifest.json").read_text())
    assert entries["paint"]["kind"] == "colours" and entries["small"]["kind"] == "gan"
    entries["paint"]["kind"] = "gan"
    (folder / "manifest.json").write_text(json.dumps(entries))
    assert zoo.names("gan") == ["small"] and zoo.load("paint", kind="colours")[0].size == 32
