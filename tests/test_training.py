"""The loops: resume to the bit, divergence, what is updated when."""

import copy
import math

import pytest
import torch

import genimg as gi
from genimg._base.errors import UsageError
from genimg.gan.training import Diverged


def game(seed=0):
    """A small GAN on a 2-D law: fresh networks and laws, all from one seed."""
    G = gi.networks.mlp([2, 16, 2], seed=seed)
    D = gi.networks.mlp([2, 16, 1], activation="leaky", seed=seed + 1)
    real = gi.distributions.ring(gi.rng(seed + 2), modes=4)
    return G, D, real, gi.Gaussian(2, gi.rng(seed + 3))


def run(steps, rng, parts, **options):
    G, D, real, latent = parts
    return list(
        gi.gan_steps(G, D, real, latent, gi.WassersteinGP(), steps=steps, rng=rng, batch=16, lr=1e-3, **options)
    )


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


def test_steps_count_from_one_and_report_finite_numbers():
    steps = run(3, gi.rng(9), game())
    assert [s.step for s in steps] == [1, 2, 3]
    assert all(math.isfinite(float(v)) for s in steps for v in s)
    assert all(not v.requires_grad for s in steps for v in s[1:])


def test_same_seeds_give_the_same_bits_and_other_seeds_do_not():
    a, b, c = game(), game(), game(seed=50)
    for parts in (a, b, c):
        run(5, gi.rng(9), parts)
    assert same(a[0], b[0]) and same(a[1], b[1]) and not same(a[0], c[0])


@pytest.mark.parametrize(("killed_in", "resumes_at"), [(4, 1), (5, 5), (8, 5), (11, 9)])
def test_an_interrupted_run_ends_bit_identical_to_an_uninterrupted_one(tmp_path, killed_in, resumes_at):
    """Checkpoints every 4 steps are written once the caller is done with the step: killed in step 4, there is none."""
    whole = game()
    run(12, gi.rng(9), whole)
    path = tmp_path / "state.safetensors"

    loop = gi.gan_steps(
        *game(), gi.WassersteinGP(), steps=12, rng=gi.rng(9), batch=16, lr=1e-3, checkpoint=path, checkpoint_every=4
    )
    while next(loop).step < killed_in:
        pass
    loop.close()  # as a kill would: what came after the last checkpoint is lost

    # Other weights and other streams of random numbers than the first run's: all must come from the file.
    second, rng = (game(seed=77), gi.rng(99)) if path.exists() else (game(), gi.rng(9))
    steps = run(12, rng, second, checkpoint=path, checkpoint_every=4)
    assert steps[0].step == resumes_at
    assert same(whole[0], second[0]) and same(whole[1], second[1])


def test_history_of_an_interrupted_run_equals_that_of_an_uninterrupted_one(tmp_path):
    def train(parts, steps, folder, rng):
        return gi.train_gan(
            *parts, gi.WassersteinGP(), steps=steps, rng=rng, snapshot_every=2, batch=8, checkpoint=folder,
            checkpoint_every=3,
        )  # fmt: skip

    whole = train(game(), 9, None, gi.rng(9))
    train(game(), 5, tmp_path, gi.rng(9))  # ends at 5, checkpoint at 5
    resumed = train(game(seed=40), 9, tmp_path, gi.rng(90))
    assert whole.times == resumed.times == [2, 4, 6, 8]
    for a, b in zip(whole.generators + whole.critics, resumed.generators + resumed.critics, strict=True):
        assert all(torch.equal(a[k], b[k]) for k in a)


def test_snapshots_after_the_last_checkpoint_are_made_again(tmp_path):
    gi.train_gan(*game(), gi.WassersteinGP(), steps=4, rng=gi.rng(9), snapshot_every=2, batch=8, checkpoint=tmp_path)
    stray = tmp_path / "snapshots" / "00000006.safetensors"
    stray.write_bytes((tmp_path / "snapshots" / "00000004.safetensors").read_bytes())
    history = gi.train_gan(
        *game(), gi.WassersteinGP(), steps=6, rng=gi.rng(9), snapshot_every=2, batch=8, checkpoint=tmp_path
    )
    assert history.times == [2, 4, 6]


