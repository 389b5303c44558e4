"""What built pages run: the zoo's networks as ONNX, and the runtime from a registry that may not be there."""

import base64
import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from genimg._base.errors import UsageError
from genimg.press import pages
from genimg.widgets.live import GRAPHS, Graph, onnx_bytes, sharing, site, vendor
from genimg.widgets.page import module

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def files():
    return site.exported(ROOT / "build" / "live")


@pytest.mark.parametrize("name", GRAPHS)
def test_onnxruntime_computes_what_torch_computes(files, name):
    graph = GRAPHS[name]()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(files[name].read_bytes(), options)
    assert [one.name for one in session.get_inputs()] == list(graph.inputs)
    assert [list(one.shape) for one in session.get_inputs()] == [list(one.shape) for one in graph.inputs.values()]
    assert {one.type for one in session.get_inputs()} == {"tensor(float)"}  # all that openLive sends
    found = session.run(list(graph.outputs), {key: value.numpy() for key, value in graph.inputs.items()})
    with torch.no_grad():
        expected = graph.module(*graph.inputs.values())
    assert len(found) == len(graph.outputs)
    for key, one, other in zip(
        graph.outputs, found, expected if isinstance(expected, tuple) else (expected,), strict=True
    ):
        off = torch.from_numpy(np.asarray(one)) - other
        if key == "slope":  # of |u| and ReLU: at a kink the last digit of u decides between two slopes
            assert off.norm() < 1e-2 * other.norm()
        else:
            assert off.abs().max() <= 2e-5 * max(1.0, float(other.abs().max()))


def test_weights_take_half_the_room_and_files_tell_nothing_of_this_machine(files):
    for name in ("digits", "colours"):
        weights = sum(value.numel() for value in GRAPHS[name]().module.state_dict().values())
        data = files[name].read_bytes()
        assert 2 * weights < len(data) < 2.2 * weights, name
        for trace in (str(ROOT), "site-packages", "genimg/", ".py"):
            assert trace.encode() not in data


def test_what_two_graphs_hold_is_kept_once_and_nothing_else_changes(files):
    """The files that lie beside the pages, put together as the browser does, answer as the graphs do."""
    models = {name: files[name].read_bytes() for name in GRAPHS}
    shared, rest = sharing.pieces(models)
    assert set(shared) == {"faces-search"} and rest["digits"] == (None, models["digits"])
    size = len(shared["faces-search"]) + sum(len(data) for _, data in rest.values())
    assert size < sum(map(len, models.values())) - len(models["faces"]) + 200_000
    for name in ("faces", "search"):
        part, tail = rest[name]
        before = shared[part]
        assert len(tail) < 150_000
        packed = base64.b64decode(sharing.opening(before) + sharing.ending(before, tail), validate=True)
        whole = gzip.decompress(packed)
        assert whole == before + tail
        one, other = (onnxruntime.InferenceSession(data) for data in (whole, models[name]))
        inputs = {key: value.numpy() for key, value in GRAPHS[name]().inputs.items()}
        assert [each.name for each in one.get_outputs()] == [each.name for each in other.get_outputs()]
        for a, b in zip(one.run(None, inputs), other.run(None, inputs), strict=True):
            np.testing.assert_array_equal(a, b)


def test_twice_the_same_bytes():
    graph = Graph(nn.Linear(20, 20), {"a": torch.zeros(1, 20)}, ("b",))
    assert onnx_bytes(graph) == onnx_bytes(graph)


@pytest.mark.parametrize(("value", "short"), [(0.5, True), (1e5, False), (0.1, False)])
def test_half_precision_only_where_it_loses_nothing(value, short):
    layer = nn.Linear(100, 100)
    nn.init.constant_(layer.weight, value)
    data = onnx_bytes(Graph(layer, {"a": torch.ones(1, 100)}, ("b",)))
    assert (len(data) < 30_000) == short
    found = onnxruntime.InferenceSession(data).run(None, {"a": np.ones((1, 100), "f")})[0]
    np.testing.assert_allclose(found, layer(torch.ones(1, 100)).detach().numpy(), rtol=1e-6)


