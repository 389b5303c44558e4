"""The drawing board's Python side, and the masks of its module against those of Python."""

import asyncio
import base64
import json
import re
from functools import partial

import anywidget
import numpy as np
import pytest
import torch
from javascript import evaluated

from genimg._base.errors import UsageError
from genimg.numerics.poisson import edit
from genimg.widgets import MaskPainter
from genimg.widgets.page import module
from genimg.widgets.wire import bits_of, cell_of, mask_of, png_url

MODULE, SHARED = module("latent_search", "photograph", "mask_painter"), module()
OWN = set(MaskPainter.class_trait_names(sync=True)) - set(anywidget.AnyWidget.class_trait_names(sync=True))

IMAGES = torch.linspace(-1, 1, 2 * 3 * 5 * 6).view(2, 3, 5, 6)
LEFT = torch.ones(5, 6)
LEFT[:, 3:] = 0
PRESETS = {"half": LEFT, "all of it": torch.zeros(5, 6), "none of it": np.ones((5, 6), bool)}


def steps(count, value=0.5):
    """A search that gets nearer to one grey."""

    def solve(image, mask):
        for step in range(1, count + 1):
            yield step, count, torch.full_like(image, value * step / count), f"at {step}"

    return solve


def painter(solve=None, **options):
    return MaskPainter(IMAGES, PRESETS, solve, **({"label": "ramps"} | options))


class TestTraits:
    def test_pictures_are_the_images_pixel_by_pixel(self):
        cells = [cell_of(url) for url in painter().pictures]
        expected = ((IMAGES + 1) * 127.5 + 0.5).floor().permute(0, 2, 3, 1)
        assert np.array_equal(np.stack(cells), expected.numpy())

    def test_masks_come_back_as_they_were_given(self):
        board = painter()
        for (name, bits), (given, mask) in zip(board.presets, PRESETS.items(), strict=True):
            assert name == given
            assert mask_of(bits, 5, 6).tolist() == torch.as_tensor(mask).float().tolist()
        assert board.mask.tolist() == LEFT.tolist()  # the first preset
        assert painter(mask="none of it").mask.all()
        assert painter(mask=1 - LEFT).mask.tolist() == (1 - LEFT).tolist()
        assert MaskPainter(IMAGES).mask.all()

    def test_the_mask_can_be_set(self):
        board = painter()
        board.mask = 1 - LEFT
        assert board.bits == bits_of(1 - LEFT)
        with pytest.raises(UsageError, match=r"shape \(5, 6\)"):
            board.mask = torch.ones(6, 5)

    def test_the_state_is_small_and_json(self):
        board = MaskPainter(torch.zeros(4, 3, 64, 64), {"a": torch.ones(64, 64)}, label="grey")
        state = {name: getattr(board, name) for name in OWN - {"_esm"}}
        assert {"pictures", "bits", "results"} <= set(state)
        assert len(json.dumps(state)) < 4000

    def test_two_of_a_kind_are_equal(self):
        one, other = ({name: getattr(board, name) for name in OWN} for board in (painter(), painter()))
        assert one == other
        htmls = [painter(result=IMAGES[0])._repr_mimebundle_()[0]["text/html"] for _ in range(2)]
        assert htmls[0] == htmls[1]

    def test_repr(self):
        assert repr(painter()) == "MaskPainter(2 images of 5 by 6, 'ramps')"
        assert painter()._repr_mimebundle_()[0]["text/plain"] == repr(painter())

    def test_the_module_is_what_jupyter_gets(self):
        assert str(painter()._esm) == MODULE


