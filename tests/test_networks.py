"""Networks: shapes, seeds, and what a critic under a gradient penalty must not contain."""

import pytest
import torch
from torch import nn

import genimg as gi
from genimg.checks import UsageError
from genimg.networks import dcgan, mlp


@pytest.mark.parametrize(("size", "channels"), [(28, 1), (32, 3), (64, 3), (20, 2), (24, 1)])
def test_generator_and_critic_fit_each_other_at_any_size(size, channels):
    G, D = dcgan(latent=5, size=size, channels=channels, width=8, seed=0)
    x = G(torch.randn(3, 5, generator=gi.rng(0))).detach()
    assert x.shape == (3, channels, size, size) and D(x).shape == (3,)
    assert float(x.min()) >= -1 and float(x.max()) <= 1


@pytest.mark.parametrize("arguments", [{"size": 30}, {"size": 7}, {"size": 27}, {"width": 12}, {"width": 0}])
def test_impossible_networks_are_refused(arguments):
    with pytest.raises(UsageError, match="dcgan|size"):
        dcgan(**arguments)


def test_the_critic_has_no_norm_and_no_bounded_output():
    _, D = dcgan(width=8, seed=0)
    assert not [m for m in D.modules() if "Norm" in type(m).__name__ or isinstance(m, nn.Sigmoid | nn.Tanh)]


@pytest.mark.parametrize("which", [0, 1])
def test_no_sample_depends_on_its_batch(which):
    """Eight single passes equal one pass of eight: true in train mode too, which BatchNorm would break."""
    network = dcgan(latent=6, width=8, seed=0)[which].train()
    x = torch.randn(8, 6, generator=gi.rng(0)) if which == 0 else torch.randn(8, 1, 28, 28, generator=gi.rng(0))
    assert torch.allclose(network(x), torch.cat([network(row[None]) for row in x]), atol=1e-5)


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
