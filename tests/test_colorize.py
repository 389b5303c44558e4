"""ChromaGAN trained and used: each loss by hand, what gets a gradient, resumed runs, pictures of any size."""

import copy
import dataclasses
import math

import pytest
import torch
from torch import nn

import genimg as gi
from genimg._base.errors import UsageError
from genimg.gan.networks import Colours, chromagan
from genimg.numerics.color import grey, in_gamut, lightness, rgb_to_lab, scale_ab, scale_l
from genimg.problems.colorize import (
    FAITHFUL,
    IMPROVED,
    ChromaObjective,
    Coloured,
    Pictures,
    chroma,
    colorize,
    colour_steps,
    merge,
    shrink,
    targets,
    taught,
)

CLASSES = 3


def networks(seed=0, **options):
    return chromagan(**({"size": 32, "width": 4, "classes": CLASSES, "seed": seed} | options))


def rgb(n=6, size=32, seed=0):
    return torch.rand(n, 3, size, size, generator=gi.rng(seed))


def law(seed=0, n=6, **options):
    y = torch.rand(n, CLASSES, generator=gi.rng(seed)).softmax(1)
    return Pictures((255 * rgb(n, seed=seed)).byte(), y, gi.rng(seed + 1), **options)


def train(parts, pictures, steps=3, objective=FAITHFUL, rng=None, **options):
    G, D = parts
    options = {"batch": 2, "lr": 1e-3} | options
    return list(colour_steps(G, D, pictures, objective, steps=steps, rng=rng or gi.rng(9), **options))


def state(network):
    return {name: value.clone() for name, value in network.state_dict().items()}


def same(a, b):
    return all(torch.equal(x, y) for x, y in zip(a.values(), b.values(), strict=True))


def has_gradient(network):
    return any(p.grad is not None and bool(p.grad.any()) for p in network.parameters())


class Forbidden(nn.Module):
    """A network that must not be called."""

    def forward(self, *_):
        pytest.fail("called")


# The objective.


def test_the_published_constants():
    assert FAITHFUL == ChromaObjective(error=1.0, adversarial=0.1, classes=0.003, penalty=10.0, penalty_of="sum")
    assert IMPROVED == ChromaObjective(adversarial=0.04, penalty_of="rms")


def test_the_improved_objective_weighs_its_terms_as_the_published_one_at_the_published_size():
    """A linear critic that attains slope 1: what its term pulls at each number of ab, by either objective."""
    n, patches, side = 2 * 224**2, 28**2, 8
    ab = torch.rand(1, 2, 224, 224, generator=gi.rng(0))
    pull = {}
    for name, objective, slope in (("sum", FAITHFUL, n**-0.5), ("rms", IMPROVED, patches / n)):
        fake = (ab - 0.1).requires_grad_(True)

        def D(L, ab, slope=slope):
            return slope * side**2 * nn.functional.avg_pool2d(ab, side).sum(1)

        assert float(objective.critic_terms(D, ab[:, :1], ab, fake, gi.rng(1)).penalty) < 1e-6
        (objective.adversarial * -D(None, fake).mean()).backward()
        pull[name] = float(fake.grad.mean())
    assert pull["rms"] == pytest.approx(pull["sum"], rel=0.02)


def test_the_error_is_a_mean_over_pixels_channels_and_pictures():
    ab = torch.zeros(2, 2, 4, 4)
    out = ab.clone()
    out[0, 0] = 0.4  # one channel of one picture: a quarter of all numbers
    terms = ChromaObjective(adversarial=0, classes=0, error=3).generator_terms(
        None, Colours(out, None), Coloured(ab[:, :1], ab, None)
    )
    assert float(terms.error) == pytest.approx(0.16 / 4) and float(terms.loss) == pytest.approx(3 * 0.16 / 4)


def test_the_divergence_is_from_y_to_the_softmax_summed_over_classes_averaged_over_pictures():
    y = torch.tensor([[0.9, 0.1, 0.0], [0.0, 0.0, 1.0]])
    q = torch.tensor([[0.5, 0.25, 0.25], [0.2, 0.2, 0.6]])
    by_hand = (0.9 * math.log(0.9 / 0.5) + 0.1 * math.log(0.1 / 0.25) + math.log(1 / 0.6)) / 2
    ab = torch.zeros(2, 2, 8, 8)
    out = Colours(ab, q.log() + torch.tensor([[5.0], [-2.0]]))  # logits are free up to a constant
    objective = ChromaObjective(error=0, adversarial=0, classes=0.003)
    terms = objective.generator_terms(None, out, Coloured(ab[:, :1], ab, y))
    assert float(terms.classes) == pytest.approx(by_hand, rel=1e-5)
    assert float(terms.loss) == pytest.approx(0.003 * by_hand, rel=1e-5)


