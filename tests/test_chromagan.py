"""ChromaGAN's networks: the published sizes, Keras's padding and constants, and what a critic must not contain."""

import math
import urllib.error

import pytest
import torch
from torch import nn
from torch.nn.functional import conv2d, leaky_relu, pad

import genimg as gi
from genimg._base.errors import UsageError
from genimg.gan.networks import chromagan, load_vgg16


def small(size=32, width=8, classes=5, seed=0, **options):
    return chromagan(size=size, width=width, classes=classes, seed=seed, **options)


def lightness(n=2, size=32, seed=0):
    return torch.rand(n, 1, size, size, generator=gi.rng(seed))


def count(network):
    return sum(p.numel() for p in network.parameters())


def same(x, weight, bias, stride):
    """A convolution with TensorFlow's "same" padding, from its rule: ⌈n / s⌉ outputs, the odd pixel at the end."""
    sides = []
    for n, k in zip(x.shape[2:], weight.shape[2:], strict=True):
        total = max((math.ceil(n / stride) - 1) * stride + k - n, 0)
        sides = [total // 2, total - total // 2, *sides]  # pad() takes the last axis first
    return conv2d(pad(x, sides), weight, bias, stride)


def test_the_published_sizes():
    with torch.device("meta"):
        G, D = chromagan()
    parts = {name: round(count(part) / 1e6, 2) for name, part in G.named_children() if count(part)}
    assert parts == {
        "trunk": 7.64, "shared": 9.44, "whole": 26.35, "classifier": 123.64, "middle": 3.54, "decoder": 0.56,
    }  # fmt: skip
    assert count(G) == 171_166_090 and count(G) - count(G.classifier) == 47_523_234 and count(D) == 2_764_737
    with torch.device("meta"):
        assert count(chromagan(classes=0)[0]) == 47_523_234


def test_the_published_shapes():
    with torch.device("meta"):
        G, D = chromagan()
        L = torch.empty(1, 1, 224, 224)
        out = G(L)
        assert G.trunk(torch.empty(1, 3, 224, 224)).shape == (1, 512, 28, 28)
        assert out.ab.shape == (1, 2, 224, 224) and out.logits.shape == (1, 1000)
        assert D(L, out.ab).shape == (1, 1, 28, 28)


@pytest.mark.parametrize(("size", "width", "classes"), [(32, 2, 3), (64, 6, 1), (96, 8, 0)])
def test_other_sizes_and_widths(size, width, classes):
    G, D = small(size, width, classes)
    L = lightness(size=size)
    out = G(L)
    assert out.ab.shape == (2, 2, size, size) and 0 <= float(out.ab.detach().min()) <= float(out.ab.detach().max()) <= 1
    assert (out.logits is None) if classes == 0 else (out.logits.shape == (2, classes))
    assert D(L, out.ab).shape == (2, 1, size // 8, size // 8)


def test_half_the_width_is_half_the_channels_everywhere():
    with torch.device("meta"):
        whole, half = (chromagan(width=width) for width in (64, 32))
    for a, b in zip(whole, half, strict=True):
        for (name, p), q in zip(a.named_parameters(), b.parameters(), strict=True):
            fixed = (1, 2, 3, 4, 1000)  # inputs, outputs and kernels
            for m, n in zip(p.shape, q.shape, strict=True):
                assert n == (m if m in fixed else m // 2), name


@pytest.mark.parametrize("arguments", [{"size": 48}, {"size": 0}, {"width": 7}, {"width": 0}, {"outputs": 1}])
def test_impossible_networks_are_refused(arguments):
    with pytest.raises(UsageError, match=next(iter(arguments))):
        small(**arguments)


def test_an_unknown_upsampling_and_another_shape_are_refused():
    with pytest.raises(UsageError, match="did you mean 'nearest'"):
        small(upsample="nearst")
    G, _ = small()
    for wrong in (torch.zeros(1, 1, 64, 64), torch.zeros(1, 3, 32, 32), torch.zeros(1, 1, 32, 40)):
        with pytest.raises(UsageError, match=r"takes L \(n, 1, 32, 32\)"):
            G(wrong)


def test_stride_two_pads_an_even_side_at_its_end():
    """A delta in the corner meets the kernel's corner; padding of one pixel on each side would show its centre."""
    G, _ = small()
    padding, convolution = G.shared[:2]
    assert convolution.stride == (2, 2)
    with torch.no_grad():
        convolution.weight.copy_(torch.arange(1.0, 10).reshape(3, 3))
        x = torch.zeros(1, convolution.in_channels, 4, 4)
        x[0, 0, 0, 0] = 1
        assert convolution(padding(x))[0, 0].tolist() == [[1, 0], [0, 0]]
        x = x.roll((3, 3), (2, 3))  # the other corner: seen by the last window in its middle
        assert convolution(padding(x))[0, 0].tolist() == [[0, 0], [0, 5]]


def test_every_convolution_pads_as_keras_does():
    G, D = small()
    rng = gi.rng(3)
    with torch.no_grad():
        x = torch.randn(2, 64, 8, 8, generator=rng)
        layers = [m for m in G.shared if isinstance(m, nn.Conv2d)]
        strides, mine, theirs = [m.stride[0] for m in layers], x, x
        for layer, padding in zip(layers, [G.shared[0], None, G.shared[7], None], strict=True):
            mine = layer(mine if padding is None else padding(mine))
            theirs = same(theirs, layer.weight, layer.bias, layer.stride[0])
        assert strides == [2, 1, 2, 1] and mine.shape == (2, 64, 2, 2) and torch.allclose(mine, theirs, atol=1e-5)

        L, ab = lightness(), torch.rand(2, 2, 32, 32, generator=rng)
        for layer in D.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.normal_(layer.bias, generator=rng)
        y = torch.cat([L, ab], 1)
        layers = [m for m in D.modules() if isinstance(m, nn.Conv2d)]
        for k, layer in enumerate(layers):
            y = same(y, layer.weight, layer.bias, 2 if k < 3 else 1)
            y = y if k == 4 else leaky_relu(y, 0.3)
        assert torch.allclose(D(L, ab), y, atol=1e-5)


def test_constants_of_keras():
    G, _ = small()
    norms = [m for m in G.modules() if isinstance(m, nn.BatchNorm2d)]
    assert len(norms) == 6 and all((m.eps, m.momentum) == (1e-3, 0.01) for m in norms)
    for part in (G.shared, G.middle):
        kinds = [type(m).__name__ for m in part if not isinstance(m, nn.ZeroPad2d | nn.Flatten)]
        assert kinds == ["Conv2d", "ReLU", "BatchNorm2d"] * (len(kinds) // 3)
    assert not [m for part in (G.trunk, G.decoder) for m in part.modules() if isinstance(m, nn.BatchNorm2d)]


def test_weights_start_as_glorot_says():
    G, D = small(width=16)
    for network in (G, D):
        for layer in network.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                assert not layer.bias.any()
                taps = layer.weight[0, 0].numel() if isinstance(layer, nn.Conv2d) else 1
                bound = math.sqrt(6 / ((layer.weight.shape[0] + layer.weight.shape[1]) * taps))
                assert 0.8 * bound < float(layer.weight.detach().abs().max()) <= bound


def test_the_critic_has_no_norm_and_no_bounded_output():
    _, D = small()
    kinds = {type(m).__name__ for m in D.layers}
    assert kinds == {"Conv2d", "LeakyReLU", "ZeroPad2d"}
    assert isinstance(D.layers[-1], nn.Conv2d)
    L, ab = lightness(4), torch.rand(4, 2, 32, 32, generator=gi.rng(1))
    one_by_one = torch.cat([D(a[None], b[None]) for a, b in zip(L, ab, strict=True)])
    assert torch.allclose(D.train()(L, ab), one_by_one, atol=1e-6)
    assert float((D(1000 * L, ab) - D(L, ab)).detach().abs().max()) > 10


def test_no_activation_between_the_linear_layers():
    G, _ = small()
    for part in (G.whole, G.classifier):
        x, y = torch.randn(2, part[0].in_features, generator=gi.rng(0)).split(1)
        assert torch.allclose(part(x) + part(y), part(x + y) + part(0 * x), atol=1e-5)


def test_the_critic_sees_lightness_first_then_a_and_b():
    _, D = small()
    with torch.no_grad():
        D.layers[0].weight[:, 1:] = 0  # now blind to a and b
    L, ab = lightness(), torch.rand(2, 2, 32, 32, generator=gi.rng(1))
    assert torch.equal(D(L, ab), D(L, 0 * ab)) and not torch.equal(D(L, ab), D(0 * L, ab))


def test_published_chroma_comes_in_blocks_and_bilinear_does_not():
    L = lightness()
    blocks, smooth = (small(upsample=u)[0].eval()(L).ab.detach() for u in ("nearest", "bilinear"))
    assert torch.equal(blocks[..., ::2, ::2], blocks[..., 1::2, 1::2])
    assert not torch.equal(smooth[..., ::2, ::2], smooth[..., 1::2, 1::2])
    assert torch.allclose(blocks.mean((2, 3)), smooth.mean((2, 3)), atol=0.02)


def test_normalisation_is_part_of_the_network_and_not_of_its_state():
    L = lightness()
    plain, normal = (small(normalise=flag)[0].eval() for flag in (False, True))
    assert set(plain.state_dict()) == set(normal.state_dict())
    seen = []
    for G in (plain, normal):
        G.trunk.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
        G(L)
    assert torch.equal(seen[0], L.expand(-1, 3, -1, -1))
    expected = [(L[:, 0] - m) / s for m, s in ((0.485, 0.229), (0.456, 0.224), (0.406, 0.225))]
    assert torch.allclose(seen[1], torch.stack(expected, 1))


def test_the_class_branch_can_be_skipped_and_changes_no_colour():
    G, _ = small()
    G.eval()
    both = G(lightness())
    G.classifier.register_forward_pre_hook(lambda *_: pytest.fail("the class branch was run"))
    only = G(lightness(), classes=False)
    assert only.logits is None and torch.equal(only.ab, both.ab)


def test_bins_of_chroma_are_logits_at_half_the_size():
    G, _ = small(outputs=11)
    out = G(lightness())
    assert out.ab.shape == (2, 11, 16, 16) and float(out.ab.detach().min()) < 0


def test_under_autocast_chroma_is_float32_and_finely_graded():
    G, _ = small()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        ab = G.eval()(lightness()).ab
    assert ab.dtype == torch.float32
    assert not torch.equal(ab, ab.bfloat16().float())


def test_the_seed_decides_the_weights():
    a, b, c = (small(seed=s) for s in (1, 1, 2))
    for k in (0, 1):
        x, y, z = (next(p for p in pair[k].parameters()) for pair in (a, b, c))
        assert torch.equal(x, y) and not torch.equal(x, z)


@pytest.fixture(scope="module")
def vgg():
    """The first 23 layers of torchvision's VGG16 with small random weights and biases, and its state by its names."""
    from torchvision.models.vgg import cfgs, make_layers

    features = make_layers(cfgs["D"])[:23]
    rng = gi.rng(0)
    for p in features.parameters():
        nn.init.normal_(p, std=0.03, generator=rng)
    return features, {f"features.{name}": value for name, value in features.state_dict().items()}


def test_vgg16_fits_the_trunk_by_name_and_gives_what_vgg16_gives(vgg):
    features, state = vgg
    G, _ = chromagan(size=32, classes=0)
    rest = G.shared[1].weight.detach().clone()
    classifier = {"classifier.0.weight": torch.zeros(1), "features.24.weight": torch.zeros(1)}  # more of VGG16, unused
    assert load_vgg16(G, state | classifier) is G
    x = torch.rand(1, 3, 32, 32, generator=gi.rng(1))
    assert torch.equal(G.trunk(x), features(x)) and torch.equal(rest, G.shared[1].weight)


def test_weights_that_do_not_fit_are_refused(vgg):
    _, state = vgg
    with pytest.raises(UsageError, match="not of width 64.*size mismatch"):
        load_vgg16(small()[0], state)
    with pytest.raises(UsageError, match=r"not those of VGG16.*features\.0\.weight"):
        load_vgg16(small()[0], {"layer1.weight": torch.zeros(1)})


@pytest.mark.parametrize("error", [urllib.error.URLError("no host"), RuntimeError("invalid hash value")])
def test_a_failed_download_says_so_in_one_line(monkeypatch, error):
    from torchvision.models import VGG16_Weights

    def fails(self, *args, **kwargs):
        raise error

    monkeypatch.setattr(VGG16_Weights, "get_state_dict", fails)
    with pytest.raises(UsageError, match="cannot be downloaded.*train from scratch") as caught:
        load_vgg16(small()[0])
    assert "\n" not in str(caught.value)
