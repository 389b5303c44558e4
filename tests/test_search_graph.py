"""The search in the page: its gradient against autograd, its steps and its seam against the package."""

import json
from functools import partial
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from javascript import evaluated
from torch import nn

import genimg as gi
from genimg._base.errors import UsageError
from genimg.problems.inpaint import OURS, Formulation, Loss, blend, search_steps
from genimg.problems.inpaint.tones import show
from genimg.widgets import door
from genimg.widgets.live import GRAPHS
from genimg.widgets.live.encoder import Start
from genimg.widgets.live.pullback import pullback, traced
from genimg.widgets.live.search import Search

MODULE = Path(__file__).parents[1] / "genimg" / "widgets" / "latent_search.js"
seeds = st.integers(0, 2**31)
WEIGHTS = {
    "pixel": OURS.pixel, "gradient": OURS.gradient, "prior": OURS.prior, "far": 0.2,
}  # fmt: skip

LAYERS = {
    "linear": (nn.Linear(6, 5), (2, 6)),
    "unflatten": (nn.Unflatten(1, (2, 3)), (2, 6)),
    "flatten": (nn.Flatten(), (2, 3, 2, 2)),
    "group norm": (nn.GroupNorm(2, 4), (3, 4, 3, 5)),
    "relu": (nn.ReLU(), (2, 7)),
    "leaky relu": (nn.LeakyReLU(0.3), (2, 7)),
    "tanh": (nn.Tanh(), (2, 7)),
    "convolution": (nn.Conv2d(3, 4, 4, 2, 1), (2, 3, 6, 8)),
    "transposed": (nn.ConvTranspose2d(3, 4, 4, 2, 1), (2, 3, 5, 4)),
    "doubling": (nn.Upsample(scale_factor=2), (2, 3, 5, 4)),
    "convolution, same side": (nn.Conv2d(3, 4, 3, padding=1), (2, 3, 5, 4)),
}


@pytest.mark.parametrize("preset", gi.inpaint.PRESETS)
def test_the_start_of_the_page_is_that_of_the_package(preset):
    E, tones = gi.inpaint.Encoder.load("faces-encoder"), gi.inpaint.Tones.of(gi.zoo.load("faces")[0])
    colour = torch.rand(1, 3, 64, 64, generator=gi.rng(5)) * 2 - 1
    mask = gi.inpaint.masks.preset(preset, 64, seed=1)
    for y in (colour, colour[:, :1].expand(-1, 3, -1, -1) / 2):
        z, seen, *back = Start(E, tones)(mask, y)
        shown = show(y, mask, tones)
        assert torch.equal(z, E(shown.y, mask)) and torch.equal(seen, shown.y)
        assert [float(x) for x in back] == [float(x) for x in shown[1:]] and bool(shown.grey) == (y is not colour)
        assert torch.equal(z, Start(E, tones)(mask, torch.where(mask == 1, y, 0.9))[0])


def close(found, expected, share):
    """Each row to a share of its norm."""
    off = (found - expected).flatten(1).norm(dim=1)
    assert bool((off <= share * expected.flatten(1).norm(dim=1)).all()), (off, expected.flatten(1).norm(dim=1))


@settings(max_examples=10)
@given(seed=seeds)
@pytest.mark.parametrize("name", LAYERS)
def test_a_pullback_is_that_of_autograd(name, seed):
    layer, shape = LAYERS[name]
    layer = layer.double()
    rng = gi.rng(seed)
    for parameter in layer.parameters():
        parameter.data.normal_(generator=rng)
    x = torch.randn(shape, generator=rng, dtype=torch.float64, requires_grad=True)
    y, back = pullback(layer, x)
    v = torch.randn(y.shape, generator=rng, dtype=torch.float64)
    close(y, layer(x), 1e-12)
    close(back(v), torch.autograd.grad(layer(x), x, v)[0], 1e-12)


def test_a_layer_that_is_not_known():
    with pytest.raises(UsageError, match="no pullback is written for a layer of kind Softmax"):
        traced(nn.Sequential(nn.ReLU(), nn.Softmax(1)), torch.ones(1, 2))


def drawn_mask(rng, size):
    """A rectangle, and pixels at random."""
    mask = (torch.rand(size, size, generator=rng) < 0.9).float()
    top, left, height, width = torch.randint(1, size, (4,), generator=rng).tolist()
    mask[top : top + height, left : left + width] = 0
    return mask[None, None]


def by_autograd(G, D, z, mask, y, **weights):
    """(loss, slope) by `genimg.problems.inpaint` and autograd; n latents, one image."""
    z = z.clone().requires_grad_()
    values = Loss(D, y, mask, Formulation(**weights))(G(z), torch.zeros(len(z), dtype=torch.int64))
    return values.detach(), torch.autograd.grad(values.sum(), z)[0]


