"""W, how much a known pixel counts: the share of missing pixels in the window around it."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

from genimg._base.errors import UsageError

WINDOW = 7


def weight(mask: Tensor, window: int | None = WINDOW, far: float = 0.0) -> Tensor:
    """W(i) = far + Σ_{j in N_i} (1 − M(j)) / |N_i| if i is known, 0 if it is missing.

    N_i is the window of odd side around i, without what lies outside the image: |N_i| is smaller at a border. With far
    = 0, as in the paper, W is in [0, 1), zero in the hole, largest beside it and zero again where the window reaches no
    missing pixel: the search sees a rim of the image and nothing else. A well-known implementation counts the known
    neighbours instead, which has W upside down and 28 times as heavy.

    Args:
        mask: (h, w) or (n, 1, h, w), 1 = known, 0 = missing.
        window: odd side in pixels; None turns W off, which gives M.
        far: what every known pixel counts beside that; this project's, see chapter 07.

    Returns:
        (1, 1, h, w) or (n, 1, h, w) float32.

    Raises:
        UsageError: an even window, or another shape.

    Source: the talk, "2nd Step"; Yeh et al. 2017, equation (3) and section 3.1 (window 7).

    Example:
        >>> weight(torch.tensor([[0, 1, 1, 1]]), window=3).tolist()          # 1/3 beside the hole, then nothing
        [[[[0.0, 0.3333333432674408, 0.0, 0.0]]]]
    """
    M = (mask[None, None] if mask.ndim == 2 else mask).float()
    if M.ndim != 4 or M.shape[1] != 1:
        raise UsageError(f"a mask is (h, w) or (n, 1, h, w), got {tuple(mask.shape)}")
    if window is None:
        return M
    if window < 1 or window % 2 == 0:
        raise UsageError(f"the window of W must be odd and at least 1, got {window}")
    return M * (far + avg_pool2d(1 - M, window, stride=1, padding=window // 2, count_include_pad=False))


def edge_weight(mask: Tensor, window: int | None = WINDOW, far: float = 0.0) -> Tensor:
    """W(i) for the differences of pixel i with its neighbours below and to the right; 0 if the neighbour is missing.

    The talk weights ∇G(z) − ∇y by W alone. Its forward differences reach from a known pixel into the hole, where y is
    not known, and W is largest there; such a difference cannot count.

    Args:
        mask, window, far: as for `weight`.

    Returns:
        (1, 2, 1, h, w) or (n, 2, 1, h, w) float32, for fields as `genimg.numerics.fields.grad` gives them.

    Source: the talk, "2nd Step", with that difference.

    Example:
        >>> edge_weight(torch.tensor([[1, 0, 1, 1]]), window=3)[:, 1].tolist()    # the pair (2, 3) is known
        [[[[0.0, 0.0, 0.3333333432674408, 0.0]]]]
    """
    W = weight(mask, window, far)
    M = (mask[None, None] if mask.ndim == 2 else mask).float()
    below = torch.cat([M[..., 1:, :], torch.zeros_like(M[..., :1, :])], dim=-2)
    right = torch.cat([M[..., 1:], torch.zeros_like(M[..., :1])], dim=-1)
    return torch.stack([W * below, W * right], dim=1)
