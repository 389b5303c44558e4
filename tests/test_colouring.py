"""The colouring widget's Python side, and its module's light and colour against the package's own."""

import base64
import json
import re

import numpy as np
import pytest
import torch
from javascript import address, printed

import genimg as gi
from genimg._base.errors import UsageError
from genimg.data.catalogue import SCENES
from genimg.gan.networks import chromagan
from genimg.widgets import Colouring
from genimg.widgets.colouring import _text
from genimg.widgets.live import GRAPHS
from genimg.widgets.live.colours import Colouring as LivePage
from genimg.widgets.page import module
from genimg.widgets.wire import cell_of

MODULE, SHARED = module("colouring"), module()
WORDS = ("sea", "sky & sand")


def picture(channels, h, w, seed=0):
    return torch.rand(channels, h, w, generator=gi.rng(seed))


def smooth(channels, h, w, seed=0):
    """Blobs, as JPEG likes them."""
    coarse = torch.rand(1, channels, 4, 5, generator=gi.rng(seed))
    return torch.nn.functional.interpolate(coarse, (h, w), mode="bicubic")[0].clamp(0, 1)


@pytest.fixture(scope="module")
def G():
    return chromagan(size=32, width=2, classes=2, seed=0)[0].eval()


@pytest.fixture
def colouring(G):
    return Colouring(G, {"blobs": smooth(3, 40, 56), "<grey>": smooth(1, 30, 20)}, WORDS)


def numbers(text):
    return torch.from_numpy(np.frombuffer(base64.b64decode(text), "<f4").copy())


class TestTraits:
    def test_pictures_are_what_was_given(self, colouring):
        blobs, grey = map(cell_of, colouring.pictures)
        assert blobs.shape == (40, 56, 3) and grey.shape == (30, 20, 3) and (grey == grey[..., :1]).all()
        assert np.abs(blobs / 255 - smooth(3, 40, 56).permute(1, 2, 0).numpy()).mean() < 0.02

    def test_the_first_is_coloured_beforehand(self, colouring, G):
        L = gi.color.lightness(smooth(3, 40, 56)[None])
        assert torch.allclose(
            255 * numbers(colouring.first["ab"]).view(1, 2, 32, 32) - 128, gi.colorize.chroma(G, L), atol=0.02
        )
        assert abs(float(numbers(colouring.first["y"]).sum()) - 1) < 1e-3

    def test_without_a_class_branch(self):
        G, _ = chromagan(size=32, width=2, classes=0, seed=0)
        assert Colouring(G, {"blobs": smooth(3, 40, 56)}).first["y"] == ""

    def test_two_of_a_kind_are_equal(self, G):
        htmls = [
            Colouring(G, {"blobs": smooth(3, 40, 56)}, WORDS)._repr_mimebundle_()[0]["text/html"] for _ in range(2)
        ]
        assert htmls[0] == htmls[1]


class TestKernel:
    def test_what_is_asked_is_answered(self, colouring, G):
        L = torch.rand(1, 1, 32, 32, generator=gi.rng(1))
        G.train()
        colouring.asked = {"id": "a-1", "L": _text(L)}
        assert G.training  # as it was
        G.eval()
        with torch.no_grad():
            ab, logits = G(L)
        assert colouring.answer["id"] == "a-1"
        assert torch.equal(numbers(colouring.answer["ab"]), ab.flatten())
        assert torch.allclose(numbers(colouring.answer["y"]), logits[0].softmax(0))

    @pytest.mark.parametrize(
        "sent", [None, "", "####", _text(torch.zeros(31 * 32)), _text(torch.full((1024,), torch.nan))]
    )
    def test_what_is_no_lightness_is_answered_too(self, colouring, sent):
        colouring.asked = {"id": "a-2"} if sent is None else {"id": "a-2", "L": sent}
        assert colouring.answer["id"] == "a-2" and len(colouring.answer["error"].splitlines()) == 1


