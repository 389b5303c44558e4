"""The mathematics of gan_lab.js against PyTorch, gi.objectives and gi.transport; its presets, trained."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from javascript import address, printed
from torch import Tensor, nn

import genimg as gi
from genimg import divergence, transport
from genimg._base.errors import UsageError
from genimg.widgets import GanLab
from genimg.widgets.gan_lab import LAWS, OBJECTIVES, PRESETS
from genimg.widgets.page import module

N = 16
STRENGTH = {"saturating": 1.0, "vanilla": 1.0, "r1": 3.0, "clip": 0.1, "gp": 10.0, "tv": 10.0}


def node(script: str) -> Any:
    return printed(f'import * as lab from "{address(module("gan_lab"))}";' + script)


@pytest.fixture(scope="module", params=["relu", "leaky", "tanh"])
def both(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Weights and points, and all that the page computes of them, in one run of node."""
    rng = torch.Generator().manual_seed(3)
    points = {name: torch.randn(N, 2, generator=rng, dtype=torch.float64) for name in ("real", "fake", "z")}
    points["u"] = torch.rand(N, generator=rng, dtype=torch.float64)
    data = {name: value.flatten().tolist() for name, value in points.items()}
    found = node(
        f"const data = {json.dumps(data)}, strengths = {json.dumps(STRENGTH)};"
        f"const D = lab.perceptron([2, 8, 8, 1], '{request.param}', lab.chance(1));"
        f"const G = lab.perceptron([2, 8, 8, 2], '{request.param}', lab.chance(2));"
        """D.p.forEach((w, i) => (D.p[i] = 3 * w));  // steep enough for |D| > 1
        const f = Object.fromEntries(Object.entries(data).map(([name, list]) => [name, Float64Array.from(list)]));
        const list = (values) => Array.from(values), out = {D: list(D.p), G: list(G.p), critic: {}, generator: {}};
        for (const [kind, strength] of Object.entries(strengths)) {
          const one = lab.criticLoss(kind, strength, D, f.real, f.fake, f.u);
          out.critic[kind] = {...one, grad: list(one.grad)};
          const two = lab.generatorLoss(kind, G, D, f.z);
          out.generator[kind] = {...two, grad: list(two.grad), forces: list(lab.forces(kind, D, f.fake))};
        }
        const state = lab.adam(D.p.length), grad = Float64Array.from(out.critic.gp.grad), p = D.p.slice();
        for (const k of [1, 2, 3]) lab.descend(p, grad.map((g) => k * g), state, 0.01, 0.5);
        out.adam = list(p);
        console.log(JSON.stringify(out));"""
    )
    return found | {"points": points, "activation": request.param}


def torch_net(p: list[float], widths: list[int], activation: str) -> nn.Sequential:
    net = gi.networks.mlp(widths, activation).double()
    start = 0
    for parameter in net.parameters():
        values = p[start : start + parameter.numel()]
        parameter.data = torch.tensor(values, dtype=torch.float64).view_as(parameter)
        start += parameter.numel()
    assert start == len(p)
    return net


def flat(net: nn.Module, loss: Tensor) -> Tensor:
    return torch.cat([g.flatten() for g in torch.autograd.grad(loss, list(net.parameters()))])


def critic_loss(kind: str, D: nn.Module, points: dict[str, Tensor]) -> Tensor:
    """The loss in float64, written anew; `genimg.gan.objectives` computes in float32."""
    real, fake, lam = points["real"], points["fake"], STRENGTH[kind]
    on_real, on_fake = D(real), D(fake)
    if kind in ("saturating", "vanilla", "r1"):
        loss = nn.functional.softplus(-on_real).mean() + nn.functional.softplus(on_fake).mean()
    else:
        loss = on_fake.mean() - on_real.mean()
    if kind == "tv":
        outside = [torch.relu(y.abs() - 1).square().mean() for y in (on_real, on_fake)]
        loss = loss + lam * sum(outside) / 2
    if kind in ("gp", "r1"):
        u = points["u"][:, None] if kind == "gp" else 1.0
        at = (u * real + (1 - u) * fake).requires_grad_()
        (slope,) = torch.autograd.grad(D(at).sum(), at, create_graph=True)
        norm = slope.norm(dim=1)
        loss = loss + (lam * (norm - 1).square().mean() if kind == "gp" else lam / 2 * norm.square().mean())
    return loss