def test_the_generator_wants_a_high_score_averaged_over_patches():
    ab = torch.zeros(2, 2, 8, 8)
    scores = torch.tensor([1.0, 2.0, 3.0, 6.0]).reshape(1, 1, 2, 2).expand(2, -1, -1, -1)
    objective = ChromaObjective(error=0, classes=0, adversarial=0.1)
    terms = objective.generator_terms(lambda L, ab: scores, Colours(ab, None), Coloured(ab[:, :1], ab, None))
    assert float(terms.adversarial) == pytest.approx(-3) and float(terms.loss) == pytest.approx(-0.3)


@pytest.mark.parametrize(("penalty_of", "norm"), [("sum", 3 * 8), ("mean", 3 / 8), ("rms", 3 / 8 * 128**0.5)])
def test_the_penalty_is_on_the_slope_along_ab_alone(penalty_of, norm):
    """64 patches, D = 3a + 100 L: the slope of the sum has norm 3 · 8, of the mean 3 / 8, with 128 numbers of ab."""
    ab, L = rgb(3, 8)[:, :2], rgb(3, 8)[:, 2:]
    objective = ChromaObjective(penalty=10, penalty_of=penalty_of)
    out = objective.critic_terms(lambda L, ab: 3 * ab[:, :1] + 100 * L, L, ab, ab - 0.5, gi.rng(0))
    assert float(out.penalty) == pytest.approx(10 * (norm - 1) ** 2, rel=1e-4)
    assert float(out.distance) == pytest.approx(1.5, rel=1e-4)
    assert float(out.loss) == pytest.approx(float(out.penalty) - 1.5, rel=1e-4)


def test_between_real_and_fake_lies_one_point_per_picture_with_the_lightness_kept():
    seen = []

    def D(L, ab):
        seen.append((L, ab.detach()))
        return ab.sum(1, keepdim=True)

    L, zero = rgb(50, 8)[:, :1], torch.zeros(50, 2, 8, 8)
    IMPROVED.critic_terms(D, L, zero + 1, zero, gi.rng(0))
    assert all(torch.equal(given, L) for given, _ in seen) and len(seen) == 3
    u = seen[-1][1].flatten(1)
    assert torch.equal(u, u[:, :1].expand_as(u)) and len(u[:, 0].unique()) == 50
    assert 0 <= float(u.min()) < 0.2 and 0.8 < float(u.max()) <= 1 and abs(float(u.mean()) - 0.5) < 0.15  # uniform


def test_a_penalty_of_weight_zero_is_not_computed():
    calls = []

    def D(L, ab):
        calls.append(1)
        return ab.mean(1)

    ab = rgb(2, 8)[:, :2]
    out = ChromaObjective(penalty=0).critic_terms(D, ab[:, :1], ab, ab, gi.rng(0))
    assert float(out.penalty) == 0 and len(calls) == 2


@pytest.mark.parametrize(
    ("weights", "reached"),
    [
        ({"error": 1.0}, {"trunk", "shared", "whole", "middle", "decoder"}),
        ({"adversarial": 1.0}, {"trunk", "shared", "whole", "middle", "decoder"}),
        ({"classes": 1.0}, {"trunk", "shared", "classifier"}),
    ],
)
def test_each_term_reaches_its_part_of_the_generator(weights, reached):
    G, D = networks()
    real = law().sample(2)
    D.requires_grad_(False)
    objective = ChromaObjective(**({"error": 0.0, "adversarial": 0.0, "classes": 0.0} | weights))
    objective.generator_terms(D, G(real.L), real).loss.backward()
    assert {name for name, part in G.named_children() if has_gradient(part)} == reached
    assert not has_gradient(D)


def test_the_critics_loss_reaches_the_critic_alone():
    G, D = networks()
    real = law().sample(2)
    FAITHFUL.critic_terms(D, real.L, real.ab, G(real.L).ab, gi.rng(0)).loss.backward()
    assert has_gradient(D) and not has_gradient(G)


