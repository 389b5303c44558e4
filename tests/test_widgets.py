"""The widgets' page part, and the mathematics of two_laws.js against the package's own."""

from __future__ import annotations

import base64
import io
import json
import math
import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from javascript import NODE, address, printed
from PIL import Image

import genimg
from genimg import divergence, transport
from genimg._base.errors import UsageError
from genimg.widgets import FrameSlider, TwoLaws
from genimg.widgets.page import module, page_html

FOLDER = Path(genimg.__file__).parent / "widgets"

GRID = torch.linspace(-6, 6, 241, dtype=torch.float64)
PAIRS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "gaussians": ({"kind": "gaussian", "mean": -1, "width": 1}, {"kind": "gaussian", "mean": 1, "width": 0.7}),
    "equal": ({"kind": "bumps", "mean": 0.5, "width": 1.5}, {"kind": "bumps", "mean": 0.5, "width": 1.5}),
    "bumps": ({"kind": "bumps", "mean": 0, "width": 2.5}, {"kind": "gaussian", "mean": 2.5, "width": 0.35}),
    "uniforms": ({"kind": "uniform", "mean": -0.33, "width": 1.2}, {"kind": "uniform", "mean": 0.41, "width": 2.0}),
    "disjoint": ({"kind": "uniform", "mean": -3, "width": 0.5}, {"kind": "uniform", "mean": 3, "width": 1}),
    "point and density": ({"kind": "point", "mean": 1.5, "width": 1}, {"kind": "gaussian", "mean": 0, "width": 1}),
    "two points": ({"kind": "point", "mean": -2, "width": 1}, {"kind": "point", "mean": 1.5, "width": 1}),
    "same point": ({"kind": "point", "mean": -2, "width": 1}, {"kind": "point", "mean": -2, "width": 2}),
}


def node(script: str) -> Any:
    """What an ES module that imports `two_laws.js` and `frames.js` prints, as JSON ("inf" for infinity)."""
    imports = "".join(
        f'import * as {name} from "{address(module(file))}";'
        for name, file in (("laws", "two_laws"), ("frames", "frames"))
    )
    code = imports + "const out = (x) => JSON.stringify(x, (k, v) => v === Infinity ? 'inf' : v);" + script
    return printed(code)


@pytest.fixture(scope="module")
def computed() -> dict[str, Any]:
    """Everything the page computes for each pair of laws, in one run of node."""
    return node(
        f"const pairs = {json.dumps(PAIRS)}; const result = {{}};"
        """for (const [name, [one, two]] of Object.entries(pairs)) {
          const a = laws.law(one), b = laws.law(two);
          result[name] = { p: a.p, q: b.p, x: laws.onLine(a), y: laws.onLine(b), values: laws.measure(a, b),
                           f: laws.potential(a, b), D: laws.hahn(a, b), pi: laws.coupling(a, b) };
        }
        console.log(out(result));"""
    )


def tensor(values: list[float]) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


@pytest.mark.parametrize("name", PAIRS)
class TestMathematics:
    def test_laws_are_laws(self, computed: dict[str, Any], name: str) -> None:
        for masses in (computed[name]["p"], computed[name]["q"]):
            assert min(masses) >= 0
            assert sum(masses) == pytest.approx(1, abs=1e-12)

    def test_divergences(self, computed: dict[str, Any], name: str) -> None:
        got, p, q = computed[name]["values"], tensor(computed[name]["p"]), tensor(computed[name]["q"])
        assert got["js"]["value"] == pytest.approx(float(divergence.js(p, q)), abs=1e-10)
        assert got["delta"]["value"] == pytest.approx(float(divergence.delta(p, q)), abs=1e-12)
        for key, expected in (("kl12", divergence.kl(p, q)), ("kl21", divergence.kl(q, p))):
            value = float(got[key]["value"])
            assert value == pytest.approx(float(expected), rel=1e-9, abs=1e-10), key

    def test_w1(self, computed: dict[str, Any], name: str) -> None:
        x, y = tensor(computed[name]["x"]), tensor(computed[name]["y"])
        assert computed[name]["values"]["w1"]["value"] == pytest.approx(transport.w1_1d(GRID, GRID, x, y), abs=1e-9)

    def test_the_coupling_is_one_and_optimal(self, computed: dict[str, Any], name: str) -> None:
        pi = torch.zeros(241, 241, dtype=torch.float64)
        for i, j, mass in computed[name]["pi"]:
            pi[i, j] += mass
        torch.testing.assert_close(pi.sum(1), tensor(computed[name]["x"]), atol=1e-12, rtol=0)
        torch.testing.assert_close(pi.sum(0), tensor(computed[name]["y"]), atol=1e-12, rtol=0)
        cost = float((pi * (GRID[:, None] - GRID[None]).abs()).sum())
        assert cost == pytest.approx(computed[name]["values"]["w1"]["value"], abs=1e-9)

    def test_the_potential_is_lipschitz_and_attains_w1(self, computed: dict[str, Any], name: str) -> None:
        f, x, y = (tensor(computed[name][key]) for key in ("f", "x", "y"))
        assert float((f.diff().abs() / 0.05).max()) <= 1 + 1e-9
        assert float(f @ x - f @ y) == pytest.approx(computed[name]["values"]["w1"]["value"], abs=1e-7)
        assert float(f @ x + f @ y) == pytest.approx(0, abs=1e-9)  # the constant genimg.numerics.transport chooses, too

    def test_the_hahn_critic_attains_twice_delta(self, computed: dict[str, Any], name: str) -> None:
        D, p, q = (tensor(computed[name][key]) for key in ("D", "p", "q"))
        assert set(D.tolist()) <= {-1.0, 0.0, 1.0}
        assert float(divergence.tv_dual(p, q, D)) == pytest.approx(
            2 * computed[name]["values"]["delta"]["value"], abs=1e-12
        )
        wrong = D != divergence.hahn(p, q)
        assert float((p + q)[wrong].sum()) < 1e-12  # only where exponentials are below rounding

    def test_the_bounds_hold(self, computed: dict[str, Any], name: str) -> None:
        for key, row in computed[name]["values"].items():
            assert float(row["low"]) - 1e-9 <= float(row["value"]) <= float(row["high"]) + 1e-9, key