class TestPage:
    def test_grey_coloured_and_original_side_by_side(self, colouring, G):
        html = colouring._repr_mimebundle_()[0]["text/html"]
        fixed = html[html.index('data-part="picture"') : html.index("<script")]
        found = dict(re.findall(r'<img src="([^"]+)"\s+alt="([^"]+)"', fixed))
        assert list(found.values()) == ["blobs, grey", "blobs, coloured", "blobs, original"]
        grey, coloured, original = map(cell_of, found)
        assert (grey == grey[..., :1]).all() and np.array_equal(original, cell_of(colouring.pictures[0]))
        expected = gi.colorize.colorize(G, smooth(3, 40, 56)[None])[0].permute(1, 2, 0).numpy()
        assert np.abs(coloured / 255 - expected).mean() < 0.02
        assert "a picture of your own" in fixed

    def test_a_grey_picture_has_no_original_colours(self, G):
        html = Colouring(G, {"old": smooth(1, 30, 20)}, WORDS)._repr_mimebundle_()[0]["text/html"]
        assert re.findall(r'alt="([^"]+)"', html[: html.index("<script")]) == ["old, grey", "old, coloured"]


@pytest.mark.parametrize(
    ("pictures", "words", "message"),
    [
        ({}, WORDS, "at least one picture"),
        ({" ": smooth(3, 9, 9)}, WORDS, "each by its name"),
        ({"x": smooth(3, 9, 9)}, (), "name the 2 classes"),
        ({"x": smooth(3, 9, 9)[None]}, WORDS, r"picture 'x' must be \(3, h, w\)"),
        ({"x": 2 * smooth(3, 9, 9) - 1}, WORDS, r"float in \[0, 1\]"),
        ({"x": torch.full((1, 9, 9), torch.nan)}, WORDS, r"float in \[0, 1\]"),
        ({"x": torch.zeros(2, 9, 9)}, WORDS, "got"),
        ({"x": picture(3, 1400, 1400)}, WORDS, "pictures weigh"),
    ],
)
def test_bad_input(G, pictures, words, message):
    with pytest.raises(UsageError, match=message):
        Colouring(G, pictures, words)


def test_the_network_of_a_page_is_the_shipped_one():
    G, _ = gi.zoo.load("colours", kind="colours")
    module, inputs, outputs = GRAPHS["colours"]()
    L = picture(1, 128, 128)[None]
    assert list(inputs) == ["L"] and inputs["L"].shape == L.shape and outputs == ("ab", "y")
    with torch.no_grad():
        (ab, y), said = module(L), G(L)
    assert torch.allclose(ab, said.ab, atol=2e-6)  # batch normalisation is a product and a sum there, rounded elsewhere
    assert torch.allclose(y, said.logits.softmax(1), atol=1e-6)


def test_a_page_has_one_matrix_for_several(G):
    module = LivePage(G)
    L = picture(1, 32, 32)[None]
    with torch.no_grad():
        (ab, y), said = module(L), G(L)
    assert torch.equal(ab, said.ab)
    assert torch.allclose(y, said.logits.softmax(1), atol=1e-3)  # three matrices in one, in half precision
    assert sum(w.numel() for w in module.parameters()) < sum(w.numel() for w in G.parameters())


def test_a_page_must_colour_with_the_same_network(G):
    with pytest.raises(UsageError, match="did you mean 'colours'"):
        Colouring(G, {"x": smooth(3, 9, 9)}, WORDS, live="colour")
    other = chromagan(size=64, width=2, classes=6, seed=0)[0]
    for network, words in ((G, WORDS), (other, SCENES)):
        with pytest.raises(UsageError, match="live 'colours' does not give the colours of this network"):
            Colouring(network, {"x": smooth(3, 9, 9)}, words, live="colours")
    shipped = gi.zoo.load("colours", kind="colours")[0]
    thousand = [f"word {k}" for k in range(1000)]
    assert Colouring(shipped, {"x": smooth(3, 9, 9)}, thousand, live="colours").live == "colours"


def test_bins_of_chroma_are_refused():
    with pytest.raises(UsageError, match="12 logits per pixel"):
        Colouring(chromagan(size=32, width=2, classes=0, outputs=12, seed=0)[0], {"x": smooth(3, 9, 9)})


