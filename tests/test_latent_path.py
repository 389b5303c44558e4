"""The widget for walks between two latents."""

import base64
import json
import re
import shutil
import subprocess

import numpy as np
import pytest
import torch

from genimg.checks import UsageError
from genimg.interpolation import linear, spherical
from genimg.widgets import LatentPath
from genimg.widgets.page import module
from genimg.widgets.wire import cell_of

MODULE, SHARED = module("latent_path"), module()
NODE = shutil.which("node")
needs_node = pytest.mark.skipif(
    NODE is None, reason="node runs the widgets' JavaScript; on Debian: apt-get install nodejs"
)
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


@needs_node
def test_lines_share_one_scale():
    source = MODULE.removeprefix(SHARED)
    assert not re.search(r"^\s*import\b|\bimport\(|\bfetch\(|https?://", source, re.M)
    data = base64.b64encode(source.encode()).decode()
    code = f'import * as it from "data:text/javascript;base64,{data}";'
    code += "console.log(JSON.stringify([it.heights([[0, 1], [4, 2]]), it.heights([[3, 3]])]))"
    done = subprocess.run([NODE, "--input-type=module"], input=code, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [[[0, 0.25], [1, 0.5]], [[0.5, 0.5]]]
