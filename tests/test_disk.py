"""Long runs survive what happens to them: killed at any moment, a full disk, two of them in one folder."""

import errno
import multiprocessing
import os
import random
import time
from pathlib import Path

import jobs
import numpy as np
import pytest
import torch
from PIL import Image

from genimg import zoo
from genimg._base import disk, ranks, weights
from genimg._base.errors import UsageError
from genimg.lab.experiments import EXPERIMENTS, digits
from genimg.press import pages


@pytest.fixture(scope="module")
def warm():
    """Starts processes from one that has imported everything, in milliseconds each."""
    context = multiprocessing.get_context("forkserver")
    ours = ["genimg.gan.training", "genimg.zoo", "genimg.data"]
    ours += [
        "genimg.press.pages",
        "genimg.teach.classroom.grading",
        "genimg.problems.colorize.photographs",
        "genimg.data.packing",
    ]
    context.set_forkserver_preload([*ours, "torch._dynamo", "safetensors.torch"])  # the last two: imported late
    return context


def killed(context, job, folder, parts, seconds):
    """Starts a job and kills it with SIGKILL, so long after so many of its parts have begun; False: it ended before."""
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=jobs.until_killed, args=(job, str(folder), theirs))
    process.start()
    theirs.close()
    ended = any(ours.recv() == "has ended" for _ in range(parts))
    if not ended:
        time.sleep(seconds)
        process.kill()
    process.join()
    assert process.exitcode in (0, -9)
    return process.exitcode == -9


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_training_killed_forty_times_ends_as_if_never_interrupted(warm, tmp_path):
    whole, folder, moments = tmp_path / "whole", tmp_path / "run", random.Random(0)
    uninterrupted = jobs.train(whole, checkpoint_every=jobs.STEPS)
    state, done = folder / "state.safetensors", [0]
    for _ in range(40):
        assert killed(warm, "train", folder, moments.randint(1, 5), moments.uniform(0, 0.01))
        if state.exists():
            done.append(weights.read_tensors(state)[1]["step"])  # never half a file
    assert done == sorted(done) and done[-1] > 20  # it went on from where it was
    history = jobs.train(folder, checkpoint_every=jobs.STEPS)
    assert same(*(weights.read_tensors(path / "state.safetensors")[0] for path in (whole, folder)))
    assert history.times == uninterrupted.times == list(range(5, jobs.STEPS + 1, 5))
    for name in ("generators", "critics"):
        assert all(same(a, b) for a, b in zip(getattr(history, name), getattr(uninterrupted, name), strict=True))
    assert not list(folder.rglob(".*"))  # what the killed left half done is gone


def test_a_cache_killed_while_it_is_filled_is_never_read_half_full(warm, tmp_path):
    moments, right = random.Random(1), jobs.pictures()
    for _ in range(12):
        finished = not killed(
            warm, "decode", tmp_path, moments.randint(1, jobs.PICTURES + 1), moments.uniform(0, 0.003)
        )
        for path in (tmp_path / "images").glob("[!.]*.npy"):
            assert np.array_equal(np.load(path), right)
        if finished:
            (path,) = (tmp_path / "images").glob("[!.]*.npy")
            path.unlink()
    assert np.array_equal(jobs.decode(tmp_path), right)


def test_weights_killed_while_they_are_saved_load_whole_or_are_refused(warm, tmp_path):
    moments, path, loaded = random.Random(2), tmp_path / "toy.safetensors", []
    for _ in range(12):
        assert killed(warm, "save", tmp_path, moments.randint(2, 12), moments.uniform(0, 0.01))
        try:
            G, _ = zoo.load(path)
        except UsageError as error:  # killed between the weights and the manifest
            assert "has sha256" in str(error)
        else:
            (value,) = {float(v) for weight in G.parameters() for v in weight.flatten()}
            loaded.append(value)
    assert loaded  # how many depends on how fast the disk writes the manifest behind the weights
    jobs.save(tmp_path)
    assert all(bool((weight == jobs.VERSIONS).all()) for weight in zoo.load(path)[0].parameters())


def parts_below(folder):
    return [path for path in folder.rglob("*") if path.name.endswith(".part")]


def test_a_pack_killed_while_it_is_made_is_not_there_or_whole(warm, tmp_path):
    moments = random.Random(3)
    for k in range(12):
        path = tmp_path / "pictures" / f"{k:02}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(np.full((8, 8), k, dtype=np.uint8)).save(path)
    whole = jobs.pack(tmp_path).path.read_bytes()
    (tmp_path / "x.zip").unlink()
    for _ in range(16):
        killed(warm, "pack", tmp_path, moments.randint(1, 12), moments.uniform(0, 0.01))
        if (tmp_path / "x.zip").exists():
            assert (tmp_path / "x.zip").read_bytes() == whole
            (tmp_path / "x.zip").unlink()
    assert jobs.pack(tmp_path).path.read_bytes() == whole and not parts_below(tmp_path)


def test_a_picture_killed_while_it_is_written_is_the_old_one_or_the_new_one(warm, tmp_path):
    moments, seen = random.Random(4), []
    for _ in range(16):
        assert killed(warm, "colour", tmp_path, moments.randint(2, 20), moments.uniform(0, 0.01))
        (value,) = np.unique(np.asarray(Image.open(tmp_path / "out.png")))  # of one grey value: whole
        seen.append(int(value))
    jobs.colour(tmp_path)
    assert len(set(seen)) > 1 and not parts_below(tmp_path)