class TestKnownAnswers:
    def test_two_points(self, computed: dict[str, Any]) -> None:
        values = {key: row["value"] for key, row in computed["two points"]["values"].items()}
        assert values["kl12"] == "inf" and values["kl21"] == "inf"
        assert values["js"] == pytest.approx(math.log(2))
        assert values["delta"] == 1
        assert values["w1"] == pytest.approx(3.5)

    def test_shifted_gaussians(self) -> None:
        got = node(
            """const a = laws.law({kind: "gaussian", mean: -0.5, width: 0.8});
            const b = laws.law({kind: "gaussian", mean: 0.5, width: 0.8});
            console.log(out([laws.kl(a, b), laws.delta(a, b), laws.w1(a, b)]));"""
        )
        normal = torch.distributions.Normal(0.0, 1.0)
        assert got[0] == pytest.approx(1 / (2 * 0.8**2), abs=1e-3)
        assert got[1] == pytest.approx(float(2 * normal.cdf(torch.tensor(0.625)) - 1), abs=1e-3)
        assert got[2] == pytest.approx(1.0, abs=1e-3)

    def test_far_gaussians_have_a_finite_kl_although_their_tails_underflow(self) -> None:
        got = node(
            """const a = laws.law({kind: "gaussian", mean: -4, width: 0.2});
            const b = laws.law({kind: "gaussian", mean: 4, width: 0.2});
            console.log(out([laws.kl(a, b), Math.min(...b.p.slice(0, 241))]));"""
        )
        assert got[1] == 0.0
        assert got[0] == pytest.approx(64 / (2 * 0.04), rel=1e-3)

    def test_play_returns_to_the_first_frame(self) -> None:
        assert node("console.log(out([0, 1, 2].map((value) => frames.next(value, 3))));") == [1, 2, 0]


def test_modules_need_nothing_from_outside() -> None:
    for file in ("two_laws.js", "frames.js"):
        source = (FOLDER / file).read_text("utf-8")
        assert not re.search(r"^\s*import\b|\bimport\(|\bfetch\(|https?://", source, re.M), file
        assert node(f"console.log(out(typeof {'laws' if 'laws' in file else 'frames'}.default.render))") == "function"