@pytest.fixture(scope="module")
def node():
    def run(expression, **inputs):
        values = "".join(f"const {name} = {json.dumps(value)};" for name, value in inputs.items())
        return printed(f'import * as it from "{address(MODULE)}"; {values} console.log(JSON.stringify({expression}))')

    return run


def rgba(x):
    """(3, h, w) in [0, 1] → the bytes of a canvas, and those bytes as a picture (1, 3, h, w)."""
    data = (x * 255).round().byte()
    full = torch.cat([data, torch.full_like(data[:1], 255)])
    return full.permute(1, 2, 0).flatten().tolist(), data[None].float() / 255


class TestModule:
    def test_needs_nothing_from_outside(self):
        assert not re.search(r"^\s*import\b|\bimport\(|\bfetch\(|https?://", MODULE.removeprefix(SHARED), re.M)

    def test_lightness(self, node):
        data, x = rgba(picture(3, 7, 9))
        found = torch.tensor(node("[...it.lightness(data)]", data=data)).view(1, 1, 7, 9)
        assert torch.allclose(found, gi.color.lightness(x), atol=1e-3)

    @pytest.mark.parametrize(("h", "w"), [(16, 16), (40, 25), (97, 33), (16, 60), (5, 9), (1, 40)])
    def test_shrink(self, node, h, w):
        L = 100 * picture(1, h, w)[None]
        found = node(f"[...it.shrink(Float32Array.from(L), {w}, {h}, 16)]", L=L.flatten().tolist())
        assert torch.allclose(torch.tensor(found).view(1, 1, 16, 16), gi.colorize.shrink(L, 16), atol=1e-3)

    @pytest.mark.parametrize(("h", "w"), [(16, 16), (40, 25), (33, 97), (3, 9)])
    @pytest.mark.parametrize("more", [0.0, 1.0, 3.0])
    def test_merge(self, node, h, w, more):
        L, ab = 100 * picture(1, h, w)[None], 120 * (picture(2, 16, 16, seed=1)[None] - 0.5)
        small = gi.colorize.shrink(L, 16)
        found = node(
            f"[...it.merge(L, {w}, {h}, it.guided(small, ab, 16), 16, {more})]",
            L=L.flatten().tolist(), small=small.flatten().tolist(), ab=ab.flatten().tolist(),
        )  # fmt: skip
        found = torch.tensor(found).view(h, w, 4)
        expected = 255 * gi.colorize.merge(L, more * gi.colorize.guided(small, ab))[0].permute(1, 2, 0)
        assert (found[..., 3] == 255).all()
        assert (found[..., :3] - expected).abs().max() < 1.1  # rounding, float32 there, and a table of 65,536 entries
        assert more < 3 or (expected == 255).any()  # some of it is clipped

    def test_black_and_white_and_one_pixel(self, node):
        assert node("[...it.merge([0, 100], 2, 1, [0, 0, 0, 0], 1)]") == [0, 0, 0, 255, 255, 255, 255, 255]

    def test_grey(self, node):
        data, x = rgba(picture(3, 7, 9))
        found = torch.tensor(node("[...it.grey(it.lightness(data))]", data=data)).view(7, 9, 4)
        assert (found[..., :3] == found[..., :1]).all() and (found[..., 3] == 255).all()
        assert (found[..., :3] - 255 * gi.color.grey(x)[0].permute(1, 2, 0)).abs().max() < 0.6

    def test_grey_is_no_colour(self, node):
        assert node("[[7, 7, 7, 255, 0, 0, 0, 0], [7, 7, 7, 255, 7, 7, 8, 255], [7, 8, 7, 9]].map(it.hasColour)") == [
            False, True, True
        ]  # fmt: skip

    def test_belief(self, node):
        words = ["sea", "sky", "street"]
        assert node("it.belief([0.25, 0.7, 0.05], words)", words=words) == "sky 70 %, sea 25 %"

    def test_numbers_travel(self, node):
        values = picture(1, 64, 64).flatten()
        assert node("it.packed(it.unpacked(text))", text=_text(values)) == _text(values)
        assert node("[...it.unpacked('')]") == []