class TestParity:
    @pytest.mark.parametrize("kind", STRENGTH)
    def test_the_critic_and_its_penalty(self, both: dict[str, Any], kind: str) -> None:
        D = torch_net(both["D"], [2, 8, 8, 1], both["activation"])
        loss = critic_loss(kind, D, both["points"])
        assert both["critic"][kind]["loss"] == pytest.approx(loss.item(), rel=1e-5, abs=1e-8)
        grad = torch.tensor(both["critic"][kind]["grad"], dtype=torch.float64)
        torch.testing.assert_close(grad, flat(D, loss), rtol=1e-5, atol=1e-8)

    @pytest.mark.parametrize("kind", ["saturating", "vanilla", "clip", "tv"])
    def test_values_are_those_of_the_package(self, both: dict[str, Any], kind: str) -> None:
        D = torch_net(both["D"], [2, 8, 8, 1], both["activation"])
        kinds = {"saturating": gi.Vanilla(True), "vanilla": gi.Vanilla(), "clip": gi.WassersteinClip(0.1)}
        objective = (kinds | {"tv": gi.TotalVariation(10.0)})[kind]
        points = both["points"]
        theirs = objective.critic_loss(D, points["real"], points["fake"], torch.Generator())
        assert both["critic"][kind]["loss"] == pytest.approx(theirs.loss.item(), rel=1e-5)
        assert both["critic"][kind]["distance"] == pytest.approx(float(theirs.distance), rel=1e-5, abs=1e-6)
        G = torch_net(both["G"], [2, 8, 8, 2], both["activation"])
        loss = objective.generator_loss(D, G(points["z"]))
        assert both["generator"][kind]["loss"] == pytest.approx(loss.item(), rel=1e-5)

    @pytest.mark.parametrize("kind", ["saturating", "vanilla", "gp"])
    def test_the_generator_and_the_pull_on_samples(self, both: dict[str, Any], kind: str) -> None:
        D = torch_net(both["D"], [2, 8, 8, 1], both["activation"])
        G = torch_net(both["G"], [2, 8, 8, 2], both["activation"])
        softplus = nn.functional.softplus
        loss_of = {"saturating": lambda y: -softplus(y), "vanilla": lambda y: softplus(-y), "gp": lambda y: -y}[kind]
        grad = torch.tensor(both["generator"][kind]["grad"], dtype=torch.float64)
        torch.testing.assert_close(grad, flat(G, loss_of(D(G(both["points"]["z"]))).mean()), rtol=1e-5, atol=1e-8)
        at = both["points"]["fake"].clone().requires_grad_()
        (slope,) = torch.autograd.grad(loss_of(D(at)).sum(), at)
        force = torch.tensor(both["generator"][kind]["forces"], dtype=torch.float64).view(N, 2)
        torch.testing.assert_close(force, -slope, rtol=1e-5, atol=1e-8)

    def test_adam(self, both: dict[str, Any]) -> None:
        p = nn.Parameter(torch.tensor(both["D"], dtype=torch.float64))
        grad = torch.tensor(both["critic"]["gp"]["grad"], dtype=torch.float64)
        optimiser = torch.optim.Adam([p], lr=0.01, betas=(0.5, 0.99))
        for k in (1, 2, 3):
            p.grad = k * grad
            optimiser.step()
        torch.testing.assert_close(torch.tensor(both["adam"], dtype=torch.float64), p.data, rtol=1e-7, atol=1e-10)


class TestTruth:
    @pytest.mark.parametrize("n", [1, 2, 40])
    def test_w1_is_the_optimal_assignment(self, n: int) -> None:
        rng = torch.Generator().manual_seed(n)
        x, y = torch.randn(2, n, 2, generator=rng, dtype=torch.float64)
        data = json.dumps([x.flatten().tolist(), y.flatten().tolist()])
        found = node(f"console.log(lab.w1(...{data}.map((list) => Float64Array.from(list))))")
        assert found == pytest.approx(transport.w1_primal(x, y).value, abs=1e-10)

    def test_what_is_counted(self) -> None:
        """Three cells: shared by both laws, one law's own, the other law's own."""
        found = node(
            "const x = Float64Array.from([0.1, 0.1, 1.1, 1.1]), y = Float64Array.from([0.1, 0.1, -1.1, 1.1]);"
            "const {V, delta, D} = lab.counted(x, y); console.log(JSON.stringify([V, delta, [...new Set(D)].sort()]))"
        )
        p, q = torch.tensor([0.5, 0.5, 0.0]), torch.tensor([0.5, 0.0, 0.5])
        assert found[0] == pytest.approx(-math.log(4) + 2 * float(divergence.js(p, q)))
        assert found[1] == pytest.approx(0.5)
        assert found[2] == [0, 0.5, 1]

    def test_laws_have_their_centres_and_spread(self) -> None:
        found = node(
            "console.log(JSON.stringify(Object.keys(lab.LAWS).map((kind) => ["
            "kind, Array.from(lab.sampleLaw(kind, 4000, lab.chance(1), [[1, 1]])), lab.LAWS[kind].centres || null])))"
        )
        assert tuple(kind for kind, *_ in found) == LAWS
        for kind, points, centres in found:
            x = torch.tensor(points).view(-1, 2)
            assert float(x.abs().max()) < 3, kind
            if centres:
                near = torch.cdist(x, torch.tensor(centres).float()).min(1)
                shares = torch.bincount(near.indices, minlength=len(centres)) / len(x)
                assert float((shares - 1 / len(centres)).abs().max()) < 0.03, kind

    def test_modes_are_counted(self) -> None:
        found = node(
            "const x = Float64Array.from([2, 0, 0, 2, 0, 0, 2, 0.01]);console.log(JSON.stringify(lab.modes('ring', x)))"
        )
        assert found == {"found": 2, "of": 8, "share": 0.75}

    def test_the_same_seed_plays_the_same_game(self) -> None:
        script = (
            f"const s = {json.dumps(PRESETS['collapse']['setting'])};"
            "const play = (seed) => { const it = lab.game({...s, seed}); it.round(); return Array.from(it.shown()); };"
            "console.log(JSON.stringify([play(1), play(1), play(2)]));"
        )
        one, same, other = node(script)
        assert one == same != other


