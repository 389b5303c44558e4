"""The search of chapter 07 as two graphs: where to start, and one step's loss with its slope.

`Search` is the loss of `gi.inpaint.Loss` at G(z) and its gradient with respect to z, written as forward operations;
a page runs it once per step of Adam. `Starts` picks the first z among images that were generated beforehand, so that
choosing among 128 costs the page less than a step.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from genimg import zoo
from genimg._base.seeding import child, rng
from genimg.gan.distributions import Gaussian
from genimg.numerics.fields import div, grad
from genimg.problems.inpaint import OURS, edge_weight, weight
from genimg.widgets.live.graph import Graph
from genimg.widgets.live.pullback import traced

POOL = 128
"""Latents to choose the start from, as many as the chapter's board draws."""


class Context(nn.Module):
    """The contextual loss pixel ‖W (x − y)‖₁ + gradient ‖W (∇x − ∇y)‖₁ of `gi.inpaint.Loss`, and its slope in x."""

    def __init__(self, pixel: float, gradient: float) -> None:
        super().__init__()
        self.pixel, self.gradient = pixel, gradient

    def forward(self, x: Tensor, mask: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """(n,) and (n, c, h, w) for images x (n, c, h, w), a mask (1, 1, h, w) of 0 and 1, and y (1, c, h, w)."""
        W, W_edge = weight(mask), edge_weight(mask)
        near, edges = W * (x - y), W_edge * grad(x - y)
        loss = self.pixel * near.abs().flatten(1).sum(1) + self.gradient * edges.abs().flatten(1).sum(1)
        # The slope of |u| is sign(u), and the adjoint of ∇ is −div.
        return loss, self.pixel * (W * near.sign()) - self.gradient * div(W_edge * edges.sign())


class Search(nn.Module):
    """(z, mask, y) → (G(z), loss, ∂loss/∂z), with the loss of `genimg.problems.inpaint.Loss`: norm L1, prior −D.

    Args:
        G, D: of `networks.dcgan`, or any chains of layers that `pullback` knows.
        pixel, gradient, prior: weights of the loss; those of the chapter if left out.

    Source: the talk, "2nd Step".

    Example:
        >>> from genimg.gan.networks import dcgan
        >>> G, D = dcgan(latent=8, size=28, width=8, seed=0)
        >>> x, loss, slope = Search(G, D)(torch.ones(2, 8), torch.eye(28)[None, None], torch.zeros(1, 1, 28, 28))
        >>> x.shape, loss.shape, slope.shape
        (torch.Size([2, 1, 28, 28]), torch.Size([2]), torch.Size([2, 8]))
    """

    def __init__(
        self,
        G: nn.Module,
        D: nn.Module,
        pixel: float = OURS.pixel,
        gradient: float = OURS.gradient,
        prior: float = OURS.prior,
    ) -> None:
        super().__init__()
        self.G, self.D, self.prior = G, D, prior
        self.context = Context(pixel, gradient)

    def forward(self, z: Tensor, mask: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x, to_latent = traced(self.G, z)
        context, slope = self.context(x, mask, y)
        scores, to_image = traced(self.D, x)
        loss = context - self.prior * scores.squeeze(1)
        return x, loss, to_latent(slope + to_image(torch.full_like(scores, -self.prior)))


class Starts(nn.Module):
    """(mask, y) → (z, loss): the latent of a pool whose image costs least, to the 8 bits in which images are kept.

    Args:
        G, D: generator and critic.
        pool: (N, d).
        pixel, gradient, prior: as for `Search`.
    """

    pool: Tensor
    images: Tensor
    costs: Tensor

    @torch.no_grad()
    def __init__(
        self,
        G: nn.Module,
        D: nn.Module,
        pool: Tensor,
        pixel: float = OURS.pixel,
        gradient: float = OURS.gradient,
        prior: float = OURS.prior,
    ) -> None:
        super().__init__()
        self.context = Context(pixel, gradient)
        x = G(pool)
        self.register_buffer("pool", pool)
        self.register_buffer("images", ((x + 1) * 127.5).round().to(torch.uint8))
        self.register_buffer("costs", -prior * D(x))

    def forward(self, mask: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        context, _ = self.context(self.images.float() / 127.5 - 1, mask, y)
        loss, best = (context + self.costs).topk(1, largest=False)
        return self.pool[best], loss


def _example(latent: int) -> dict[str, Tensor]:
    """Inputs: a generated-looking nothing with a square missing, for shapes and for parity."""
    mask = torch.ones(1, 1, 64, 64)
    mask[..., 16:48, 16:48] = 0
    y = 0.5 * torch.randn(1, 3, 64, 64, generator=rng(child(0, "live y"))).clamp(-2, 2)
    return {"z": torch.randn(1, latent, generator=rng(child(0, "live z"))), "mask": mask, "y": y}


def search() -> Graph:
    """(z (1, 128), mask (1, 1, 64, 64), y (1, 3, 64, 64)) → (x, loss, slope) with the generator of faces."""
    G, D = zoo.load("faces")
    return Graph(Search(G, D), _example(int(G.latent)), ("x", "loss", "slope"))  # type: ignore[arg-type]


def starts() -> Graph:
    """(mask (1, 1, 64, 64), y (1, 3, 64, 64)) → (z (1, 128), loss (1,)) with the generator of faces."""
    G, D = zoo.load("faces")
    latent = int(G.latent)  # type: ignore[arg-type]
    inputs = {name: value for name, value in _example(latent).items() if name != "z"}
    pool = Gaussian(latent, rng(child(0, "live pool"))).sample(POOL).half().float()  # graphs keep halves
    return Graph(Starts(G, D, pool), inputs, ("z", "loss"))
