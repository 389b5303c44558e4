"""`genimg detect` and what it is made of: picture files as a stream, scores, the table, and all that is broken."""

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from torch import nn

import genimg as gi
from genimg import anomaly, data
from genimg._base.errors import UsageError
from genimg.apps import cli
from genimg.data import raw

ARGUMENTS = {"size": 16, "channels": 1, "width": 8, "latent": 4}


def genimg(*args):
    return CliRunner().invoke(cli.main, [str(arg) for arg in args])


def pixels(seed, h=16, w=16, c=3):
    shape = (h, w, c) if c > 1 else (h, w)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def picture(path, seed=0, **shape):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels(seed, **shape)).save(path)
    return path


def rows(text):
    return list(csv.DictReader(io.StringIO(text)))


@pytest.fixture
def model(tmp_path):
    _, D = gi.networks.dcgan(**ARGUMENTS, seed=0)
    normal = torch.rand(200, 1, 16, 16, generator=gi.rng(0)) * 2 - 1
    return gi.Detector.calibrated(D, "dcgan", ARGUMENTS, normal).save(tmp_path / "model.safetensors")


@pytest.fixture
def folder(tmp_path):
    """Nine good pictures in every shape that occurs, and five files that are none; with what is wrong with each."""
    place = tmp_path / "pictures"
    for k in range(4):
        picture(place / f"colour{k}.png", k, h=20 + k, w=30)
    picture(place / "grey.png", 5, c=1)
    picture(place / "sub" / "photo.JPG", 6, h=64, w=48)
    picture(place / "sub" / "deeper" / "x.bmp", 7)
    picture(place / "moving.gif", 8, c=1)
    Image.fromarray(pixels(9, c=4)).save(place / "with, comma.png")
    (place / "cut.jpg").write_bytes((place / "sub" / "photo.JPG").read_bytes()[:400])
    (place / "empty.png").write_bytes(b"")
    (place / "text.png").write_text("no picture")
    Image.fromarray(pixels(10, c=1).astype(np.int32) * 200).save(place / "deep.tif")
    os.symlink(place / "nowhere", place / "link.png")
    (place / "notes.txt").write_text("not meant")
    picture(place / ".hidden.png")
    picture(place / ".cache" / "thumbnail.png")
    return place


BROKEN = {
    "cut.jpg": "runcated",
    "deep.tif": "32 bits a channel",
    "empty.png": "is empty",
    "link.png": "does not exist",
    "text.png": "no picture that Pillow knows",
}


# Pictures as a stream.


def test_a_folder_gives_its_pictures_sorted_once_and_nothing_hidden(folder):
    names = [path.relative_to(folder).as_posix() for path in data.picture_files([folder, folder / "grey.png"])]
    assert names == [
        "colour0.png", "colour1.png", "colour2.png", "colour3.png", "cut.jpg", "deep.tif", "empty.png", "grey.png",
        "link.png", "moving.gif", "text.png", "with, comma.png", "sub/photo.JPG", "sub/deeper/x.bmp",
    ]  # fmt: skip


def test_named_files_are_kept_whatever_they_are_called(folder):
    named = [folder / "notes.txt", folder / "not there.png", folder / "grey.png"]
    assert data.picture_files(named) == named
    with pytest.raises(UsageError, match="no pictures in"):
        (folder / "void").mkdir()
        data.picture_files([folder / "void"])


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB")])
def test_the_stream_prepares_pictures_as_load_does(folder, channels, mode):
    found = list(data.stream(data.picture_files([folder]), 16, channels))
    assert [d.path for d in found] == data.picture_files([folder])
    good = {d.path.name: d.pixels for d in found if d.pixels is not None}
    assert len(good) == 9 and all(p.shape == (channels, 16, 16) and p.dtype == torch.uint8 for p in good.values())
    bad = {d.path.name: d.problem for d in found if d.pixels is None}
    assert bad.keys() == BROKEN.keys() and all(BROKEN[name] in reason for name, reason in bad.items())
    colour = raw.fit(Image.open(folder / "colour1.png"), 16).convert(mode)
    assert torch.equal(good["colour1.png"], torch.from_numpy(raw.planes(colour).copy()))
    assert torch.equal(good["grey.png"], torch.from_numpy(pixels(5, c=1)).expand(channels, 16, 16))