class TestImage:
    def test_the_chosen_one(self):
        board = painter()
        board.chosen = 1
        assert torch.equal(board.image, IMAGES[1])

    def test_a_picture_of_ones_own(self):
        cell = np.arange(5 * 6 * 3, dtype="uint8").reshape(5, 6, 3)
        board = painter()
        board.own, board.chosen = png_url(cell), -1
        assert torch.allclose((board.image + 1) * 127.5, torch.from_numpy(cell).float().permute(2, 0, 1), atol=1e-4)
        grey = MaskPainter(IMAGES[:, :1], label="grey")
        grey.own, grey.chosen = png_url(np.repeat(cell[..., :1], 3, axis=2)), -1
        assert grey.image.shape == (1, 5, 6)

    @pytest.mark.parametrize(
        ("sent", "message"),
        [
            ("", "cannot be read"),
            ("data:image/png;base64,####", "cannot be read"),
            ("data:image/png;base64,aGVsbG8=", "cannot be read"),
            (png_url(np.zeros((6, 5, 3), "uint8")), "6 by 5, not 5 by 6"),
        ],
    )
    def test_what_is_no_picture_is_answered(self, sent, message):
        board = painter(steps(2))
        board.own, board.chosen = sent, -1
        board.request = "fill"
        assert board.phase == "failed" and message in board.note


class TestSearch:
    def test_the_button(self):
        board = painter(steps(4))
        board.request = "fill"
        assert (board.request, board.phase, board.done, board.total, board.note) == ("", "done", 4, 4, "at 4")
        assert [name for name, _ in board.results] == ["raw", "overlay"] == list(board.filled)
        assert torch.equal(board.filled["raw"], torch.full((3, 5, 6), 0.5))
        assert torch.equal(board.filled["overlay"], torch.where(LEFT == 1, IMAGES[0], torch.tensor(0.5)))
        assert int(cell_of(board.results[0][1])[0, 0, 0]) == 191

    def test_results_by_the_author(self):
        def finish(image, mask, picture):
            return {"raw": picture, "twice": 4 * picture, "image": image}  # what overshoots is clipped for the screen

        board = painter(steps(2), finish=finish)
        board.fill()
        assert list(board.filled) == ["raw", "twice", "image"] and float(board.filled["twice"].max()) == 2.0
        assert int(cell_of(board.results[1][1]).min()) == 255

    def test_the_search_gets_copies(self):
        def spoil(image, mask):
            image.zero_()
            mask.zero_()
            yield 1, 1, image, ""

        board = painter(spoil)
        board.fill()
        assert torch.equal(board.image, IMAGES[0]) and board.mask.tolist() == LEFT.tolist()
        assert torch.equal(board.filled["overlay"], LEFT * IMAGES[0])

    @pytest.mark.parametrize(
        ("mask", "answer"), [("none of it", "Nothing is missing"), ("all of it", "Nothing is known")]
    )
    def test_nothing_to_do_and_nothing_known(self, mask, answer):
        board = painter(steps(2), mask=mask)
        board.fill()
        assert board.phase == "refused" and board.note.startswith(answer) and not board.results

    def test_an_error_is_one_line_and_nothing_is_lost(self):
        def broken(image, mask):
            yield 1, 3, torch.zeros_like(image), "so far"
            raise RuntimeError("shapes\n  do not\n  fit")

        board = painter(broken)
        board.fill()
        assert (board.phase, board.note) == ("failed", "RuntimeError: shapes do not fit")
        assert isinstance(board.error, RuntimeError)
        assert list(board.filled) == ["raw", "overlay"]  # what was found until then
        assert board.mask.tolist() == LEFT.tolist()
        board._solve = steps(2)
        board.fill()
        assert (board.phase, board.error) == ("done", None)

    def test_an_error_at_the_end_keeps_the_picture(self):
        board = painter(steps(2), finish=lambda image, mask, picture: {"x": 1 / 0})
        board.fill()
        assert board.phase == "failed" and "ZeroDivisionError" in board.note and list(board.filled) == ["raw"]

    @pytest.mark.parametrize(
        ("step", "message"),
        [
            ((1, 2, torch.zeros(3, 4, 4), ""), r"shape (3, 5, 6), got (3, 4, 4)"),
            ((1, 2, torch.zeros(3, 5, 6)), "(done, total, picture, text)"),
            ((1, 2, torch.full((3, 5, 6), torch.nan), ""), "finite"),
        ],
    )
    def test_steps_of_another_kind(self, step, message):
        board = painter(lambda image, mask: [step])
        board.fill()
        assert board.phase == "failed" and message in board.note

    def test_no_step_at_all(self):
        board = painter(lambda image, mask: [])
        board.fill()
        assert (board.phase, board.note) == ("failed", "the search gave no picture")

    def test_another_hole_or_picture_starts_anew(self):
        for name, value in (("bits", bits_of(1 - LEFT)), ("chosen", 1)):
            board = painter(steps(2))
            board.fill()
            setattr(board, name, value)
            assert (board.phase, board.results, board.frame, board.filled) == ("idle", [], "", {})