def trained(setting: dict[str, Any], rounds: int, broken: dict[str, Any] | None = None) -> dict[str, float]:
    """After a game: modes found, mean length of the pull, and W1: the last, and the worst of the last 300 rounds.

    Args:
        broken: the setting of 200 rounds before these.
    """
    return node(
        f"const it = lab.game({json.dumps(broken or setting)}); let worst = 0;"
        f"for (let i = 0; i < {200 if broken else 0}; i++) it.round();"
        f"Object.assign(it.setting, {json.dumps(setting)});"
        f"for (let i = 0; i < {rounds}; i++) {{ it.round();"
        f"  if (i > {rounds} - 300 && i % 20 === 0) worst = Math.max(worst, lab.w1(it.real(64), it.fake(64))); }}"
        """const x = it.fake(1000), force = lab.forces(it.setting.objective, it.D, x); let pull = 0;
        for (let i = 0; i < force.length; i += 2) pull += Math.hypot(force[i], force[i + 1]) / 1000;
        const w1 = lab.w1(it.real(64), it.fake(64));
        console.log(JSON.stringify({modes: lab.modes(it.setting.law, x).found, pull, worst, w1}));"""
    )


class TestPresets:
    """What the buttons promise, from the seed that they set."""

    def test_collapse(self) -> None:
        preset = PRESETS["collapse"]
        assert trained(preset["setting"], 450)["modes"] <= 2
        steps, penalty = (cure["setting"] for cure in preset["cures"])
        assert trained(steps, 240, broken=preset["setting"])["modes"] >= 7
        assert trained(penalty, 600, broken=preset["setting"])["modes"] >= 6

    @pytest.mark.parametrize("seed", [2, 3])
    def test_a_penalty_holds_the_ring_once_the_critic_keeps_up(self, seed: int) -> None:
        slow = PRESETS["collapse"]["setting"] | {"rateD": 0.003, "seed": seed}
        assert trained(slow, 350)["modes"] <= 2
        assert trained(slow | {"objective": "r1", "strength": 1.0}, 350)["modes"] >= 6

    def test_circling(self) -> None:
        preset = PRESETS["circling"]
        assert trained(preset["setting"], 500)["worst"] > 0.4
        assert trained(preset["cures"][0]["setting"], 500, broken=preset["setting"])["worst"] < 0.3

    def test_vanishing_gradients(self) -> None:
        preset = PRESETS["vanishing gradients"]
        stuck = trained(preset["setting"], 100)
        free = trained(preset["cures"][0]["setting"], 150, broken=preset["setting"])
        assert stuck["pull"] < 0.01 and stuck["w1"] > 2.5
        assert free["w1"] < 0.5

    def test_a_cure_is_one_change(self) -> None:
        for preset in PRESETS.values():
            before, after = preset["setting"], preset["cures"][0]["setting"]
            assert {key for key in before if before[key] != after[key]} <= {
                "objective",
                "strength",
                "momentum",
                "steps",
            }


class TestWidget:
    def test_names_are_those_of_the_module(self) -> None:
        assert tuple(node("console.log(JSON.stringify(Object.keys(lab.OBJECTIVES)))")) == OBJECTIVES

    def test_needs_nothing_from_outside(self) -> None:
        source = Path(gi.__file__).with_name("widgets").joinpath("gan_lab.js").read_text("utf-8")
        assert not re.search(r"^\s*import\b|\bimport\(|\bfetch\(|https?://", source, re.M)

    def test_twice_the_same_bytes_and_no_addresses(self) -> None:
        one, same = (GanLab("circling")._repr_mimebundle_()[0] for _ in range(2))
        assert one["text/html"] == same["text/html"]
        assert one["text/plain"] == "GanLab(vanilla on one, seed 1)"
        assert one["text/html"].count("<circle") == 288

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"preset": "colapse"}, "did you mean 'collapse'"),
            ({"law": "rings"}, "did you mean 'ring'"),
            ({"lr": 1}, "not 'lr'"),
            ({"rateD": 0}, "rateD must be"),
            ({"steps": 0.5}, "steps must be a whole number"),
            ({"momentum": 1}, "momentum must be"),
        ],
    )
    def test_bad_input(self, options: dict[str, Any], message: str) -> None:
        with pytest.raises(UsageError, match=message):
            GanLab(**options)
