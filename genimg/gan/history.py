"""What a GAN has been: states of G and D at regular steps, their mixture P_Ghist, and the mean critic.

Source: Chatillon & Ballester 2020; the talk, "Anomalous distribution" and "Which initialization for D_TV?".
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from genimg._base.errors import UsageError
from genimg._base.weights import read_tensors, write_tensors
from genimg.gan.distributions import Distribution, Mixture, Pushforward

State = Mapping[str, Tensor]


def _state(network: nn.Module) -> dict[str, Tensor]:
    """A copy of the network's state on the CPU, where a long history costs no GPU memory."""
    return {name: value.detach().to("cpu", copy=True) for name, value in network.state_dict().items()}


class History:
    """States of a generator and of its critic at increasing times (generator steps).

    Attributes:
        times: steps, increasing.
        generators, critics: one state dict per time, on the CPU.

    Example:
        >>> G, D = nn.Linear(1, 1), nn.Linear(1, 1)
        >>> h = History()
        >>> for t in (10, 20, 30): h.add(t, G, D)
        >>> h.weights(rate=0.0).tolist()                       # no decay: uniform
        [0.3333333432674408, 0.3333333432674408, 0.3333333432674408]
        >>> h.weights(rate=0.0, start=20).tolist()
        [0.0, 0.5, 0.5]
    """

    def __init__(self) -> None:
        self.times: list[int] = []
        self.generators: list[State] = []
        self.critics: list[State] = []

    def __len__(self) -> int:
        return len(self.times)

    def __repr__(self) -> str:
        return f"History({len(self)} states, steps {self.times[0]} to {self.times[-1]})" if self.times else "History()"

    def add(self, time: int, G: nn.Module, D: nn.Module) -> None:
        """Copies both states as they are at `time`, which must be later than the last one."""
        if self.times and time <= self.times[-1]:
            raise UsageError(f"history: time {time} must come after {self.times[-1]}")
        self.times.append(time)
        self.generators.append(_state(G))
        self.critics.append(_state(D))

    def weights(self, rate: float, start: float = 0.0, end: float | None = None) -> Tensor:
        """c · 1[start, end](t) · exp(−rate · t) at the recorded times, summing to one. The slide writes β and α.

        Args:
            rate: decay per step; above 0 it favours early states, 0 is uniform.
            start: first time kept.
            end: last time kept; None keeps all.

        Returns:
            (T,) float32.

        Raises:
            UsageError: if no recorded time lies in [start, end].
        """
        t = torch.tensor(self.times, dtype=torch.float64)
        kept = (t >= start) & (t <= (end if end is not None else float("inf")))
        if not bool(kept.any()):
            raise UsageError(f"history: none of the {len(self)} recorded times lies in [{start}, {end}]")
        log = torch.where(kept, -rate * t, torch.tensor(-torch.inf, dtype=torch.float64))
        return torch.softmax(log, 0).float()

    def generator(self, k: int, G: nn.Module) -> nn.Module:
        """A copy of G, in eval mode and on G's device, in its k-th recorded state."""
        return _loaded(G, self.generators[k])

    def critic(self, k: int, D: nn.Module) -> nn.Module:
        """A copy of D, in eval mode and on D's device, in its k-th recorded state."""
        return _loaded(D, self.critics[k])

    def past(
        self,
        G: nn.Module,
        latent: Distribution,
        rng: torch.Generator,
        rate: float = 0.0,
        start: float = 0.0,
        end: float | None = None,
    ) -> Mixture:
        """P_Ghist = ∫ c · G_t(P_Z) · exp(−rate · t) dt over the recorded times: draw t, then z, then G_t(z).

        A mixture of pushforwards, so a batch costs one call per instant drawn, not one per sample. The alternative,
        all states stacked under `vmap`, is in `benchmarks/past_sampling.py`, which measures both.

        Args:
            G: a network of the recorded architecture; it is copied, not changed.
            rng: draws the instants.
            rate, start, end: as in `weights`.

        Source: the talk, "Anomalous distribution".
        """
        weights = self.weights(rate, start, end)
        kept = [k for k, w in enumerate(weights.tolist()) if w > 0]
        return Mixture([Pushforward(self.generator(k, G), latent) for k in kept], rng, weights[kept])

    def mean_critic(self, D: nn.Module, rate: float = 0.0, start: float = 0.0, end: float | None = None) -> nn.Module:
        """The critic with averaged weights, W⁰ = ∫ c · W_{D_t} · exp(−rate · t) dt, as a copy of D.

        Integer entries of a state (counters) are taken from the last state kept: they have no average.

        Source: the talk, "Which initialization for D_TV?"; Wang et al. 2019.
        """
        weights = self.weights(rate, start, end)
        last = int(weights.nonzero().max())
        mean = {
            name: sum(w * state[name].double() for w, state in zip(weights.tolist(), self.critics, strict=True) if w)
            if value.is_floating_point()
            else value
            for name, value in self.critics[last].items()
        }
        return _loaded(D, {name: torch.as_tensor(value) for name, value in mean.items()})

    def save(self, path: str | Path) -> Path:
        """One safetensors file with all states."""
        tensors = {
            f"{kind}/{time}/{name}": value
            for kind, states in (("G", self.generators), ("D", self.critics))
            for time, state in zip(self.times, states, strict=True)
            for name, value in state.items()
        }
        return write_tensors(path, tensors, {"kind": "genimg history", "times": self.times})

    @classmethod
    def load(cls, path: str | Path) -> History:
        """The history in that file.

        Raises:
            UsageError: if the file is missing, damaged, or holds something else.
        """
        tensors, about = read_tensors(path)
        if about.get("kind") != "genimg history":
            raise UsageError(f"{path} holds {about.get('kind', 'no genimg data')!r}, not a history")
        found = cls()
        times = about.get("times")
        if not isinstance(times, list) or not all(type(t) is int for t in times):
            raise UsageError(f"{path} does not say the times of its states; make it again")
        found.times = list(times)
        for kind, states in (("G", found.generators), ("D", found.critics)):
            for time in found.times:
                prefix = f"{kind}/{time}/"
                states.append({n.removeprefix(prefix): v for n, v in tensors.items() if n.startswith(prefix)})
        return found


def _loaded(network: nn.Module, state: State) -> nn.Module:
    twin = copy.deepcopy(network).eval().requires_grad_(False)
    twin.load_state_dict(dict(state))
    return twin


def load_folder(folder: str | Path, until: int) -> History:
    """The snapshots that an interrupted `train_gan` left in `folder`, up to step `until`; later ones are deleted.

    Later ones exist when a run was killed between a snapshot and its next checkpoint; they will be made again.
    """
    found = History()
    for path in sorted(Path(folder).glob("*.safetensors")):
        if not path.stem.isdecimal():
            raise UsageError(f"{path} is no snapshot: its name is no step; move it away")
        if int(path.stem) > until:
            path.unlink(missing_ok=True)  # another rank may have been faster
            continue
        one = History.load(path)
        found.times += one.times
        found.generators += one.generators
        found.critics += one.critics
    return found
