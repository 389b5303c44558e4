"""Networks: shapes, seeds, and what a critic under a gradient penalty must not contain."""

import pytest
import torch
from torch import nn

import genimg as gi
from genimg._base.errors import UsageError
from genimg.gan.networks import dcgan, mlp, resnet


@pytest.mark.parametrize("family", [dcgan, resnet])
@pytest.mark.parametrize(("size", "channels"), [(28, 1), (32, 3), (64, 3), (20, 2), (24, 1)])
def test_generator_and_critic_fit_each_other_at_any_size(family, size, channels):
    G, D = family(latent=5, size=size, channels=channels, width=8, seed=0)
    x = G(torch.randn(3, 5, generator=gi.rng(0))).detach()
    assert x.shape == (3, channels, size, size) and D(x).shape == (3,)
    assert float(x.min()) >= -1 and float(x.max()) <= 1
    assert torch.equal(D.end(D.features(x)).squeeze(1), D(x))


@pytest.mark.parametrize("arguments", [{"size": 30}, {"size": 7}, {"size": 27}, {"width": 12}, {"width": 0}])
@pytest.mark.parametrize("family", [dcgan, resnet])
def test_impossible_networks_are_refused(family, arguments):
    with pytest.raises(UsageError, match=f"{family.__name__}|size"):
        family(**arguments)


def test_the_critic_has_no_norm_and_no_bounded_output():
    _, D = dcgan(width=8, seed=0)
    assert not [m for m in D.modules() if "Norm" in type(m).__name__ or isinstance(m, nn.Sigmoid | nn.Tanh)]


@pytest.mark.parametrize("family", [dcgan, resnet])
@pytest.mark.parametrize("which", [0, 1])
def test_no_sample_depends_on_its_batch(family, which):
    """Eight single passes equal one pass of eight: true in train mode too, which BatchNorm would break."""
    network = family(latent=6, size=28, channels=1, width=8, seed=0)[which].train()
    x = torch.randn(8, 6, generator=gi.rng(0)) if which == 0 else torch.randn(8, 1, 28, 28, generator=gi.rng(0))
    assert torch.allclose(network(x), torch.cat([network(row[None]) for row in x]), atol=1e-5)


def test_residual_networks_have_the_published_size():
    """GoodGenerator and GoodDiscriminator at 64 x 64: 8.54 and 7.49 million; the norms add 2 per channel they see."""
    total = [sum(p.numel() for p in network.parameters()) for network in resnet(seed=0)]
    in_norms = [
        sum(p.numel() for m in network.modules() if isinstance(m, nn.GroupNorm) for p in m.parameters())
        for network in resnet(seed=0)
    ]
    assert total == [8_540_483, 7_491_841]
    assert [a - b for a, b in zip(total, in_norms, strict=True)] == [8_535_619, 7_488_001]


def test_a_residual_critic_can_do_without_a_norm():
    _, D = resnet(size=16, width=8, seed=0, critic_norm=False)
    assert not [m for m in D.modules() if "Norm" in type(m).__name__]


def test_a_residual_block_is_its_two_paths_by_hand():
    """All weights copy: downwards the shortcut gives the mean of four pixels, the branch that of what is positive."""
    block = gi.networks.Residual(1, 1, up=False, norm=lambda channels: nn.Identity())
    with torch.no_grad():
        for convolution in (m for m in block.modules() if isinstance(m, nn.Conv2d)):
            convolution.weight.zero_()[..., convolution.weight.shape[2] // 2, convolution.weight.shape[3] // 2] = 1
            if convolution.bias is not None:
                convolution.bias.zero_()
    x = torch.tensor([[[[1.0, -1.0], [2.0, -4.0]]]])
    assert block(x).tolist() == [[[[-2 / 4 + 3 / 4]]]]


def test_the_seed_decides_the_weights():
    a, b, c = (dcgan(width=8, seed=s)[0].start[0].weight for s in (1, 1, 2))
    assert torch.equal(a, b) and not torch.equal(a, c)


def test_mlp_sizes_activation_and_zero_last_layer():
    network = mlp([3, 7, 7, 2], activation="leaky", seed=0, zero_last=True)
    assert [tuple(m.weight.shape) for m in network if isinstance(m, nn.Linear)] == [(7, 3), (7, 7), (2, 7)]
    assert not isinstance(network[-1], nn.LeakyReLU)
    assert torch.equal(network(torch.randn(4, 3)), torch.zeros(4, 2))
    with pytest.raises(UsageError, match="did you mean 'relu'"):
        mlp([1, 1], activation="rel")
    with pytest.raises(UsageError, match="an input and an output"):
        mlp([1])