class TestInAnEventLoop:
    def test_stop_is_read_while_the_search_runs(self):
        closed = []

        def endless(image, mask):
            try:
                for step in range(1, 10**9):
                    yield step, 10**9, torch.full_like(image, 0.25), "on and on"
            finally:
                closed.append(True)

        async def reader():
            board = painter(endless)
            board.request = "fill"
            assert board.phase == "running"
            while not board.frame:
                await asyncio.sleep(0.01)
            board.request = "fill"  # a second press does nothing
            board.bits = bits_of(1 - LEFT)  # nor does it disturb what runs
            board.request = "stop"
            while board.phase == "running":
                await asyncio.sleep(0.01)
            return board

        board = asyncio.run(asyncio.wait_for(reader(), 20))
        assert board.phase == "stopped" and closed == [True]
        assert 0 < board.done < 10**9
        assert torch.equal(board.filled["overlay"], torch.where(LEFT == 1, IMAGES[0], torch.tensor(0.25)))

    def test_stop_before_the_first_picture(self):
        async def reader():
            board = painter(steps(3))
            board.fill()
            board.stop()
            while board.phase == "running":
                await asyncio.sleep(0.01)
            return board

        board = asyncio.run(reader())
        assert (board.phase, board.done) == ("stopped", 1) and list(board.filled) == ["raw", "overlay"]


class TestPage:
    def test_image_hole_and_result_side_by_side(self):
        html = painter(result=IMAGES[1], names=["first", "second"])._repr_mimebundle_()[0]["text/html"]
        found = re.findall(r'<img src="([^"]+)" alt="([^"]+)"', html)
        assert [alt for _, alt in found] == ["ramps: first", "ramps: with the hole", "ramps: filled"]
        image, hole, result = (cell_of(url) for url, _ in found)
        assert np.array_equal(hole[:, :3], image[:, :3]) and len(np.unique(hole[:, 3:])) == 2
        assert np.array_equal(result, cell_of(painter().pictures[1]))
        assert "<script" not in html and "drawing board" in html

    def test_it_shows_the_beginning_also_after_a_search(self):
        board = painter(steps(2))
        before = board._repr_mimebundle_()[0]["text/html"]
        board.fill()
        board.mask = 1 - LEFT
        assert board._repr_mimebundle_()[0]["text/html"] == before

    def test_with_networks_it_is_the_board_over_the_picture(self):
        board = painter(steps(2), result=IMAGES[1], live="search")
        page = board._repr_mimebundle_()[0]["text/html"]
        state = json.loads(re.search(r'data-part="state">(.*?)</script>', page).group(1))
        assert (state["live"], state["fills"], state["bits"], state["phase"]) == ("search", True, bits_of(LEFT), "idle")
        assert set(state) - {"live"} == OWN - {"_esm", "request"}  # what the module may ask for
        assert np.array_equal(cell_of(state["frame"]), cell_of(board.pictures[1]))
        picture = re.search(r'data-part="picture">(.*?)</div>\n<script', page, re.S).group(1)
        assert picture.count("<img") == 3 and "with scripts and WebAssembly" in picture
        board.fill()
        board.chosen = 1
        assert board._repr_mimebundle_()[0]["text/html"] == page
        assert painter(live="search")._repr_mimebundle_()[0]["text/html"] != page  # no result
        assert not hasattr(board, "live")  # a notebook's page gets no such trait

    def test_names_are_text(self):
        html = painter(names=["<b>", "x"])._repr_mimebundle_()[0]["text/html"]
        assert "<b>" not in html and "&lt;b&gt;" in html


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"images": torch.zeros(3, 5, 6)}, r"shape \(n, c, h, w\)"),
        ({"images": torch.full((1, 1, 5, 6), 3.0)}, r"lie in \[-1, 1\]"),
        ({"presets": {"x": torch.ones(4, 4)}}, r"preset 'x' must have shape \(5, 6\)"),
        ({"presets": {"x": torch.full((5, 6), 0.5)}}, "1 \\(known\\) and 0 \\(missing\\) only"),
        ({"mask": "halff"}, "did you mean 'half'"),
        ({"names": ["one"]}, r"one entry per image \(2\)"),
        ({"label": " "}, "label must say"),
        ({"live": "searhc"}, "did you mean 'search'"),
        ({"live": "faces"}, "live"),
        ({"result": torch.zeros(1, 5, 6)}, "shape"),
    ],
)
def test_bad_input(options, message):
    with pytest.raises(UsageError, match=message):
        MaskPainter(**({"images": IMAGES, "presets": PRESETS, "label": "ramps"} | options))


