"""Bad inputs, each refused in one line that names the file or the part that is wrong: three hundred and more.

Every case is made here, from a good input that is damaged in one way.
"""
# ruff: noqa: E501 (tables of cases)

import gzip
import io
import json
import os
import random
import struct
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save as safetensors

import genimg as gi
from genimg import records, zoo
from genimg._base import disk, weights
from genimg._base.errors import UsageError
from genimg.data import layouts, packs, pictures
from genimg.gan import runs
from genimg.lab import reruns
from genimg.problems.inpaint import masks
from genimg.teach.classroom import submissions

CASES = []


def bad(name, made, read):
    """A case: `made(folder)` gives the path of a bad file, `read(path)` must refuse it."""
    CASES.append(pytest.param(made, read, id=f"{len(CASES):03}-{name}"))


def written(data, name="x.bin"):
    def made(folder):
        path = folder / name
        path.write_bytes(data)
        return path

    return made


# Pictures: cut short, empty, of another kind; masks read by the same way.

PIXELS = np.random.default_rng(0).integers(0, 256, (40, 30, 3), dtype=np.uint8)


def encoded(kind):
    out = io.BytesIO()
    Image.fromarray(PIXELS).save(out, kind)
    return out.getvalue()


for kind in ("PNG", "JPEG", "BMP", "PPM", "WEBP", "TIFF"):
    whole = encoded(kind)
    for share in (0.02, 0.1, 0.3, 0.5, 0.7):
        bad(f"{kind} cut at {share}", written(whole[: int(share * len(whole))]), pictures.open_file)
    bad(f"mask {kind}", written(whole[: len(whole) // 3]), masks.read)
for k, text in enumerate((b"", b"\n", b"no picture", b"<svg/>", b"<html>", b"%PDF-1.4", b"\0" * 99, b"\xff\xd8\xff", b"GIF89a", b"II*\0", b"P6\n", b"BM" + bytes(30), b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WEBP")):  # fmt: skip
    bad(f"picture of text {k}", written(text), pictures.open_file)
    bad(f"mask of text {k}", written(text), masks.read)
for name, array in {
    "int32": np.full((4, 4), 70_000, np.int32), "float beyond": np.full((4, 4), 2.0, np.float32),
    "float below": np.full((4, 4), -1.0, np.float32), "nan": np.full((4, 4), np.nan, np.float32),
    "infinite": np.full((4, 4), np.inf, np.float32),
}.items():  # fmt: skip
    out = io.BytesIO()
    Image.fromarray(array).save(out, "TIFF")
    bad(f"TIFF of {name}", written(out.getvalue()), pictures.open_file)
bad("no picture", lambda folder: folder / "missing.png", pictures.open_file)
bad("a folder", lambda folder: folder, pictures.open_file)

# Weights: every flipped byte, cut, odd headers.

TENSORS = {"a": torch.arange(12.0).view(3, 4), "b": torch.ones(5)}
WEIGHTS = safetensors(TENSORS, metadata={"about": "{}\n" + weights.digest(TENSORS, "{}")})
START = 8 + struct.unpack("<Q", WEIGHTS[:8])[0]
for at in range(START, len(WEIGHTS), 2):
    flipped = bytearray(WEIGHTS)
    flipped[at] ^= 4
    bad(f"flipped byte {at - START}", written(bytes(flipped)), weights.read_tensors)
for length in (0, 1, 7, 8, 9, START // 2, START - 1, START, START + 1, len(WEIGHTS) - 1):
    bad(f"weights cut at {length}", written(WEIGHTS[:length]), weights.read_tensors)


def headed(header, data=bytes(68)):
    text = json.dumps(header).encode() if not isinstance(header, bytes) else header
    return struct.pack("<Q", len(text)) + text + data


for name, header in {
    "shape": {"a": {"dtype": "F32", "shape": [10**6, 10**6], "data_offsets": [0, 68]}},
    "offsets": {"a": {"dtype": "F32", "shape": [17], "data_offsets": [0, 10**12]}},
    "backwards": {"a": {"dtype": "F32", "shape": [17], "data_offsets": [68, 0]}},
    "type": {"a": {"dtype": "F99", "shape": [17], "data_offsets": [0, 68]}},
    "negative": {"a": {"dtype": "F32", "shape": [-17], "data_offsets": [0, 68]}},
    "text": b"no header", "list": [], "nothing": {"a": None}, "hole": {"a": {"dtype": "F32", "shape": [1], "data_offsets": [8, 12]}},
    "about": {"__metadata__": {"about": "{"}, "a": {"dtype": "F32", "shape": [17], "data_offsets": [0, 68]}},
    "about list": {"__metadata__": {"about": "[]"}, "a": {"dtype": "F32", "shape": [17], "data_offsets": [0, 68]}},
    "deep": b"[" * 5000,
}.items():  # fmt: skip
    bad(f"header {name}", written(headed(header)), weights.read_tensors)
bad("header of 10^18 bytes", written(struct.pack("<Q", 10**18) + b"{}"), weights.read_tensors)
for value in (float("nan"), float("inf"), -float("inf")):
    bad(f"weights of {value}", written(safetensors({"a": torch.tensor([value])})), weights.read_tensors)
bad("weights in a folder", lambda folder: folder, weights.read_tensors)
bad("no weights", lambda folder: folder / "missing.safetensors", weights.read_tensors)

# Manifests, records, claims and tolerances: no JSON, wrong types, missing fields.

NO_JSON = {
    "empty": b"", "cut": b'{"a": ', "text": b"hello", "latin": b'{"a": "\xe9"}', "nan": b"NaN", "infinity": b'[Infinity]',
    "deep": b"[" * 100_000, "two": b"{} {}", "quote": b"{'a': 1}", "number": b"3", "null": b"null", "word": b'"x"',
}  # fmt: skip
READERS = {
    "record": records.load, "claims": records.load_claims, "tolerances": reruns.load_tolerances,
    "manifest": zoo.read_manifest,
}  # fmt: skip
for reader, read in READERS.items():
    for name, data in NO_JSON.items():
        bad(f"{reader}: {name}", written(data, "x.json"), read)
    bad(f"{reader}: a folder", lambda folder: folder, read)
    bad(f"{reader}: missing", lambda folder: folder / "no.json", read)
ENTRY = {"file": "x.safetensors", "sha256": "0", "architecture": "dcgan", "arguments": {}, "recipe": {}}
for key in ENTRY:
    for value in (None, 3, [], True):
        changed = json.dumps({"x": ENTRY | {key: value}}).encode()
        bad(f"manifest {key} {value}", written(changed, "manifest.json"), zoo.read_manifest)
for name, content in {"list": [ENTRY], "entry": {"x": 3}, "outside": {"x": ENTRY | {"file": "../x"}}}.items():
    bad(f"manifest {name}", written(json.dumps(content).encode(), "manifest.json"), zoo.read_manifest)
RECORD = {
    "claim": "c", "chapter": "08", "source": "s", "dataset": "d", "method": "m", "metric": "m", "unit": "1",
    "better": "higher", "reported": None, "values": [1.0], "seeds": [0], "config": {}, "profile": "cpu", "device": "CPU",
    "seconds": 1.0, "weights": None, "deviations": [], "versions": {}, "commit": "abc",
}  # fmt: skip
for key in RECORD:
    without = {name: value for name, value in RECORD.items() if name != key}
    bad(f"record without {key}", written(json.dumps(without).encode(), "r.json"), records.load)
    for value in ([{}], True):
        bad(f"record {key} {value}", written(json.dumps(RECORD | {key: value}).encode(), "r.json"), records.load)
for key, value in (("values", ["1"]), ("values", [None]), ("values", []), ("seeds", [0.5]), ("better", "larger"),
                   ("values", [1.0, 2.0]), ("extra", 1)):  # fmt: skip
    bad(f"record {key} {value}", written(json.dumps(RECORD | {key: value}).encode(), "r.json"), records.load)

# Networks that do not fit their file; nothing is allocated for them first.

ARGUMENTS = {"latent": 8, "size": 28, "channels": 1, "width": 8}


def model(folder):
    G, D = gi.networks.dcgan(**ARGUMENTS, seed=0)
    zoo.save("x", "dcgan", ARGUMENTS, G, D, {}, folder)
    return folder / "x.safetensors"


def with_entry(**changes):
    def made(folder):
        path = model(folder)
        beside = folder / "manifest.json"
        content = json.loads(beside.read_text())
        content["x"] |= changes
        beside.write_text(json.dumps(content))
        return path

    return made


for name, value in (("width", 400), ("width", 16), ("width", 10**9), ("width", -8), ("width", "8"), ("width", None),
                    ("width", 7.5), ("size", 10**12), ("size", 0), ("size", 64), ("channels", 3), ("latent", 0),
                    ("latent", 9), ("other", 1)):  # fmt: skip
    bad(f"arguments {name} {value}", with_entry(arguments=ARGUMENTS | {name: value}), zoo.load)
for changes in ({"architecture": "os.system"}, {"architecture": "resnet"}, {"arguments": {}}, {"kind": "detector"},
                {"sha256": "00"}, {"file": "y.safetensors"}):  # fmt: skip
    bad(f"entry {changes}", with_entry(**changes), zoo.load)

# Checkpoints.


def checkpoint(change=lambda tensors, about: None, **constants):
    def made(folder):
        run = Checkpointed(**constants)
        run.save(folder / "state.safetensors", 3)
        tensors, about = weights.read_tensors(folder / "state.safetensors")
        change(tensors, about)
        return weights.write_tensors(folder / "state.safetensors", tensors, about)

    return made


class Checkpointed(runs.Run):
    """A run of three steps."""

    def __init__(self, lr=0.1):
        net = torch.nn.Linear(2, 1)
        super().__init__({"net": net}, {"law": gi.rng(0)}, runs.Recipe(lr=lr))
        for _ in range(3):
            self.descend("net", net(torch.ones(1, 2)).sum())


def resume(path):
    Checkpointed().load(path)


for name, change in {
    "step of 10^9": lambda t, a: a.update(step=10**9), "negative step": lambda t, a: a.update(step=-1),
    "step of text": lambda t, a: a.update(step="3"), "no step": lambda t, a: a.pop("step"),
    "kind": lambda t, a: a.update(kind="x"), "no moment": lambda t, a: t.pop("net/adam/0/exp_avg"),
    "no second moment": lambda t, a: t.pop("net/adam/1/exp_avg_sq"),
    "no count": lambda t, a: t.pop("net/adam/1/step"), "no law": lambda t, a: t.pop("law/rng"),
    "half of Adam": lambda t, a: [t.pop(k) for k in list(t) if k.startswith("net/adam/1/")],
    "moment of another shape": lambda t, a: t.update({"net/adam/0/exp_avg": torch.ones(7)}),
    "no weight": lambda t, a: t.pop("net/weights/bias"),
    "weight of another shape": lambda t, a: t.update({"net/weights/bias": torch.ones(7)}),
    "weight of nothing": lambda t, a: t.update({"net/weights/bias": torch.full((1,), float("nan"))}),
    "law of another kind": lambda t, a: t.update({"law/rng": torch.ones(3)}),
}.items():  # fmt: skip
    bad(f"checkpoint: {name}", checkpoint(change), resume)
bad("checkpoint of other constants", checkpoint(lr=0.2), resume)

# Data: IDX files and packs.

IDX = struct.pack(">HBBIII", 0, 8, 3, 2, 4, 4) + bytes(32)
for name, data in {
    "empty": b"", "cut": IDX[:-1], "long": IDX + b"\0", "head": IDX[:6], "type": IDX[:2] + b"\x0d" + IDX[3:],
    "dimensions": IDX[:3] + b"\2" + IDX[4:], "many": IDX[:3] + b"\xff" + IDX[4:], "page": b"<html>", "zero": bytes(16),
    "huge": struct.pack(">HBBIII", 0, 8, 3, 2**31, 2**31, 2**31) + bytes(32),
}.items():  # fmt: skip
    bad(f"IDX {name}", written(data), lambda path: layouts.read_idx(path, 3))
    bad(f"IDX.gz {name}", written(gzip.compress(data), "x.gz"), lambda path: layouts.read_idx(path, 3))
bad("IDX.gz cut", written(gzip.compress(IDX)[:20], "x.gz"), lambda path: layouts.read_idx(path, 3))
bad(
    "IDX.gz bomb", written(gzip.compress(bytes(layouts.LARGEST + 1), 1), "x.gz"), lambda path: layouts.read_idx(path, 3)
)


def zipped(entries, name="x.zip"):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for each, data in entries.items():
            archive.writestr(each, data)
    return written(out.getvalue(), name)


for name, entries in {
    "empty": {}, "texts": {"a.txt": b"x"}, "flat": {"a.png": b"x"}, "deep": {"a/b/c/d.png": b"x"},
    "gif": {"train/all/a.gif": b"x"}, "bomb": {"train/all/a.png": bytes(packs.LARGEST + 1)},
}.items():  # fmt: skip
    bad(f"pack {name}", zipped(entries), packs.open_pack)
bad("pack of text", written(b"no archive", "x.zip"), packs.open_pack)
bad("pack missing", lambda folder: folder / "no.zip", packs.open_pack)
bad("pack of a folder", lambda folder: folder, packs.open_pack)


def test_there_are_three_hundred():
    assert len(CASES) >= 300


@pytest.mark.parametrize(("made", "read"), CASES)
def test_a_bad_input_is_refused_in_one_line(tmp_path, made, read):
    path = made(tmp_path)
    with pytest.raises(UsageError) as caught:
        read(path)
    told = str(caught.value)
    assert told and "\n" not in told and len(told) < 600 + len(str(path)) and told.isprintable(), told
    if read is not pictures.open_file:  # whose callers name the file
        assert Path(path).name in told, told


# What is damaged at random is read, or refused in a line; nothing else, whatever the seed.


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "PPM", "WEBP", "TIFF"])
def test_a_picture_of_flipped_bits_is_read_or_refused(tmp_path, kind):
    draw, whole = random.Random(kind), encoded(kind)
    for _ in range(30):
        data = bytearray(whole)
        for _ in range(draw.randint(1, 8)):
            data[draw.randrange(min(len(data), 200))] ^= 1 << draw.randrange(8)
        (tmp_path / "x").write_bytes(data)
        try:
            found = pictures.open_file(tmp_path / "x")
        except UsageError as error:
            assert "\n" not in str(error)
        else:
            assert found.image.mode in ("L", "RGB", "F")


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"3", b'{"cells": 3}', b'{"cells": [3]}', b'{"worksheets": []}',
                                  b'{"cells": [{"source": 3}]}', b'{"cells": [{"source": [3]}]}', b"\xff\xff", b"[" * 99_999,
                                  b'{"nbformat": 3}'])  # fmt: skip
def test_a_notebook_that_is_none_says_why(data):
    problem = submissions.sheet("a.ipynb", 0.0, data).problem
    assert problem.startswith("not a readable notebook: ") and "\n" not in problem


def test_the_checkpoint_before_the_last_one_is_kept_and_named(tmp_path):
    run, path = Checkpointed(), tmp_path / "state.safetensors"
    run.save(path, 2)
    first = path.read_bytes()
    run.save(path, 3)
    assert runs.previous(path).read_bytes() == first
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(UsageError, match=r"is damaged .*or go on from the checkpoint before: mv .*state.previous"):
        run.load(path)


def test_a_save_that_was_killed_between_its_two_names_leaves_nothing_behind(tmp_path):
    run, path = Checkpointed(), tmp_path / "state.safetensors"
    run.save(path, 2)
    os.link(path, runs.previous(path))  # a run was killed after it kept this one, before it wrote the next
    run.save(path, 3)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["state.previous", "state.safetensors"]


def test_parts_of_processes_that_are_gone_are_swept(tmp_path):
    (tmp_path / ".genimg-999999999-abc.part").touch()
    mine = disk.beside(tmp_path / "x")
    mine.touch()
    disk.sweep(tmp_path)
    assert list(tmp_path.iterdir()) == [mine]
