"""The discrete gradient of an image and its adjoint, shared by the inpainting loss and the Poisson editing step.

A field p (n, 2, c, h, w) holds the difference to the next row in p[:, 0] and to the next column in p[:, 1].
"""

from __future__ import annotations

import torch
from torch import Tensor

from genimg._base.errors import UsageError


def grad(u: Tensor) -> Tensor:
    """Forward differences, zero at the last row and column (no flow through the border).

    (grad u)[:, 0] = u_{i+1, j} - u_{i, j} and (grad u)[:, 1] = u_{i, j+1} - u_{i, j}, in units of u per pixel.

    Args:
        u: images (n, c, h, w), of any float type; differentiable.

    Returns:
        Field (n, 2, c, h, w).

    Raises:
        UsageError: for another number of axes.

    Source: Chambolle, An algorithm for total variation minimization and applications, 2004, section 2.

    Example:
        >>> grad(torch.tensor([[[[1.0, 2.0], [4.0, 8.0]]]])).squeeze().tolist()
        [[[3.0, 6.0], [0.0, 0.0]], [[1.0, 0.0], [4.0, 0.0]]]
    """
    if u.ndim != 4:
        raise UsageError(f"grad takes images (n, c, h, w), got shape {tuple(u.shape)}")
    down = torch.cat([u.diff(dim=-2), torch.zeros_like(u[..., :1, :])], dim=-2)
    right = torch.cat([u.diff(dim=-1), torch.zeros_like(u[..., :1])], dim=-1)
    return torch.stack([down, right], dim=1)


def div(p: Tensor) -> Tensor:
    """Divergence, the negative adjoint of `grad`: <grad u, p> = <u, -div p> for every image u and field p.

    Backward differences; what p carries in its last row (direction 0) and last column (direction 1) is ignored, as
    `grad` never puts anything there. div grad is the five-point Laplacian with free border.

    Args:
        p: field (n, 2, c, h, w).

    Returns:
        Images (n, c, h, w).

    Raises:
        UsageError: for another shape.

    Source: Chambolle, An algorithm for total variation minimization and applications, 2004, section 2.

    Example:
        The Laplacian of a single bright pixel in the corner.

        >>> div(grad(torch.tensor([[[[1.0, 0.0], [0.0, 0.0]]]]))).squeeze().tolist()
        [[-2.0, 1.0], [1.0, 0.0]]
    """
    if p.ndim != 5 or p.shape[1] != 2:
        raise UsageError(f"div takes fields (n, 2, c, h, w), got shape {tuple(p.shape)}")
    down, right = p[:, 0, ..., :-1, :], p[:, 1, ..., :, :-1]
    no_row, no_column = torch.zeros_like(p[:, 0, ..., :1, :]), torch.zeros_like(p[:, 1, ..., :, :1])
    return (
        torch.cat([down, no_row], dim=-2)
        - torch.cat([no_row, down], dim=-2)
        + (torch.cat([right, no_column], dim=-1) - torch.cat([no_column, right], dim=-1))
    )
