"""`genimg colorize` and what it is made of: pictures of all kinds, videos, names of results, and all that is broken."""

import itertools
import math
import os
import struct
import sys
import zlib
from fractions import Fraction

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

import genimg as gi
from genimg import zoo
from genimg._base.errors import UsageError
from genimg.apps import cli
from genimg.numerics.color import rgb_to_lab
from genimg.problems.colorize import clips, colorize, files, flicker, merge, photographs, steady, strips

ARGUMENTS = {"size": 32, "width": 4, "classes": 3, "upsample": "bilinear", "normalise": True}


def genimg(*args):
    return CliRunner().invoke(cli.main, [str(arg) for arg in args])


def pixels(seed, h=24, w=20, c=3):
    """Smooth, so that an encoded video is near it."""
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 4, c), dtype=np.uint8)
    planes = [Image.fromarray(coarse[..., k]).resize((w, h), Image.Resampling.BILINEAR) for k in range(c)]
    return np.stack([np.asarray(plane) for plane in planes], axis=2).squeeze()


def picture(path, seed=0, mode=None, **shape):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(pixels(seed, **shape))
    (image.convert(mode) if mode else image).save(path)
    return path


def seen(path):
    with Image.open(path) as image:
        return np.asarray(image)


def tensor(array):
    """(1, c, h, w) in [0, 1] of bytes."""
    return torch.tensor(np.atleast_3d(array)).permute(2, 0, 1)[None].float() / 255


def given(G, array):
    """What the package makes of bytes, or of numbers in [0, 1]."""
    x = tensor(array) if isinstance(array, np.ndarray) else array
    return (colorize(G, x)[0] * 255).round().byte().permute(1, 2, 0).numpy()


def close(a, b, most=1):
    return a.shape == b.shape and np.abs(a.astype(int) - b.astype(int)).max() <= most


def lively(seed=0):
    """Untrained, with a last layer strong enough to be seen in bytes."""
    G, D = gi.networks.chromagan(**ARGUMENTS, seed=seed)
    with torch.no_grad():
        G.decoder[-1].weight.mul_(20)
        G.decoder[-1].bias.copy_(torch.tensor([0.3, -0.4]))
    return G, D


@pytest.fixture
def model(tmp_path):
    G, D = lively()
    zoo.save("small", "chromagan", ARGUMENTS, G, D, {"data": "none"}, folder=tmp_path / "models")
    return tmp_path / "models" / "small.safetensors"


@pytest.fixture
def G(model):
    return zoo.load(model, kind="colours")[0]


@pytest.fixture
def folder(tmp_path):
    """Good pictures of several sizes and kinds, two of one name, and three files that are none."""
    place = tmp_path / "pictures"
    picture(place / "a.png", 0)
    picture(place / "grey.jpg", 1, "L", h=50, w=33)
    picture(place / "sub" / "a.png", 2, h=7, w=90)
    picture(place / "sub" / "deeper" / "one.bmp", 3, h=1, w=1)
    picture(place / "palette.gif", 4)
    picture(place / "photo.jpg", 5, h=64, w=64)
    (place / "cut.jpg").write_bytes((place / "photo.jpg").read_bytes()[:500])
    (place / "photo.jpg").unlink()
    (place / "empty.png").touch()
    (place / "text.png").write_text("no picture")
    (place / "notes.txt").write_text("not meant")
    return place


BROKEN = {
    "cut.jpg": "runcated",
    "empty.png": "is empty",
    "text.png": "no picture that Pillow knows",
    "no.png": "does not exist",
}
RESULTS = [
    "a-coloured.png", "grey-coloured.png", "palette-coloured.png",
    "sub/a-coloured.png", "sub/deeper/one-coloured.png",
]  # fmt: skip


def below(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_folder_is_coloured_and_what_is_broken_is_named(folder, model, G, tmp_path):
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    out = tmp_path / "new" / "out"
    result = genimg("colorize", model, folder, folder / "no.png", "--out", out, "--batch", 2)
    assert result.exit_code == 1, result.stderr  # something that was meant is missing
    assert below(out) == RESULTS
    assert sorted(line.removeprefix(f"{out}/") for line in result.stdout.splitlines()) == RESULTS
    assert "genimg: 4 of 9 files could not be used:" in result.stderr
    for name, reason in BROKEN.items():
        (line,) = [line for line in result.stderr.splitlines() if f"{name}: " in line]
        assert line.startswith("  ") and reason in line
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("pictures: 9/9, ")]
    assert line.endswith("/s") and float(line.split()[2][:-2]) > 0
    assert before.items() <= {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}.items()
    for name, original in (("a", pixels(0)), ("sub/a", pixels(2, h=7, w=90)), ("grey", seen(folder / "grey.jpg"))):
        assert close(seen(out / f"{name}-coloured.png"), given(G, original))


