"""Pictures to colour, the answers that need no network, and the scores of coloured pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from genimg import data
from genimg._base.errors import UsageError
from genimg.numerics import metrics
from genimg.numerics.color import lightness, rgb_to_lab
from genimg.problems import colorize

GREY_BELOW = 3.0  # mean chroma in CIE units: pictures below have no colours to learn or to compare
METRICS = {
    "psnr": ("PSNR on RGB, mean of the pictures' PSNRs", "dB"),
    "psnr-ab": ("PSNR of a and b alone, peak 255, mean of the pictures' PSNRs", "dB"),
    "ssim": ("SSIM on RGB", "1"),
    "colourfulness": ("colourfulness (Hasler 2003), mean over pictures", "1"),
    "accuracy": ("accuracy of a classifier that was trained on real colours", "1"),
}
Scores = dict[str, float]


@dataclass(frozen=True, eq=False)
class Task:
    """What all methods share on one data set."""

    seen: Tensor  # training pictures at the size of the networks, uint8
    y: Tensor  # the teacher's class distributions of them
    means: Tensor  # mean ab per class (classes, 2, size, size), CIE units, of the training pictures by their labels
    shares: Tensor  # of the classes among them, (classes,)
    shown: Tensor  # test pictures at their own size, sRGB in [0, 1]
    labels: Tensor  # (n,), of the test pictures
    teacher: colorize.Teacher  # see the module
    judge: nn.Module  # see the module
    size: int  # side at which networks see pictures


def trivial(task: Task, method: str, L: Tensor, labels: Tensor) -> Tensor:
    """ab of what needs no network; `class-map` is told the true class, which no method of colouring is."""
    if method == "grey":
        return torch.zeros(len(L), 2, 1, 1)
    if method == "mean":
        colour = (task.means.mean((2, 3)) * task.shares[:, None]).sum(0)
        return colour.reshape(1, 2, 1, 1).expand(len(L), -1, -1, -1)
    return task.means[labels]


@torch.no_grad()
def coloured(shown: Tensor, answer: Callable[[Tensor, Tensor], Tensor], labels: Tensor) -> Tensor:
    """sRGB (n, 3, h, w) in [0, 1] on the CPU, in steps of 1/255 as a file holds it, with the L of `shown`."""
    done = []
    for x, y in zip(shown.split(100), labels.split(100), strict=True):
        L = lightness(x)
        done.append((colorize.merge(L, answer(L, y).to(L)) * 255).round().cpu() / 255)
    return torch.cat(done)


def judged(task: Task, pictures: Tensor) -> Scores:
    """Every number of METRICS, on the CPU."""
    judge = task.judge.cpu()
    seen = torch.cat([colorize.shrink(part, task.size) for part in pictures.split(500)])
    real = pictures is task.shown  # which differs from itself by nothing
    found = {"colourfulness": round(metrics.colourfulness(pictures), 4)} if real else compared(pictures, task.shown)
    return {**found, "accuracy": round(colorize.accuracy(judge, 2 * seen - 1, task.labels), 4)}


def compared(x: Tensor, y: Tensor) -> Scores:
    """x with y, sRGB (n, 3, h, w) in [0, 1]."""
    lab, truth = (torch.cat([rgb_to_lab(part) for part in pictures.split(200)]) for pictures in (x, y))
    found = {
        "psnr": metrics.psnr(x, y, 1),
        "psnr-ab": metrics.chroma_psnr(lab, truth),
        "ssim": metrics.ssim(x, y, 1),
        "colourfulness": metrics.colourfulness(x),
    }
    return {metric: round(value, 4) for metric, value in found.items()}


def photographs(answer: Callable[[Tensor, Tensor], Tensor], device: torch.device, most: int) -> Scores | None:
    """Photographs at 256 pixels, never trained on: what `compared` says; None where they are not here."""
    try:
        pictures = data.load("photos", "test", size=256)
    except UsageError:
        return None
    images = pictures.images[chroma_of(pictures.images) >= GREY_BELOW][:most].float() / 255
    return compared(coloured(images.to(device), answer, torch.zeros(len(images), dtype=torch.int64)), images)


def chroma_of(images: Tensor) -> Tensor:
    """(n,) mean chroma sqrt(a² + b²), in CIE units, of uint8 pictures."""
    return torch.cat([rgb_to_lab(x.float() / 255)[:, 1:].norm(dim=1).mean((1, 2)) for x in images.split(200)])
