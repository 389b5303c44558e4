"""Two ranks with half the batch each do what one does with the whole; a killed one ends the run, which then resumes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import jobs
import pytest
import torch

from genimg import history
from genimg._base import ranks, weights
from genimg._base.errors import UsageError

ROOT = Path(__file__).parents[1]


def close(a, b):
    """Within rounding: sums of 16 in another order, over a few dozen steps of Adam; generators to the bit."""
    return a.keys() == b.keys() and all(
        torch.equal(a[name], b[name]) if "/rng" in name else torch.allclose(a[name], b[name], atol=2e-5) for name in a
    )


def test_ranks_do_what_one_does_and_a_killed_one_ends_the_run_which_resumes_on_another_number(tmp_path):
    """20 steps of two ranks, of 30; then rank 1 is killed, and one rank goes on."""
    module = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    path = os.pathsep.join(p for p in (str(ROOT), os.environ.get("PYTHONPATH")) if p)
    run = subprocess.Popen(
        [*module, jobs.__file__, str(tmp_path), "30"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": path},
    )  # fmt: skip
    try:
        waiting, end = tmp_path / "waiting", time.monotonic() + 120
        while not (waiting.exists() and waiting.read_text()):
            assert run.poll() is None and time.monotonic() < end, run.communicate()[0]
            time.sleep(0.02)
        os.kill(int(waiting.read_text()), signal.SIGKILL)
        told, _ = run.communicate(timeout=60)  # ends by itself, and only when its processes have
    finally:
        run.kill()
    assert run.returncode == 1 and "another rank has ended" in told and "Signal 9" in told
    folder = tmp_path / "run"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["run", "run.lock", "waiting"]  # rank 1 has written nothing
    assert not list(folder.rglob(".*"))

    def alike(other, steps):
        assert close(*(weights.read_tensors(f / "state.safetensors")[0] for f in (folder, other)))
        pasts = [history.load_folder(f / "snapshots", steps) for f in (folder, other)]
        assert pasts[0].times == pasts[1].times == list(range(5, steps + 1, 5))
        for name in ("generators", "critics"):
            assert all(close(a, b) for a, b in zip(*(getattr(past, name) for past in pasts), strict=True))

    jobs.train(tmp_path / "one", steps=20, checkpoint_every=20)
    alike(tmp_path / "one", 20)
    jobs.train(folder, steps=30, checkpoint_every=10)
    jobs.train(tmp_path / "one", steps=30, checkpoint_every=10)
    alike(tmp_path / "one", 30)


def test_shares_are_rows_of_what_all_draw(monkeypatch):
    monkeypatch.setattr(ranks, "count", lambda: 3)
    rows = []
    for k in range(3):
        monkeypatch.setattr(ranks, "rank", lambda k=k: k)
        rows += ranks.share(lambda n: torch.arange(n), 6).tolist()
    assert rows == list(range(6))
    with pytest.raises(UsageError, match="a batch of 7 cannot be shared by 3 ranks: take a multiple of 3"):
        ranks.share(lambda n: torch.arange(n), 7)


def test_batch_norm_is_refused_on_several_ranks(monkeypatch):
    network = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
    assert ranks.wrap_ddp(network) is network
    monkeypatch.setattr(ranks, "count", lambda: 2)
    with pytest.raises(UsageError, match="BatchNorm"):
        ranks.wrap_ddp(network)


def test_more_ranks_than_gpus_is_told(monkeypatch):
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "x")
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    told = "rank 1 of this machine has no GPU: at most --nproc-per-node 1"
    with pytest.raises(UsageError, match=told), ranks.joined(torch.device("cuda")):
        pass