def test_a_detector_of_white_digits_says_where_a_picture_is_ink_on_paper(tmp_path):
    ink = np.full((16, 16), 255, np.uint8)
    ink[4:12, 7:9] = 0
    for name, array in (("ink", ink), ("chalk", 255 - ink)):
        Image.fromarray(array).save(tmp_path / f"{name}.png")
    _, D = gi.networks.dcgan(**ARGUMENTS, seed=0)
    normal = torch.rand(20, 1, 16, 16, generator=gi.rng(0)) * 2 - 1
    of_digits, of_others = (
        gi.Detector.calibrated(D, "dcgan", ARGUMENTS, normal, {"data": told}) for told in ("MNIST without the 1", "")
    )
    files = data.picture_files([tmp_path])
    notes = {found.path.stem: found.note for found in anomaly.score_files(of_digits, files)}
    assert notes["chalk"] == "" and "invert it" in notes["ink"]
    assert all(found.note == "" for found in anomaly.score_files(of_others, files))


def test_the_stream_is_what_a_folder_of_load_gives(tmp_path, monkeypatch):
    monkeypatch.setenv("GENIMG_CACHE", str(tmp_path / "cache"))
    for k in range(3):
        picture(tmp_path / "own" / "train" / "red" / f"{k}.png", k, h=40, w=33)
    data.make_pack(tmp_path / "own.zip", tmp_path / "own")
    loaded = data.load("own", size=16, root=tmp_path).images
    streamed = [d.pixels for d in data.stream(data.picture_files([tmp_path / "own"]), 16, 3)]
    assert torch.equal(torch.stack(streamed), loaded)


def test_the_stream_reads_a_little_ahead_not_everything(folder, monkeypatch):
    taken = []

    def files():
        for k in range(10_000):
            taken.append(k)
            yield folder / "grey.png"

    stream = data.stream(files(), 16, 1)
    for _ in range(3):
        next(stream)
    assert len(taken) <= 4 * 8 + 3
    stream.close()


