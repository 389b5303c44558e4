"""Pictures have the right values, whatever their file says of turning, depth, polarity, transparency and frames."""

import io
import struct
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from genimg.data import pictures
from genimg.problems.inpaint import masks

RAMP = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20  # 3 rows, 4 columns, no two pixels alike
TURNS = {
    1: lambda x: x, 2: np.fliplr, 3: lambda x: np.rot90(x, 2), 4: np.flipud, 5: np.transpose,
    6: lambda x: np.rot90(x, -1), 7: lambda x: np.rot90(x, 2).T, 8: np.rot90,
}  # fmt: skip


def saved(image, kind, **options):
    data = io.BytesIO()
    image.save(data, kind, **options)
    return data.getvalue()


def tiff(values, bits, photometric=1, **tags):
    """A grey TIFF written by hand, one strip, little-endian: Pillow writes neither 12 bits nor white as zero."""
    height, width = values.shape
    if bits == 12:
        rows = []
        for row in values:
            pairs = [(int(a) << 12 | int(b)).to_bytes(3, "big") for a, b in zip(row[::2], row[1::2], strict=True)]
            rows.append(b"".join(pairs))
        strip = b"".join(rows)
    else:
        strip = values.astype(f"<u{bits // 8}").tobytes()
    entries = {256: width, 257: height, 258: bits, 259: 1, 262: photometric, 273: 8, 277: 1, 278: height}
    entries |= {279: len(strip), **{int(tag): value for tag, value in tags.items()}}
    at = 8 + len(strip) + len(strip) % 2
    directory = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(entries.items()))
    head = b"II*\0" + struct.pack("<I", at)
    return head + strip + b"\0" * (len(strip) % 2) + struct.pack("<H", len(entries)) + directory + bytes(4)


def grey(data):
    return np.asarray(pictures.read(data).image, dtype=np.float64)


@pytest.mark.parametrize("kind", ["TIFF", "JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("turn", TURNS)
def test_a_picture_is_upright(kind, turn):
    exif = Image.Exif()
    exif[0x0112] = turn
    large = np.kron(RAMP, np.ones((16, 16), np.uint8))  # so that JPEG keeps it
    options = {"TIFF": {"tiffinfo": {274: turn}}, "WEBP": {"exif": exif, "lossless": True}}.get(kind, {"exif": exif})
    found = np.asarray(pictures.read(saved(Image.fromarray(large), kind, **options)).image.convert("L"), dtype=float)
    assert found.shape == TURNS[turn](large).shape
    assert abs(found - TURNS[turn](large)).max() <= 4


@pytest.mark.parametrize("turn", TURNS)
def test_a_tiff_of_a_scanner_is_upright_in_16_bits(turn):
    deep = RAMP.astype(np.uint16) * 257
    found = grey(tiff(deep, 16, **{"274": turn}))
    np.testing.assert_allclose(found, TURNS[turn](RAMP), atol=1e-3)


@pytest.mark.parametrize(
    ("bits", "white", "photometric"), [(8, 255, 0), (8, 255, 1), (12, 4095, 1), (16, 65535, 0), (16, 65535, 1)]
)
def test_white_is_white_at_any_depth_and_polarity(bits, white, photometric):
    """12 bits with white as zero Pillow refuses to open, which is told."""
    light = np.linspace(0, 1, 12).reshape(3, 4)
    values = np.round(light * white)
    stored = white - values if photometric == 0 else values
    np.testing.assert_allclose(grey(tiff(stored.astype(np.int64), bits, photometric)), 255 * values / white, atol=0.51)


def test_a_float_picture_has_white_at_one():
    light = np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4)
    np.testing.assert_allclose(grey(saved(Image.fromarray(light), "TIFF")), 255 * light, atol=1e-4)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_what_is_transparent_stands_before_the_ground_and_its_hidden_colour_does_not_count(kind):
    colours = np.zeros((2, 3, 4), np.uint8)
    colours[..., :3], colours[..., 3] = (200, 40, 90), [[255, 0, 0], [255, 255, 128]]
    hidden = colours.copy()
    hidden[0, 1:, :3] = (1, 255, 77)  # differs only where nobody sees it
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    first, second = (pictures.read(saved(Image.fromarray(x), kind, **options)) for x in (colours, hidden))
    for ground in (0, 255):
        seen = np.asarray(first.on(ground))
        assert np.array_equal(seen, np.asarray(second.on(ground)))
        assert seen[0, 0].tolist() == [200, 40, 90] and seen[0, 1].tolist() == [ground] * 3
        half = (128 * np.array([200, 40, 90]) + 127 * ground) / 255
        assert abs(seen[1, 2] - half).max() <= 1


def test_a_palette_and_a_grey_picture_with_a_transparent_value():
    image = Image.fromarray(np.array([[0, 1, 2]], np.uint8), "P")
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    seen = np.asarray(pictures.read(saved(image, "PNG", transparency=1)).on(255))
    assert seen.tolist() == [[[255, 0, 0], [255, 255, 255], [0, 0, 255]]]
    deep = Image.fromarray(np.array([[0, 30000, 65535]], np.uint16))
    assert np.asarray(pictures.read(saved(deep, "PNG", transparency=30000)).on(0)).tolist() == [[0, 0, 255]]


@pytest.mark.parametrize("kind", ["TIFF", "GIF", "PNG", "WEBP"])
def test_of_several_pictures_the_first_is_taken_and_that_is_said(kind):
    frames = [Image.fromarray(np.full((3, 4), value, np.uint8)) for value in (10, 120, 240)]
    options = {"lossless": True} if kind == "WEBP" else {}
    picture = pictures.read(saved(frames[0], kind, save_all=True, append_images=frames[1:], **options))
    assert picture.frames == 3 and picture.note == "the first of 3 pictures in the file"
    assert np.asarray(picture.image.convert("L"), dtype=int).tolist() == [[10] * 4] * 3


@pytest.mark.parametrize(("white", "kind"), [(255, np.uint8), (1, np.uint8), (65535, np.uint16), (1, np.uint16)])
def test_a_mask_is_known_where_it_is_white_at_any_depth(tmp_path, white, kind):
    """Some programs write masks of zeros and ones."""
    Image.fromarray(np.array([[0, white], [white, 0]], kind)).save(tmp_path / "mask.png")
    assert masks.read(str(tmp_path / "mask.png"))[0, 0].tolist() == [[0.0, 1.0], [1.0, 0.0]]


def test_a_large_picture_is_read_without_a_warning(tmp_path):
    Image.new("L", (40, 40)).save(tmp_path / "x.png")
    code = "import sys\nfrom pathlib import Path\nfrom PIL import Image\nfrom genimg.data import pictures\n"
    code += "Image.MAX_IMAGE_PIXELS = 1000\npictures.open_file(Path(sys.argv[1]))"
    ran = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "x.png")], capture_output=True, text=True, check=True
    )
    assert ran.stderr == ""