def test_a_checkpoint_of_another_run_is_refused(tmp_path):
    path = tmp_path / "state.safetensors"
    run(2, gi.rng(9), game(), checkpoint=path, checkpoint_every=1)
    G, D, real, latent = game()
    with pytest.raises(UsageError, match="belongs to another run"):
        run(3, gi.rng(9), (gi.networks.mlp([2, 8, 2], seed=0), D, real, latent), checkpoint=path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(UsageError, match="damaged"):
        run(3, gi.rng(9), game(), checkpoint=path)


def test_a_law_without_rng_cannot_be_checkpointed(tmp_path):
    G, D, _, latent = game()

    class Fixed:
        def sample(self, n):
            return torch.zeros(n, 2)

    with pytest.raises(UsageError, match="has no .rng"):
        run(1, gi.rng(0), (G, D, Fixed(), latent), checkpoint=tmp_path / "s.safetensors", checkpoint_every=1)


def test_divergence_stops_with_a_message_and_restores_the_last_good_state():
    G, D, real, latent = game()
    run_up = list(gi.critic_steps(D, real, latent, gi.WassersteinGP(), steps=50, rng=gi.rng(1), batch=8))
    assert len(run_up) == 50
    good = {k: v.clone() for k, v in D.state_dict().items()}

    class Broken:
        def sample(self, n):
            return torch.full((n, 2), math.nan)

    with pytest.raises(Diverged, match="between steps 0 and 50.*back at step 0"):
        list(gi.critic_steps(D, real, Broken(), gi.WassersteinGP(), steps=200, rng=gi.rng(1), batch=8))
    assert all(torch.equal(good[k], v) for k, v in D.state_dict().items())


def test_an_exploding_critic_counts_as_divergence():
    D = gi.networks.mlp([1, 4, 1], seed=0)
    p, q = gi.Gaussian(1, gi.rng(0), mean=1e9), gi.Gaussian(1, gi.rng(1))
    with pytest.raises(Diverged, match="critic loss"):
        list(gi.critic_steps(D, p, q, gi.WassersteinGP(), steps=50, rng=gi.rng(2), batch=8))


def test_the_generator_step_leaves_no_gradient_on_the_critic_and_d_trainable():
    """After a step D holds the gradient of its own last update: the generator's loss has added nothing to it."""
    G, D, real, latent = game()
    own = {}

    class Watched(gi.WassersteinGP):
        def generator_loss(self, D, fake):
            own.update({name: p.grad.clone() for name, p in D.named_parameters()})
            return super().generator_loss(D, fake)

    for _ in gi.gan_steps(G, D, real, latent, Watched(), steps=2, rng=gi.rng(9), batch=16, critic_per_step=1):
        assert all(float(own[name].abs().sum()) > 0 for name in own if "weight" in name)
        assert all(torch.equal(own[name], p.grad) for name, p in D.named_parameters())
        assert all(p.requires_grad for p in D.parameters())


def test_adam_has_the_momenta_of_wgan_gp_unless_told_otherwise():
    def trained(**options):
        _, D, real, latent = game()
        clip = gi.WassersteinClip(1.0)
        return list(gi.critic_steps(D, real, latent, clip, steps=4, rng=gi.rng(9), batch=8, lr=1e-2, **options))[-1]

    assert trained().loss == trained(betas=(0.5, 0.9)).loss != trained(betas=(0.9, 0.9)).loss
    assert trained().loss != trained(betas=(0.5, 0.999)).loss


def test_critic_and_generator_update_as_often_as_asked():
    calls = {"real": 0, "latent": 0}
    G, D, real, latent = game()

    class Counted:
        def __init__(self, law, name):
            self.law, self.name, self.rng = law, name, law.rng

        def sample(self, n):
            calls[self.name] += 1
            return self.law.sample(n)

    run(4, gi.rng(9), (G, D, Counted(real, "real"), Counted(latent, "latent")), critic_per_step=3)
    assert calls == {"real": 12, "latent": 16}  # a fresh z for the generator, never the critic's


@pytest.mark.parametrize("loop", ["critic", "gan"])
def test_weights_are_clipped_after_every_update_of_the_critic(loop):
    G, D, real, latent = game()
    options = {"steps": 3, "rng": gi.rng(9), "batch": 8}
    clip = gi.WassersteinClip(0.01)
    if loop == "critic":
        steps = gi.critic_steps(D, real, latent, clip, **options)
    else:
        steps = gi.gan_steps(G, D, real, latent, clip, **options)
    for _ in steps:
        assert max(float(p.detach().abs().max()) for p in D.parameters()) <= 0.01


def test_a_batch_in_parts_gives_the_same_step():
    whole, parts = game(), game()
    seen = [run(4, gi.rng(9), whole), run(4, gi.rng(9), parts, accumulate=4)]
    for a, b in zip(*seen, strict=True):
        assert torch.allclose(torch.stack(a[1:]), torch.stack(b[1:]), atol=1e-4)
    for a, b in zip(whole[:2], parts[:2], strict=True):
        assert all(torch.allclose(x, y, atol=1e-5) for x, y in zip(a.parameters(), b.parameters(), strict=True))
    with pytest.raises(UsageError, match="a batch of 16 does not fall into 1 x 3 equal parts"):
        run(1, gi.rng(9), game(), accumulate=3)


@pytest.mark.usefixtures("in_bfloat16")
def test_bfloat16_autocast_trains_and_keeps_float32_weights():
    G, D, real, latent = game()
    steps = run(3, gi.rng(9), (G, D, real, latent), amp=True)
    assert all(math.isfinite(float(s.loss)) for s in steps)
    assert {p.dtype for p in [*G.parameters(), *D.parameters()]} == {torch.float32}


def test_wgan_gp_learns_a_shifted_gaussian():
    """A statistical smoke test with a wide margin: a linear G moves its mean onto the data's."""
    G = torch.nn.Linear(1, 1)
    torch.nn.init.zeros_(G.bias)
    real = gi.Gaussian(1, gi.rng(0), mean=3.0)
    D = gi.networks.mlp([1, 32, 1], activation="silu", seed=0, zero_last=True)
    for _ in gi.gan_steps(
        G, D, real, gi.Gaussian(1, gi.rng(1)), gi.WassersteinGP(), steps=300, rng=gi.rng(2), lr=1e-2, batch=64
    ):
        pass
    assert float(G.bias.detach()) == pytest.approx(3.0, abs=0.5)


def test_the_average_follows_g_and_the_rates_decay(monkeypatch, tmp_path):
    """After k steps the average is the weighted mean of all states; interrupted and resumed it is the same."""

    def run(steps, checkpoint=None, until=None):
        G, D = gi.networks.mlp([2, 4, 1], seed=0), gi.networks.mlp([1, 4, 1], seed=1)
        average, states = copy.deepcopy(G), [copy.deepcopy(G.state_dict())]
        real, latent = gi.Gaussian(1, gi.rng(0)), gi.Gaussian(2, gi.rng(1))
        for step in gi.gan_steps(
            G, D, real, latent, gi.WassersteinGP(), steps=steps, rng=gi.rng(2), batch=8, critic_per_step=1,
            average=average, average_decay=0.8, decay_lr=True, checkpoint=checkpoint, checkpoint_every=1,
        ):  # fmt: skip
            states.append(copy.deepcopy(G.state_dict()))
            if step.step == until:
                break
        return average, states

    average, states = run(20)
    by_hand = states[0]["0.weight"]
    for k, state in enumerate(states[1:], start=1):
        d = min(0.8, k / (k + 10))
        by_hand = d * by_hand + (1 - d) * state["0.weight"]
    assert torch.allclose(average[0].weight, by_hand, atol=1e-6)
    first, last = ((states[k + 1]["0.weight"] - states[k]["0.weight"]).abs().max() for k in (0, 19))
    assert last < 0.2 * first  # Adam's step is of the size of the rate, which ends at a twentieth

    run(20, tmp_path / "state.safetensors", until=12)
    resumed, _ = run(20, tmp_path / "state.safetensors")
    assert torch.equal(resumed[0].weight, average[0].weight)


def test_laws_of_two_shapes_are_told():
    G, D, _, latent = game()
    with pytest.raises(UsageError, match=r"the laws differ in shape: real samples are \(3,\), the others \(2,\)"):
        run(1, gi.rng(9), (G, D, gi.Gaussian(3, gi.rng(1)), latent))