def test_too_heavy_for_a_page():
    noise = torch.rand(8, 3, 300, 300, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with pytest.raises(UsageError, match="images weigh"):
        MaskPainter(noise)


@pytest.mark.parametrize("bits", ["####", "", base64.b64encode(bytes(9)).decode()])
def test_a_mask_that_is_none(bits):
    with pytest.raises(UsageError, match="mask that was sent"):
        mask_of(bits, 5, 6)


@pytest.fixture(scope="module")
def node():
    return partial(evaluated, MODULE)


class TestModule:
    def test_needs_nothing_from_outside(self):
        source = MODULE.removeprefix(SHARED)
        assert not re.search(r"^\s*import\b|\bimport\(|\bfetch\(|https?://", source, re.M)

    def test_masks_travel(self, node):
        mask = (torch.rand(5, 7, generator=torch.Generator().manual_seed(0)) < 0.5).float()
        assert node(f'[...it.unpack("{bits_of(mask)}", 35)]') == mask.flatten().tolist()
        assert node(f'it.pack(it.unpack("{bits_of(mask)}", 35))') == bits_of(mask)

    def stroke(self, node, start, end, diameter, value=0, first=1, size=(12, 16)):
        drawn = node(
            f"(() => {{ const mask = new Uint8Array({size[0] * size[1]}).fill({first});"
            f"it.stroke(mask, {list(size)}, {list(start)}, {list(end)}, {diameter}, {value}); return [...mask]; }})()"
        )
        return np.array(drawn).reshape(size)

    def test_a_stroke_is_what_lies_within_half_a_diameter_of_the_way(self, node):
        start, end, diameter = np.array([2.3, 3.1]), np.array([12.9, 8.4]), 5
        row, column = np.mgrid[:12, :16] + 0.5
        way = np.linspace(start, end, 2001)
        distance = np.hypot(column[..., None] - way[:, 0], row[..., None] - way[:, 1]).min(-1)
        drawn = self.stroke(node, start.tolist(), end.tolist(), diameter)
        clear = abs(distance - diameter / 2) > 1e-3
        assert np.array_equal(drawn[clear], (distance > diameter / 2)[clear])

    def test_a_dab_of_one_pixel_is_the_pixel_under_it(self, node):
        drawn = self.stroke(node, (4.999, 3.001), (4.999, 3.001), 1)
        assert np.argwhere(drawn == 0).tolist() == [[3, 4]]

    def test_the_eraser_brings_back(self, node):
        assert self.stroke(node, (0, 0), (16, 12), 60, value=1, first=0).all()

    def test_strokes_beyond_the_border(self, node):
        assert self.stroke(node, (-9, -9), (-5, -5), 3).all()
        assert (self.stroke(node, (-9, 6), (30, 6), 2) == 0).sum() == 2 * 16

    def test_the_middle_is_cut_out(self, node):
        assert node("it.crop(512, 300, [28, 28])") == {"x": 106, "y": 0, "width": 300, "height": 300}
        assert node("it.crop(100, 400, [32, 64])") == {"x": 0, "y": 175, "width": 100, "height": 50}

    def test_the_count_in_words(self, node):
        def words(*known):
            return node(f"it.missing(Uint8Array.from({list(known)}))")

        assert words(1, 1) == "nothing missing yet"
        assert words(1, 0, 0, 0) == "3 of 4 pixels missing (75 %)"
        assert words(*[0] + [1] * 500) == "1 of 501 pixels missing (under 1 %)"
        assert words(*[1] + [0] * 500) == "500 of 501 pixels missing (over 99 %)"


class TestPhotograph:
    def test_the_frame_stays_inside(self, node):
        frame = '{"x": 10, "y": 20, "width": 40, "height": 40}'
        assert node(f"it.framed({frame}, [5, -5], 1, [100, 80])") == {"x": 15, "y": 15, "width": 40, "height": 40}
        assert node(f"it.framed({frame}, [-50, 90], 1, [100, 80])") == {"x": 0, "y": 40, "width": 40, "height": 40}
        assert node(f"it.framed({frame}, [0, 0], 9, [100, 80])") == {"x": 0, "y": 0, "width": 80, "height": 80}
        assert node(f"it.framed({frame}, [0, 0], 0.5, [100, 80])") == {"x": 20, "y": 30, "width": 20, "height": 20}
        assert node(f"it.framed({frame}, [0, 0], 0, [100, 80])")["width"] == 16

    @pytest.mark.parametrize("how", ["Poisson", "overlay", "raw"])
    def test_it_comes_back_as_the_package_puts_it_back(self, node, how):
        """With the same bilinear enlargement, and `genimg.numerics.poisson` at the photograph's size."""
        rng = np.random.default_rng(0)
        photo = rng.integers(0, 256, (50, 41, 4), dtype=np.uint8)
        small = rng.integers(90, 150, (8, 8, 4), dtype=np.uint8)
        mask = np.ones((8, 8), np.uint8)
        mask[2:6, 1:5] = mask[7, 6:] = 0
        lists = [json.dumps(array.ravel().tolist()) for array in (photo, small, mask)]
        back = node(f"[...it.putBack({lists[0]}, [50, 41], {lists[1]}, {lists[2]}, [8, 8], '{how}')]")
        back = np.array(back).reshape(50, 41, 4)
        planes = torch.from_numpy(small[..., :3].copy()).permute(2, 0, 1)[None].float()
        guide = torch.nn.functional.interpolate(planes, (50, 41), mode="bilinear")
        down, across = ((np.arange(n) + 0.5) * 8 // n for n in (50, 41))
        known = torch.from_numpy(mask[np.ix_(down.astype(int), across.astype(int))])
        y = torch.from_numpy(photo[..., :3].copy()).permute(2, 0, 1)[None].float()
        filled = edit(y, guide, known) if how == "Poisson" else guide
        expected = torch.where((known == 1) & torch.tensor(how != "raw"), y, filled).clamp(0, 255)
        off = abs(back[..., :3] - expected[0].permute(1, 2, 0).numpy())
        assert off.max() < 0.6
        kept = known.numpy() == 1
        assert how == "raw" or np.array_equal(back[kept], photo[kept])
