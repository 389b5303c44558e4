"""Classifiers of pictures: the teacher of the class branch, which sees lightness, and a judge, which sees colours.

The authors' teacher is VGG16 with ImageNet's weights. Where those cannot be had, or the classes are others, a network
trained on the data set's own labels takes its place.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, pad

from genimg._base.errors import UsageError, at_least, same_length
from genimg._base.seeding import seeded
from genimg.gan.networks import ChromaGenerator, VGGGenerator
from genimg.gan.runs import Recipe, Run

SHIFT = 4  # pixels that a picture is moved at most, of 32


class ClassifierStep(NamedTuple):
    """What one step reports: its number, the loss and the share of right answers in its batch, without gradient."""

    step: int
    loss: Tensor
    accuracy: Tensor


def classifier(channels: int, classes: int, width: int = 32, seed: int | None = None) -> nn.Sequential:
    """Images (n, channels, h, w) in [-1, 1], any h and w from 8 on → logits (n, classes).

    Three times two 3 x 3 convolutions, each with BatchNorm and ReLU, and a maximum over 2 x 2; then the mean over all
    places and a linear layer. `width` channels at first, doubled twice.

    Example:
        >>> classifier(1, 10, width=8, seed=0).eval()(torch.zeros(2, 1, 32, 32)).shape
        torch.Size([2, 10])
    """
    at_least(channels, 1, "channels")
    at_least(classes, 2, "classes")
    layers: list[nn.Module] = []
    with seeded(seed):
        for inputs, outputs in pairwise([channels, width, 2 * width, 4 * width]):
            for a, b in ((inputs, outputs), (outputs, outputs)):
                layers += [nn.Conv2d(a, b, 3, padding=1, bias=False), nn.BatchNorm2d(b), nn.ReLU()]
            layers.append(nn.MaxPool2d(2))
        layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4 * width, classes)]
    return nn.Sequential(*layers)


def classifier_steps(
    network: nn.Module,
    images: Tensor,
    labels: Tensor,
    *,
    steps: int,
    rng: torch.Generator,
    **recipe: Any,
) -> Iterator[ClassifierStep]:
    """Trains by Adam, its rate falling linearly to 0; pictures are flipped and moved at random.

    Args:
        network: images → logits; left in eval mode at the end.
        images: (n, c, h, w), as the network takes them, on its device.
        labels: (n,) integers.
        rng: which pictures, flips and shifts; on the CPU.
        recipe: of `runs.Recipe`; here batch 128, lr 2e-3, betas (0.9, 0.999), falling rates.

    Yields:
        `ClassifierStep` after each update, counted from 1.

    Raises:
        UsageError: for no pictures, or labels that are not as many.
    """
    same_length(images, labels, "images and labels")
    if len(images) == 0:
        raise UsageError("a classifier needs pictures to learn from, got none")
    how = Recipe.of(recipe, batch=128, lr=2e-3, betas=(0.9, 0.999), decay_lr=True)
    at_least(how.batch, 2, "batch")
    run = Run({"classifier": network}, {"rows": rng}, how)
    for step in run.steps(at_least(steps, 1, "steps")):
        network.train()  # the caller may look at it in eval mode between steps
        rows = torch.randint(len(images), (how.batch,), generator=rng).to(images.device)
        x, y = _moved(images[rows], rng), labels[rows]
        with run.autocast:
            logits = network(x).float()
        loss = cross_entropy(logits, y)
        run.descend("classifier", loss)
        run.settle({"loss": loss})
        yield ClassifierStep(step, loss.detach(), (logits.detach().argmax(1) == y).float().mean())
    network.eval()


@torch.no_grad()
def accuracy(network: nn.Module, images: Tensor, labels: Tensor, batch: int = 250) -> float:
    """Share of pictures whose largest logit is that of their label, in [0, 1]; the network in eval mode."""
    same_length(images, labels, "images and labels")
    right = [network(x).argmax(1) == y for x, y in zip(images.split(batch), labels.split(batch), strict=True)]
    return float(torch.cat(right).float().mean())


class Teacher(nn.Module):
    """A classifier of lightness with the trunk of a colouring network: L (n, 1, h, w) in [0, 1] → logits (n, classes).

    What VGG16 is to the authors, both things at once: its trained trunk is where G starts from (`start`), and its
    answers are the y of the class branch (`taught`). The trunk's last maps are averaged over all places before the
    linear layer, where VGG16 has three linear layers.

    Args:
        G: gives the architecture of the trunk; G itself is left alone.
        seed: initialisation, He's for the trunk; None uses the ambient generator.

    Example:
        >>> from genimg.gan.networks import chromagan
        >>> G, _ = chromagan(size=32, width=8, classes=0, seed=0)
        >>> Teacher(G, 10, seed=1)(torch.zeros(2, 1, 32, 32)).shape
        torch.Size([2, 10])
    """

    mean: Tensor
    std: Tensor

    def __init__(self, G: ChromaGenerator, classes: int, seed: int | None = None) -> None:
        super().__init__()
        if not isinstance(G, VGGGenerator):
            raise UsageError("the trunk of this network has a teacher of its own; see zoo.efficientnet")
        self.register_buffer("mean", G.mean.clone(), persistent=False)
        self.register_buffer("std", G.std.clone(), persistent=False)
        self.trunk = copy.deepcopy(G.trunk)
        channels = next(layer.out_channels for layer in reversed(self.trunk) if isinstance(layer, nn.Conv2d))
        with seeded(seed):
            self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes))
            for layer in self.trunk:  # ten layers without a norm would hardly learn from Glorot's weights
                if isinstance(layer, nn.Conv2d):
                    nn.init.kaiming_normal_(layer.weight)

    def forward(self, L: Tensor) -> Tensor:
        return self.head(self.trunk((L - self.mean) / self.std))

    def start(self, G: ChromaGenerator) -> ChromaGenerator:
        """Puts the trained trunk into G, in place, as `networks.load_vgg16` does with that of VGG16; returns G."""
        G.trunk.load_state_dict(self.trunk.state_dict())
        return G


def _moved(x: Tensor, rng: torch.Generator) -> Tensor:
    """Half of the pictures flipped, and all moved together by some pixels, with the edge repeated.

    A shift for each picture would cost more than the convolutions; over steps each picture sees all shifts.
    """
    flip = (torch.rand(len(x), generator=rng) < 0.5).to(x.device)
    x = torch.where(flip[:, None, None, None], x.flip(3), x)
    most = SHIFT * x.shape[-1] // 32
    top, left = torch.randint(2 * most + 1, (2,), generator=rng).tolist()
    return pad(x, (most,) * 4, mode="replicate")[:, :, top : top + x.shape[2], left : left + x.shape[3]]
