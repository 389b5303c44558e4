"""The trunk that knows ImageNet, its features on disk, and chroma that keeps to the edges of L."""

import numpy as np
import pytest
import torch

import genimg as gi
from genimg import colorize
from genimg._base.errors import UsageError
from genimg.gan.networks import EfficientNetLite0, LiteGenerator, chromagan, load_efficientnet, load_trunk


@pytest.fixture(scope="module")
def network():
    with gi.seeding.seeded(0):
        return EfficientNetLite0().eval()


@pytest.fixture
def images():
    return torch.randint(0, 256, (5, 3, 64, 64), generator=gi.rng(0), dtype=torch.uint8)


def test_its_sizes_are_the_published_ones(network):
    assert sum(p.numel() for p in network.parameters()) == 4_652_008


def test_weights_go_in_by_their_order(network):
    other = load_efficientnet({f"x{i}": value for i, value in enumerate(network.state_dict().values()) if value.ndim})
    x = torch.rand(1, 3, 64, 64, generator=gi.rng(1))
    assert torch.equal(other(x).logits, network(x).logits)
    with pytest.raises(UsageError, match="not those of EfficientNet-Lite0"):
        load_efficientnet({"x": torch.zeros(3)})


@pytest.mark.skipif(not gi.zoo.pretrained(), reason="needs the extra `pretrained`")
def test_the_published_weights_know_a_cat():
    from skimage.data import chelsea

    cat = torch.from_numpy(chelsea()[:, 75:375].copy()).permute(2, 0, 1)[None].float() / 255
    y = gi.zoo.efficientnet()(torch.nn.functional.interpolate(cat, (224, 224), mode="bilinear")).logits.softmax(1)
    assert float(y[0, 281:286].sum()) > 0.5  # ImageNet's five cats: tabby to Egyptian


def test_features_are_what_the_trunk_gives(tmp_path, network, images):
    law = colorize.Features(colorize.look(network, images, tmp_path / "f", batch=2), gi.rng(0))
    found = law.at(np.arange(5))
    L = gi.color.scale_l(gi.color.lightness(images.float() / 255))
    with torch.no_grad():
        seen = network(L.expand(-1, 3, -1, -1))
    for mine, own in zip(found.seen, seen.features, strict=True):
        assert mine.shape == own.shape
        assert torch.nn.functional.cosine_similarity(mine.float().flatten(), own.flatten(), dim=0) > 0.99  # bfloat16
    ab = gi.color.rgb_to_lab(images.float() / 255)[:, 1:]
    small = gi.color.scale_ab(torch.nn.functional.avg_pool2d(ab, 4))
    torch.testing.assert_close(found.ab, small, atol=1e-3, rtol=0)
    assert torch.allclose(colorize.mean_ab(law), ab.mean((0, 2, 3)), atol=0.1)
    with pytest.raises(UsageError, match="no complete features"):
        colorize.Features(tmp_path, gi.rng(0))


def test_a_decoder_learns_from_features_and_colours_pictures(tmp_path, network, images):
    law = colorize.Features(colorize.look(network, images, tmp_path / "f"), gi.rng(0))
    G, D = chromagan(64, 8, 1000, seed=0, trunk="efficientnet-lite0")
    load_trunk(G, network)
    frozen = {name: value.clone() for name, value in G.trunk.state_dict().items()}
    objective = colorize.ChromaObjective(adversarial=0.1, penalty_of="rms")
    steps = list(colorize.colour_steps(G, D, law, objective, steps=6, rng=gi.rng(1), batch=4, lr=2e-3))
    assert steps[-1].error < steps[0].error or steps[-1].classes < steps[0].classes
    assert all(torch.equal(value, frozen[name]) for name, value in G.trunk.state_dict().items())
    assert isinstance(G, LiteGenerator) and G(torch.rand(2, 1, 64, 64)).ab.shape == (2, 2, 64, 64)
    assert colorize.colorize(G, torch.rand(1, 1, 50, 90)).shape == (1, 3, 50, 90)


def test_another_trunk_is_refused(network):
    with pytest.raises(UsageError, match="another trunk"):
        load_trunk(chromagan(32, 4, 0, seed=0)[0], network)
    with pytest.raises(UsageError, match="multiple of 8"):
        chromagan(32, 4, 0, trunk="efficientnet-lite0")


def test_one_colour_stays_as_it_is_at_any_size():
    L = 100 * torch.rand(1, 1, 16, 16, generator=gi.rng(0))
    ab = torch.tensor([12.0, -7.0]).reshape(1, 2, 1, 1).expand(1, 2, 16, 16)
    fit = colorize.guided(L, ab)
    assert torch.allclose(fit[:, :2], ab, atol=1e-2) and float(fit[:, 2:].abs().max()) < 1e-3
    large = 100 * torch.rand(1, 1, 40, 31, generator=gi.rng(1))
    assert torch.allclose(colorize.merge(large, fit), colorize.merge(large, ab), atol=2e-3)


def test_colours_keep_to_an_edge_that_small_chroma_cannot_show():
    L = torch.full((1, 1, 64, 64), 30.0)
    L[..., 32:] = 70.0
    ab = torch.zeros(1, 2, 64, 64)
    ab[:, 0, :, 32:] = 40.0
    small = torch.nn.functional.avg_pool2d(ab, 8)
    wide = torch.nn.functional.interpolate(small, (64, 64), mode="bilinear")
    fit = colorize.guided(L, wide)
    off = [(x - ab).square().mean() for x in (wide, fit[:, :2] + fit[:, 2:] * L)]
    assert off[1] < 0.7 * off[0]
