"""The search of chapter 07 as a graph: one step's loss with its slope.

`Search` is the loss of `gi.inpaint.Loss` at G(z) and its gradient with respect to z, written as forward operations;
a page runs it once per step of Adam, from what `encoder` makes of the known pixels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from genimg import zoo
from genimg._base.seeding import child, rng
from genimg.numerics.fields import div, grad
from genimg.problems.inpaint import OURS, edge_weight, weight
from genimg.widgets.live.graph import Graph
from genimg.widgets.live.pullback import traced


class Context(nn.Module):
    """The loss of `gi.inpaint.Loss` without its prior, and its slope in x.

    pixel ‖W (x − y)‖₁ + gradient ‖W (∇x − ∇y)‖₁.
    """

    def __init__(self, pixel: float, gradient: float, far: float) -> None:
        super().__init__()
        self.pixel, self.gradient, self.far = pixel, gradient, far

    def forward(self, x: Tensor, mask: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """(n,) and (n, c, h, w) for images x (n, c, h, w), a mask (1, 1, h, w) and y (1, c, h, w)."""
        W, W_edge = weight(mask, far=self.far), edge_weight(mask, far=self.far)
        near, edges = W * (x - y), W_edge * grad(x - y)
        loss = self.pixel * near.abs().flatten(1).sum(1) + self.gradient * edges.abs().flatten(1).sum(1)
        # The slope of |u| is sign(u), and the adjoint of ∇ is −div.
        return loss, self.pixel * (W * near.sign()) - self.gradient * div(W_edge * edges.sign())


class Search(nn.Module):
    """(z, mask, y) → (G(z), loss, ∂loss/∂z) of `genimg.problems.inpaint.Loss`: norm L1, prior −D.

    Args:
        G, D: of `networks.dcgan`, or any chains of layers that `pullback` knows.
        pixel, gradient, prior, far: of the loss; those of the chapter if left out.

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
        far: float = OURS.far,
    ) -> None:
        super().__init__()
        self.G, self.D, self.prior = G, D, prior
        self.context = Context(pixel, gradient, far)

    def forward(self, z: Tensor, mask: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x, to_latent = traced(self.G, z)
        context, slope = self.context(x, mask, y)
        scores, to_image = traced(self.D, x)
        loss = context - self.prior * scores.squeeze(1)
        return x, loss, to_latent(slope + to_image(torch.full_like(scores, -self.prior)))


def _example(latent: int) -> dict[str, Tensor]:
    """Inputs: a generated-looking nothing with a square missing, for shapes and for parity."""
    mask = torch.ones(1, 1, 64, 64)
    mask[..., 16:48, 16:48] = 0
    y = 0.5 * torch.randn(1, 3, 64, 64, generator=rng(child(0, "live y"))).clamp(-2, 2)
    return {"z": torch.randn(1, latent, generator=rng(child(0, "live z"))), "mask": mask, "y": y}


def search() -> Graph:
    """(z (1, 256), mask (1, 1, 64, 64), y (1, 3, 64, 64)) → (x, loss, slope) for the generator of faces."""
    G, D = zoo.load("faces")
    return Graph(Search(G, D), _example(int(G.latent)), ("x", "loss", "slope"))  # type: ignore[arg-type]