def test_terms_of_weight_zero_are_not_computed():
    ab = torch.rand(1, 2, 8, 8)
    only_error = ChromaObjective(adversarial=0, classes=0)
    terms = only_error.generator_terms(Forbidden(), Colours(ab, torch.zeros(1, 3)), Coloured(ab[:, :1], 0 * ab, None))
    assert float(terms.adversarial) == float(terms.classes) == 0 and float(terms.loss) == float(terms.error)


@pytest.mark.parametrize("weights", [{"error": -1}, {"classes": math.nan}, {"penalty_of": "max"}])
def test_weights_that_make_no_sense_are_refused(weights):
    with pytest.raises(UsageError, match=next(iter(weights))):
        ChromaObjective(**weights)
    with pytest.raises(UsageError, match="nothing to learn"):
        ChromaObjective(error=0, adversarial=0, classes=0)


def test_what_an_objective_needs_and_does_not_find():
    (G, D), pictures = networks(classes=0), law()
    with pytest.raises(UsageError, match="needs a critic D"):
        train((G, None), pictures)
    with pytest.raises(UsageError, match="class branch"):
        train((G, D), pictures)
    with pytest.raises(UsageError, match="with a y"):
        train(networks(), Pictures(rgb(), None, gi.rng(0)))


# The law.


def test_a_draw_is_the_scaled_lab_of_its_picture_with_its_y():
    pictures = law(in_order=True)
    draw = pictures.sample(6)
    lab = rgb_to_lab(pictures.images.float() / 255)
    assert torch.equal(draw.L, scale_l(lab[:, :1])) and torch.equal(draw.ab, scale_ab(lab[:, 1:]))
    assert torch.equal(draw.y, pictures.y)
    floats = Pictures(pictures.images.float() / 255, pictures.y, gi.rng(0), in_order=True).sample(6)
    assert all(torch.allclose(a, b) for a, b in zip(draw[:3], floats[:3], strict=True))


def test_pictures_in_order_come_round_again_and_random_ones_come_from_the_rng():
    pictures = law(in_order=True)
    rows = torch.cat([pictures.sample(4).y for _ in range(3)])
    assert torch.equal(rows, torch.cat([pictures.y, pictures.y]))
    a, b, c = (law(seed=0).sample(20).y for _ in range(3))
    assert torch.equal(a, b) and not torch.equal(a[:6], law().y) and len(a.unique(dim=0)) > 3


def test_flips_move_lightness_and_chroma_together_and_half_the_time():
    x = torch.zeros(1, 3, 1, 2)
    x[..., 1] = torch.tensor([1.0, 0.0, 0.0]).reshape(3, 1)  # black, red
    draw = Pictures(x, None, gi.rng(0), flips=True).sample(200)
    flipped = draw.L[:, 0, 0, 0] > draw.L[:, 0, 0, 1]
    assert torch.equal(flipped, draw.ab[:, 0, 0, 0] > draw.ab[:, 0, 0, 1])
    assert 70 < int(flipped.sum()) < 130


@pytest.mark.parametrize(
    ("images", "y", "message"),
    [
        (torch.zeros(2, 1, 4, 4), None, r"\(n, 3, h, w\)"),
        (torch.zeros(0, 3, 4, 4), None, r"\(n, 3, h, w\)"),
        (-torch.ones(2, 3, 4, 4), None, r"not in \[-1, 1\]"),
        (torch.full((2, 3, 4, 4), math.nan), None, r"float in \[0, 1\]"),
        (torch.zeros(2, 3, 4, 4, dtype=torch.int64), None, "uint8"),
        (torch.zeros(2, 3, 4, 4), torch.ones(3, 1), "same length"),
        (torch.zeros(2, 3, 4, 4), torch.ones(2, 2), "distribution"),
        (torch.zeros(2, 3, 4, 4), torch.tensor([[2.0, -1.0]]).expand(2, 2), "distribution"),
    ],
)
def test_pictures_to_learn_from_are_checked(images, y, message):
    with pytest.raises(UsageError, match=message):
        Pictures(images, y, gi.rng(0))