def test_of_a_coloured_picture_only_the_lightness_matters(model, tmp_path):
    picture(tmp_path / "in" / "colour.png", 0)
    grey = gi.color.grey(tensor(pixels(0)))
    Image.fromarray((grey[0] * 255).round().byte().permute(1, 2, 0).numpy()).save(tmp_path / "in" / "grey.png")
    assert genimg("colorize", model, tmp_path / "in", "--out", tmp_path / "out").exit_code == 0
    one, other = (seen(tmp_path / "out" / f"{name}-coloured.png") for name in ("colour", "grey"))
    assert close(one, other, 3) and not close(one, seen(tmp_path / "in" / "grey.png"), 10)  # it has colours


def test_a_strip_at_a_time_is_the_whole():
    for (h, w), small in (((9, 7), 4), ((3, 50), 8), ((1, 1), 4), ((8, 8), 8), ((64, 5), 3)):
        L, ab = torch.rand(1, 1, h, w) * 100, torch.rand(1, 2, small, small) * 60 - 30
        for size in (1, 3 * w, 10**6):
            parts = list(strips(L, ab, size))
            assert len(parts) == math.ceil(h / max(1, size // w))
            torch.testing.assert_close(torch.cat(parts, dim=2), merge(L, ab), atol=1e-5, rtol=0)


def test_a_picture_of_many_strips_and_batches_cut_short_change_nothing(folder, G, tmp_path, monkeypatch):
    def made(name):
        where = files.targets([folder], tmp_path / name)
        kinds = [type(event) for event in files.colorize_files(G, where) if not isinstance(event, files.Working)]
        assert kinds.count(files.Finished) == len(RESULTS)
        return [seen(tmp_path / name / result) for result in RESULTS]

    whole = made("whole")
    monkeypatch.setattr(photographs, "STRIP", 40)
    monkeypatch.setattr(files, "HELD", 1000)
    assert all(close(a, b) for a, b in zip(whole, made("parts"), strict=True))
    sizes = [folder / "a.png", folder / "palette.gif", folder / "grey.jpg", folder / "no.png", folder / "sub" / "a.png"]
    assert list(map(len, files._batches(sizes, 16))) == [2, 1, 2]  # pixels: 480 and 480, 1650, none and 630
    monkeypatch.setattr(files, "HELD", 10**6)
    assert list(map(len, files._batches(sizes, 2))) == [2, 2, 1]


def deep_png(array):
    """A PNG of 16 bits a channel, grey (h, w) or RGB (h, w, 3), which Pillow cannot write in colour."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    h, w = array.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in array)
    head = struct.pack(">IIBBBBB", w, h, 16, 0 if array.ndim == 2 else 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def test_sixteen_bits_of_grey_are_all_read_and_eight_of_colour(model, G, tmp_path):
    ramp = np.linspace(2000, 3000, 24 * 20).reshape(24, 20).astype(np.uint16)  # four levels of 8 bits
    deep = pixels(3).astype(np.uint16) * 257
    place = tmp_path / "in"
    place.mkdir()
    (place / "grey.png").write_bytes(deep_png(ramp))
    (place / "colour.png").write_bytes(deep_png(deep))
    Image.fromarray(ramp).save(place / "grey.tif")
    Image.fromarray(ramp).save(place / "pgm.pgm")
    Image.fromarray(ramp.astype(np.float32)).save(place / "float.tif")
    result = genimg("colorize", model, place, "--out", tmp_path / "out")
    assert result.exit_code == 1 and "float.tif: has 32 bits a channel (F)" in result.stderr
    expected = given(G, torch.tensor(ramp.astype(np.float32))[None, None] / 65535)
    for name in ("grey-coloured.png", "grey-coloured-2.png", "pgm-coloured.png"):
        assert close(seen(tmp_path / "out" / name), expected)
    assert close(seen(tmp_path / "out" / "colour-coloured.png"), given(G, pixels(3)))
    assert len(photographs.read(place / "grey.png").L.unique()) > 400


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_transparency_is_kept(model, G, tmp_path, mode):
    alpha = Image.fromarray(pixels(9, c=1))
    image = Image.fromarray(pixels(4))
    if mode == "P":
        image = image.quantize(16)
        image.save(tmp_path / "x.png", transparency=bytes(range(0, 160, 10)))
    else:
        image = image.convert("L" if mode == "LA" else "RGB")
        image.putalpha(alpha)
        image.save(tmp_path / "x.png")
    clear = np.asarray(Image.open(tmp_path / "x.png").convert("RGBA"))
    assert genimg("colorize", model, tmp_path / "x.png", "--out", tmp_path / "out").exit_code == 0
    made = seen(tmp_path / "out" / "x-coloured.png")
    assert np.array_equal(made[..., 3], clear[..., 3]) and len(np.unique(made[..., 3])) > 5
    assert close(made[..., :3], given(G, clear[..., :3].copy()))


@pytest.mark.parametrize("mode", ["1", "L", "P", "CMYK", "YCbCr"])
def test_pictures_of_every_mode(model, G, tmp_path, mode):
    path = picture(tmp_path / ("x.jpg" if mode in ("CMYK", "YCbCr") else "x.png"), 4, mode)
    expected = given(G, np.array(Image.open(path).convert("RGB")))
    assert genimg("colorize", model, path, "--out", tmp_path / "out").exit_code == 0
    assert close(seen(tmp_path / "out" / "x-coloured.png"), expected)


def test_a_decompression_bomb_is_named(folder, model, tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 700)  # an error from twice as many on
    result = genimg("colorize", model, folder / "grey.jpg", folder / "sub", "--out", tmp_path / "out")
    assert result.exit_code == 1 and "grey.jpg: Image size (1650 pixels) exceeds limit" in result.stderr
    assert len(below(tmp_path / "out")) == 2


def test_pictures_are_turned_as_the_camera_says(model, G, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    Image.fromarray(pixels(0)).save(tmp_path / "x.png", exif=exif)
    assert genimg("colorize", model, tmp_path / "x.png", "--out", tmp_path / "out").exit_code == 0
    turned = np.rot90(pixels(0), -1).copy()
    assert close(seen(tmp_path / "out" / "x-coloured.png"), given(G, turned))


def test_results_do_not_depend_on_the_company_of_a_picture(folder, model, tmp_path):
    for name, batch in (("one", 1), ("all", 16)):
        assert genimg("colorize", model, folder, "--out", tmp_path / name, "--batch", batch).exit_code == 1
    assert all(close(seen(tmp_path / "one" / name), seen(tmp_path / "all" / name)) for name in RESULTS)


def test_files_of_one_name_do_not_collide(tmp_path, model):
    for seed, name in enumerate(("one/x.png", "other/x.png", "other/x.jpg", "x.png")):
        picture(tmp_path / name, seed, h=8 + seed)
    given = [tmp_path / name for name in ("one", "other", "x.png")]
    assert genimg("colorize", model, *given, "--out", tmp_path / "out").exit_code == 0
    heights = {path.name: seen(path).shape[0] for path in (tmp_path / "out").iterdir()}
    assert heights == {
        "x-coloured.png": 8, "x-coloured-2.png": 10, "x-coloured-3.png": 9, "x-coloured-4.png": 11
    }  # fmt: skip


def test_an_original_is_never_overwritten_and_an_old_result_is_replaced(model, tmp_path):
    picture(tmp_path / "a.png", 0)
    picture(tmp_path / "a-coloured.png", 1)
    (tmp_path / "a-coloured-2.png").write_text("of yesterday")
    for _ in range(2):
        arguments = [tmp_path / name for name in ("a.png", "a-coloured.png")]
        assert genimg("colorize", model, *arguments, "--out", tmp_path).exit_code == 0
    assert np.array_equal(seen(tmp_path / "a.png"), pixels(0))
    assert np.array_equal(seen(tmp_path / "a-coloured.png"), pixels(1))
    made = {path.name for path in tmp_path.iterdir() if path.is_file()} - {"a.png", "a-coloured.png"}
    assert made == {"a-coloured-2.png", "a-coloured-coloured.png"}
    assert seen(tmp_path / "a-coloured-2.png").shape == (24, 20, 3)


def test_results_among_the_originals_are_not_coloured_again(folder, model):
    for _ in range(2):
        assert genimg("colorize", model, folder, "--out", folder / "out").exit_code == 1
        assert below(folder / "out") == RESULTS
    result = genimg("colorize", model, folder, "--out", folder / "sub" / "..")
    assert result.exit_code == 1 and "is a folder of originals" in result.stderr and result.stderr.count("\n") == 1


def test_a_failed_or_interrupted_write_leaves_no_rubbish(folder, model, tmp_path, monkeypatch):
    out = tmp_path / "out"
    (out / "a-coloured.png").mkdir(parents=True)
    result = genimg("colorize", model, folder / "a.png", folder / "grey.jpg", "--out", out)
    assert result.exit_code == 1 and "a-coloured.png cannot be written (Is a directory)" in result.stderr
    assert below(out) == ["grey-coloured.png"]
    old = (out / "grey-coloured.png").read_bytes()

    def interrupted(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    assert genimg("colorize", model, folder / "grey.jpg", "--out", out).exit_code == 130
    assert below(out) == ["grey-coloured.png"] and (out / "grey-coloured.png").read_bytes() == old


def test_a_pipe_does_not_hang(model, tmp_path):
    for name in ("pipe.png", "pipe.mp4"):
        os.mkfifo(tmp_path / name)
        result = genimg("colorize", model, tmp_path / name, "--out", tmp_path / "out")
        assert result.exit_code == 1 and "is no regular file" in result.stderr
        assert result.stderr.splitlines()[-1] == "genimg: nothing was coloured"


@pytest.mark.parametrize(
    ("args", "code", "told"),
    [
        (("digits", "{folder}"), 1, "trained colours 'digits' is unknown"),
        (("{folder}/w.safetensors", "{folder}"), 1, "has no entry for a colouring network"),
        (("{model}", "{folder}/void"), 1, "no pictures and no videos in"),
        (("{model}",), 2, "give at least one picture"),
        (("{model}", "{folder}", "--batch", "0"), 2, "'--batch'"),
        (("{model}", "{folder}", "--out", "{folder}/a.png"), 2, "is a file"),
        (("{model}", "{folder}", "--out", "{folder}/a.png/x"), 1, "cannot make the folder"),
    ],
)
def test_a_mistake_is_one_line(folder, model, tmp_path, args, code, told):
    (folder / "void").mkdir()
    (folder / "w.safetensors").write_bytes(b"no weights")
    args = [arg.format(folder=folder, model=model) for arg in args]
    result = genimg("colorize", *args, *(() if "--out" in args else ("--out", tmp_path / "out")))
    assert result.exit_code == code and told in result.stderr, result.stderr
    assert result.stderr.count("\n") == 1 and result.stdout == ""


def test_a_network_of_bins_cannot_colour_files(folder, tmp_path):
    binned, _ = gi.networks.chromagan(size=32, width=2, classes=0, outputs=9, seed=0)
    with pytest.raises(UsageError, match="9 logits per pixel"):
        list(files.colorize_files(binned, files.targets([folder], tmp_path / "out")))


# Videos


def film(path, frames, rate=25, sound=None, shape=None):
    """A video of bytes (h, w, 3); with a tone if `sound` is a codec, and pixels of that shape."""
    av = pytest.importorskip("av")
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=rate, options={"crf": "10"})
        video.height, video.width, video.pix_fmt = *frames[0].shape[:2], "yuv420p"
        if shape:
            video.codec_context.sample_aspect_ratio = shape
        if sound:
            audio = container.add_stream(sound, rate=44100)
            audio.layout = "mono"
            tone = np.sin(np.arange(22050) / 20)[None].astype(np.float32)
            tone = av.AudioFrame.from_ndarray((tone * 9000).astype(np.int16), format="s16", layout="mono")
            tone.sample_rate, tone.pts = 44100, 0
        for frame in frames:
            container.mux(video.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(video.encode())
        if sound:
            container.mux(audio.encode(tone))
            container.mux(audio.encode())
    return path


def frames_of(path):
    with clips.reading(path) as clip:
        return [frame.pixels for frame in clip.frames()], clip


def greys(n, h=24, w=20):
    return [np.repeat(pixels(0, h, w, 1)[..., None] // 2 + 3 * k, 3, axis=2).astype(np.uint8) for k in range(n)]


def test_a_video_is_coloured_frame_by_frame(model, G, tmp_path):
    original = film(tmp_path / "in" / "old film.mkv", greys(7), Fraction(30000, 1001), shape=Fraction(4, 3))
    picture(tmp_path / "in" / "a.png")
    result = genimg("colorize", model, tmp_path / "in", "--out", tmp_path / "out", "--batch", 3)
    assert result.exit_code == 0, result.stderr
    assert below(tmp_path / "out") == ["a-coloured.png", "old film-coloured.mp4"]
    assert "old film.mkv: 7/7, " in result.stderr
    made, clip = frames_of(tmp_path / "out" / "old film-coloured.mp4")
    read, before = frames_of(original)
    assert len(made) == len(read) == 7 and clip.count == 7 and clip.aspect == before.aspect == Fraction(4, 3)
    assert float(clip.rate) == pytest.approx(29.97, rel=0.01) and clip.sounds == []
    for frame, grey in zip(made, read, strict=True):
        assert abs(frame.astype(int) - given(G, grey)).mean() < 4  # H.264 rounds, and halves chroma
    assert np.ptp(made[0].astype(int), axis=2).max() > 20  # has colours


def test_times_of_frames_are_kept_where_they_are_not_even(model, tmp_path):
    """A pause: the second half comes two seconds later."""
    av = pytest.importorskip("av")
    with av.open(str(tmp_path / "x.mp4"), "w") as container:
        video = container.add_stream("libx264", rate=10)
        video.height, video.width, video.pix_fmt = 24, 20, "yuv420p"
        for k, frame in enumerate(greys(6)):
            picture = av.VideoFrame.from_ndarray(frame, format="rgb24")
            picture.pts, picture.time_base = k + 20 * (k > 2), Fraction(1, 10)
            container.mux(video.encode(picture))
        container.mux(video.encode())
    assert genimg("colorize", model, tmp_path / "x.mp4", "--out", tmp_path / "out").exit_code == 0
    with clips.reading(tmp_path / "out" / "x-coloured.mp4") as clip:
        times = [float(frame.time * clip.base) for frame in clip.frames()]
    assert times == pytest.approx([0, 0.1, 0.2, 2.3, 2.4, 2.5], abs=0.01)


def test_sound_comes_along_or_is_said_to_be_lost(model, tmp_path):
    film(tmp_path / "aac.mkv", greys(12), sound="aac")
    film(tmp_path / "pcm.mkv", greys(12), sound="pcm_s16le")
    result = genimg("colorize", model, tmp_path / "aac.mkv", tmp_path / "pcm.mkv", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    kept, lost = result.stdout.splitlines()
    assert kept.endswith("aac-coloured.mp4") and "sound is of a kind that MP4 does not hold" in lost
    with clips.reading(tmp_path / "out" / "aac-coloured.mp4") as clip:
        list(clip.frames())
        assert len(clip.sounds) == 1
        with clips.reading(tmp_path / "aac.mkv") as before:
            list(before.frames())
            assert [bytes(packet) for packet in clip.heard] == [bytes(packet) for packet in before.heard] != []
    assert frames_of(tmp_path / "out" / "pcm-coloured.mp4")[1].sounds == []


def test_odd_sides_become_even(tmp_path):
    pytest.importorskip("av")
    film(tmp_path / "even.mp4", greys(2))
    with clips.reading(tmp_path / "even.mp4") as clip, clips.writing(tmp_path / "odd.mp4", clip) as write:
        for frame in clip.frames():
            write(clips.Frame(frame.pixels[:23, :19], frame.time))
    made, _ = frames_of(tmp_path / "odd.mp4")
    read, _ = frames_of(tmp_path / "even.mp4")
    assert made[0].shape == (24, 20, 3) and close(made[0][:23, :19], read[0][:23, :19], 8)
    assert close(made[0][23], made[0][22], 6)


@pytest.mark.parametrize("colour", [(200, 60, 30), (20, 100, 200), (60, 180, 60)])
def test_colours_of_a_video_are_those_that_were_written(tmp_path, colour):
    """A reader that takes another matrix than the writer did is off by about 20."""
    original = film(tmp_path / "grey.mp4", greys(2))
    with clips.reading(original) as clip, clips.writing(tmp_path / "flat.mp4", clip) as write:
        for frame in clip.frames():
            write(clips.Frame(np.full_like(frame.pixels, 1) * np.array(colour, dtype=np.uint8), frame.time))
    assert abs(frames_of(tmp_path / "flat.mp4")[0][0].astype(int) - colour).max() <= 4


def test_a_video_filmed_sideways_is_set_upright(tmp_path):
    path = film(tmp_path / "x.mp4", greys(2))
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 44  # the matrix of the track
    data[at : at + 36] = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, 20 << 16, 0, 1 << 30)  # 90° clockwise
    (tmp_path / "phone.mp4").write_bytes(data)
    (upright, *_), _ = frames_of(tmp_path / "phone.mp4")
    (sideways, *_), _ = frames_of(path)
    assert np.array_equal(upright, np.rot90(sideways, -1))


def test_a_cover_picture_is_not_the_film(tmp_path):
    av = pytest.importorskip("av")
    path = tmp_path / "song.mp4"
    with av.open(str(path), "w") as container:
        cover = container.add_stream("mjpeg", rate=1)
        cover.height, cover.width, cover.pix_fmt = 16, 16, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        video = container.add_stream("libx264", rate=10)
        video.height, video.width, video.pix_fmt = 24, 20, "yuv420p"
        container.mux(cover.encode(av.VideoFrame.from_ndarray(np.full((16, 16, 3), 250, np.uint8), format="rgb24")))
        for stream, pictures in ((video, greys(5)), (cover, [])):
            for frame in pictures:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
            container.mux(stream.encode())
    with av.open(str(path)) as container:
        assert len(container.streams.video) == 2
    made, _ = frames_of(path)
    assert [frame.shape for frame in made] == [(24, 20, 3)] * 5 and all(frame.mean() < 200 for frame in made)


def test_every_sound_track_that_mp4_holds_comes_along(model, tmp_path):
    av = pytest.importorskip("av")
    tone = (9000 * np.sin(np.arange(22050) / 20)).astype(np.int16)[None]
    with av.open(str(tmp_path / "x.mkv"), "w") as container:
        video = container.add_stream("libx264", rate=25)
        video.height, video.width, video.pix_fmt = 24, 20, "yuv420p"
        tracks = [container.add_stream(codec, rate=44100) for codec in ("aac", "mp2", "pcm_s16le")]
        for track in tracks:
            track.layout = "mono"
        for frame in greys(12):
            container.mux(video.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(video.encode())
        for track in tracks:
            sound = av.AudioFrame.from_ndarray(tone, format="s16", layout="mono")
            sound.sample_rate, sound.pts = 44100, 0
            container.mux(track.encode(sound))
            container.mux(track.encode())
    result = genimg("colorize", model, tmp_path / "x.mkv", "--out", tmp_path / "out")
    assert result.exit_code == 0 and "1 of 3 sound tracks are of a kind that MP4 does not hold" in result.stdout
    with av.open(str(tmp_path / "out" / "x-coloured.mp4")) as container:
        assert len(container.streams.audio) == 2


def test_pixels_of_a_film_on_its_side_are_set_upright_too(model, tmp_path):
    """Pixels of 4 : 3 that lie on their side are 3 : 4 once the film is turned: nothing is squeezed."""
    path = film(tmp_path / "x.mp4", greys(3), shape=Fraction(4, 3))
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 44
    data[at : at + 36] = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, 20 << 16, 0, 1 << 30)
    (tmp_path / "phone.mp4").write_bytes(data)
    assert genimg("colorize", model, tmp_path / "phone.mp4", "--out", tmp_path / "out").exit_code == 0
    made, clip = frames_of(tmp_path / "out" / "phone-coloured.mp4")
    assert made[0].shape == (20, 24, 3) and clip.aspect == Fraction(3, 4)


def test_a_film_that_was_cut_short_is_coloured_as_far_as_it_goes_and_that_is_said(model, tmp_path):
    whole = film(tmp_path / "whole.mkv", greys(30) * 3).read_bytes()
    (tmp_path / "cut.mkv").write_bytes(whole[: len(whole) // 3])
    result = genimg("colorize", model, tmp_path / "cut.mkv", "--out", tmp_path / "out")
    assert "the file was cut" in result.stdout + result.stderr, result.output
    made, _ = frames_of(tmp_path / "out" / "cut-coloured.mp4")
    assert 0 < len(made) < 80


def test_broken_videos_are_named_and_leave_nothing(model, tmp_path):
    good = film(tmp_path / "good.mp4", greys(3))
    (tmp_path / "cut.mp4").write_bytes(good.read_bytes()[:300])
    (tmp_path / "text.mkv").write_text("no video " * 99)
    (tmp_path / "empty.webm").touch()
    given = [tmp_path / name for name in ("cut.mp4", "text.mkv", "empty.webm", "no.avi", "good.mp4")]
    result = genimg("colorize", model, *given, "--out", tmp_path / "out")
    assert result.exit_code == 1 and below(tmp_path / "out") == ["good-coloured.mp4"]
    for name, reason in (("cut.mp4", "cannot be read"), ("text.mkv", "cannot be read as a video"),
                         ("empty.webm", "is empty"), ("no.avi", "does not exist")):  # fmt: skip
        (line,) = [line for line in result.stderr.splitlines() if line.startswith("  ") and f"{name}: " in line]
        assert reason in line


def test_a_file_without_pictures_or_frames(model, tmp_path):
    av = pytest.importorskip("av")
    with av.open(str(tmp_path / "song.mp4"), "w") as container:
        audio = container.add_stream("aac", rate=44100)
        audio.layout = "mono"
        tone = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.float32), format="fltp", layout="mono")
        tone.sample_rate = 44100
        container.mux(audio.encode(tone))
        container.mux(audio.encode())
    result = genimg("colorize", model, tmp_path / "song.mp4", "--out", tmp_path / "out")
    assert result.exit_code == 1 and "song.mp4: has no pictures" in result.stderr and below(tmp_path / "out") == []


def test_without_pyav_videos_are_named_with_the_remedy_and_pictures_done(model, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "av", None)
    picture(tmp_path / "in" / "a.png")
    (tmp_path / "in" / "film.mp4").write_bytes(b"any")
    result = genimg("colorize", model, tmp_path / "in", "--out", tmp_path / "out")
    assert result.exit_code == 1 and below(tmp_path / "out") == ["a-coloured.png"]
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("  ") and "film.mp4: " in line]
    assert line.endswith("pip install 'genimg-book[video]'")


@pytest.mark.parametrize("batch", [1, 2, 16])
def test_steady_averages_across_batches(model, tmp_path, monkeypatch, batch):
    """A network that says red, a = 40, of the first frame and grey of all others: 40 · 0.8^t, or 40 and then 0."""
    path = film(tmp_path / "x.mp4", greys(6))
    said = []

    def moody(G, small):
        a = torch.zeros(len(small), 2, 32, 32)
        a[:, 0] = 0 if said else torch.tensor([40.0] + [0.0] * (len(a) - 1))[:, None, None]
        said.append(len(a))
        return a

    monkeypatch.setattr(files, "_chroma", moody)
    for options, expected in ((["--steady"], [40 * 0.8**t for t in range(6)]), ([], [40.0] + [0.0] * 5)):
        said.clear()
        out = tmp_path / f"out{len(options)}"
        assert genimg("colorize", model, path, "--out", out, "--batch", batch, *options).exit_code == 0
        made, _ = frames_of(out / "x-coloured.mp4")
        assert sum(said) == 6 and max(said) <= batch
        assert [float(rgb_to_lab(tensor(frame))[:, 1].mean()) for frame in made] == pytest.approx(expected, abs=3)


# Flicker, on tensors


def noisy(t=4000, seed=0):
    """A static scene whose chroma is redrawn around a fixed colour."""
    rng = gi.rng(seed)
    return 20 + 3 * torch.randn(t, 2, 2, 3, generator=rng), torch.full((t, 1, 2, 3), 50.0)


@pytest.mark.parametrize("keep", [0.0, 0.5, 0.8, 0.9])
def test_flicker_of_a_noisy_static_scene_falls_as_theory_says(keep):
    """Δab is Gaussian with deviation √2·3 in both channels, |Δab| Rayleigh: mean 3·√π; then (1 − keep)/√(1 + keep)."""
    ab, L = noisy()
    assert flicker(ab, L) == pytest.approx(3 * math.sqrt(math.pi), rel=0.02)
    calm = steady(ab, L, keep).ab
    ratio = flicker(calm[100:], L[100:]) / flicker(ab[100:], L[100:])
    assert ratio == pytest.approx((1 - keep) / math.sqrt(1 + keep), rel=0.03)
    assert calm.mean() == pytest.approx(20, abs=0.2)


def test_steady_starts_anew_at_a_cut_and_not_at_a_small_change():
    ab = torch.tensor([0.0, 10, 10]).reshape(3, 1, 1, 1).expand(3, 2, 1, 2)
    L = torch.tensor([20.0, 50, 50]).reshape(3, 1, 1, 1).expand(3, 1, 1, 2)
    assert steady(ab, L, 0.5).ab[:, 0, 0, 0].tolist() == [0, 10, 10]
    assert steady(ab, L, 0.5, cut=30.0).ab[:, 0, 0, 0].tolist() == [0, 5, 7.5]  # 30 is not above 30
    half = L.clone()
    half[..., 1] = 20  # half of the picture changes by 30: 15 on average
    assert steady(ab, half, 0.5, cut=14.0).ab[1, 0, 0, 0] == 10 and steady(ab, half, 0.5, cut=16.0).ab[1, 0, 0, 0] == 5


def test_steady_in_parts_is_steady_at_once():
    ab, L = noisy(30)
    L = L + 15 * (torch.arange(30) >= 20).float().reshape(-1, 1, 1, 1)  # a cut where a part begins
    whole, state, parts = steady(ab, L), None, []
    for a, b in ((0, 1), (1, 20), (20, 30)):
        state = steady(ab[a:b], L[a:b], before=state)
        parts.append(state.ab)
    assert torch.equal(torch.cat(parts), whole.ab) and torch.equal(whole.ab[20], ab[20])


def test_flicker_counts_only_what_stays():
    ab, L = noisy(3)
    L = L.clone()
    L[1, :, 0] += 40
    changed = ab.clone()
    changed[1, :, 0] += 1000  # where lightness changes, colours may
    assert flicker(changed, L) == pytest.approx(flicker(ab, L))
    assert flicker(changed, L, still=50.0) > 100


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda ab, L: steady(ab, L, keep=1.0), r"keep must lie in \[0, 1\)"),
        (lambda ab, L: steady(ab, L[:2]), "frames are ab"),
        (lambda ab, L: steady(ab[:, :1], L), "frames are ab"),
        (lambda ab, L: steady(ab[:0], L[:0]), "at least 1 frame is"),
        (lambda ab, L: steady(ab, L, cut=0.0), "cut must be"),
        (lambda ab, L: flicker(ab[:1], L[:1]), "at least 2 frames"),
        (lambda ab, L: flicker(ab, 10 * torch.arange(5.0).reshape(5, 1, 1, 1).expand(L.shape)), "nothing keeps"),
    ],
)
def test_frames_that_do_not_fit(call, told):
    with pytest.raises(UsageError, match=told):
        call(*noisy(5))


def test_a_clock_that_starts_again_goes_on(tmp_path):
    part = film(tmp_path / "a.ts", greys(30)).read_bytes()
    (tmp_path / "x.ts").write_bytes(part + part)
    with clips.reading(tmp_path / "x.ts") as clip:
        times = [float(frame.time * clip.base) for frame in clip.frames()]
        assert len(times) >= 58 and all(a < b for a, b in itertools.pairwise(times)) and times[-1] - times[0] < 3
        assert any("starts again" in line for line in clip.notes())


@pytest.mark.parametrize("name", ["x.mts", "x.m2ts", "x.flv", "x"])
def test_a_film_is_one_whatever_it_is_called(tmp_path, name):
    made = film(tmp_path / "made.mkv", greys(3))
    (tmp_path / "in").mkdir()
    made.rename(tmp_path / "in" / name)
    assert list(files.targets([tmp_path / "in"], tmp_path / "out").values()) == [tmp_path / "out" / "x-coloured.mp4"]


def test_of_several_pages_the_first_is_said(model, tmp_path):
    pages = [Image.fromarray(np.full((40, 40), 60 * k, np.uint8)) for k in range(3)]
    pages[0].save(tmp_path / "x.tif", save_all=True, append_images=pages[1:])
    result = genimg("colorize", model, tmp_path / "x.tif", "--out", tmp_path / "out")
    assert "the first of 3 pictures in the file" in result.stdout


def test_a_link_to_itself_is_named_and_the_others_are_coloured(model, tmp_path):
    picture(tmp_path / "in" / "a.png")
    (tmp_path / "in" / "loop.png").symlink_to(tmp_path / "in" / "loop.png")
    result = genimg("colorize", model, tmp_path / "in", "--out", tmp_path / "out")
    assert result.exit_code == 1 and below(tmp_path / "out") == ["a-coloured.png"] and "loop.png" in result.stderr
