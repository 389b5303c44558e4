"""Searches in the latent space of one generator, for many held-out images at once, and what they are compared with."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from genimg._base.errors import UsageError
from genimg.lab.experiments import fills
from genimg.lab.experiments.cells import Cell, compared, score
from genimg.problems import inpaint
from genimg.problems.inpaint import masks

if TYPE_CHECKING:
    from genimg.lab.experiments.inpainting_table import Size


LR, LATER_LR = 0.1, 0.01


@dataclass(frozen=True)
class Task:
    """What all methods share on one data set and for one seed: held-out images, networks, candidates to start from."""

    y: Tensor
    squares: Tensor
    law: inpaint.Linear
    G: nn.Module
    D: nn.Module
    pool: Tensor
    level: inpaint.Level
    size: Size
    how: inpaint.Search
    first: Tensor | inpaint.Encoder | None  # of `best_starts`

    def starts(self, loss: inpaint.Loss, restarts: int) -> Tensor:
        """(n, restarts, d): the best of the pool, or `first` and then the best of the pool."""
        return inpaint.best_starts(self.G, loss, self.pool, restarts, self.first)

    def mask(self, name: str) -> Tensor:
        """(1, 1, h, w) for "centre", (n, 1, h, w) for "squares"."""
        return masks.centre_square(self.y.shape[-1]) if name == "centre" else self.squares


def latents(
    G: nn.Module,
    task: Task,
    mask: Tensor,
    formulation: inpaint.Formulation,
    steps: int,
    restarts: int = 1,
    start: Tensor | None = None,
    lr: float | None = None,
) -> Tensor:
    """ẑ (n, r, d) of each image, the lowest loss first.

    Args:
        G: searched; that of the task, or its later layers.
        formulation: what is minimised, but for the level of the critic, which is the task's.
        steps, lr: of `search_steps`; the task's rate if None.
        start: (n, r, d), from where to search; None starts where the task does.
    """
    lr = task.how.lr if lr is None else lr
    mask, found = mask.to(task.y), []
    if isinstance(formulation.prior_loss, inpaint.LogPrior):
        formulation = replace(formulation, prior_loss=inpaint.LogPrior(task.level))
    for rows in torch.arange(len(task.y)).split(max(1, task.size.batch // restarts)):
        loss = inpaint.Loss(task.D, task.y[rows], mask if len(mask) == 1 else mask[rows], formulation)
        z = task.starts(loss, restarts) if start is None else start[rows]
        (last,) = deque(inpaint.search_steps(G, loss, z, steps=steps, lr=lr, amp=task.size.amp), maxlen=1)
        order = last.best_loss.argsort(dim=1)
        found.append(last.best_z.gather(1, order[..., None].expand_as(last.best_z)))
    return torch.cat(found)


def pictures_of(G: nn.Module, z: Tensor, batch: int) -> Tensor:
    """G(z) (n, c, h, w), a batch at a time."""
    with torch.no_grad():
        return torch.cat([G(part) for part in z.split(batch)])


def search(task: Task, mask: Tensor, loss: inpaint.Formulation) -> Cell:
    """The cell of one row: one search per image."""
    z = latents(task.G, task, mask, loss, task.how.steps)
    return score(task.y, mask, pictures_of(task.G, z[:, 0], task.size.batch))


def filled(task: Task, mask: Tensor) -> dict[str, Cell]:
    """The cells of all fills without a generator."""
    return {name: score(task.y, mask, fills.fill(name, task.y, mask, task.law)) for name in fills.METHODS}


def both(task: Task, mask: Tensor, loss: inpaint.Formulation) -> dict[str, Cell]:
    """One row and all fills under one mask."""
    return {"search": search(task, mask, loss), **filled(task, mask)}


def extended(task: Task, mask: Tensor, loss: inpaint.Formulation) -> dict[str, Cell]:
    """The cells of `EXTENSIONS`: one set of searches serves all three."""
    size = task.size
    z = latents(task.G, task, mask, loss, task.how.steps, size.restarts)
    images = pictures_of(task.G, z.flatten(0, 1), size.batch).unflatten(0, z.shape[:2])
    later = Later(task.G).eval()
    with torch.no_grad():
        start = later.start(z[:, 0]).flatten(1)[:, None]
    h = latents(later, task, mask, loss, size.later_steps, start=start, lr=LATER_LR)
    guides = {
        "restarts": images[:, 0],
        "average": images.mean(1),
        "later": pictures_of(later, h[:, 0], size.batch),
    }
    return {name: score(task.y, mask, guide) for name, guide in guides.items()}


class Later(nn.Module):
    """A generator without its first layer: activations h (n, d) → images.

    With as many unknowns as h has, almost any image can be reached, likely or not, so the search starts from G's own
    activations at ẑ and takes few and small steps.
    """

    def __init__(self, G: nn.Module) -> None:
        super().__init__()
        if not {"start", "blocks", "end"} <= dict(G.named_children()).keys():
            raise UsageError("the later layers of this generator are not known; it needs start, blocks and end")
        self.start: nn.Module = G.get_submodule("start")
        self.rest = nn.Sequential(G.get_submodule("blocks"), G.get_submodule("end"))
        with torch.no_grad():
            self.shape = self.start(torch.zeros(1, int(G.latent)).to(next(G.parameters()))).shape[1:]  # type: ignore[arg-type]

    def forward(self, h: Tensor) -> Tensor:
        return self.rest(h.unflatten(1, self.shape))


def reach(task: Task) -> dict[str, Any]:
    """How near the generator comes to each image when it is shown all of it, by the distance ‖G(z) − y‖.

    Returns:
        `whole`: scores of G(ẑ) over the whole image; `cells`: what this ẑ, which saw the hole, gives for each mask.
    """
    size = task.size
    everything = torch.ones(1, 1, *task.y.shape[2:])
    distance = inpaint.Formulation(1.0, 0.0, 0.0, norm=inpaint.l2, window=None)
    restarts = size.restarts if task.first is None else 1
    z = latents(task.G, task, everything, distance, size.reach_steps, restarts)
    images = pictures_of(task.G, z[:, 0], size.batch)
    return {
        "whole": compared(images, task.y),
        "cells": {mask: score(task.y, task.mask(mask), images) for mask in ("centre", "squares")},
    }