class TestPage:
    def test_text_that_would_end_the_script_cannot(self) -> None:
        html = page_html("export default {}", {"note": "</script><b>"}, "<img>")
        assert html.count("<b>") == 0
        data = re.search(r'data-part="state">(.*?)</script>', html)
        assert data is not None and json.loads(data[1]) == {"note": "</script><b>"}
        with pytest.raises(UsageError, match="</script"):
            page_html("const x = '</script>'", {}, "")

    def test_names_follow_from_content(self) -> None:
        def name(html: str) -> str:
            found = re.search(r'data-genimg="(\w+)"', html)
            assert found
            return found[1]

        one, same, other = (name(page_html("m", {"a": a}, "p")) for a in (1, 1, 2))
        assert one == same != other

    def test_the_host_script_is_javascript(self) -> None:
        host = re.findall(r'<script type="module">(.*?)</script>', page_html("m", {}, "p"), re.S)
        assert len(host) == 1
        done = subprocess.run(
            [NODE, "--input-type=module", "--check"], input=host[0], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr


def html_of(widget: Any) -> str:
    data, _ = widget._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    return str(data["text/html"])


class TestFrameSlider:
    frames = torch.stack([torch.full((1, 5, 6), level) for level in (-1.0, 0.0, 1.0)])

    def slider(self, **options: Any) -> FrameSlider:
        return FrameSlider(self.frames, captions=["a", "b", "c"], label="Grey levels", **options)

    def test_every_frame_is_in_the_page_pixel_by_pixel(self) -> None:
        data = re.search(r'data-part="state">(.*?)</script>', html_of(self.slider(scale=3)))
        assert data is not None
        state = json.loads(data[1])
        images = [np.asarray(Image.open(io.BytesIO(base64.b64decode(url.split(",")[1])))) for url in state["frames"]]
        assert [(image.shape, int(image[0, 0])) for image in images] == [((5, 6), 0), ((5, 6), 128), ((5, 6), 255)]
        assert (state["captions"], state["width"], state["sharp"]) == (["a", "b", "c"], 18, True)

    def test_the_film_strip_has_the_frames_in_order(self) -> None:
        picture = re.search(r'<img src="data:image/png;base64,([^"]+)" alt="([^"]+)"', html_of(self.slider(scale=1)))
        assert picture is not None
        sheet = np.asarray(Image.open(io.BytesIO(base64.b64decode(picture[1]))))
        assert sheet.shape == (5, 6 * 3 + 2)
        assert sheet[2].tolist() == [0] * 6 + [255] + [128] * 6 + [255] + [255] * 6
        assert picture[2] == "Grey levels; frames: a, b, c"

    def test_twice_the_same_bytes_and_no_addresses(self) -> None:
        assert html_of(self.slider()) == html_of(self.slider())
        assert repr(self.slider()) == "FrameSlider(3 frames, 'Grey levels')"
        assert self.slider()._repr_mimebundle_()[0]["text/plain"] == repr(self.slider())

    def test_value_stays_inside(self) -> None:
        slider = self.slider()
        slider.value = 99
        assert slider.value == 2

    def test_the_module_is_what_jupyter_gets(self) -> None:
        assert str(self.slider()._esm) == module("frames")

    @pytest.mark.parametrize(
        ("frames", "captions", "label", "message"),
        [
            ([torch.zeros(1, 4, 4), torch.zeros(1, 5, 4)], ["a", "b"], "x", "one size"),
            ([], [], "x", "at least one"),
            ([torch.zeros(1, 4, 4)], ["a", "b"], "x", "one entry per frame"),
            ([torch.zeros(1, 4, 4)], ["a"], " ", "label must say"),
            ([torch.full((1, 4, 4), 7.0)], ["a"], "x", "images must be"),
        ],
    )
    def test_bad_input(self, frames: list[torch.Tensor], captions: list[str], label: str, message: str) -> None:
        with pytest.raises(UsageError, match=message):
            FrameSlider(frames, captions, label)

    def test_too_heavy_for_a_page(self) -> None:
        noise = torch.randint(0, 256, (8, 3, 300, 300), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
        with pytest.raises(UsageError, match="MB in the page"):
            FrameSlider(noise, captions=list("abcdefgh"), label="noise")


class TestTwoLaws:
    def test_the_fixed_picture_says_the_same_numbers_as_the_package(self) -> None:
        html = html_of(TwoLaws())
        assert "JS 0.34, total variation 0.68, W1 2.00" in html  # delta of N(-1,1), N(1,1) is 2 Phi(1) - 1
        picture = html.split('<script type="application/json"')[0]
        assert picture.count("<svg ") == 1 and picture.count("<path ") == 5 and 'role="img"' in picture

    @pytest.mark.parametrize("name", PAIRS)
    def test_picture_and_module_agree(self, computed: dict[str, Any], name: str) -> None:
        values = {key: row["value"] for key, row in computed[name]["values"].items()}
        words = f"JS {values['js']:.2f}, total variation {values['delta']:.2f}, W1 {values['w1']:.2f}"
        assert words in html_of(TwoLaws(*PAIRS[name]))

    def test_twice_the_same_bytes_and_no_addresses(self) -> None:
        assert html_of(TwoLaws()) == html_of(TwoLaws())
        assert repr(TwoLaws(second={"kind": "point"})) == "TwoLaws(gaussian at -1, point at 1)"

    @pytest.mark.parametrize(
        ("first", "message"),
        [
            ({"kind": "gausian"}, "did you mean 'gaussian'"),
            ({"mean": 5}, "mean must be between -4 and 4"),
            ({"width": 0}, "width must be between"),
            ({"sd": 1}, "not 'sd'"),
        ],
    )
    def test_bad_input(self, first: dict[str, Any], message: str) -> None:
        with pytest.raises(UsageError, match=message):
            TwoLaws(first)