@pytest.fixture
def registry(tmp_path, monkeypatch):
    """A registry on disk, whose package holds one short text per file; gives the path of its archive."""
    entry = vendor.locked()
    archive = tmp_path / "registry" / vendor.PACKAGE / "-" / f"{vendor.PACKAGE}-{entry.version}.tgz"
    archive.parent.mkdir(parents=True)
    with tarfile.open(archive, "w:gz") as tar:
        for name, inside in vendor.FILES.items():
            info = tarfile.TarInfo(f"package/{inside}")
            info.size = len(name)
            tar.addfile(info, io.BytesIO(name.encode()))
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    lock = json.loads(vendor.LOCK.read_text())
    lock["packages"][f"node_modules/{vendor.PACKAGE}"]["integrity"] = f"sha512-{digest}"
    (tmp_path / "package-lock.json").write_text(json.dumps(lock))
    monkeypatch.setattr(vendor, "LOCK", tmp_path / "package-lock.json")
    monkeypatch.setenv("NPM_CONFIG_REGISTRY", (tmp_path / "registry").as_uri() + "/")
    return archive


def test_the_runtime_is_fetched_once(registry, tmp_path):
    first = vendor.runtime(tmp_path / "cache")
    assert {name: path.read_text() for name, path in first.items()} == {"ort": "ort", "wasm": "wasm"}
    registry.unlink()
    assert vendor.runtime(tmp_path / "cache") == first
    assert not list((tmp_path / "cache").rglob("*.part"))


def test_an_archive_with_another_hash_is_refused(registry, tmp_path):
    registry.write_bytes(registry.read_bytes() + b"\0")
    with pytest.raises(UsageError, match="its SHA-512 differs"):
        vendor.runtime(tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_pages_are_built_without_the_registry(registry, tmp_path):
    registry.unlink()
    (line,) = pages.add_networks(tmp_path / "html", tmp_path / "cache")
    assert line.startswith("no network runs in these pages: onnxruntime-web cannot be had from file://")
    assert "\n" not in line and not (tmp_path / "html").exists()


def test_pages_are_built_without_onnx(registry, tmp_path, monkeypatch):
    real = site.metadata.version

    def version(package):
        if package == "onnx":
            raise site.metadata.PackageNotFoundError(package)
        return real(package)

    monkeypatch.setattr(site.metadata, "version", version)
    (line,) = pages.add_networks(tmp_path / "html", tmp_path / "cache")
    assert line == "no network runs in these pages: they need onnx: pip install 'genimg-book[live]'"


def test_the_folder_beside_the_pages(registry, tmp_path, monkeypatch):
    monkeypatch.setitem(GRAPHS, "tiny", lambda: Graph(nn.ReLU(), {"a": torch.zeros(1, 2)}, ("b",)))
    folder = site.write(tmp_path / "html", tmp_path / "cache", ["tiny"])
    texts = {path.name: path.read_text() for path in folder.iterdir()}
    assert set(texts) == {"ort.js", "wasm.js", "tiny.js"}
    data = gzip.decompress(base64.b64decode(texts["tiny.js"].split('"')[3]))
    assert onnxruntime.InferenceSession(data).run(None, {"a": np.array([[-1, 2]], "f")})[0].tolist() == [[0, 2]]
    monkeypatch.setitem(GRAPHS, "tiny", None)  # a second build exports nothing
    site.write(tmp_path / "again", tmp_path / "cache", ["tiny"])
    assert {path.name: path.read_text() for path in (tmp_path / "again" / site.FOLDER).iterdir()} == texts


def test_the_lock_file_is_npms():
    lock = json.loads(vendor.LOCK.read_text())
    assert lock["lockfileVersion"] == 3
    entry = vendor.locked()
    assert lock["packages"][""]["dependencies"] == {vendor.PACKAGE: entry.version}
    assert len(base64.b64decode(entry.integrity.removeprefix("sha512-"))) == 64


def test_what_widgets_share_asks_for_nothing_elsewhere():
    assert "https:" not in module() and "http:" not in module() and "fetch(" not in module()
