"""Faces in photographs: found, cropped, filled and put back at the photograph's own size."""

import io

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from scipy import sparse
from scipy.sparse import linalg
from skimage.data import astronaut, coins

import genimg as gi
from genimg import zoo
from genimg._base.errors import UsageError
from genimg.apps import cli
from genimg.problems.inpaint import faces, masks
from genimg.problems.inpaint.faces import Square
from genimg.problems.inpaint.photographs import read_square

EYES = (224, 116)  # x, y of the middle of the astronaut's face
ARGUMENTS = {"size": 16, "channels": 3, "width": 8, "latent": 4}


def genimg(*args):
    return CliRunner().invoke(cli.main, [str(arg) for arg in args])


def saved(path, pixels, **options):
    Image.fromarray(pixels).save(path, **options)
    return path


def seen(path):
    with Image.open(path) as image:
        return np.asarray(image)


def hole(path, known):
    return saved(path, known.astype(np.uint8) * 255)


@pytest.fixture(scope="module")
def two():
    return np.concatenate([astronaut(), astronaut()[:, ::-1]], axis=1)


@pytest.fixture
def model(tmp_path):
    G, D = gi.networks.dcgan(**ARGUMENTS, seed=0)
    zoo.save("small", "dcgan", ARGUMENTS, G, D, {"data": "none", "crop": "face"}, folder=tmp_path / "models")
    return tmp_path / "models" / "small.safetensors"


@pytest.fixture
def photo(tmp_path):
    return saved(tmp_path / "photo.png", astronaut())


class TestFind:
    def near(self, square, x, y):
        assert abs(square.left + 0.5 * square.side - x) < 15 and abs(square.top + 0.494 * square.side - y) < 15
        assert 130 < square.side < 200

    @pytest.mark.parametrize("scale", [0.5, 1, 2.5])
    def test_the_astronaut_at_any_size(self, scale):
        side = round(512 * scale)
        photo = np.asarray(Image.fromarray(astronaut()).resize((side, side)))
        (square,) = faces.find(photo)
        self.near(Square(*(round(v / scale) for v in square)), *EYES)

    def test_grey_is_found_alike(self):
        (square,) = faces.find(np.asarray(Image.fromarray(astronaut()).convert("L")))
        self.near(square, *EYES)

    def test_several_from_left_to_right(self, two):
        left, right = faces.find(two)
        self.near(left, *EYES)
        self.near(right, 1024 - EYES[0], EYES[1])

    def test_no_face(self):
        assert faces.find(coins()) == [] and faces.find(np.zeros((5, 900), np.uint8)) == []

    def test_the_square_is_the_box_as_it_lies_in_the_training_pictures(self, monkeypatch):
        monkeypatch.setattr(faces, "boxes", lambda photo: [(300.0, 200.0, 100.0)])
        (square,) = faces.find(np.zeros((400, 600), np.uint8))
        assert square.side == round(100 / 0.612)
        assert (300 - square.left) / square.side == pytest.approx(0.500, abs=0.005)
        assert (200 - square.top) / square.side == pytest.approx(0.506, abs=0.005)

    def test_boxes_are_scaled_back_and_those_of_one_face_merged(self, monkeypatch):
        class Found:
            def detect_multi_scale(self, image, **options):
                seen.append(image.shape)
                k = image.shape[1] / 2000
                boxes = [(300, 250, 200), (320, 270, 200)] + [(1000, 600, 200)] * (len(seen) == 1)
                return [{"r": k * r, "c": k * c, "width": k * side, "height": k * side} for c, r, side in boxes]

        seen = []
        monkeypatch.setattr(faces, "cascade", Found)
        assert faces.boxes(np.zeros((1000, 2000, 3), np.uint8)) == [pytest.approx((410, 360, 200))]  # in all three
        assert seen == [(128, 256), (160, 320), (200, 400)]


