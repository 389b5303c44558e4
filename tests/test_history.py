"""History: weights of instants, the mean critic, the sampling law of P_Ghist, files."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import genimg as gi
from genimg._base.errors import UsageError


class Constant(nn.Module):
    """A generator whose output is its one parameter."""

    def __init__(self, value=0.0):
        super().__init__()
        self.value = nn.Parameter(torch.tensor([float(value)]))

    def forward(self, z):
        return self.value.expand(len(z), 1)


def recorded(times):
    history = gi.History()
    for k, t in enumerate(times):
        history.add(t, Constant(k), nn.BatchNorm1d(2))
    return history


@given(rate=st.floats(-0.05, 0.05), start=st.floats(0, 300))
@settings(max_examples=40, deadline=None)
def test_weights_sum_to_one_and_follow_the_exponential(rate, start):
    history = recorded([100, 200, 300, 400])
    w = history.weights(rate, start)
    assert float(w.sum()) == pytest.approx(1, abs=1e-5)
    kept = [k for k, t in enumerate(history.times) if t >= start]
    assert all((float(w[k]) > 0) == (k in kept) for k in range(4))
    for a, b in pairwise(kept):
        ratio = torch.exp(torch.tensor(-rate * 100))
        assert float(w[b] / w[a]) == pytest.approx(float(ratio), rel=1e-3)


def test_rate_zero_is_uniform_and_a_positive_rate_favours_early_states():
    history = recorded([10, 20, 30])
    assert history.weights(0.0).tolist() == pytest.approx([1 / 3] * 3)
    w = history.weights(0.1)
    assert w[0] > w[1] > w[2]


def test_an_end_drops_late_states_and_an_empty_window_is_refused():
    history = recorded([10, 20, 30])
    assert history.weights(0.0, end=20).tolist() == [0.5, 0.5, 0.0]
    with pytest.raises(UsageError, match="none of the 3 recorded times"):
        history.weights(0.0, start=31)


def test_p_ghist_draws_instants_by_their_weights():
    """Chi-square on instants: state k of the generator says k."""
    history = recorded([100, 200, 300, 400, 500])
    rate, n = 0.004, 20_000
    past = history.past(Constant(), gi.Gaussian(1, gi.rng(0)), gi.rng(1), rate=rate, start=200)
    counts = torch.bincount(past.sample(n)[:, 0].long(), minlength=5).double()
    expected = n * history.weights(rate, 200).double()
    assert counts[0] == 0
    assert float(((counts - expected)[1:] ** 2 / expected[1:]).sum()) < 16.3  # 0.1 %, 3 degrees of freedom


def test_past_copies_the_generator_and_does_not_touch_it():
    history, G = recorded([1, 2]), Constant(42)
    assert set(history.past(G, gi.Gaussian(1, gi.rng(0)), gi.rng(1)).sample(50)[:, 0].tolist()) == {0.0, 1.0}
    assert float(G.value.detach()) == 42


def test_states_are_copies_not_views():
    history, G = gi.History(), Constant(1)
    history.add(1, G, Constant())
    with torch.no_grad():
        G.value.fill_(9)
    assert float(history.generators[0]["value"]) == 1


def test_times_must_increase():
    history = recorded([5])
    with pytest.raises(UsageError, match="must come after 5"):
        history.add(5, Constant(), Constant())


def test_the_mean_of_equal_states_is_that_state_counters_included():
    D = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    D(torch.randn(4, 2))
    history = gi.History()
    for t in (1, 2, 3):
        history.add(t, Constant(), D)
    mean = history.mean_critic(D, rate=0.3)
    for name, value in D.state_dict().items():
        assert mean.state_dict()[name].dtype == value.dtype
        assert torch.allclose(mean.state_dict()[name].double(), value.double(), atol=1e-6), name


@given(rate=st.floats(-1, 1))
@settings(max_examples=20, deadline=None)
def test_for_a_linear_critic_the_mean_of_weights_gives_the_mean_of_outputs(rate):
    """The talk compares the average of outputs with the output of averaged weights: equal when D is linear."""
    history, D = gi.History(), nn.Linear(3, 1)
    critics = []
    for t in range(1, 5):
        nn.init.normal_(D.weight, std=float(t))
        history.add(t, Constant(), D)
        critics.append(nn.Linear(3, 1))
        critics[-1].load_state_dict(D.state_dict())
    x = torch.randn(6, 3, generator=gi.rng(0))
    w = history.weights(rate)
    average = sum(float(w[k]) * critics[k](x) for k in range(4))
    assert torch.allclose(history.mean_critic(D, rate)(x), average, atol=1e-4)


def test_save_and_load_give_the_same_history(tmp_path):
    history = recorded([10, 20])
    path = history.save(tmp_path / "h.safetensors")
    again = gi.History.load(path)
    assert again.times == [10, 20] and repr(again) == "History(2 states, steps 10 to 20)"
    for a, b in zip(history.generators + history.critics, again.generators + again.critics, strict=True):
        assert a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def test_a_file_that_is_no_history_is_refused(tmp_path):
    from genimg._base.weights import write_tensors

    path = write_tensors(tmp_path / "x.safetensors", {"a": torch.ones(1)}, {"kind": "something else"})
    with pytest.raises(UsageError, match="not a history"):
        gi.History.load(path)
    with pytest.raises(UsageError, match="does not exist"):
        gi.History.load(tmp_path / "none.safetensors")


def test_a_recorded_network_judges_each_sample_by_itself():
    """In eval mode, whatever mode the network of today is in: no sample's value depends on its batch."""
    G = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)).train()
    D = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1)).train()
    history = gi.History()
    history.add(1, G, D)
    z = torch.randn(8, 2, generator=gi.rng(0))
    old, critic, mean = history.generator(0, G), history.critic(0, D), history.mean_critic(D)
    assert torch.allclose(old(z)[:1], old(z[:1])) and G.training
    for each in (critic, mean):
        assert torch.allclose(each(old(z))[:1], each(old(z[:1])))
    past = history.past(G, gi.Gaussian(2, gi.rng(1)), gi.rng(2))
    before = {name: value.clone() for name, value in G.state_dict().items()}
    past.sample(5)
    assert all(torch.equal(value, before[name]) for name, value in G.state_dict().items())
