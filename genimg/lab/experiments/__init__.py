"""What `genimg train` runs: each experiment measures numbers over seeds and returns them as records.

An experiment is a module with two names: `SIZES`, the constants of each profile in one visible place, and `Study`, what
it makes for a seed and what it measures. `runner` does the rest. It prints nothing and writes only below the folder it
is given.

Profiles: `quick` is a smoke test of the machinery in seconds; `cpu` is what two cores do in an hour or so; `full` is
meant for a GPU. A record carries the name of the profile that made it.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import torch

from genimg._base import disk, ranks
from genimg._base.errors import UsageError, choice
from genimg._base.records import Record
from genimg.lab.experiments.runner import Job, OutOfTime, Progress

__all__ = ["EXPERIMENTS", "PROFILES", "Experiment", "OutOfTime", "Progress"]

PROFILES = ("quick", "cpu", "full")


@dataclass(frozen=True)
class Experiment:
    """A runnable experiment."""

    name: str  # as given to `genimg train`
    help: str  # one line
    # how the names of its records begin, and the ids of the talk's claims that it is to answer
    answers: tuple[str, ...] = ()
    after: tuple[str, ...] = ()  # experiments whose weights it uses, where they were trained
    shared: bool = False  # whether torchrun speeds it up: it trains few large networks, all by `training.gan_steps`

    def owns(self, name: str) -> bool:
        """Whether a record or claim of that name is this experiment's to measure."""
        return name.startswith(self.answers)

    def run(
        self,
        profile: str,
        seeds: Sequence[int],
        device: torch.device,
        out: Path,
        resume: bool = False,
        progress: Progress = lambda what, done, total: None,
    ) -> dict[str, Record]:
        """Measures every number of the experiment for each seed.

        Args:
            profile: one of `PROFILES`.
            out: folder for checkpoints and trained weights, `out/<name>/…`.
            resume: go on from checkpoints in `out`; otherwise they are removed first.

        Returns:
            Records by name; the caller saves them.

        Raises:
            UsageError: for an unknown profile, pictures that are not here, a folder that cannot be written, or another
                process that runs one of the seeds in `out`.
        """
        choice(profile, "profile", PROFILES)
        if not seeds:
            raise UsageError("train: give at least one seed")
        if ranks.count() > 1 and not self.shared:
            raise UsageError(f"{self.name} trains many small networks: start it without torchrun, a process per seed")
        module = importlib.import_module(f"genimg.lab.experiments.{self.name.replace('-', '_')}")
        job = Job(self.name, profile, list(dict.fromkeys(seeds)), device, Path(out), progress)
        with ExitStack() as held:
            for seed in job.seeds:
                held.enter_context(disk.lock(job.of(seed)))
            records: dict[str, Record] = module.Study(job, module.SIZES[profile]).run(resume)
        return records


EXPERIMENTS = {
    e.name: e
    for e in (
        Experiment(
            "theory",
            "identities of chapters 02 to 04 on random laws: JS, duality, total variation, penalty",
            ("theory-",),
        ),
        Experiment(
            "modes",
            "mode coverage on 25 Gaussians: vanilla GAN, WGAN with clipping, WGAN-GP, spectral norm",
            ("modes-",),
        ),
        Experiment(
            "history-ad",
            "one digit of MNIST anomalous: HistoryAD, its variant, and what they must beat",
            ("history-mnist-",),
        ),
        Experiment(
            "history-epochs",
            "HistoryAD with a history of epochs: windows, starts and objectives of D_TV, trained until delta is flat",
            ("history-epochs-",),
        ),
        Experiment(
            "history-rivals",
            "Fence-GAN, EGBAD, AnoGAN, autoencoder, PCA and PyOD's on the digits of history-epochs, at one budget",
            ("history-rivals-",),
        ),
        Experiment(
            "history-ablation",
            "HistoryAD on three digits: instants, start of D_TV, number of states, bound, length",
            ("history-ablation-",),
        ),
        Experiment(
            "out-of-distribution",
            "one data set normal, others not, at 32 x 32: HistoryAD against ten others",
            ("history-ood-", "history-svhn-"),
        ),
        Experiment(
            "solar-cells",
            "defective solar cells among functional ones: HistoryAD against six detectors and trivial scores",
            ("history-solar-",),
        ),
        Experiment(
            "digits", "WGAN-GP on MNIST, all 60,000 training digits; weights for the zoo", ("digits-",), shared=True
        ),
        Experiment(
            "faces",
            "WGAN-GP on CelebA at 64 x 64, with a moving average of G; weights for the zoo",
            ("faces-",),
            shared=True,
        ),
        Experiment(
            "face-recipes",
            "four ways to train a generator of faces, each with a quarter of an hour of one core, on validation faces",
            ("face-recipes-",),
        ),
        Experiment(
            "face-encoder",
            "an encoder that guesses z from the known pixels of a face, where searches start; weights for the zoo",
            ("face-encoder-",),
            after=("faces",),
        ),
        Experiment(
            "chromagan",
            "colour from grey: ChromaGAN, its ablation, other objectives, trivial answers",
            ("chromagan-", "color-"),
        ),
        Experiment(
            "colours",
            "colours with a trunk that knows ImageNet: the network that ships, and the ablation on Imagenette",
            ("colours-",),
        ),
        Experiment(
            "inpainting-search",
            "how the latent space is searched best: start, rate, steps and terms, on validation faces",
            ("search-",),
            after=("faces", "face-encoder"),
        ),
        Experiment(
            "inpainting-table",
            "the talk's two tables of inpainting, and fills that need no generator",
            ("inpaint-", "inpainting-"),
            after=("digits", "faces"),
        ),
        Experiment(
            "adaptation",
            "what a search gains that sees the whole face, keeps near the linear answer, adapts G, or has an encoder",
            ("adapted-",),
            after=("faces", "face-encoder"),
        ),
    )
}
