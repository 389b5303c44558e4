"""A trained critic as a thing to keep: it knows its architecture, its images, and how normal images score."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from genimg import zoo
from genimg._base.errors import UsageError, choice
from genimg._base.errors import images as checked
from genimg._base.weights import load_into, read_tensors, write_tensors
from genimg.problems.anomaly.critic import anomaly_score
from genimg.problems.anomaly.evidence import Evidence
from genimg.problems.anomaly.features import FeatureLaw

KIND = "genimg detector"
GRID = 1001  # quantiles of the normal scores, from 0 to 100 % in steps of 0.1 %


@dataclass(frozen=True, eq=False)
class Detector:
    """Scores images by −D_TV(x), or by the evidence of a mean critic, and says where a score lies among normal ones.

    Attributes:
        network: D_TV, or the mean critic of HistoryAD-F, in eval mode, large on normal images.
        architecture, arguments: a key of `zoo.ARCHITECTURES` and its keyword arguments, `size` and `channels` among
            them: what builds the network again when it is loaded.
        quantiles: (GRID,) float32, the scores of normal images from the lowest to the highest, in equal shares.
        provenance: data, anomalous class, steps, seed …: whatever somebody needs to train it again.
        evidence: of HistoryAD-F, on the network's device; None scores by −D alone.

    Raises:
        UsageError: arguments without size or channels, or quantiles that are not finite and increasing.

    Example:
        >>> from genimg import networks
        >>> arguments = {"size": 16, "channels": 1, "width": 8}
        >>> _, D = networks.dcgan(**arguments, seed=0)
        >>> normal = torch.rand(50, 1, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
        >>> detector = Detector.calibrated(D, "dcgan", arguments, normal, {"data": "noise"})
        >>> detector.percentile(detector.score(normal)).sort().values[[0, -1]].tolist()
        [0.0, 100.0]
    """

    network: nn.Module
    architecture: str
    arguments: Mapping[str, Any]
    quantiles: Tensor
    provenance: Mapping[str, Any] = field(default_factory=dict)
    evidence: Evidence | None = None

    def __post_init__(self) -> None:
        choice(self.architecture, "architecture", zoo.ARCHITECTURES)
        missing = {"size", "channels"} - set(self.arguments)
        if missing:
            raise UsageError(f"detector: arguments must name {' and '.join(sorted(missing))}, to know its images")
        q = self.quantiles
        if q.ndim != 1 or len(q) < 2 or not bool(q.isfinite().all()) or bool((q.diff() < 0).any()):
            raise UsageError("detector: the quantiles of the normal scores must be finite and increasing")

    @classmethod
    def calibrated(
        cls,
        D: nn.Module,
        architecture: str,
        arguments: Mapping[str, Any],
        normal: Tensor,
        provenance: Mapping[str, Any] | None = None,
        evidence: Evidence | None = None,
    ) -> Detector:
        """A detector of a copy of D, with the quantiles of its scores on `normal`.

        Args:
            normal: (n, c, h, w) normal images; held-out ones if there are, as D_TV has been shown its training images.
        """
        twin = copy.deepcopy(D).eval().requires_grad_(False)
        score = anomaly_score if evidence is None else evidence.score
        scores = score(twin, checked(normal, "normal images")).double()
        quantiles = torch.quantile(scores, torch.linspace(0, 1, GRID, dtype=torch.float64)).float()
        return cls(twin, architecture, dict(arguments), quantiles, dict(provenance or {}), evidence)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(c, h, w) of the images it takes."""
        return int(self.arguments["channels"]), int(self.arguments["size"]), int(self.arguments["size"])

    def score(self, images: Tensor, batch: int = 1024) -> Tensor:
        """(n,) float32 on the CPU, −D_TV(x) or the evidence; larger = more anomalous.

        Raises:
            UsageError: for images of another shape, or outside [−1, 1].
        """
        if tuple(checked(images).shape[1:]) != self.shape:
            raise UsageError(f"this detector takes images {self.shape}, got {tuple(images.shape[1:])}")
        if self.evidence is not None:
            return self.evidence.score(self.network, images.to(self.evidence.law.mean.device), batch)
        return anomaly_score(self.network, images, batch)

    def percentile(self, scores: Tensor) -> Tensor:
        """Share of the normal images, in percent, that score no higher; linear between quantiles, (n,) in [0, 100]."""
        q, s = self.quantiles.double(), scores.detach().cpu().double()
        above = torch.searchsorted(q, s, right=True)
        k = above.clamp(1, len(q) - 1)
        between = (s - q[k - 1]) / (q[k] - q[k - 1]).clamp_min(1e-300)
        return (100 * (k - 1 + between.clamp(0, 1)) / (len(q) - 1)).float()

    def threshold(self, false_alarms: float = 0.05) -> float:
        """The score that this share of normal images exceeds: at 0.05, one normal image in twenty is called anomalous.

        Raises:
            UsageError: for a share outside [0, 1].
        """
        if not 0 <= false_alarms <= 1:
            raise UsageError(f"false_alarms is a share in [0, 1], got {false_alarms}")
        return float(torch.quantile(self.quantiles.double(), 1 - false_alarms))

    def save(self, path: str | Path, half: bool = False) -> Path:
        """One safetensors file, written whole or not at all; `half` halves it and rounds the weights to float16.

        For the zoo, save it into `zoo.FOLDER` and call `zoo.enter(name, path, "detector", …)`.
        """
        weights = {
            f"D/{name}": value.half() if half and value.is_floating_point() else value
            for name, value in self.network.state_dict().items()
        }
        about = {
            "kind": KIND,
            "architecture": self.architecture,
            "arguments": dict(self.arguments),
            "provenance": dict(self.provenance),
        }
        if self.evidence is not None:
            law, shares = self.evidence.law, self.evidence
            weights |= {"law/mean": law.mean, "law/whitener": law.whitener.half() if half else law.whitener}
            weights |= {"evidence/critic": shares.critic, "evidence/features": shares.features}
        return write_tensors(path, weights | {"quantiles": self.quantiles}, about)

    @classmethod
    def load(cls, source: str | Path, device: torch.device | str = "cpu") -> Detector:
        """The detector in a file, or the trained one of that name in the zoo.

        Raises:
            UsageError: neither a file nor a name, or a file that is damaged or holds something else.
        """
        path = Path(source)
        if not path.is_file():
            known = zoo.names("detector")
            if str(source) not in known:
                trained = ", ".join(known) or "none"
                raise UsageError(f"there is no detector {str(source)!r}: no such file; trained ones: {trained}")
            path = zoo.file(str(source), "detector")
        tensors, about = read_tensors(path)
        if not isinstance(about, dict) or about.get("kind") != KIND:
            raise UsageError(f"{path} is not a detector of genimg; make one with Detector.save")
        try:
            (network,) = zoo.build(about["architecture"], about["arguments"], path, "D")
            load_into(network, tensors, "D/", path)
            network.to(device).eval().requires_grad_(False)
            evidence = None
            if "law/mean" in tensors:
                law = FeatureLaw(tensors["law/mean"].to(device), tensors["law/whitener"].float().to(device))
                evidence = Evidence(law, tensors["evidence/critic"], tensors["evidence/features"])
            return cls(
                network, about["architecture"], about["arguments"], tensors["quantiles"], about["provenance"], evidence
            )
        except UsageError as error:
            if str(error).startswith(str(path)):
                raise
            raise UsageError(f"{path} is a damaged detector, or one of another version ({error})") from None
        except (AttributeError, KeyError, TypeError, ValueError, RuntimeError) as error:
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise UsageError(f"{path} is a damaged detector, or one of another version ({reason})") from None