def test_targets_are_distributions_with_the_label_on_top():
    y = targets(torch.tensor([2, 0]), 4, smooth=0.2)
    assert torch.allclose(y, torch.tensor([[0.05, 0.05, 0.85, 0.05], [0.85, 0.05, 0.05, 0.05]]))
    assert torch.equal(targets(torch.tensor([1]), 2), torch.tensor([[0.0, 1.0]]))
    for labels, smooth in (([4], 0.0), ([-1], 0.0), ([0], 1.0)):
        with pytest.raises(UsageError, match="labels|smooth"):
            targets(torch.tensor(labels), 4, smooth)


def test_a_teacher_is_asked_in_eval_mode_and_left_as_it_was():
    teacher = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(1024), nn.Dropout(0.5), nn.Linear(1024, 4))
    teacher[2].eval()
    before = state(teacher)
    x = rgb()
    y = taught(teacher, x, batch=4)
    assert [m.training for m in teacher] == [True, True, False, True] and same(before, state(teacher))
    assert torch.allclose(y, teacher.eval()(scale_l(lightness(x))).softmax(1), atol=1e-6) and not y.requires_grad


# The loop.


def test_steps_count_from_one_and_their_terms_add_up():
    steps = train(networks(), law(), objective=IMPROVED)
    assert [s.step for s in steps] == [1, 2, 3]
    for s in steps:
        assert all(v.isfinite() and not v.requires_grad for v in s[1:])
        assert float(s.loss) == pytest.approx(float(s.error + 0.04 * s.adversarial + 0.003 * s.classes), rel=1e-5)
        assert float(s.critic) == pytest.approx(float(s.penalty - s.distance), rel=1e-5, abs=1e-6)


def test_one_step_moves_both_networks_and_leaves_both_trainable():
    parts = networks()
    before = [state(m) for m in parts]
    train(parts, law(), steps=1)
    for network, old in zip(parts, before, strict=True):
        moved = [not torch.equal(p, old[name]) for name, p in network.named_parameters()]
        assert sum(moved) > 0.8 * len(moved)
        assert all(p.requires_grad for p in network.parameters())


def test_the_generators_step_leaves_no_gradient_on_the_critic():
    G, D = networks()
    learning = []
    D.register_forward_pre_hook(lambda module, _: learning.append(next(module.parameters()).requires_grad))
    train((G, D), law(), steps=1)
    assert learning == [False, True, True, True]  # judged for G; real, fake and between them for D


def test_the_first_generator_step_does_not_see_the_critics_unless_the_critic_is_first():
    def G_after_one_step(critic_lr, critic_first):
        parts = networks()
        train(parts, law(), steps=1, critic_lr=critic_lr, critic_first=critic_first)
        return state(parts[0])

    assert same(G_after_one_step(1e-3, False), G_after_one_step(1e-1, False))
    assert not same(G_after_one_step(1e-3, True), G_after_one_step(1e-1, True))


def test_the_generator_runs_once_per_step():
    G, D = networks()
    train((G, D), law(), steps=3)
    assert {int(m.num_batches_tracked) for m in G.modules() if isinstance(m, nn.BatchNorm2d)} == {3}


def test_without_wgan_the_critic_is_never_touched():
    G, _ = networks()
    D = Forbidden()
    D.weight = nn.Parameter(torch.ones(1), requires_grad=False)
    steps = train((G, D), law(), objective=ChromaObjective(adversarial=0))
    assert float(D.weight) == 1 and not D.weight.requires_grad and float(steps[-1].critic) == 0
    other, _ = networks()
    train((other, None), law(), objective=ChromaObjective(adversarial=0))
    assert same(state(G), state(other))


def test_without_class_distribution_its_branch_is_never_run():
    G, D = networks()
    before = state(G.classifier)
    G.classifier.register_forward_pre_hook(lambda *_: pytest.fail("the class branch was run"))
    steps = train((G, D), law(), objective=ChromaObjective(classes=0))
    assert same(before, state(G.classifier)) and float(steps[-1].classes) == 0


def test_it_learns():
    """Bright red and dark red: the one hue gets nearer, which class is which gets known."""
    x = torch.zeros(4, 3, 32, 32)
    x[:, 0] = torch.tensor([0.9, 0.9, 0.6, 0.6])[:, None, None]
    pictures = Pictures(x, targets(torch.tensor([0, 0, 1, 1]), CLASSES), gi.rng(0))
    objective = dataclasses.replace(IMPROVED, classes=0.1)
    steps = train(networks(), pictures, steps=40, objective=objective, batch=8, lr=3e-3)
    assert float(steps[-1].error) < 0.2 * float(steps[0].error)
    assert float(steps[-1].classes) < 0.2 * float(steps[0].classes)


