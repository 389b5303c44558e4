"""WGAN-GP on faces: the generator and critic of chapter 07, measured against held-out faces, kept for the zoo.

What is kept is the moving average of G's weights; the last state of G is measured beside it, and real training faces in
place of generated ones say what a perfect generator would reach.

Memory of profile `full`: the pictures stay bytes, 1.9 GiB for CelebA where floats would be 7.5, and a step takes
2.4 GiB (weights, their average and last good state, Adam, both passes; measured on a CPU in bfloat16, not on a GPU).
That leaves room on a GPU of 8 GB; pictures that would take more than a third of its memory stream.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from genimg import data, zoo
from genimg._base import devices, seeding
from genimg._base.records import Record
from genimg._base.weights import sha256
from genimg.gan import networks, objectives
from genimg.gan.distributions import Gaussian, Mirrored, Pushforward, pictures
from genimg.gan.training import critic_steps, encoder_steps, gan_steps
from genimg.lab.experiments import runner
from genimg.lab.experiments.looks import diversity, seen
from genimg.lab.experiments.pyramid import PATCH, distances
from genimg.numerics import metrics
from genimg.problems import inpaint


@dataclass(frozen=True)
class Size:
    """The constants of a profile."""

    data: str  # faces
    side: int  # of the pictures, in pixels
    architecture: str  # of G
    latent: int  # of G
    width: int  # of G
    up: str  # of G
    critic_width: int  # of D, and of the encoder
    # networks of the zoo with which the game goes on; the start then trains the encoder alone, for they are kept
    # without theirs
    goes_on: str | None
    start: int  # updates of the decoder that G starts as
    start_lr: float  # their rate
    keep: float  # the rate of G in the encoder steps beside the game; 0 plays the game alone
    warm: int  # updates of D before the game
    steps: int  # of the game
    batch: int  # of the game
    critic_per_step: int  # of the game
    lr: float  # of the game
    critic_lr: float  # of the game
    share: float  # of `objectives.WassersteinGP`
    drift: float  # of `objectives.WassersteinGP`
    amp: bool  # bfloat16 where the processor has it
    decay: float  # of the moving average of G
    every: int  # steps between checkpoints
    samples: int  # generated faces that are compared with as many test faces
    scales: int  # of the sliced W1


SIZES = {
    "quick": Size(
        data="lfw", side=32, architecture="dcgan", latent=16, width=8, up="resize",
        critic_width=8, goes_on=None, start=3, start_lr=1e-3, keep=1e-4, warm=2, steps=4,
        batch=8, critic_per_step=1, lr=1e-3, critic_lr=1e-3, share=0.5, drift=1e-3, amp=False,
        decay=0.9, every=2, samples=16, scales=3,
    ),
    "cpu": Size(
        data="celeba", side=64, architecture="dcgan", latent=256, width=64, up="resize",
        critic_width=48, goes_on="faces", start=400, start_lr=1e-3, keep=4e-5, warm=0,
        steps=7500, batch=32,
        critic_per_step=1, lr=2e-4, critic_lr=4e-4, share=0.25, drift=1e-3, amp=True, decay=0.999,
        every=250, samples=1000, scales=4,
    ),
    "full": Size(
        data="celeba", side=64, architecture="dcgan", latent=256, width=128, up="resize",
        critic_width=96, goes_on=None, start=20_000, start_lr=1e-3, keep=6e-5, warm=150,
        steps=200_000, batch=64, critic_per_step=1, lr=2e-4, critic_lr=4e-4, share=0.25,
        drift=1e-3, amp=True, decay=0.9999, every=250, samples=10_000, scales=4,
    ),
}  # fmt: skip
NAMES = {"celeba": "CelebA", "lfw": "Labeled Faces in the Wild"}
NETWORKS = {"average": "moving average of G's weights", "last": "last state of G", "real": "real training faces"}
LINEAR = "faces-linear"  # the best linear answer, fitted to the same faces
FEATURE_SIDE = 16
_PIXELS = f"3 neighbours, in pixels averaged to {FEATURE_SIDE}x{FEATURE_SIDE}"
_IN_PIXELS = "The paper takes features of VGG-16 and 50,000 samples; pixels see layout and colour only."
_IN_FEATURES = "EfficientNet-Lite0 with ImageNet's weights in place of Inception: not comparable with other KIDs."
# What is measured, which way is better, and what is to be known of it.
METRICS = {
    "sliced-w1": (
        f"sliced W1 of {PATCH}x{PATCH} patches, mean over {{scales}} bands of a Laplacian pyramid", "lower",
        "A measure of this project's own: not comparable with sliced distances elsewhere.",
    ),
    "precision": (f"precision, {_PIXELS}", "higher", _IN_PIXELS),
    "recall": (f"recall, {_PIXELS}", "higher", _IN_PIXELS),
    "kid": ("KID-EffLite0: kernel distance in the 1280 features of EfficientNet-Lite0", "lower", _IN_FEATURES),
    "precision-efflite0": ("precision, 3 neighbours, in the features of EfficientNet-Lite0", "higher", _IN_FEATURES),
    "recall-efflite0": ("recall, 3 neighbours, in the features of EfficientNet-Lite0", "higher", _IN_FEATURES),
    "diversity": (
        "diversity: ST-LPIPS between two samples, mean of {pairs} pairs", "higher",
        "ST-LPIPS with the weights of its authors in place of MS-SSIM or LPIPS.",
    ),
}  # fmt: skip


class Study(runner.Study[Size]):
    """Sliced W1 at several scales, precision and recall: of the average of G, of its last state, of real faces."""

    def load(self) -> None:
        self.train, self.test = (data.load(self.size.data, split, size=self.size.side) for split in ("train", "test"))

    def count(self) -> int:
        return len(self.job.seeds) * (self.size.start + self.size.steps)

    def parts(self, seed: int) -> runner.Part:
        """The trained networks, for the zoo, and what was measured of them."""
        size, device, folder = self.size, self.job.device, self.job.of(seed)
        arguments = shape_of(size, self.train)
        G, D, E = untrained(size, arguments, seed, device)
        if size.goes_on:
            for network, known in zip((G, D), zoo.load(size.goes_on, device), strict=True):
                network.load_state_dict(known.state_dict())
        average = copy.deepcopy(G)
        steps = played(G, D, E, average, self.train, seed, folder, size)
        watch = self.job.train(seed, steps, size.start + size.steps, size.every)
        found = measure({"average": average.eval(), "last": G.eval()}, self.train, self.test, seed, size)
        about = recipe(size, self.train, seed, self.job.profile, device, found)
        law = inpaint.Linear.fit(self.train.images, min(inpaint.linear.COMPONENTS, len(self.train) // 2))
        told = {
            "data": f"{size.data} train, {len(self.train)} faces", "noise": law.noise, "steps": 0, "seed": seed,
            "objective": "closed form: principal components, and the noise that fills squares in held-out faces best",
            "profile": self.job.profile, "device": about["device"],
        }  # fmt: skip
        file = law.save(folder / f"{LINEAR}.safetensors")
        zoo.enter(LINEAR, file, "linear", "linear", {"components": law.basis.shape[1]}, told)
        digest = zoo.save("faces", size.architecture, arguments, average, D, about, folder=folder)
        return runner.made(found, device, watch.seconds, weights=digest)

    def records(self, found: dict[int, runner.Part]) -> dict[str, Record]:
        return {
            f"faces-{metric}{'' if network == 'average' else f'-{network}'}": self.record(
                network, metric, list(found.values())
            )
            for network in NETWORKS
            for metric in METRICS
            if all(metric in part["found"][network] for part in found.values())
        }

    def record(self, network: str, metric: str, parts: list[runner.Part]) -> Record:
        """One metric of one law of faces, one value per seed."""
        size, found = self.size, [part["found"][network] for part in parts]
        claims = {
            "average": "WGAN-GP learns the law of faces",
            "last": "what the moving average of the weights changes",
            "real": "two samples of the true law: what no generator can be expected to beat",
        }
        trained = f"WGAN-GP, {size.architecture} of width {size.width}, {size.steps} steps"
        details = {}
        deviations = ["No FID or Inception score: their weights cannot be had offline.", METRICS[metric][2]]
        if size.goes_on and network != "real":
            deviations.append(
                f"Went on from earlier weights, {size.goes_on}, named by their hash in the recipe: steps and seconds "
                "are of this part alone, and a further run goes on from what ships now."
            )
        if metric == "sliced-w1":
            details = {"per_scale": {s: [f["per_scale"][s] for f in found] for s in found[0]["per_scale"]}}
        return self.job.record(
            parts,
            claim=claims[network],
            chapter="07_inpainting",
            source="this project; the talk shows faces of its generator without a number",
            dataset=f"{NAMES[size.data]} {size.side}x{size.side}, {len(self.train)} training faces; as many samples as "
            f"test faces, {min(size.samples, len(self.test))} of each",
            method=NETWORKS[network] + ("" if network == "real" else f"; {trained}"),
            metric=METRICS[metric][0].format(scales=size.scales, pairs=min(size.samples, len(self.test)) // 2),
            better=METRICS[metric][1],
            values=[f[metric] for f in found],
            config={**asdict(size), "lambda": 10, "optimiser": "Adam", "betas": [0.0, 0.99], **details},
            deviations=deviations,
            **({} if network == "average" else {"weights": None}),
        )


def shape_of(size: Size, train: data.Images) -> dict[str, Any]:
    """The arguments of G and D as the zoo keeps them."""
    return {
        "latent": size.latent, "size": size.side, "channels": train.images.shape[1], "width": size.width,
        "up": size.up, "critic_width": size.critic_width,
    }  # fmt: skip


def here(job: runner.Job, side: int, channels: int, seed: int) -> tuple[nn.Module, nn.Module, str | None]:
    """What `genimg train faces` left for this profile and seed, else the zoo's, and its SHA-256.

    Untrained ones where faces are small, to test the machinery.
    """
    if side != 64:
        small = networks.dcgan(8, side, channels, 8, seed=seeding.child(seed, "networks"))
        return *(inpaint.frozen(network.to(job.device)) for network in small), None  # type: ignore[return-value]
    trained = job.out / "faces" / f"{job.profile}-{seed}" / "faces.safetensors"
    path = trained if trained.is_file() else zoo.file("faces", "gan")
    G, D = (network.to(memory_format=torch.channels_last) for network in zoo.load(path, job.device))
    return G, D, sha256(path)


def untrained(
    size: Size, arguments: dict[str, Any], seed: int, device: torch.device
) -> tuple[nn.Module, nn.Module, nn.Module]:
    """G, D and the encoder as they begin."""
    G, D = zoo.ARCHITECTURES[size.architecture](**arguments, seed=seeding.child(seed, "networks"))
    E = networks.encoder(
        size.latent, size.side, arguments["channels"], size.critic_width, seeding.child(seed, "encoder")
    )
    # Channels last: what convolutions compute in, on CPUs with bfloat16 as on GPUs, without a copy at each layer.
    return tuple(network.to(device, memory_format=torch.channels_last) for network in (G, D, E))  # type: ignore[call-overload]


def played(
    G: nn.Module, D: nn.Module, E: nn.Module, average: nn.Module, train: data.Images, seed: int,
    folder: Path, size: Size,
) -> Iterator[int]:  # fmt: skip
    """Trains the four networks in place; yields the number of steps done, those of the start included."""
    device = next(G.parameters()).device
    rng = {name: seeding.rng(seeding.child(seed, name), device) for name in ("latent", "objective", "start", "keep")}

    def law(name: str) -> Mirrored:
        seeds = seeding.child(seed, name)
        return Mirrored(pictures(train.images, seeds, device, memory_format=torch.channels_last))

    shared: dict[str, Any] = {"batch": size.batch, "amp": size.amp, "checkpoint_every": size.every}
    latent = Gaussian(size.latent, rng["latent"])
    objective = objectives.WassersteinGP(10.0, size.share, size.drift)
    G.requires_grad_(not size.goes_on)
    for start in encoder_steps(
        E, G, law("start"), steps=size.start, rng=rng["start"], lr=size.start_lr, decay_lr=True,
        checkpoint=folder / "start.safetensors", **shared,
    ):  # fmt: skip
        yield start.step
    G.requires_grad_(True)
    if not (folder / "state.safetensors").exists():
        average.load_state_dict(G.state_dict())
        # A critic that knows nothing yet would first lead the decoder astray.
        warm = critic_steps(
            D, law("warm"), Pushforward(G, latent), objective, steps=size.warm, rng=rng["objective"],
            batch=size.batch, lr=size.critic_lr,
        )  # fmt: skip
        for _ in warm:
            pass
    game = gan_steps(
        G, D, law("real"), latent, objective, steps=size.steps, rng=rng["objective"],
        critic_per_step=size.critic_per_step, lr=size.lr, critic_lr=size.critic_lr, betas=(0.0, 0.99),
        average=average, average_decay=size.decay, decay_lr=True, checkpoint=folder / "state.safetensors", **shared,
    )  # fmt: skip
    if not size.keep:
        yield from (size.start + step.step for step in game)
        return
    half = {**shared, "batch": size.batch // 2}
    kept = encoder_steps(
        E, G, law("keep"), steps=size.steps, rng=rng["keep"], lr=size.keep, encoder_lr=size.lr, decay_lr=True,
        checkpoint=folder / "keep.safetensors", **half,
    )  # fmt: skip
    yield from (size.start + step.step for step, _ in zip(game, kept, strict=True))


def recipe(
    size: Size, train: data.Images, seed: int, profile: str, device: torch.device, found: dict[str, Any]
) -> dict[str, Any]:
    """What the manifest says of the weights."""
    return {
        "data": f"{size.data} train, {len(train)} faces, flipped at random",
        # Chosen on validation faces, see `inpainting_search`.
        "search": {"start": "encoder", "encoder": "faces-encoder", "steps": 20, "lr": 0.03, "far": 0.0},
        "crop": "face",  # photographs are searched for faces, by `genimg.problems.inpaint.photographs`
        "steps": size.steps,
        "seed": seed,
        "objective": f"WGAN-GP, lambda 10 on {size.share:g} of each batch, drift {size.drift:g}",
        "optimiser": f"Adam, lr {size.lr} for G, {size.critic_lr} for D, falling linearly to 0, betas (0, 0.99), "
        f"batch {size.batch}, {size.critic_per_step} critic updates per step, "
        f"{'bfloat16' if devices.bfloat16(device, size.amp) else 'float32'}",
        "start": (
            f"goes on from {size.goes_on}, sha256 {zoo.manifest()[size.goes_on]['sha256'][:12]}"
            if size.goes_on
            else f"decoder of a variational autoencoder, {size.start} steps"
        )
        + f"; an encoder is trained beside the game, with lr {size.keep:g} for G",
        "average": f"G is the moving average of its weights, decay {size.decay}",
        "sliced_w1_to_test": round(found["average"]["sliced-w1"], 4),
        "precision": round(found["average"]["precision"], 4),
        "recall": round(found["average"]["recall"], 4),
        "profile": profile,
        "device": devices.describe(device),
    }


def measure(
    generators: dict[str, nn.Module], train: data.Images, test: data.Images, seed: int, size: Size
) -> dict[str, dict[str, Any]]:
    """The numbers of each generator and of real training faces; all on the CPU, so that every device is judged alike.

    Returns:
        By the keys of `NETWORKS` what `METRICS` has, and the sliced W1 per_scale; what needs weights of others only
        where these are here.
    """
    n = min(size.samples, len(test))
    some = torch.randperm(len(train), generator=seeding.rng(seeding.child(seed, "floor")))[:n]
    held_out = test.take(torch.randperm(len(test), generator=seeding.rng(seeding.child(seed, "test")))[:n]).floats()
    # The same z for both states of G, so that only the weights differ.
    laws = {name: Gaussian(size.latent, seeding.rng(seeding.child(seed, "samples"))) for name in generators}
    fakes = {
        name: torch.cat([Pushforward(G.cpu(), laws[name]).sample(len(part)) for part in held_out.split(100)])
        for name, G in generators.items()
    }
    return {name: judged(held_out, x, seed, size) for name, x in {**fakes, "real": train.take(some).floats()}.items()}


def judged(held_out: Tensor, fake: Tensor, seed: int, size: Size) -> dict[str, Any]:
    """The numbers of samples beside as many held-out faces, both (n, c, h, w) in [-1, 1]."""
    per_scale = distances(held_out, fake, size.scales, seed)
    real_pixels, fake_pixels = (avg_pool2d(x, x.shape[-1] // FEATURE_SIDE) for x in (held_out, fake))
    found = {
        "sliced-w1": sum(per_scale.values()) / len(per_scale),
        "per_scale": per_scale,
        **metrics.precision_recall(real_pixels, fake_pixels)._asdict(),
    }
    if zoo.pretrained():
        judge = zoo.efficientnet()
        of_real, of_fake = seen(judge, held_out), seen(judge, fake)
        precision, recall = metrics.precision_recall(of_real, of_fake)
        found |= {"kid": metrics.kid(of_real, of_fake), "precision-efflite0": precision, "recall-efflite0": recall}
        found |= {"diversity": diversity(fake)}
    return found
