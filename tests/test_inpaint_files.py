"""`genimg inpaint` and what it is made of: picture files, masks for them, results, and all that is broken."""

import json
import os

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

import genimg as gi
from genimg import data, inpaint, zoo
from genimg._base.errors import UsageError
from genimg.apps import cli
from genimg.problems.inpaint import files, masks

ARGUMENTS = {"size": 16, "channels": 1, "width": 8, "latent": 4}


def genimg(*args):
    return CliRunner().invoke(cli.main, [str(arg) for arg in args])


def pixels(seed, h=16, w=16, c=1):
    shape = (h, w, c) if c > 1 else (h, w)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def picture(path, seed=0, **shape):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels(seed, **shape)).save(path)
    return path


def mask_file(path, mask):
    Image.fromarray((np.asarray(mask, dtype=np.float32) * 255).astype(np.uint8)).save(path)
    return path


def seen(path):
    with Image.open(path) as image:
        return np.asarray(image)


@pytest.fixture
def model(tmp_path):
    G, D = gi.networks.dcgan(**ARGUMENTS, seed=0)
    zoo.save("small", "dcgan", ARGUMENTS, G, D, {"data": "none"}, folder=tmp_path / "models")
    return tmp_path / "models" / "small.safetensors"


@pytest.fixture
def folder(tmp_path):
    """Five good pictures, two of one name, and four files that are none."""
    place = tmp_path / "pictures"
    picture(place / "a.png", 0)
    picture(place / "b.png", 1)
    picture(place / "colour.png", 2, h=40, w=30, c=3)
    picture(place / "small.png", 3, h=5, w=5)
    picture(place / "sub" / "a.png", 4)
    picture(place / "sub" / "photo.jpg", 5, h=64, w=64)
    (place / "cut.jpg").write_bytes((place / "sub" / "photo.jpg").read_bytes()[:500])
    (place / "sub" / "photo.jpg").unlink()
    (place / "text.png").write_text("no picture")
    Image.fromarray(pixels(10).astype(np.int32) * 200).save(place / "deep.tif")
    return place


BROKEN = {"cut.jpg": "runcated", "deep.tif": "32 bits", "text.png": "that Pillow knows", "no.png": "not exist"}


def test_a_folder_is_filled_and_what_is_broken_is_named(folder, model, tmp_path):
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    out = tmp_path / "new" / "out"
    result = genimg("inpaint", model, folder, folder / "no.png", "--mask", "centre", "--out", out, "--steps", 3)
    assert result.exit_code == 1, result.stderr
    names = ["a-inpainted.png", "b-inpainted.png", "colour-inpainted.png", "small-inpainted.png", "a-inpainted-2.png"]
    assert sorted(path.name for path in out.iterdir()) == sorted(names)
    lines = result.stdout.splitlines()
    assert [line.split("  ")[0].rsplit("/")[-1] for line in lines] == names
    assert "colour.png: 30x40 cropped to the centre square and resized to 16x16" in lines[2]
    assert "small.png: 5x5 cropped" in lines[3] and lines[0].endswith("a-inpainted.png")
    assert "genimg: 4 of 9 files could not be used:" in result.stderr
    for name, reason in BROKEN.items():
        (line,) = [line for line in result.stderr.splitlines() if f"{name}: " in line]
        assert line.startswith("  ") and reason in line
    assert "steps: 27/27" in result.stderr
    assert before.items() <= {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}.items()
    known = masks.centre_square(16)[0, 0].numpy() == 1
    for name, seed in (("a", 0), ("b", 1), ("a-inpainted-2", 4)):
        filled = seen(out / f"{name}-inpainted.png" if len(name) == 1 else out / f"{name}.png")
        assert np.array_equal(filled[known], pixels(seed)[known]) and not np.array_equal(filled, pixels(seed))


