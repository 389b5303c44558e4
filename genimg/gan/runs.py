"""What every training loop needs beside its losses: to notice divergence, to be interrupted, to average its weights."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from genimg._base import disk, ranks
from genimg._base.errors import UsageError
from genimg._base.weights import read_tensors, write_tensors


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
        constants: Mapping[str, Any] | None = None,
    ) -> None:
        self.networks, self.optimisers = networks, optimisers
        self.constants = dict(json.loads(json.dumps(constants or {})))  # as they are read again
        self.rngs = {name: getattr(law, "rng", law) for name, law in laws.items()}

    def save(self, path: str | Path, step: int) -> None:
        """Writes all of it, and the step that is done; the checkpoint before stays as `previous(path)`."""
        tensors = {f"{n}/weights/{k}": v for n, net in self.networks.items() for k, v in net.state_dict().items()}
        for name, optimiser in self.optimisers.items():
            for index, entry in optimiser.state_dict()["state"].items():
                tensors |= {f"{name}/adam/{index}/{key}": torch.as_tensor(value) for key, value in entry.items()}
        for name, rng in self.rngs.items():
            if not isinstance(rng, torch.Generator):
                raise UsageError(f"checkpoint: the law {name!r} has no .rng, so its state cannot be saved")
            tensors[f"{name}/rng"] = rng.get_state()
        ranks.first(partial(_keep, Path(path)))
        write_tensors(path, tensors, {"kind": "genimg checkpoint", "step": step, "constants": self.constants})

    def load(self, path: str | Path) -> int:
        """Reads all of it and returns the step that was done.

        Raises:
            UsageError: for a damaged file, naming the one before if there is one; a file of another run; or one that
                lacks something.
        """
        try:
            tensors, about = read_tensors(path)
        except UsageError as error:
            if (before := previous(path)).exists():
                raise UsageError(f"{error}; or go on from the checkpoint before: mv {before} {path}") from None
            raise
        if about.get("kind") != "genimg checkpoint":
            raise UsageError(f"{path} is not a checkpoint of genimg; move it away or give another folder")
        for name, value in dict(about.get("constants") or {}).items():
            if name in self.constants and self.constants[name] != value:
                raise UsageError(
                    f"{path} belongs to another run ({name} was {value}, not {self.constants[name]}); "
                    "give another folder"
                )
        step = about.get("step")
        if type(step) is not int or step < 0:
            raise UsageError(f"{path} does not say which step it is of; move it away or give another folder")
        most = 0
        try:
            for name, network in self.networks.items():
                network.load_state_dict(_below(tensors, f"{name}/weights/"))
            for name, optimiser in self.optimisers.items():
                entries: dict[int, dict[str, Tensor]] = {}
                for key, value in _below(tensors, f"{name}/adam/").items():
                    index, _, field = key.partition("/")
                    entries.setdefault(int(index), {})[field] = value
                most = max([most, *(_checked(optimiser, entries))])
                state = optimiser.state_dict()
                optimiser.load_state_dict({"state": entries, "param_groups": state["param_groups"]})
            for name, rng in self.rngs.items():
                rng.set_state(tensors[f"{name}/rng"])
        except (RuntimeError, KeyError, ValueError, TypeError) as error:
            reason = str(error).splitlines()[0]
            raise UsageError(f"{path} belongs to another run ({reason}); give another folder") from None
        if step > most > 0:
            raise UsageError(f"{path} says step {step}, but its optimisers have made {most}; give another folder")
        return step


def previous(path: str | Path) -> Path:
    """Where the checkpoint before the last one stays.

    Example:
        >>> previous("run/state.safetensors").name
        'state.previous'
    """
    return Path(path).with_suffix(".previous")


def _keep(path: Path) -> None:
    """A second name for the checkpoint that is about to be replaced; a file system without links goes without."""
    if path.is_file():
        spare = path.with_name(f".{path.name}.{os.getpid()}{disk.PART}")
        with suppress(OSError):
            os.link(path, spare)
            os.replace(spare, previous(path))


def _checked(optimiser: torch.optim.Optimizer, entries: Mapping[int, Mapping[str, Tensor]]) -> list[int]:
    """How many steps Adam has made, by its state of each parameter, which is whole.

    Raises:
        KeyError, ValueError: if something is missing or does not fit.
    """
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    if entries and set(entries) != set(range(len(parameters))):
        missing = min(set(range(len(parameters))) ^ set(entries))
        raise ValueError(f"the state of Adam lacks parameter {missing}, or has it beside the others")
    made = []
    for index, entry in entries.items():
        for key in ("step", "exp_avg", "exp_avg_sq"):
            if key not in entry:
                raise ValueError(f"the state of Adam lacks {key} of parameter {index}")
            if key != "step" and entry[key].shape != parameters[index].shape:
                raise ValueError(f"Adam's {key} of parameter {index} has another shape")
        made.append(int(entry["step"]))
    return made


def _below(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
