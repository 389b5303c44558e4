"""The search in the latent space: many images from many starts in one batch, each on its own."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from genimg._base import devices
from genimg._base.errors import UsageError, at_least, positive
from genimg.problems.inpaint.encoder import Encoder
from genimg.problems.inpaint.losses import OURS, Formulation, Loss

STEPS = 300  # of a search, at most
FROM_MEAN = 40  # of one that begins at the mean of all z and not at an encoder's guess; see `inpainting_search`
POOL = 256  # images generated and compared at once
BETAS = (0.9, 0.999)  # of Adam


class Search(NamedTuple):
    """How a generator is searched.

    Attributes:
        start: "mean", at z = 0, the mean of all z, "pool", at the best of many random z, or "encoder".
        lr: of Adam.
        steps: updates at most.
        far: of `weight`, for the loss of the talk; None takes the loss that `Formulation` has by itself.
        encoder: name of an `Encoder` of the zoo, for that start.
    """

    start: str = "pool"
    lr: float = 0.1
    steps: int = STEPS
    far: float | None = None
    encoder: str = ""

    def from_mean(self) -> Search:
        """The same from the mean of all z, with the steps that this takes, if it starts at an encoder's guess."""
        return self._replace(start="mean", steps=FROM_MEAN) if self.start == "encoder" else self

    def fitting(self, G: nn.Module) -> Search:
        """Itself, but `from_mean` if its encoder was trained with another generator, and knows nothing of this one."""
        return self if self.start != "encoder" or Encoder.load(self.encoder).fits(G) else self.from_mean()

    def first(self, G: nn.Module) -> Encoder | Tensor | None:
        """Where each search starts, for `best_starts`; None where that is the pool."""
        device = next(G.parameters()).device
        if self.start == "encoder":
            return Encoder.load(self.encoder).to(device)
        return torch.zeros(int(G.latent), device=device) if self.start == "mean" else None  # type: ignore[arg-type]

    @property
    def formulation(self) -> Formulation:
        """The talk's loss, with `far` added to its weight; `Formulation()` where nothing is said of it."""
        return Formulation() if self.far is None else replace(OURS, far=self.far)

    @classmethod
    def of(cls, recipe: Mapping[str, Any], otherwise: Search | None = None) -> Search:
        """What a recipe of weights says in its entry "search"; `otherwise` where it says nothing.

        Raises:
            UsageError: for an entry that cannot be followed.

        Example:
            >>> Search.of({"search": {"start": "mean", "steps": 40}})
            Search(start='mean', lr=0.1, steps=40, far=None, encoder='')
        """
        given = recipe.get("search", {})
        try:
            how = (otherwise or cls())._replace(**given)
            possible = type(how.steps) is int and how.steps >= 0 and how.start in ("mean", "pool", "encoder")
            far = 0.0 if how.far is None else how.far
            numbers = all(type(x) in (int, float) and math.isfinite(x) for x in (how.lr, far))
            named = isinstance(how.encoder, str) and (how.start != "encoder" or bool(how.encoder))
            if possible and numbers and named and how.lr > 0 and far >= 0:
                return how
        except (TypeError, ValueError, OverflowError):
            pass
        raise UsageError(
            f"the recipe of these weights says how to search, but not so that it could be followed: {given!r}; "
            "mend it in their manifest.json"
        )


class SearchStep(NamedTuple):
    """z^(k) and what it costs, for n images from r starts each; none of it changes in later steps.

    Attributes:
        step: k, from 0 (the starts).
        z: (n, r, d), where the search is.
        loss: (n, r), at z.
        best_z, best_loss: the same at the best place so far.
        searching: (n, r) bool, False once a search has converged and rests.
        images: gives G(z) (n, r, c, h, w), for a film or a slider.
    """

    step: int
    z: Tensor
    loss: Tensor
    best_z: Tensor
    best_loss: Tensor
    searching: Tensor
    images: Callable[[], Tensor]

    def best(self) -> tuple[Tensor, Tensor]:
        """(z (n, d), loss (n,)): of the searches of each image the one that has come lowest so far."""
        loss, which = self.best_loss.min(dim=1)
        return self.best_z[torch.arange(len(which)), which], loss


def frozen(network: nn.Module) -> nn.Module:
    """The network in eval mode and without gradients for its weights: itself if it is so, else a copy.

    In training mode a BatchNorm would tie the images of a batch together.
    """
    if not any(part.training for part in network.modules()) and not any(p.requires_grad for p in network.parameters()):
        return network
    return copy.deepcopy(network).eval().requires_grad_(False)


@torch.no_grad()
def best_starts(
    G: nn.Module, loss: Loss, pool: Tensor, restarts: int = 1, first: Tensor | Encoder | None = None
) -> Tensor:
    """For each image the `restarts` of the pool that cost least: G once per z of the pool, for all images together.

    Args:
        G: generator (k, d) → (k, c, h, w).
        loss: of the n images.
        pool: (N, d), N ≥ restarts; N = restarts gives every image the whole pool, random starts if it is random.
        first: a start of every image before the best of the pool: (d,), such as the mean of all z, or an encoder, which
            gives each its own.

    Returns:
        (n, restarts, d), `first` and then the best first.

    Raises:
        UsageError: a pool that is too small.
    """
    if first is not None:
        z = first(loss.y, loss.known) if isinstance(first, Encoder) else first
        own = z.expand(len(loss), -1)[:, None]
        if at_least(restarts, 1, "restarts") == 1:
            return own
        return torch.cat([own, best_starts(G, loss, pool, restarts - 1)], dim=1)
    if len(pool) < at_least(restarts, 1, "restarts"):
        raise UsageError(f"{restarts} starts per image need a pool of as many, got {len(pool)}")
    G = frozen(G)
    costs = []
    for z in pool.split(POOL):
        x = G(z)
        prior = loss.prior(x) if loss.formulation.prior else 0.0
        costs.append(
            torch.stack([loss.context(x, torch.tensor([k], device=x.device)) + prior for k in range(len(loss))])
        )
    best = torch.cat(costs, dim=1).topk(restarts, dim=1, largest=False).indices
    return pool[best]