@pytest.mark.parametrize("blend", inpaint.BLENDS)
def test_a_file_is_what_the_package_gives(folder, model, tmp_path, blend):
    arguments = ("--mask", "strokes", "--out", tmp_path / "out", "--steps", 4, "--seed", 3, "--blend", blend)
    result = genimg("inpaint", model, folder / "a.png", *arguments, "--restarts", 2)
    assert result.exit_code == 0, result.stderr
    G, D = zoo.load(model)
    y = torch.tensor(pixels(0))[None, None].float() / 127.5 - 1
    latent = gi.Gaussian(4, gi.rng(gi.seeding.child(3, "starts")))
    made = inpaint.inpaint(G, D, y, masks.strokes(16, seed=3), latent.sample(256), steps=4, restarts=2)
    expected = ((getattr(made, blend)[0, 0] + 1) * 127.5).round().numpy().astype(np.uint8)
    assert np.array_equal(seen(tmp_path / "out" / "a-inpainted.png"), expected)


def test_results_do_not_depend_on_the_company_of_a_picture(folder, model, tmp_path):
    for name, batch in (("one", 1), ("all", 16)):
        options = ("--mask", "left", "--out", tmp_path / name, "--steps", 2, "--batch", batch)
        assert genimg("inpaint", model, folder, *options).exit_code == 1
    for path in (tmp_path / "one").iterdir():
        off = seen(path).astype(int) - seen(tmp_path / "all" / path.name)
        assert abs(off).max() <= 1


def test_a_mask_picture_shows_white_what_is_known(folder, model, tmp_path):
    mask = masks.half(16, "left")
    white = mask_file(tmp_path / "mask.png", mask[0, 0])
    black = mask_file(tmp_path / "inverted.png", 1 - mask[0, 0])
    same = [("--mask", "left"), ("--mask", white), ("--mask", black, "--invert")]
    for k, how in enumerate(same):
        assert genimg("inpaint", model, folder / "a.png", *how, "--out", tmp_path / f"{k}", "--steps", 2).exit_code == 0
    first, *others = [seen(tmp_path / f"{k}" / "a-inpainted.png") for k in range(3)]
    assert all(np.array_equal(first, other) for other in others)
    assert np.array_equal(first[:, 8:], pixels(0)[:, 8:])
    assert "white = known" in " ".join(genimg("inpaint", "--help").output.split())


def test_a_mask_may_have_the_pictures_size_and_is_then_cropped_with_it(folder, model, tmp_path):
    mask = np.ones((40, 30), dtype=np.float32)
    mask[5 + 15 :, :] = 0  # the lower half of the centre square
    path = mask_file(tmp_path / "mask.png", mask)
    result = genimg("inpaint", model, folder, "--mask", path, "--out", tmp_path / "out", "--steps", 1)
    assert result.exit_code == 1 and [p.name for p in (tmp_path / "out").iterdir()] == ["colour-inpainted.png"]
    assert "a.png: is 16x16, but the mask is 30x40 and the model's images 16x16" in result.stderr
    (fitted,) = data.stream([folder / "colour.png"], 16, 1)
    assert np.array_equal(seen(tmp_path / "out" / "colour-inpainted.png")[:8], fitted.pixels[0, :8].numpy())


def test_a_pixel_is_known_where_all_that_it_covers_is():
    mask = torch.ones(1, 1, 32, 48)
    mask[..., 3, 8 + 5] = 0
    fitted = files.fit_mask(mask, (32, 48), 16)
    assert int((fitted == 0).sum()) == 1 and float(fitted[0, 0, 1, 2]) == 0
    mask[..., 3, 13], mask[..., 0, 0] = 1, 0  # missing outside the centre square only
    with pytest.raises(UsageError, match="nothing to fill in the centre square"):
        files.fit_mask(mask, (32, 48), 16)
    with pytest.raises(UsageError, match="nothing known in the centre square"):
        files.fit_mask(torch.zeros(1, 1, 32, 48), (32, 48), 16)


