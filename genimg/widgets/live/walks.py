"""Walks in the latent space: a generator, and the number that is drawn along the way."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from genimg import zoo
from genimg._base.seeding import rng
from genimg.problems.anomaly import Detector
from genimg.widgets.live.graph import Graph


class Walk(nn.Module):
    """z (1, d) → x (1, c, h, w) in (−1, 1), and sign · critic(x), (1,)."""

    def __init__(self, G: nn.Module, critic: nn.Module, sign: float = 1.0) -> None:
        super().__init__()
        self.G, self.critic, self.sign = G, critic, sign

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        x = self.G(z)
        return x, self.sign * self.critic(x)


def _example(G: nn.Module) -> dict[str, Tensor]:
    return {"z": torch.randn(1, int(G.latent), generator=rng(0))}  # type: ignore[arg-type]


def digits() -> Graph:
    """Digits of the zoo, and the anomaly score −D_TV(x) of the shipped detector, which has never seen a 1."""
    G, _ = zoo.load("digits")
    return Graph(Walk(G, Detector.load("history-digits").network, -1.0), _example(G), ("x", "score"))


def faces() -> Graph:
    """Faces of the zoo, and their critic D(x)."""
    G, D = zoo.load("faces")
    return Graph(Walk(G, D), _example(G), ("x", "score"))
