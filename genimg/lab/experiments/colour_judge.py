"""What colours are worth, picture by picture, and differences of methods with their intervals over pictures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from genimg import data, zoo
from genimg._base import seeding
from genimg._base.errors import UsageError
from genimg.gan import networks
from genimg.lab.experiments import colour_scores
from genimg.lab.experiments.colour_scores import GREY_BELOW, chroma_of
from genimg.numerics import metrics
from genimg.numerics.color import rgb_to_lab
from genimg.problems import colorize

SIDE = 128
IMAGENETTE = (0, 217, 482, 491, 497, 566, 569, 571, 574, 701)  # its ten classes among ImageNet's thousand
CALLED = {"imagenette": "Imagenette", "places": "places", "scenes": "scenes", "photos": "photographs of 400 classes"}
METRICS = {
    **{key: colour_scores.METRICS[key] for key in ("psnr", "psnr-ab", "colourfulness")},
    "accuracy": ("top-1 of EfficientNet-Lite0 with ImageNet's weights, of 1,000 classes", "1"),
}


@torch.no_grad()
def compared_with(
    name: str, most: int, network: networks.EfficientNetLite0, answer: Callable[[Tensor], Tensor]
) -> dict[str, Any]:
    """Per picture: PSNR, PSNR of ab, colourfulness, and on Imagenette whether the judge knows it."""
    images, labels = test_of(name, most)
    found: dict[str, list[float]] = {key: [] for key in METRICS}
    for x, y in zip(images.split(50), labels.split(50), strict=True):
        L = rgb_to_lab(x)[:, :1]
        made = (colorize.merge(L, answer(L).to(L)) * 255).round() / 255
        for a, b in zip(made, x, strict=True):
            found["psnr"].append(metrics.psnr(a[None], b[None], 1))
            found["psnr-ab"].append(metrics.chroma_psnr(rgb_to_lab(a[None]), rgb_to_lab(b[None])))
            found["colourfulness"].append(metrics.colourfulness(a[None]))
        if name == "imagenette":
            right = judge(network, made) == torch.tensor(IMAGENETTE)[y]
            found["accuracy"] += right.float().tolist()
    return {key: [round(value, 3) for value in values] for key, values in found.items() if values}


def judge(network: networks.EfficientNetLite0, x: Tensor) -> Tensor:
    """The likeliest of ImageNet's classes for each picture, seen at 224 x 224."""
    x = interpolate(x, (224, 224), mode="bilinear", align_corners=False, antialias=True)
    return network(x.contiguous(memory_format=torch.channels_last)).logits.argmax(1)


def test_of(name: str, most: int) -> tuple[Tensor, Tensor]:
    """Test pictures with colours at 128 x 128, sRGB in [0, 1], and their labels; the same ones in every run."""
    few = name == "photos" and most < 10
    part = data.load(name, "test", size=SIDE, subset=few)
    part = part.take(chroma_of(part.images) >= GREY_BELOW)
    some = torch.randperm(len(part), generator=seeding.rng(seeding.child(0, f"test {name}")))[:most]
    labels = torch.zeros(len(some), dtype=torch.int64) if part.labels is None else part.labels[some]
    return part.images[some].float() / 255, labels


def of_weights(path: Path, network: networks.EfficientNetLite0, most: int) -> dict[str, Any]:
    """Scores of a colouring network, real pictures and grey, by the kind of pictures."""
    G, _ = zoo.load(path, kind="colours")
    assert isinstance(G, networks.ChromaGenerator)
    found: dict[str, Any] = {}
    for name in CALLED:
        try:
            images, labels = test_of(name, most)
        except UsageError:
            continue
        answers = {
            "grey": lambda L: torch.zeros(len(L), 2, 1, 1),
            "shipped": lambda L: colorize.guided(colorize.shrink(L, SIDE), colorize.chroma(G, L)),
        }
        found[name] = {key: compared_with(name, most, network, answer) for key, answer in answers.items()}
        found[name]["real"] = {"colourfulness": [metrics.colourfulness(x[None]) for x in images]}
        if name == "imagenette":
            right = torch.cat([judge(network, x) for x in images.split(50)]) == torch.tensor(IMAGENETTE)[labels]
            found[name]["real"]["accuracy"] = right.float().tolist()
    return found


def mean(values: list[float]) -> float:
    """Their mean."""
    return sum(values) / len(values)


def interval(values: list[float], seed: int = 0, draws: int = 2000) -> list[float]:
    """95 % of a bootstrap over pictures of a mean difference."""
    d = torch.tensor(values)
    rows = torch.randint(len(d), (draws, len(d)), generator=seeding.rng(seed))
    return [round(float(q), 4) for q in torch.quantile(d[rows].mean(1), torch.tensor([0.025, 0.975]))]


def differences(group: list[dict[str, Any]], others: list[dict[str, Any]], key: str) -> list[float]:
    """Per picture: one method less another, the mean over the seeds."""
    rows = [
        [a - b for a, b in zip(p["found"][key], q["found"][key], strict=True)]
        for p, q in zip(group, others, strict=True)
    ]
    return [mean(list(column)) for column in zip(*rows, strict=True)]