def test_nothing_missing_and_nothing_known_are_answered(folder, model, tmp_path):
    white, black = (mask_file(tmp_path / f"{v}.png", np.full((16, 16), v)) for v in (1, 0))
    result = genimg("inpaint", model, folder, "--mask", white, "--out", tmp_path / "out")
    assert result.exit_code == 0 and "nothing to do" in result.stderr and result.stdout == ""
    result = genimg("inpaint", model, folder, "--mask", black, "--out", tmp_path / "out")
    assert result.exit_code == 1 and "nothing is known" in result.stderr and result.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("args", "code", "told"),
    [
        (("nowhere", "{folder}", "--mask", "centre"), 1, "trained gan 'nowhere' is unknown"),
        (("{folder}/a.png", "{folder}", "--mask", "centre"), 1, "has no entry for a GAN"),
        (("{model}", "{folder}", "--mask", "center"), 1, "did you mean 'centre'"),
        (("{model}", "{folder}", "--mask", "nowhere.png"), 1, "mask nowhere.png does not exist"),
        (("{model}", "{folder}", "--mask", "{folder}/text.png"), 1, "no readable picture"),
        (("{model}", "{folder}", "--mask", "centre", "--invert"), 1, "only a mask picture can be inverted"),
        (("{model}", "{folder}/sub/void", "--mask", "centre"), 1, "no pictures in"),
        (("{model}", "{folder}"), 2, "Missing option '--mask'"),
        (("{model}", "{folder}", "--mask", "centre", "--blend", "paste"), 2, "'paste' is not one of"),
        (("{model}", "{folder}", "--mask", "centre", "--out", "{folder}/a.png"), 2, "is a file"),
        (("{model}", "{folder}", "--mask", "centre", "--out", "{folder}/a.png/x"), 1, "cannot make the folder"),
    ],
)
def test_a_mistake_is_one_line(folder, model, tmp_path, args, code, told):
    (folder / "sub" / "void").mkdir()
    args = [arg.format(folder=folder, model=model) for arg in args]
    result = genimg("inpaint", *args, *(() if "--out" in args else ("--out", tmp_path / "out")))
    assert result.exit_code == code and told in result.stderr, result.stderr
    assert result.stderr.count("\n") == 1 and result.stdout == ""


def test_nothing_filled_is_exit_code_1(folder, model, tmp_path):
    result = genimg("inpaint", model, folder / "text.png", "--mask", "centre", "--out", tmp_path / "out")
    assert result.exit_code == 1 and result.stderr.splitlines()[-1] == "genimg: nothing was filled"


def test_an_original_is_never_overwritten_and_an_old_result_is_replaced(model, tmp_path):
    """Also not when an original is called as a result would be, in the folder of the results."""
    picture(tmp_path / "a.png", 0)
    picture(tmp_path / "a-inpainted.png", 1)
    picture(tmp_path / "a-inpainted-2.png", 2)
    given = ("a.png", "a-inpainted.png")
    for _ in range(2):
        arguments = [tmp_path / name for name in given]
        assert genimg("inpaint", model, *arguments, "--mask", "top", "--out", tmp_path, "--steps", 1).exit_code == 0
    for seed, name in enumerate(given):
        assert np.array_equal(seen(tmp_path / name), pixels(seed))
    made = {path.name for path in tmp_path.iterdir() if path.is_file()} - set(given)
    assert made == {"a-inpainted-2.png", "a-inpainted-inpainted.png"}  # the former was none of those given
    assert np.array_equal(seen(tmp_path / "a-inpainted-2.png")[8:], pixels(0)[8:])


def test_an_interrupted_or_failed_write_leaves_no_rubbish(folder, model, tmp_path, monkeypatch):
    out = tmp_path / "out"
    out.mkdir()
    (out / "a-inpainted.png").write_text("of yesterday")
    (out / "b-inpainted.png").mkdir()
    result = genimg("inpaint", model, folder / "a.png", folder / "b.png", "--mask", "top", "--out", out, "--steps", 1)
    assert result.exit_code == 1 and "b.png: " in result.stderr and "cannot be written" in result.stderr
    assert seen(out / "a-inpainted.png").shape == (16, 16)
    (out / "a-inpainted.png").write_text("of yesterday")

    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(files.os, "replace", interrupted)
    result = genimg("inpaint", model, folder / "a.png", "--mask", "top", "--out", out, "--steps", 1)
    assert result.exit_code == 130 and (out / "a-inpainted.png").read_text() == "of yesterday"
    assert sorted(path.name for path in out.iterdir()) == ["a-inpainted.png", "b-inpainted.png"]