def search_steps(
    G: nn.Module,
    loss: Loss,
    start: Tensor,
    *,
    steps: int = STEPS,
    lr: float = 0.1,
    patience: int | None = 50,
    tolerance: float = 1e-3,
    amp: bool = False,
) -> Iterator[SearchStep]:
    """ẑ = argmin_z L(G(z)) by Adam, from each of r starts for each of n images at once.

    A search sees its own image and its own moments only, so that a batch gives what single runs give, to rounding.

    Args:
        G: generator; searched in eval mode, whatever mode it is in.
        loss: of the n images; its formulation says where z may be.
        start: z^(0), (n, r, d), on G's device.
        patience: a search ends once its loss has not fallen by the share `tolerance` within this many steps, and costs
            nothing from there on; None never ends one.
        tolerance: see `patience`.
        amp: networks in bfloat16, z, its moments and the sums of the loss in float32. Several times as fast where the
            networks are in channels last and the processor has bfloat16; where it has not, float32 is taken.

    Yields:
        `SearchStep` before the first update and after each one, until all searches have ended.

    Raises:
        UsageError: starts that do not fit.

    Source: the talk, "2nd Step"; Yeh et al. 2017, section 3.4; Kingma & Ba 2015, algorithm 1.
    """
    if start.ndim != 3 or len(start) != len(loss):
        raise UsageError(f"start must be (n, restarts, d) for {len(loss)} images, got {tuple(start.shape)}")
    at_least(steps, 0, "steps")
    positive(lr, "lr")
    G = frozen(G)
    n, restarts, d = start.shape
    image = torch.arange(n, device=start.device).repeat_interleave(restarts)
    begun = start.detach().reshape(-1, d)
    allowed = loss.formulation.constraint or (lambda z, _: z)
    z = allowed(begun, begun).clone()
    mean, square = torch.zeros_like(z), torch.zeros_like(z)
    now = torch.full((len(z),), torch.inf, dtype=z.dtype, device=z.device)
    best, best_z = now.clone(), z.clone()
    mark, since = now.clone(), torch.zeros(len(z), dtype=torch.int64, device=z.device)  # the loss to beat, and its age
    active = torch.arange(len(z), device=z.device)
    seen: Tensor | None = None

    def by_start(rows: Tensor) -> Tensor:
        return rows.reshape(n, restarts, *rows.shape[1:])

    for step in range(steps + 1):
        at = z[active].requires_grad_(step < steps)
        with torch.autocast(at.device.type, dtype=torch.bfloat16, enabled=devices.bfloat16(at.device, amp)):
            x = G(at).to(at.dtype)
            value = loss(x, image[active])
        seen = x.detach().clone() if seen is None else seen.index_copy(0, active, x.detach())
        now = now.index_copy(0, active, value.detach())
        better = now < best
        best, best_z = torch.where(better, now, best), torch.where(better[:, None], z, best_z)
        fell = best < mark - tolerance * mark.abs().nan_to_num(posinf=0.0)
        mark, since = torch.where(fell, best, mark), torch.where(fell, 0, since + 1)
        resting = torch.zeros_like(fell) if patience is None else since >= at_least(patience, 1, "patience")
        going = active[~resting[active]] if step < steps else active[:0]
        searching = torch.zeros_like(resting).index_fill(0, going, True)
        yield SearchStep(
            step, by_start(z.clone()), by_start(now), by_start(best_z), by_start(best), by_start(searching),
            images=partial(by_start, seen),
        )  # fmt: skip
        if len(going) == 0:
            return

        (slope,) = torch.autograd.grad(value.sum(), at)
        slope = slope[~resting[active]]
        active = going
        mean[active] = BETAS[0] * mean[active] + (1 - BETAS[0]) * slope
        square[active] = BETAS[1] * square[active] + (1 - BETAS[1]) * slope.square()
        along = mean[active] / (1 - BETAS[0] ** (step + 1))
        moved = z[active] - lr * along / ((square[active] / (1 - BETAS[1] ** (step + 1))).sqrt() + 1e-8)
        z[active] = allowed(moved, begun[active])


def searches(
    G: nn.Module,
    D: nn.Module,
    y: Tensor,
    mask: Tensor,
    pool: Tensor,
    formulation: Formulation,
    *,
    restarts: int = 1,
    batch: int = 64,
    first: Tensor | Encoder | None = None,
    **search: Any,
) -> Iterator[tuple[Tensor, SearchStep]]:
    """The search for any number of images, a batch after the other, each from its best starts.

    Args:
        G, D, y, mask, pool, formulation, restarts, batch: as in `inpaint`.
        first: as in `best_starts`.
        search: further arguments of `search_steps`.

    Yields:
        (rows, step): which images these are, and how far their search is.
    """
    if not isinstance(pool, Tensor):
        raise UsageError(f"pool holds latent vectors (N, d), such as latent.sample(256), not {type(pool).__name__}")
    at_least(restarts, 1, "restarts")
    G, D = frozen(G), frozen(D)
    for rows in torch.arange(len(y)).split(max(1, at_least(batch, 1, "batch") // restarts)):
        loss = Loss(D, y[rows], mask if mask.ndim == 2 or len(mask) == 1 else mask[rows], formulation)
        for step in search_steps(G, loss, best_starts(G, loss, pool, restarts, first), **search):
            yield rows, step