def test_same_seeds_give_the_same_bits_and_other_seeds_do_not():
    a, b, c = networks(), networks(), networks()
    for parts, rng in ((a, gi.rng(9)), (b, gi.rng(9)), (c, gi.rng(10))):
        train(parts, law(flips=True), steps=2, rng=rng)
    assert same(state(a[0]), state(b[0])) and same(state(a[1]), state(b[1]))
    assert not same(state(a[1]), state(c[1]))  # another u


@pytest.mark.parametrize(("options", "killed_in"), [({"flips": True}, 3), ({"in_order": True}, 4)])
def test_an_interrupted_run_ends_bit_identical_to_an_uninterrupted_one(tmp_path, options, killed_in):
    run = {"steps": 6, "decay_lr": True, "checkpoint_every": 2}
    whole, average = networks(), copy.deepcopy(networks()[0])
    train(whole, law(**options), average=average, **run)

    path = tmp_path / "state.safetensors"
    G, D = networks()
    loop = colour_steps(
        G,
        D,
        law(**options),
        FAITHFUL,
        rng=gi.rng(9),
        batch=2,
        lr=1e-3,
        average=copy.deepcopy(G),
        checkpoint=path,
        **run,
    )
    while next(loop).step < killed_in:
        pass
    loop.close()
    # Other weights and other streams of random numbers: all must come from the file.
    second, followed, pictures = networks(seed=5), copy.deepcopy(networks(seed=6)[0]), law(**options)
    pictures.rng.manual_seed(77)
    pictures.position = 3
    steps = train(second, pictures, rng=gi.rng(99), average=followed, checkpoint=path, **run)
    assert steps[0].step == 3
    assert same(state(whole[0]), state(second[0])) and same(state(whole[1]), state(second[1]))
    assert same(state(average), state(followed)) and not same(state(average), state(whole[0]))


def test_a_checkpoint_of_another_run_is_refused(tmp_path):
    path = tmp_path / "state.safetensors"
    train(networks(), law(), steps=1, checkpoint=path)
    with pytest.raises(UsageError, match="belongs to another run"):
        train(networks(width=2), law(), checkpoint=path)


def test_divergence_is_noticed_and_undone():
    G, D = networks()
    pictures = law()
    start = state(G)
    with pytest.raises(gi.training.Diverged, match="back at step 0"):
        train((G, D), pictures, steps=60, lr=1e6)
    assert same(start, state(G))


@pytest.mark.usefixtures("in_bfloat16")
def test_in_bfloat16_a_step_is_nearly_that_of_float32():
    a, b = (train(networks(), law(), steps=1, objective=IMPROVED, amp=amp, batch=32)[0] for amp in (False, True))
    for name in ("error", "adversarial", "classes", "penalty"):
        exact, rounded = getattr(a, name), getattr(b, name)
        assert rounded.dtype == torch.float32 and float(rounded) == pytest.approx(float(exact), rel=0.15, abs=0.02)


def test_one_picture_is_no_batch_where_a_norm_sees_one_pixel_of_it():
    with pytest.raises(UsageError, match="batch must be an integer of at least 2"):
        train(networks(), law(), batch=1)
    assert len(train(networks(size=64), Pictures(rgb(2, 64), law(n=2).y, gi.rng(0)), steps=1, batch=1)) == 1


# Colouring.


@pytest.mark.parametrize(("h", "w"), [(1, 1), (33, 50), (70, 31), (32, 32), (5, 200)])
@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_of_any_size_keep_their_size_and_their_lightness(h, w, channels):
    G, _ = networks(classes=0)
    x = torch.rand(3, channels, h, w, generator=gi.rng(0))
    out = colorize(G, x, batch=2)
    assert out.shape == (3, 3, h, w) and 0 <= float(out.min()) <= float(out.max()) <= 1
    assert not out.requires_grad
    small = torch.nn.functional.interpolate(chroma(G, lightness(x)), (h, w), mode="bilinear", align_corners=False)
    shown = in_gamut(torch.cat([lightness(x), small], 1))
    assert float((lightness(out) - lightness(x)).abs()[shown].max()) < 0.01 if shown.any() else True