def test_a_pipe_does_not_hang(model, tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    result = genimg("inpaint", model, tmp_path / "pipe.png", "--mask", "top", "--out", tmp_path / "out")
    assert result.exit_code == 1 and "is no regular file" in result.stderr


def test_weights_in_a_file_are_those_of_the_name(model, tmp_path, monkeypatch):
    monkeypatch.setattr(zoo, "FOLDER", model.parent)
    for by_name, by_file in zip(zoo.load("small"), zoo.load(model), strict=True):
        for name, value in by_name.state_dict().items():
            assert torch.equal(value, by_file.state_dict()[name])
    monkeypatch.undo()
    model.write_bytes(model.read_bytes()[:-1] + b"x")
    with pytest.raises(UsageError, match="sha256"):
        zoo.load(model)
    (model.parent / "manifest.json").unlink()
    with pytest.raises(UsageError, match="has no entry for a GAN"):
        zoo.load(model)


def with_search(model, search):
    """The same weights, whose recipe says how to search."""
    manifest = json.loads(model.with_name("manifest.json").read_text("utf-8"))
    manifest["small"]["recipe"]["search"] = search
    model.with_name("manifest.json").write_text(json.dumps(manifest), "utf-8")


def test_weights_that_say_how_to_search_are_searched_so(model, tmp_path):
    with_search(model, {"start": "mean", "lr": 0.03, "steps": 5})
    source = picture(tmp_path / "a.png")
    assert genimg("inpaint", model, source, "--mask", "centre", "--out", tmp_path / "out").exit_code == 0
    G, D = zoo.load(model)
    y = torch.from_numpy(pixels(0))[None, None] / 127.5 - 1
    mask = masks.centre_square(16)
    best = inpaint.inpaint(G, D, y, mask, torch.zeros(1, 4), steps=5, lr=0.03).poisson
    found = np.asarray(Image.open(tmp_path / "out" / "a-inpainted.png"), dtype=float)
    assert abs(found - ((best[0, 0].numpy() + 1) * 127.5)).max() <= 1
    longer = inpaint.inpaint(G, D, y, mask, torch.zeros(1, 4), steps=50, lr=0.1).poisson
    assert abs(found - ((longer[0, 0].numpy() + 1) * 127.5)).max() > 1


@pytest.mark.parametrize(
    "search",
    [
        "mean", None, {"lr": "fast"}, {"lr": None}, {"lr": True}, {"lr": 0}, {"steps": "many"},
        {"steps": None}, {"steps": 2.5}, {"steps": -3}, {"start": "middle"}, {"start": ["mean"]}, {"seed": 1},
    ],
    ids=str,
)  # fmt: skip
def test_a_recipe_that_cannot_be_followed_is_refused(model, tmp_path, search):
    with_search(model, search)
    result = genimg("inpaint", model, picture(tmp_path / "a.png"), "--mask", "centre", "--out", tmp_path / "out")
    assert result.exit_code == 1 and not (tmp_path / "out").exists()
    assert "not so that it could be followed" in result.stderr and len(result.stderr.strip().splitlines()) == 1


def test_a_mask_that_hides_nearly_all_is_taken_for_an_inverted_one(tmp_path):
    mask = torch.zeros(28, 28, dtype=torch.uint8)
    mask[:4, :4] = 255
    Image.fromarray(mask.numpy()).save(tmp_path / "mask.png")
    Image.fromarray(mask.numpy()).save(tmp_path / "a.png")
    said = genimg("inpaint", "digits", tmp_path / "a.png", "--mask", tmp_path / "mask.png", "--out", tmp_path)
    assert said.exit_code and "hides 98% of the picture" in said.output and "--invert" in said.output
