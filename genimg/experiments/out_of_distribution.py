"""One data set is normal, others are not: HistoryAD against trivial scores and PyOD's detectors, at 32 × 32.

The talk trains on SVHN and tests on CIFAR-10, CelebA and Tiny ImageNet. The same is done here for SVHN, where it can be
had, and for CelebA and CIFAR-10. A value of a record is the mean AUPRC over the other data sets, anomalies positive and
as many as normals, so that chance is 1/2; `config` holds each of them with AUPRC of the normals and AUROC.

What one seed gave is kept below `out` as soon as it is there, as in `history_ad`.

Book: 05_history_ad.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from genimg import anomaly, data, devices, records, seeding
from genimg.checks import UsageError
from genimg.experiments import Progress, detectors, peers
from genimg.experiments.parts import write
from genimg.records import Record

SIZES: dict[str, dict[str, Any]] = {
    "quick": {
        "gan_steps": 12, "width": 8, "detector_steps": 5, "normals": 300, "negatives": 200, "train": 300, "test": 60,
    },
    "cpu": {
        "gan_steps": 400, "width": 16, "detector_steps": 200, "normals": 16_000, "negatives": 8000, "train": 16_000,
        "test": 1000,
    },
    "full": {
        "gan_steps": 4000, "width": 32, "detector_steps": 3000, "normals": 60_000, "negatives": 20_000,
        "train": 80_000, "test": 10_000,
    },
}  # fmt: skip
SIDE = 32
NAMES = {
    "svhn": "SVHN", "celeba": "CelebA", "cifar10": "CIFAR-10", "tiny_imagenet": "Tiny ImageNet",
    "scenes": "scenes", "mnist": "MNIST",
}  # fmt: skip
OTHERS = {
    "svhn": ("cifar10", "celeba", "tiny_imagenet"),
    "celeba": ("cifar10", "tiny_imagenet", "scenes", "mnist"),
    "cifar10": ("celeba", "tiny_imagenet", "scenes", "mnist"),
}
PEER = "pyod_"
METHODS = detectors.METHODS | {"size": "compressed size"} | {PEER + k: v for k, v in peers.METHODS.items()}