def test_a_build_killed_at_any_moment_leaves_a_whole_site(warm, tmp_path):
    moments = random.Random(5)
    (tmp_path / "build").mkdir()
    html = tmp_path / "_build" / "html"
    for _ in range(16):
        killed(warm, "build", tmp_path, moments.randint(3, 30), moments.uniform(0, 0.01))
        # The two renames of the swap are the one moment without a site: the next build puts the old one back.
        pages._swept(html)
        assert len({(html / f"{name}.html").read_text() for name in ("index", "other")}) == 1
    assert not parts_below(tmp_path)


def test_grading_killed_at_any_moment_loses_no_row(warm, tmp_path):
    moments = random.Random(6)
    for _ in range(16):
        rows = moments.randint(2, 41)
        killed(warm, "grades", tmp_path, rows, moments.uniform(0, 0.002))
        done = (tmp_path / "grades.csv").exists()
        path = tmp_path / ("grades.csv" if done else "grades.partial.csv")
        lines = path.read_text(encoding="utf-8-sig").splitlines()
        known = [line for line in lines if line.endswith(",right,0.0,")]
        assert len(known) >= (40 if done else rows - 1)
        path.unlink()


def test_weights_that_somebody_changed_are_refused(tmp_path):
    jobs.save(tmp_path, versions=1)
    path = tmp_path / "toy.safetensors"
    changed = bytearray(path.read_bytes())
    changed[-1] ^= 1
    path.write_bytes(changed)
    with pytest.raises(UsageError, match="has sha256"):
        zoo.load(path)


# What goes wrong is told in one line, and what was there is still there.


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EROFS, "the disk is read-only"),
        (errno.EACCES, "writing is not permitted there"),
    ],
)
def test_what_cannot_be_written_leaves_the_old_file_and_no_rubbish(tmp_path, monkeypatch, number, reason):
    state = tmp_path / "state.safetensors"
    jobs.train(tmp_path, steps=4)
    before = state.read_bytes()

    def refuse(*args):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(disk.os, "fsync", refuse)
    with pytest.raises(UsageError, match=f"cannot write .*: {reason}; what was written before is whole"):
        jobs.train(tmp_path, steps=6)
    monkeypatch.undo()
    assert state.read_bytes() == before and not list(tmp_path.rglob(".*"))
    jobs.train(tmp_path, steps=6)  # somebody made space
    jobs.train(tmp_path / "other", steps=6)
    assert same(*(weights.read_tensors(path)[0] for path in (state, tmp_path / "other" / "state.safetensors")))


def test_two_runs_do_not_share_a_folder(tmp_path, monkeypatch):
    folder = tmp_path / "digits" / "quick-0"
    (folder / "kept").mkdir(parents=True)
    told = rf"another run works in .*quick-0 \(process {os.getpid()} on "
    with disk.lock(folder), pytest.raises(UsageError, match=told):
        EXPERIMENTS["digits"].run("quick", [1, 0], torch.device("cpu"), tmp_path)
    assert (folder / "kept").exists()
    with disk.lock(folder), pytest.raises(UsageError, match=told):
        jobs.train(folder)
    monkeypatch.setattr(digits.Study, "run", lambda *arguments: {})  # the first one has ended
    assert EXPERIMENTS["digits"].run("quick", [1, 0], torch.device("cpu"), tmp_path) == {}


def test_a_rank_enters_a_folder_only_when_the_first_one_holds_it(tmp_path, monkeypatch):
    """Else a second run would have emptied the folder of the first by the time that its rank 0 finds it held."""
    waited = []
    monkeypatch.setattr(ranks, "count", lambda: 2)
    monkeypatch.setattr(ranks, "rank", lambda: 1)
    monkeypatch.setattr(ranks.distributed, "barrier", lambda: waited.append("for rank 0"))
    with disk.lock(tmp_path / "run"):
        assert waited == ["for rank 0"] and not (tmp_path / "run.lock").exists()


def test_the_working_directory_can_be_held_too(tmp_path, monkeypatch):
    (tmp_path / "run").mkdir()
    monkeypatch.chdir(tmp_path / "run")
    with disk.lock("."), pytest.raises(UsageError, match="another run works in .*run "), disk.lock(tmp_path / "run"):
        pass
    assert (tmp_path / "run.lock").exists()


def test_the_lock_of_a_killed_process_is_free(warm, tmp_path):
    assert killed(warm, "hold", tmp_path / "run", 1, 0.0)
    with disk.lock(tmp_path / "run"):
        pass


def test_what_a_killed_write_left_is_swept_by_the_next(tmp_path):
    def killed(*_):
        raise SystemExit

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(disk.os, "replace", killed)
        patch.setattr(Path, "unlink", lambda *a, **k: None)
        with pytest.raises(SystemExit):
            disk.write(tmp_path / "a", b"1")
    (part,) = tmp_path.iterdir()
    os.utime(part, (0, 0))
    disk.write(tmp_path / "a", b"2")
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