def test_a_coloured_picture_is_coloured_like_its_grey_one():
    G, _ = networks()
    x = rgb(2, 40)
    assert torch.allclose(colorize(G, x), colorize(G, grey(x)), atol=1e-4)
    assert torch.equal(colorize(G, grey(x)[:, :1]).isfinite(), torch.ones(2, 3, 40, 40, dtype=torch.bool))
    assert torch.allclose(colorize(G, grey(x)[:, :1]), colorize(G, grey(x)), atol=1e-4)


def test_each_picture_is_coloured_on_its_own_in_eval_mode_and_the_mode_is_left():
    G, _ = networks()
    G.train()
    G.middle.eval()
    modes, before = [m.training for m in G.modules()], state(G)
    G.classifier.register_forward_pre_hook(lambda *_: pytest.fail("the class branch was run"))
    x = rgb(5, 32)
    together, alone = colorize(G, x, batch=5), colorize(G, x, batch=1)
    assert torch.allclose(together, alone, atol=1e-5) and [m.training for m in G.modules()] == modes
    assert same(before, state(G))  # running means above all


def test_the_mode_is_left_after_an_error_too():
    G, _ = networks()
    G.train()
    G.decoder.register_forward_pre_hook(lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        colorize(G, rgb(1))
    assert all(m.training for m in G.modules())


def test_a_network_that_predicts_no_chroma_gives_the_grey_picture_back():
    G, _ = networks()
    last = G.decoder[-1]
    with torch.no_grad():
        last.weight.zero_()
        last.bias.fill_(math.log(128 / 127))  # sigmoid = 128 / 255, which is a = b = 0
    x = rgb(2, 50)
    assert torch.allclose(colorize(G, x), grey(x), atol=1e-4)


def test_chroma_is_in_cie_units_at_the_networks_size_and_a_comes_first():
    G, _ = networks()
    last = G.decoder[-1]
    with torch.no_grad():
        last.weight.zero_()
        last.bias.copy_(torch.tensor([10.0, -10.0]))  # a at its end, b at its beginning
    ab = chroma(G, torch.full((1, 1, 50, 70), 50.0))
    assert ab.shape == (1, 2, 32, 32)
    assert ab[0, 0].min() > 126 and ab[0, 1].max() < -127


def test_shrinking_averages_and_merging_enlarges_smoothly():
    L = (100.0 * (torch.arange(64) % 4 == 0)).expand(1, 1, 64, 64)  # one line in four: aliasing would miss them all
    inner = shrink(L, 16)[..., 2:-2]
    assert shrink(L, 16).shape == (1, 1, 16, 16) and float((inner - 25).abs().max()) < 5
    assert shrink(L, 64) is L
    ab = torch.tensor([0.0, 20.0]).reshape(1, 1, 1, 2).expand(1, 2, 2, 2)
    found = rgb_to_lab(merge(torch.full((1, 1, 8, 8), 50.0), ab))[0, 1, 0]
    assert bool((found.diff() > -0.01).all()) and len(found.round().unique()) > 3


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (torch.zeros(3, 8, 8), r"\(n, 1, h, w\)"),
        (torch.zeros(1, 4, 8, 8), r"\(n, 1, h, w\)"),
        (torch.zeros(0, 3, 8, 8), r"\(n, 1, h, w\)"),
        (torch.zeros(1, 3, 8, 8).byte(), r"float in \[0, 1\]"),
        (torch.full((1, 3, 8, 8), -0.5), r"float in \[0, 1\]"),
        (torch.full((1, 3, 8, 8), math.nan), r"float in \[0, 1\]"),
    ],
)
def test_pictures_to_colour_are_checked(x, message):
    with pytest.raises(UsageError, match=message):
        colorize(networks()[0], x)


def test_bins_of_chroma_are_no_colours():
    with pytest.raises(UsageError, match="11 logits"):
        colorize(networks(outputs=11)[0], rgb(1))


def test_adam_has_the_momenta_of_the_authors_code_unless_told_otherwise():
    def trained(**options):
        parts = networks()
        return train(parts, law(), steps=3, **options)[-1].loss

    assert trained() == trained(betas=(0.5, 0.999)) != trained(betas=(0.9, 0.999))
    assert trained() != trained(betas=(0.5, 0.9))
