"""A generator adapted to one image: after the search its weights go on towards the known pixels, for a few steps.

A search over z alone ends where the generator cannot follow the image any further, and what is left over along the rim
of the hole is spread over it by Poisson editing. A copy of G with weights of its own for each image comes nearer; each
step softens its features, too, and many would fit the rim and forget what a face is.
"""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from genimg._base.errors import at_least, positive
from genimg.problems.inpaint.losses import Loss
from genimg.problems.inpaint.search import frozen

LR = 3e-4
BETAS = (0.9, 0.99)


def adapted(G: nn.Module, loss: Loss, z: Tensor, steps: int, lr: float = LR) -> Tensor:
    """G_k(z_k) for each of n images, where G_k starts as G and takes `steps` of Adam down the loss of image k.

    Args:
        G: generator (k, d) → (k, c, h, w); it stays as it is.
        loss: of the n images.
        z: (n, d), what a search has found; it stays where it is.
        steps: of the weights; 0 gives G(z).
        lr: of Adam.

    Returns:
        (n, c, h, w).

    Raises:
        UsageError: a negative number of steps, or a rate that is not positive.

    Source: Hussein, Tirer & Giryes 2020, "image-adaptive GAN"; the loss is the talk's.

    Example:
        A generator that cannot be grey enough, whatever z, learns to be.

        >>> G = nn.Sequential(nn.Linear(1, 16), nn.Tanh(), nn.Unflatten(1, (1, 4, 4)))
        >>> y, mask = torch.full((1, 1, 4, 4), 0.25), torch.tensor([[1, 1, 0, 0]]).expand(4, 4)
        >>> from genimg.problems.inpaint.losses import Formulation
        >>> loss = Loss(nn.Flatten(), y, mask, Formulation(prior=0.0))
        >>> x = adapted(G, loss, torch.zeros(1, 1), steps=200, lr=0.01)
        >>> bool((x - y)[..., :2].abs().max() < 0.05)
        True
    """
    at_least(steps, 0, "steps of the weights")
    positive(lr, "lr")
    G, images = frozen(G), []
    if not steps:
        with torch.no_grad():
            return G(z)
    for k in range(len(z)):
        at, image = z[k : k + 1].detach(), torch.tensor([k], device=z.device)
        own = copy.deepcopy(G).requires_grad_(True)
        optimiser = torch.optim.Adam(own.parameters(), lr=lr, betas=BETAS)
        with torch.enable_grad():
            for _ in range(steps):
                optimiser.zero_grad()
                loss(own(at), image).sum().backward()
                optimiser.step()
        images.append(own(at).detach())
    return torch.cat(images)
