"""What every training loop needs beside its losses: to notice divergence, to be interrupted, to average its weights.

Book: 04_wgan (checkpoints).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from genimg.checks import UsageError
from genimg.weights import read_tensors, write_tensors


class Diverged(RuntimeError):
    """A loss became NaN or infinite, or the critic exploded; the networks are back in their last good state."""


@torch.no_grad()
def follow(average: nn.Module, G: nn.Module, decay: float) -> None:
    """Moves a copy of G towards it, w ← decay · w + (1 − decay) · G, buffers included; counters are copied."""
    for mean, value in zip(average.state_dict().values(), G.state_dict().values(), strict=True):
        if mean.is_floating_point():
            mean.lerp_(value, 1 - decay)
        else:
            mean.copy_(value)


class Guard:
    """Looks at the losses every `every` steps (each look makes a GPU wait) and remembers the last good weights."""

    every = 50
    limit = 1e6

    def __init__(self, networks: dict[str, nn.Module]) -> None:
        self.networks = networks
        self.keep(0)

    def keep(self, step: int) -> None:
        """These weights are good."""
        self.step = step
        self.good = {
            name: {key: value.detach().clone() for key, value in network.state_dict().items()}
            for name, network in self.networks.items()
        }

    def check(self, step: int, losses: Mapping[str, Tensor], now: bool = False) -> None:
        """Nothing, or `Diverged` with the losses by their names and the networks back in their last good state."""
        if step % self.every and not now:
            return
        seen = {name: value.detach().float() for name, value in losses.items()}
        worst = float(torch.stack(list(seen.values())).abs().max())
        weights = (p.detach() for network in self.networks.values() for p in network.parameters())
        if worst <= self.limit and all(bool(w.isfinite().all()) for w in weights):
            self.keep(step)
            return
        for name, network in self.networks.items():
            network.load_state_dict(self.good[name])
        found = ", ".join(f"{name} {float(value):.3g}" for name, value in seen.items())
        raise Diverged(
            f"training diverged between steps {self.step} and {step} ({found}); "
            f"the networks are back at step {self.step}: lower lr or raise the penalty"
        )


class Run:
    """Everything an interrupted run needs, as named tensors: networks, optimisers, generators of random numbers."""

    def __init__(
        self,
        networks: dict[str, nn.Module],
        optimisers: dict[str, torch.optim.Optimizer],
        laws: dict[str, Any],
    ) -> None:
        self.networks, self.optimisers = networks, optimisers
        self.rngs = {name: getattr(law, "rng", law) for name, law in laws.items()}

    def save(self, path: str | Path, step: int) -> None:
        """Writes all of it, and the step that is done."""
        tensors = {f"{n}/weights/{k}": v for n, net in self.networks.items() for k, v in net.state_dict().items()}
        for name, optimiser in self.optimisers.items():
            for index, entry in optimiser.state_dict()["state"].items():
                tensors |= {f"{name}/adam/{index}/{key}": torch.as_tensor(value) for key, value in entry.items()}
        for name, rng in self.rngs.items():
            if not isinstance(rng, torch.Generator):
                raise UsageError(f"checkpoint: the law {name!r} has no .rng, so its state cannot be saved")
            tensors[f"{name}/rng"] = rng.get_state()
        write_tensors(path, tensors, {"kind": "genimg checkpoint", "step": step})

    def load(self, path: str | Path) -> int:
        """Reads all of it and returns the step that was done; a file of another run is a UsageError."""
        tensors, about = read_tensors(path)
        if about.get("kind") != "genimg checkpoint":
            raise UsageError(f"{path} is not a checkpoint of genimg; move it away or give another folder")
        try:
            for name, network in self.networks.items():
                network.load_state_dict(_below(tensors, f"{name}/weights/"))
            for name, optimiser in self.optimisers.items():
                entries: dict[int, dict[str, Tensor]] = {}
                for key, value in _below(tensors, f"{name}/adam/").items():
                    index, _, field = key.partition("/")
                    entries.setdefault(int(index), {})[field] = value
                state = optimiser.state_dict()
                optimiser.load_state_dict({"state": entries, "param_groups": state["param_groups"]})
            for name, rng in self.rngs.items():
                rng.set_state(tensors[f"{name}/rng"])
        except (RuntimeError, KeyError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise UsageError(f"{path} belongs to another run ({reason}); give another folder") from None
        return int(about["step"])


def _below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
