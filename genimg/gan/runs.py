"""What every training loop needs beside its losses: optimisers, rates, precision, an average, a guard, checkpoints.

A loop is `for step in run.steps(n)`, with `run.descend` for an update and `run.settle` at the end of a step.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from genimg._base import devices, disk, ranks
from genimg._base.errors import UsageError, at_least, choice, positive
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


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How networks are trained, whatever they learn. Every loop takes these by name, with defaults of its own.

    Attributes:
        batch: samples per update, of all ranks together.
        lr: Adam's rate, of all networks unless `critic_lr` is given.
        critic_lr: the critic's.
        betas, eps: Adam's.
        fused: Adam in one kernel: a tenth of a small network's step, also on a CPU, and other last digits.
        amp: bfloat16 autocast, where the processor has bfloat16 (`devices.bfloat16`); None means on CUDA only.
        decay_lr: lowers the rates linearly, from the given ones in the first step towards 0 after the last.
        average: a copy of G that follows it as a moving average of its weights, w ← d·w + (1 − d)·G, after each step,
            with d = min(`average_decay`, step / (step + 10)), so that the first steps are soon forgotten.
        checkpoint: a file. Every `checkpoint_every` steps, once the caller is done with the step, all state goes there
            (weights, optimisers, generators of random numbers); if the file exists the run goes on from it, and on the
            CPU ends bit-identical to a run never interrupted.
    """

    batch: int = 64
    lr: float = 1e-4
    critic_lr: float | None = None
    betas: tuple[float, float] = (0.5, 0.9)
    eps: float = 1e-8
    fused: bool = False
    amp: bool | None = None
    decay_lr: bool = False
    average: nn.Module | None = None
    average_decay: float = 0.999
    checkpoint: str | Path | None = None
    checkpoint_every: int = 500

    @classmethod
    def of(cls, given: Mapping[str, Any], **usual: Any) -> Recipe:
        """What a caller gives, and what a loop usually takes.

        Raises:
            UsageError: for a name that is none of the above, or a number that cannot be.

        Example:
            >>> Recipe.of({"lr": 0.1}, lr=0.2, batch=8).lr
            0.1
        """
        for name in given:
            choice(name, "argument", [field.name for field in fields(cls)])
        recipe = cls(**{**usual, **given})
        positive(recipe.lr, "lr")
        positive(recipe.rate("D"), "critic_lr")
        at_least(recipe.checkpoint_every, 1, "checkpoint_every")
        return recipe

    def rate(self, name: str) -> float:
        """Adam's rate of the network of that name at first; the critic is D."""
        return (self.critic_lr or self.lr) if name == "D" else self.lr


class Run:
    """A training: it owns optimisers, rates, precision, moving average, guard and checkpoint; a loop owns its losses.

    Args:
        networks: what is trained, by name; "G" is what `recipe.average` follows, "D" has the critic's rate.
        laws: what draws at random, by name: generators, or laws with an `rng`. Their states go into the checkpoint.
        rates: Adam's for single networks, where they differ from the recipe's.
        constants: what has to be the same when the run goes on, beside the recipe's.

    Attributes:
        step: the one that is computed.
        autocast: the context in which networks are called.
    """

    def __init__(
        self,
        networks: Mapping[str, nn.Module],
        laws: Mapping[str, Any],
        recipe: Recipe,
        *,
        rates: Mapping[str, float] | None = None,
        **constants: Any,
    ) -> None:
        self.recipe, self.trained = recipe, dict(networks)
        self.networks = self.trained | ({} if recipe.average is None else {"average": recipe.average})
        self.rngs = {name: getattr(law, "rng", law) for name, law in laws.items()}
        self.constants = {"batch": recipe.batch, "lr": recipe.lr, "critic_lr": recipe.rate("D"), "betas": recipe.betas}
        self.constants |= {"average_decay": recipe.average_decay, **constants}
        self.rates = {name: (rates or {}).get(name, recipe.rate(name)) for name in networks}
        self.optimisers = {}
        for name, network in networks.items():
            parameters = [p for p in network.parameters() if p.requires_grad]
            if parameters:  # else it is frozen
                self.optimisers[name] = torch.optim.Adam(
                    parameters, lr=self.rates[name], betas=recipe.betas, eps=recipe.eps, fused=recipe.fused or None
                )
        device = next(parameter.device for network in networks.values() for parameter in network.parameters())
        mixed = devices.bfloat16(device, recipe.amp)
        self.autocast = torch.autocast(device.type, dtype=torch.bfloat16, enabled=mixed)

    def steps(self, total: int) -> Iterator[int]:
        """The numbers of the steps, from the one after the checkpoint to `total`; saves when a step is done with.

        Raises:
            Diverged: from `settle`, or where a checkpoint would hold what is not finite.
        """
        recipe, path = self.recipe, self.recipe.checkpoint
        self.constants["decay_lr"] = recipe.decay_lr and total
        done = self.load(path) if path and Path(path).exists() else 0
        self.guard = Guard(self.trained)
        for self.step in range(done + 1, at_least(total, 0, "steps") + 1):
            if recipe.decay_lr:
                for name, optimiser in self.optimisers.items():
                    optimiser.param_groups[0]["lr"] = self.rates[name] * (1 - (self.step - 1) / total)
            yield self.step
            if path and (self.step % recipe.checkpoint_every == 0 or self.step == total):
                self.guard.check(self.step, self.watched, now=True)
                self.save(path, self.step)

    def descend(self, names: str | tuple[str, ...], losses: Tensor | Iterable[Tensor], parts: int = 1) -> list[Tensor]:
        """One update of networks by the mean of `parts` losses, each computed when the one before is done with."""
        wanted = (names,) if isinstance(names, str) else names
        optimisers = [self.optimisers[name] for name in wanted if name in self.optimisers]  # a frozen network has none
        for optimiser in optimisers:
            optimiser.zero_grad(set_to_none=True)
        paid = []
        for loss in [losses] if isinstance(losses, Tensor) else losses:
            (loss if parts == 1 else loss / parts).backward()
            paid.append(loss.detach())
        for optimiser in optimisers:
            optimiser.step()
        return paid

    @contextmanager
    def frozen(self, name: str) -> Iterator[None]:
        """A generator's step needs the slope of D at what it draws, not at D's weights."""
        self.networks[name].requires_grad_(False)
        yield
        self.networks[name].requires_grad_(True)

    def settle(self, losses: Mapping[str, Tensor]) -> None:
        """The step is computed: the average follows G, and the guard looks at the losses.

        Raises:
            Diverged: when one is not finite or the critic explodes; the networks are back in their last good state.
        """
        if self.recipe.average is not None:
            decay = min(self.recipe.average_decay, self.step / (self.step + 10))
            follow(self.recipe.average, self.networks["G"], decay)
        self.watched = losses
        self.guard.check(self.step, losses)

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
        ranks.rank_zero_first(partial(_keep, Path(path)))
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
        ours = json.loads(json.dumps(self.constants))  # as they are read again
        for name, value in dict(about.get("constants") or {}).items():
            if name in ours and ours[name] != value:
                raise UsageError(
                    f"{path} belongs to another run ({name} was {value}, not {ours[name]}); give another folder"
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
            spare.unlink(missing_ok=True)  # rename leaves it where both names already are one file


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
