"""Beyond the talk: D* read from nearest neighbours instead of a trained network.

The optimal D_TV is the sign of p_real − p_hist. A point where the data are dense and the past is not has near
neighbours among the data and none in the past, so the difference of the two distances is a score with the same sign
and no network that could learn the generator's brush strokes instead of the support of the data.
"""

from __future__ import annotations

import torch
from torch import Tensor

from genimg._base.errors import UsageError, at_least


@torch.no_grad()
def neighbour_distance(x: Tensor, reference: Tensor, k: int = 5, batch: int = 512) -> Tensor:
    """Mean Euclidean distance of each x to its k nearest points of `reference`; alone, the k-nearest-neighbour score.

    Args:
        x: (n, …) float.
        reference: (m, …) of the same shape per row, m ≥ k, on the same device.
        batch: rows of x per matrix product.

    Returns:
        (n,), in units of x.

    Raises:
        UsageError: if the rows do not fit or there are fewer than k reference points.

    Source: Ramaswamy et al., Efficient algorithms for mining outliers from large data sets, 2000.

    Example:
        >>> neighbour_distance(torch.tensor([[0.0]]), torch.tensor([[1.0], [3.0], [9.0]]), k=2).tolist()
        [2.0]
    """
    at_least(k, 1, "k")
    if x.shape[1:] != reference.shape[1:] or len(reference) < k:
        raise UsageError(
            f"neighbours: x {tuple(x.shape)} and reference {tuple(reference.shape)} must have rows of one shape, "
            f"and the reference at least k = {k} of them"
        )
    flat = reference.flatten(1)
    distances = [torch.cdist(part, flat).topk(k, largest=False).values.mean(1) for part in x.flatten(1).split(batch)]
    return torch.cat(distances) if distances else x.new_zeros(0)


def neighbour_contrast(x: Tensor, real: Tensor, past: Tensor, k: int = 5) -> Tensor:
    """r_real(x) − r_past(x), with r the mean distance to the k nearest samples of a law; larger = more anomalous.

    A nearest-neighbour reading of −D*: negative where the normal data are nearer than the generator's past. Whether the
    past is worth more than another negative law is an experiment, not a property; `past` takes any.

    Args:
        x: (n, …) images.
        real: (m, …) normal training images.
        past: (l, …) samples of P_Ghist.

    Returns:
        (n,).

    Source: this project; the optimal dual variable of the talk, "Optimal discriminator".

    Example:
        >>> x = torch.tensor([[0.0], [4.0]])
        >>> neighbour_contrast(x, real=torch.tensor([[0.0]]), past=torch.tensor([[4.0]]), k=1).tolist()
        [-4.0, 4.0]
    """
    return neighbour_distance(x, real, k) - neighbour_distance(x, past, k)