def test_a_pipe_does_not_hang_and_two_channels_do_not_exist(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    (decoded,) = data.stream([tmp_path / "pipe.png"], 8, 1)
    assert decoded.pixels is None and decoded.problem == "is no regular file"
    with pytest.raises(UsageError, match="1 or 3 channels, not 2"):
        list(data.stream([], 8, 2))


# Scores of files.


@pytest.mark.parametrize("batch", [1, 2, 5, 100])
def test_scores_of_files_are_those_of_their_pictures_in_any_batch(folder, model, batch):
    detector = gi.Detector.load(model)
    files = data.picture_files([folder])
    results = list(anomaly.score_files(detector, files, batch))
    assert [r.path for r in results] == files
    assert {r.path.name for r in results if isinstance(r, anomaly.Unreadable)} == set(BROKEN)
    for decoded, result in zip(data.stream(files, 16, 1), results, strict=True):
        if isinstance(result, anomaly.Scored):
            expected = detector.score(decoded.pixels[None].float() / 127.5 - 1)
            assert result.score == pytest.approx(float(expected), abs=1e-5)
            assert result.percentile == pytest.approx(float(detector.percentile(expected)), abs=0.1)


def test_no_more_than_a_batch_is_scored_at_once(folder, model):
    detector = gi.Detector.load(model)
    seen = []

    class Counted(nn.Module):
        def forward(self, x):
            seen.append(len(x))
            return detector.network(x)

    counted = gi.Detector(Counted(), "dcgan", ARGUMENTS, detector.quantiles)
    list(anomaly.score_files(counted, [folder / "grey.png"] * 10, batch=4))
    assert seen == [4, 4, 2]


# The command.


def test_detect_writes_a_table_names_what_is_broken_and_changes_no_file(folder, model, tmp_path):
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    out = tmp_path / "scores.csv"
    result = genimg("detect", model, folder, "--csv", out, "--device", "cpu", "--batch", 3)
    assert result.exit_code == 1, result.stderr
    assert result.stdout == ""
    table = rows(out.read_text(encoding="utf-8"))
    assert list(table[0]) == ["file", "score", "percentile"]
    assert [Path(row["file"]).name for row in table] == [
        "colour0.png", "colour1.png", "colour2.png", "colour3.png", "grey.png", "moving.gif", "with, comma.png",
        "photo.JPG", "x.bmp",
    ]  # fmt: skip
    assert all(0 <= float(row["percentile"]) <= 100 for row in table)
    direct = {r.path: r for r in anomaly.score_files(gi.Detector.load(model), [Path(row["file"]) for row in table])}
    for row in table:
        assert float(row["score"]) == pytest.approx(direct[Path(row["file"])].score, rel=1e-4, abs=1e-6)
    assert "genimg: 5 of 14 files could not be read:" in result.stderr
    for name, reason in BROKEN.items():
        (line,) = [line for line in result.stderr.splitlines() if f"{name}: " in line]
        assert line.startswith("  ") and reason in line
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model.safetensors", "pictures", "scores.csv"]


def test_without_csv_the_table_is_the_output(folder, model):
    result = genimg("detect", model, folder / "grey.png", folder / "colour0.png")
    assert result.exit_code == 0
    assert [Path(row["file"]).name for row in rows(result.stdout)] == ["grey.png", "colour0.png"]


def test_a_detector_without_pictures_or_pictures_without_a_detector_are_told(folder):
    for alone in (folder, "history-celeba"):
        result = genimg("detect", alone)
        assert result.exit_code and "give a detector and pictures" in result.stderr and str(alone) in result.stderr


def test_pictures_of_another_kind_than_the_detector_knows_are_told(tmp_path):
    _, D = gi.networks.dcgan(**ARGUMENTS, seed=0)
    for weight in D.parameters():
        nn.init.constant_(weight, 0.01)  # dark pictures are odd
    bright = torch.linspace(0.5, 1, 50).reshape(50, 1, 1, 1).expand(50, 1, 16, 16)
    model = gi.Detector.calibrated(D, "dcgan", ARGUMENTS, bright).save(tmp_path / "m.safetensors")
    files = [tmp_path / f"{k}.png" for k in range(5)]
    for file, grey in zip(files, (230, 230, 10, 20, 30), strict=True):
        Image.new("L", (16, 16), grey).save(file)
    assert "3 of 5 pictures are odder than 99 %" in genimg("detect", model, *files).stderr
    assert "odder" not in genimg("detect", model, *files[:4]).stderr  # half of them
    assert "odder" not in genimg("detect", model, *files[2:]).stderr  # three are no set


def test_the_order_of_scores_is_the_sign_convention(tmp_path):
    """A critic that likes ink on the left: pictures with less of it are more anomalous."""
    _, D = gi.networks.dcgan(**ARGUMENTS, seed=0)
    for weight in D.parameters():
        nn.init.constant_(weight, 0.01)  # all weights positive: D grows with brightness
    normal = torch.linspace(0, 1, 50).reshape(50, 1, 1, 1).expand(50, 1, 16, 16)
    model = gi.Detector.calibrated(D, "dcgan", ARGUMENTS, normal).save(tmp_path / "m.safetensors")
    for name, grey in (("black", 0), ("grey", 190), ("white", 255)):
        Image.new("L", (16, 16), grey).save(tmp_path / f"{name}.png")
    black, grey, white = rows(
        genimg("detect", model, *(tmp_path / f"{n}.png" for n in ("black", "grey", "white"))).stdout
    )
    assert float(black["score"]) > float(grey["score"]) > float(white["score"])
    assert float(black["percentile"]) == 100 and float(white["percentile"]) == 0
    assert 40 < float(grey["percentile"]) < 60


def test_nothing_scored_is_exit_code_1_and_no_table(folder, model, tmp_path):
    out = tmp_path / "scores.csv"
    out.write_text("of yesterday")
    result = genimg("detect", model, folder / "text.png", folder / "not there.png", "--csv", out)
    assert result.exit_code == 1 and out.read_text() == "of yesterday"
    assert "text.png: " in result.stderr and "not there.png: does not exist" in result.stderr
    assert result.stderr.splitlines()[-1] == "genimg: nothing could be scored"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model.safetensors", "pictures", "scores.csv"]


def test_an_interrupted_run_leaves_the_old_table(folder, model, tmp_path, monkeypatch):
    out = tmp_path / "scores.csv"
    out.write_text("of yesterday")

    def interrupted(detector, files, batch):
        yield anomaly.Scored(files[0], 1.0, 2.0)
        raise KeyboardInterrupt

    monkeypatch.setattr(anomaly, "score_files", interrupted)
    result = genimg("detect", model, folder, "--csv", out)
    assert result.exit_code == 130 and out.read_text() == "of yesterday"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model.safetensors", "pictures", "scores.csv"]


@pytest.mark.parametrize("target", ["pictures/grey.png", "model.safetensors", "same.csv"])
def test_the_table_never_replaces_what_is_read(folder, model, tmp_path, target):
    os.link(folder / "grey.png", tmp_path / "same.csv")  # the same file under another name
    before = (tmp_path / target).read_bytes()
    result = genimg("detect", model, folder, "--csv", tmp_path / target)
    assert result.exit_code == 1 and "one of the files that are read" in result.stderr
    assert (tmp_path / target).read_bytes() == before


def test_a_device_is_not_replaced_and_a_missing_folder_is_told(folder, model, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert "is no regular file" in genimg("detect", model, folder, "--csv", tmp_path / "pipe").stderr
    assert (tmp_path / "pipe").is_fifo()
    result = genimg("detect", model, folder, "--csv", tmp_path / "nowhere" / "out.csv")
    assert result.exit_code == 1 and "cannot write" in result.stderr and "No such file" in result.stderr


@pytest.mark.parametrize(
    ("args", "code", "told"),
    [
        (("nowhere.safetensors", "{folder}"), 1, "there is no detector 'nowhere.safetensors'"),
        (("{folder}/grey.png", "{folder}"), 1, "damaged or not a safetensors file"),
        (("{model}", "{folder}/sub/deeper/void"), 1, "no pictures in"),
        (("{model}",), 2, "give a detector and pictures"),
        (("{model}", "{folder}", "--batch", "0"), 2, "0 is not in the range"),
        (("{model}", "{folder}", "--csv", "{folder}"), 2, "is a directory"),
    ],
)
def test_a_mistake_is_one_line(folder, model, args, code, told):
    (folder / "sub" / "deeper" / "void").mkdir()
    result = genimg("detect", *(arg.format(folder=folder, model=model) for arg in args))
    assert result.exit_code == code and told in result.stderr
    assert result.stderr.count("\n") == 1 and result.stdout == ""


def test_a_name_that_is_no_text_does_not_stop_the_table(model, tmp_path):
    name = os.fsencode(tmp_path) + b"/caf\xe9.png"
    with open(name, "wb") as file:
        Image.new("L", (16, 16)).save(file, "PNG")
    out = tmp_path / "out.csv"
    result = genimg("detect", model, os.fsdecode(name), "--csv", out)
    assert result.exit_code == 0, result.stderr
    assert rows(out.read_text(encoding="utf-8"))[0]["file"].endswith("caf\\xe9.png")


def test_a_live_bar_does_not_swallow_the_table(folder, model, tmp_path):
    """rich diverts what is printed below a live bar to the bar's stream; the table must still reach a file."""
    code = (
        "import sys, os, pty\n"
        "child, terminal = pty.openpty()\n"
        "os.dup2(terminal, 2)\n"
        "sys.stderr = open(2, 'w', closefd=False)\n"
        "from genimg.apps.cli import main\n"
        f"main(['detect', {str(model)!r}, {str(folder / 'grey.png')!r}, '--device', 'cpu'])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, timeout=120, check=True)
    assert len(rows(done.stdout)) == 1


def test_detect_needs_no_pictures_or_widgets_packages(folder, model):
    code = (
        f"import sys, json\nfrom genimg.apps.cli import main\ntry: main(['detect', {str(model)!r}, {str(folder)!r}])\n"
    )
    code += "except SystemExit: pass\n"
    code += "print(json.dumps(sorted({'matplotlib', 'sklearn', 'scipy', 'torchvision'} & set(sys.modules))))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert json.loads(shown.splitlines()[-1]) == []


def test_a_folder_that_cannot_be_read_is_named(model, tmp_path, monkeypatch):
    picture(tmp_path / "in" / "a.png")
    picture(tmp_path / "in" / "sub" / "b.png")
    scan = os.scandir

    def refuse(path):
        if os.path.basename(os.fspath(path)) == "sub":
            raise PermissionError(13, "Permission denied", path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    result = genimg("detect", model, tmp_path / "in")
    assert result.exit_code == 1 and "cannot be read (Permission denied)" in result.stderr
    assert len(rows(result.stdout)) == 1


def test_no_name_is_a_formula(model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    picture(tmp_path / "=1+1.png")
    picture(tmp_path / "a\x1b[2J.png")
    names = [row["file"] for row in rows(genimg("detect", model, "=1+1.png", "a\x1b[2J.png").stdout)]
    assert names == ["'=1+1.png", "a\\x1b[2J.png"]


def test_colours_that_nobody_sees_do_not_count(model, tmp_path):
    image = np.random.default_rng(0).integers(0, 255, (16, 16, 4), dtype=np.uint8)
    image[:8, :, 3], image[8:, :, 3] = 0, 255
    for name, hidden in (("a", 0), ("b", 255)):
        image[:8, :, :3] = hidden
        Image.fromarray(image).save(tmp_path / f"{name}.png")
    one, other = rows(genimg("detect", model, tmp_path / "a.png", tmp_path / "b.png").stdout)
    assert one["score"] == other["score"]


def test_content_decides_what_is_a_picture_and_what_does_not_count_is_named(tmp_path):
    picture(tmp_path / "a.png")
    (tmp_path / "photo.dat").write_bytes((tmp_path / "a.png").read_bytes())
    (tmp_path / "notes.txt").write_text("no picture")
    skipped = []
    found = data.picture_files([tmp_path], lambda *what: skipped.append(what))
    assert sorted(path.name for path in found) == ["a.png", "photo.dat"]
    assert any("notes.txt" in line for line in data.told(skipped))