class TestCropAndPutBack:
    def test_beyond_the_photograph_stands_its_mirror_image(self):
        rng = np.random.default_rng(0)
        photo, known = rng.integers(0, 256, (20, 31, 3), dtype=np.uint8), rng.random((20, 31)) < 0.5
        image, mask = faces.crop(photo, known, Square(-4, -3, 16), 16, 3)
        assert np.array_equal(
            ((image + 1) * 127.5).round().numpy().astype(np.uint8),
            np.pad(photo, [(3, 0), (4, 0), (0, 0)], "symmetric")[:16, :16].transpose(2, 0, 1),
        )
        assert np.array_equal(mask[0].numpy() == 1, np.pad(known, [(3, 0), (4, 0)], "symmetric")[:16, :16])

    @pytest.mark.parametrize("channels", [1, 3])
    @pytest.mark.parametrize("depth", [1, 3])
    def test_only_missing_pixels_change(self, channels, depth):
        rng = np.random.default_rng(1)
        photo = rng.integers(0, 256, (61, 47, depth), dtype=np.uint8)
        known = rng.random((61, 47)) < 0.6
        image = torch.rand(channels, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
        for how in ("poisson", "overlay"):
            square = Square(-9, 13, 37)
            back = faces.put_back(photo, known, square, image, how=how)
            inside = np.zeros_like(known)
            inside[square.inside(61, 47)] = True
            assert np.array_equal(back[known | ~inside], photo[known | ~inside])
            assert (back != photo).any(axis=2)[~known & inside].mean() > 0.9
            # What the photograph holds where nothing is known does not matter.
            hidden = np.where(known[..., None], photo, 0).astype(np.uint8)
            again = faces.put_back(hidden, known, square, image, how=how)
            assert np.array_equal(again[inside], back[inside])

    def test_the_seam_is_joined_at_the_photographs_resolution(self):
        """Against the normal equations of a plain sparse solve, on the photograph itself."""
        rng = np.random.default_rng(2)
        photo = rng.integers(60, 190, (40, 40, 1), dtype=np.uint8)
        known = np.ones((40, 40), bool)
        known[12:25, 9:30] = False
        image = torch.rand(1, 10, 10, generator=torch.Generator().manual_seed(0)) * 0.5
        back = faces.put_back(photo, known, Square(5, 5, 30), image)
        guide = np.zeros((40, 40))
        guide[5:35, 5:35] = np.asarray(Image.fromarray(image[0].numpy()).resize((30, 30), Image.Resampling.LANCZOS))
        at = np.argwhere(~known)
        number = {tuple(p): k for k, p in enumerate(at)}
        A, b = sparse.lil_matrix((len(at), len(at))), np.zeros(len(at))
        for k, (r, c) in enumerate(at):
            for q in ((r - 1, c), (r + 1, c), (r, c - 1), (r, c + 1)):
                A[k, k] += 1
                b[k] += guide[r, c] - guide[q]
                if q in number:
                    A[k, number[q]] -= 1
                else:
                    b[k] += photo[q][0] / 127.5 - 1
        expected = (linalg.spsolve(A.tocsr(), b) + 1) * 127.5
        off = back[..., 0][~known] - expected.clip(0, 255)
        assert abs(off).max() < 0.51

    def test_what_the_network_gave_of_the_photograph_itself_is_the_photograph(self):
        """A smooth photograph, its own reduction as the answer: nothing to be seen."""
        y, x = np.mgrid[:200, :240] / 40.0
        photo = (128 + 50 * np.sin(x) * np.cos(y)).astype(np.uint8)[..., None]
        square, known = Square(20, 10, 160), np.ones((200, 240), bool)
        known[60:120, 70:130] = False
        image, _ = faces.crop(photo, np.ones_like(known), square, 64, 1)
        assert abs(faces.put_back(photo, known, square, image).astype(int) - photo).max() <= 2

    def test_a_mask_of_the_model_is_laid_on_the_square(self):
        known = faces.enlarged(masks.centre_square(64)[0, 0], Square(10, 20, 128), np.ones((200, 200), bool))
        assert np.array_equal(np.argwhere(~known).min(0), (52, 42)) and int((~known).sum()) == 64**2

    def test_nothing_known_and_nowhere(self):
        photo, known = np.zeros((20, 20, 3), np.uint8), np.zeros((20, 20), bool)
        with pytest.raises(UsageError, match="nothing known"):
            faces.crop(photo, known, Square(0, 0, 16), 16, 3)
        with pytest.raises(UsageError, match="outside the picture of 20x20"):
            faces.crop(photo, ~known, Square(30, 0, 16), 16, 3)
        assert read_square("-3,4,50") == Square(-3, 4, 50)


class TestCommand:
    def test_a_preset_fills_each_face_and_nothing_else(self, model, two, tmp_path):
        saved(tmp_path / "two.png", two)
        result = genimg(
            "inpaint", model, tmp_path / "two.png", "--mask", "centre", "--out", tmp_path / "o", "--steps", 2
        )
        assert result.exit_code == 0, result.stderr
        assert "2 faces filled: " in result.stdout
        back = seen(tmp_path / "o" / "two-inpainted.png")
        known = np.ones(two.shape[:2], bool)
        for square in faces.find(two):
            known = faces.enlarged(masks.centre_square(16)[0, 0], square, known)
        assert np.array_equal(back[known], two[known]) and (back != two).any(axis=2)[~known].mean() > 0.9

    def test_a_mask_of_the_photograph_fills_the_faces_that_it_touches(self, model, two, tmp_path):
        known = np.ones(two.shape[:2], bool)
        known[100:130, 210:250] = known[400:410, 500:510] = False
        source = saved(tmp_path / "two.png", two)
        mask = hole(tmp_path / "hole.png", known)
        result = genimg("inpaint", model, source, "--mask", mask, "--out", tmp_path / "o", "--steps", 1)
        assert result.exit_code == 0, result.stderr
        assert "1 face filled: " in result.stdout and "100 missing pixels lie outside and stay" in result.stdout
        changed = (seen(tmp_path / "o" / "two-inpainted.png") != two).any(axis=2)
        assert changed[100:130, 210:250].mean() > 0.9
        changed[100:130, 210:250] = False
        assert not changed.any()

    def test_a_photograph_on_its_side_is_turned_first(self, model, photo, tmp_path):
        exif = Image.Exif()
        exif[0x0112] = 6  # turn by 90 degrees clockwise to see it upright
        saved(tmp_path / "side.png", np.ascontiguousarray(np.rot90(astronaut())[:, 3:]), exif=exif)
        options = ("--mask", "top", "--out", tmp_path / "o", "--steps", 1)
        assert genimg("inpaint", model, tmp_path / "side.png", *options).exit_code == 0
        back = seen(tmp_path / "o" / "side-inpainted.png")
        assert back.shape == (509, 512, 3) and np.array_equal(back[300:], astronaut()[3:][300:])

    def test_grey_stays_grey_and_the_colour_profile_stays(self, model, tmp_path):
        grey = np.asarray(Image.fromarray(astronaut()).convert("L"))[:383, :497]
        saved(tmp_path / "grey.png", grey, icc_profile=b"a profile")
        options = ("--mask", "centre", "--out", tmp_path / "o", "--steps", 1)
        assert genimg("inpaint", model, tmp_path / "grey.png", *options).exit_code == 0
        back = seen(tmp_path / "o" / "grey-inpainted.png")
        assert back.shape == grey.shape and 0.001 < (back != grey).mean() < 0.2
        with Image.open(tmp_path / "o" / "grey-inpainted.png") as picture:
            assert picture.info["icc_profile"] == b"a profile"

    def test_by_hand_where_no_face_is_found_and_beyond_the_border(self, model, tmp_path):
        source = saved(tmp_path / "coins.png", coins())
        options = ("--mask", "centre", "--out", tmp_path / "o", "--steps", 1)
        result = genimg("inpaint", model, source, *options)
        assert result.exit_code == 1 and result.stdout == ""
        assert (
            "coins.png: no face was found; give the square" in result.stderr and "--crop LEFT,TOP,SIDE" in result.stderr
        )
        result = genimg("inpaint", model, source, *options, "--crop", "-20,10,100", "--crop", "200,100,64")
        assert result.exit_code == 0 and "2 crops filled: 100 pixels at -20,10; 64 pixels at 200,100" in result.stdout
        changed = np.argwhere(seen(tmp_path / "o" / "coins-inpainted.png") != coins())
        assert changed.min(0).tolist() == [35, 5] and changed.max(0).tolist()[0] == 147

    def test_a_picture_of_the_models_size_is_one_square_as_before(self, model, tmp_path):
        pixels = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
        source = saved(tmp_path / "a.png", pixels)
        options = ("--mask", "left", "--steps", 3)
        assert genimg("inpaint", model, source, *options, "--out", tmp_path / "face").exit_code == 0
        manifest = model.with_name("manifest.json")
        manifest.write_text(manifest.read_text().replace('"face"', '"none"'))
        assert genimg("inpaint", model, source, *options, "--out", tmp_path / "plain").exit_code == 0
        one, other = (seen(tmp_path / name / "a-inpainted.png").astype(int) for name in ("face", "plain"))
        assert abs(one - other).max() <= 1 and np.array_equal(one[:, 8:], pixels[:, 8:])

    @pytest.mark.parametrize(
        ("args", "told"),
        [
            (("--mask", "centre", "--crop", "1,2"), "a crop is LEFT,TOP,SIDE in whole pixels"),
            (("--mask", "centre", "--crop", "1,2,3.5"), "such as 120,40,300, not '1,2,3.5'"),
            (("--mask", "centre", "--crop", "1,2,4"), "side of a crop must be an integer of at least 8"),
            (("--mask", "center"), "did you mean 'centre'"),
        ],
    )
    def test_a_mistake_is_one_line(self, model, photo, tmp_path, args, told):
        result = genimg("inpaint", model, photo, *args, "--out", tmp_path / "o")
        assert result.exit_code == 1 and told in result.stderr and result.stderr.count("\n") == 1

    def test_files_that_cannot_be_used_are_named(self, model, photo, tmp_path):
        known = np.ones((512, 512), bool)
        known[480:, :20] = False
        mask = hole(tmp_path / "hole.png", known)
        odd = saved(tmp_path / "odd.png", astronaut()[:400])
        cut = tmp_path / "cut.jpg"
        data = io.BytesIO()
        Image.fromarray(astronaut()).save(data, "JPEG")
        cut.write_bytes(data.getvalue()[:3000])
        result = genimg("inpaint", model, photo, odd, cut, "--mask", mask, "--out", tmp_path / "o", "--steps", 1)
        assert result.exit_code == 1
        assert "photo.png: nothing is missing in the square of the face; " in result.stderr
        assert "odd.png: is 512x400, but the mask is 512x512 and the model's images 16x16" in result.stderr
        assert "cut.jpg: " in result.stderr and "Traceback" not in result.stderr


def test_the_shipped_faces_say_that_they_are_faces():
    assert zoo.recipe("faces")["crop"] == "face" and "crop" not in zoo.recipe("digits")