@settings(max_examples=10)
@given(seed=seeds, channels=st.sampled_from([1, 3]), weights=st.tuples(*[st.sampled_from([0.0, 0.1, 1.0])] * 4))
def test_loss_and_slope_are_those_of_the_package(seed, channels, weights):
    rng = gi.rng(seed)
    G, D = gi.networks.dcgan(latent=8, size=28, channels=channels, width=8, seed=seed)
    G, D = G.double().requires_grad_(False), D.double().requires_grad_(False)
    for layer in G.modules():
        if isinstance(layer, nn.GroupNorm):  # which begins with ones and zeros
            layer.weight.normal_(generator=rng)
            layer.bias.normal_(generator=rng)
    z = torch.randn(2, 8, generator=rng, dtype=torch.float64)
    y = torch.rand(1, channels, 28, 28, generator=rng, dtype=torch.float64) * 2 - 1
    mask, weights = drawn_mask(rng, 28), dict(zip(WEIGHTS, weights, strict=True))
    x, loss, slope = Search(G, D, **weights)(z, mask, y)
    expected, gradient = by_autograd(G, D, z, mask, y, **weights)
    assert torch.allclose(x, G(z), atol=1e-12) and torch.allclose(loss, expected, rtol=1e-9)
    close(slope, gradient, 1e-9)
    unseen = torch.where(mask == 1, y, -y)
    assert torch.equal(Search(G, D, **weights)(z, mask, unseen)[2], slope)


@pytest.mark.parametrize("preset", gi.inpaint.PRESETS)
def test_with_the_shipped_faces_to_float32(preset):
    G, D = gi.zoo.load("faces")
    rng = gi.rng(4)
    y, z = G(torch.randn(1, G.latent, generator=rng)), torch.randn(2, G.latent, generator=rng)
    mask = gi.inpaint.masks.preset(preset, 64, seed=1)
    with torch.no_grad():
        _, loss, slope = Search(G, D)(z, mask, y)
    expected, gradient = by_autograd(G, D, z, mask, y, **{**WEIGHTS, "far": OURS.far})
    assert torch.allclose(loss, expected, rtol=1e-5)
    close(slope, gradient, 1e-5)


def test_the_page_searches_as_the_recipe_of_the_faces_says():
    how = gi.zoo.recipe("faces")["search"]
    assert how == {"start": "encoder", "encoder": "faces-encoder", "lr": 0.03, "steps": door.STEPS, "far": 0.0}
    module, loss = GRAPHS["search"]().module, gi.inpaint.Search.of({"search": how}).formulation
    context = module.context
    assert loss == gi.inpaint.OURS
    assert (context.pixel, context.gradient, module.prior, context.far) == (
        loss.pixel, loss.gradient, loss.prior, loss.far,
    )  # fmt: skip
    source = MODULE.read_text("utf-8")
    assert f"steps = {how['steps']}, lr = {how['lr']}," in source
    assert f'model.get("live"), {how["steps"]}]' in source


@pytest.fixture(scope="module")
def node():
    return partial(evaluated, MODULE.read_text("utf-8"))


def listed(x):
    return json.dumps([round(value, 7) for value in x.double().flatten().tolist()])


class TestModule:
    @pytest.mark.parametrize("size", [(64, 64), (5, 7), (1, 9)])
    @pytest.mark.parametrize("channels", [1, 3])
    def test_the_seam_is_that_of_the_package(self, node, size, channels):
        rng = gi.rng(size[1] + channels)
        y, g = torch.rand(2, 1, channels, *size, generator=rng) * 2 - 1
        mask = (torch.rand(size, generator=rng) < 0.5).float()
        mask[: size[0] // 2, size[1] // 2 :] = 0  # also a large hole, at two borders
        mask[0, 0] = 1
        found = node(
            f"[...it.poisson(Float32Array.from({listed(y)}), Float32Array.from({listed(g)}),"
            f"Uint8Array.from({listed(mask)}), {list(size)})]"
        )
        expected = blend(y, g, mask)[2]
        assert (torch.tensor(found).view_as(y) - expected).abs().max() < 1e-4

    @pytest.mark.parametrize(("rate", "rests"), [(0.02, False), (0.1, True)])
    def test_its_steps_are_those_of_the_package(self, node, rate, rests):
        """A valley with walls of different height; with larger steps it comes to rest."""
        steepness, goal, start = torch.tensor([1.0, 30.0, 0.01]), torch.tensor([1.0, -2.0, 0.5]), torch.zeros(1, 1, 3)

        class Valley:
            formulation = Formulation()

            def __len__(self):
                return 1

            def __call__(self, x, image):
                return (steepness * (x - goal).square()).sum(1) + 1

        expected = [float(s.loss) for s in search_steps(nn.Identity(), Valley(), start, steps=150, lr=rate)]
        session = (
            "{ shape: () => [1, 3], run: async ({ z }) => { const off = z.data.map((v, i) => v - goal[i]);"
            "return { x: z, loss: { data: [1 + off.reduce((s, v, i) => s + steep[i] * v * v, 0)] },"
            "slope: { data: off.map((v, i) => 2 * steep[i] * v) } }; } }"
        )
        losses = node(
            f"(async () => {{ const [steep, goal] = [{listed(steepness)}, {listed(goal)}]; const found = [];"
            f"for await (const {{ step, loss, best }} of it.descend({session}, {{}}, {{ steps: 150, lr: {rate} }}))"
            "found.push([step, loss, best.loss]); return found; })()"
        )
        assert (len(expected) < 151) == rests
        assert [step for step, _, _ in losses] == list(range(len(expected)))
        assert torch.allclose(torch.tensor([loss for _, loss, _ in losses]), torch.tensor(expected), rtol=1e-3)
        assert losses[-1][2] == min(loss for _, loss, _ in losses)
