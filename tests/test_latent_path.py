"""The widget for walks between two latents."""

import json
import re

import numpy as np
import pytest
import torch
from javascript import evaluated

import genimg as gi
from genimg._base.errors import UsageError
from genimg.numerics.interpolation import linear, spherical
from genimg.widgets import LatentPath
from genimg.widgets.page import module
from genimg.widgets.wire import cell_of

MODULE, SHARED = module("latent_path"), module()
FRAMES = {"one": torch.zeros(3, 1, 4, 5), "two": torch.ones(3, 1, 4, 5)}
SCORES = {"one": [0.0, 1.0, 2.0], "two": torch.tensor([1 / 3, 2 / 3, 1])}


def html_of(widget):
    return widget._repr_mimebundle_()[0]["text/html"]


def path(**options):
    return LatentPath(**({"frames": FRAMES, "label": "Greys", "scores": SCORES} | options))


def test_both_ways_are_in_the_page():
    html = html_of(path(scale=3, score="level"))
    state = json.loads(re.search(r'data-part="state">(.*?)</script>', html)[1])
    assert state["ways"] == ["one", "two"] and state["size"] == [12, 15] and state["score"] == "level"
    assert [[int(cell_of(url)[0, 0, 0]) for url in way] for way in state["frames"]] == [[128] * 3, [255] * 3]
    assert state["scores"] == [[0.0, 1.0, 2.0], [0.3333, 0.6667, 1.0]]


def test_between_two_latents():
    a, b = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 0.5])
    walk = LatentPath.between(lambda z: z.view(-1, 1, 1, 2), a, b, "pairs", critic=lambda x: x.sum((1, 2, 3)), steps=3)
    for way, function in zip(walk.scores, (linear, spherical), strict=True):
        assert way == pytest.approx(function(a, b, torch.linspace(0, 1, 3)).sum(1).tolist(), abs=1e-3)
    middle = cell_of(walk.frames[1][1])[0, :, 0]
    assert np.array_equal(middle, ((spherical(a, b, 0.5) + 1) * 127.5 + 0.5).floor())


def test_the_fixed_picture_has_a_film_of_each_way():
    html = html_of(path())
    picture = html.split("<script")[0]
    assert picture.count("<img") == 2 and 'alt="Greys, two: from t = 0 to t = 1"' in picture


def test_twice_the_same_bytes_and_no_addresses():
    assert html_of(path()) == html_of(path())
    assert repr(path()) == "LatentPath(3 frames, one or two, 'Greys')"


def test_the_state_stays_inside():
    walk = path(way="two")
    walk.value = 99
    assert (walk.way, walk.value) == ("two", 2)
    with pytest.raises(UsageError, match="one, two"):
        walk.way = "three"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"frames": {}}, "at least one way"),
        ({"frames": {"one": torch.zeros(2, 1, 4, 4), "two": torch.zeros(3, 1, 4, 4)}}, "one shape"),
        ({"label": ""}, "label must say"),
        ({"scores": {"one": [1, 2, 3]}}, "one line for each of one, two"),
        ({"scores": {"one": [1, 2], "two": [1, 2, 3]}}, "3 finite numbers"),
        ({"scores": {"one": [1, 2, float("nan")], "two": [1, 2, 3]}}, "3 finite numbers"),
    ],
)
def test_bad_input(options, message):
    with pytest.raises(UsageError, match=message):
        path(**options)


def test_live_networks_must_be_those_of_the_pictures():
    G, D = gi.zoo.load("digits")
    score = gi.Detector.load("history-digits").score
    a, b = torch.randn(2, G.latent, generator=gi.rng(7))
    walk = LatentPath.between(G, a, b, "Two digits", critic=score, live="digits", steps=2)
    assert (walk.live, len(walk.ends)) == ("digits", 2)
    torch.testing.assert_close(torch.tensor(walk.ends), torch.stack([a, b]), atol=5e-5, rtol=0)
    assert '"live": "digits"' in html_of(walk)
    for options in ({"critic": D, "live": "digits"}, {"critic": score, "live": "faces"}):
        with pytest.raises(UsageError, match="networks are others"):
            LatentPath.between(G, a, b, "Two digits", steps=2, **options)
    with pytest.raises(UsageError, match="'digit' is unknown; did you mean 'digits'"):
        LatentPath.between(G, a, b, "Two digits", live="digit", steps=2)


class TestModule:
    def run(self, expression):
        assert not re.search(r"^\s*import\b|\bimport\(|\bfetch\(|https?://", MODULE.removeprefix(SHARED), re.M)
        return evaluated(MODULE, expression)

    def test_lines_share_one_scale(self):
        assert self.run("[0, 1, 4, 2].map((value) => it.height(value, 0, 4))") == [0, 0.25, 1, 0.5]
        assert self.run("it.height(3, 3, 3)") == 0.5

    def test_the_page_walks_as_python_does(self):
        a, b = torch.randn(2, 16, generator=gi.rng(1), dtype=torch.float64)
        pairs = [(a, b), (a, a * (1 + 1e-9)), (a, a), (a, 3 * a)]
        t = torch.linspace(0, 1, 5, dtype=torch.float64)
        ends = json.dumps([[one.tolist(), other.tolist()] for one, other in pairs])
        for name, function in (("straight", linear), ("onTheSphere", spherical)):
            found = self.run(f"{ends}.map(([a, b]) => {t.tolist()}.map((t) => it.{name}(a, b, t)))")
            expected = torch.stack([function(one, other, t) for one, other in pairs])
            torch.testing.assert_close(torch.tensor(found, dtype=torch.float64), expected, atol=1e-9, rtol=0)
