"""The job script and the Dockerfile: what can be known of them without a cluster."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CLUSTER = ROOT / "benchmarks" / "cluster"
DOCKERFILE = CLUSTER / "Dockerfile"
HADOLINT = shutil.which("hadolint", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))


@pytest.mark.parametrize("image", ["", "genimg.sif"])
def test_the_job_starts_torchrun_on_every_node_and_goes_on_from_checkpoints(tmp_path, image):
    """With srun and scontrol that only say how they were called."""
    for name, does in {"srun": 'printf "%s\\n" "$@"', "scontrol": "printf 'node7\\nnode8\\n'"}.items():
        (tmp_path / name).write_text(f"#!/bin/bash\n{does}\n")
        (tmp_path / name).chmod(0o755)
    slurm = {
        "JOB_NODELIST": "node[7-8]",
        "JOB_NUM_NODES": "2",
        "GPUS_ON_NODE": "4",
        "JOB_ID": "12",
        "CPUS_PER_TASK": "8",
    }
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "GENIMG_IMAGE": image} | {
        f"SLURM_{k}": v for k, v in slurm.items()
    }
    command = ["bash", str(CLUSTER / "train.sbatch"), "faces", "--profile", "full"]
    told = subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout.splitlines()
    assert told[0] == "--kill-on-bad-exit=1"
    start = told.index("python")
    assert told[1:start] == (["apptainer", "exec", "--nv", "genimg.sif"] if image else [])
    assert told[start + 1 : start + 8] == [
        "-m", "torch.distributed.run", "--nnodes=2", "--nproc-per-node=4", "--rdzv-backend=c10d",
        "--rdzv-endpoint=node7:29512", "--rdzv-id=12",
    ]  # fmt: skip
    assert told[start + 8 :] == [
        "-m", "genimg", "train", "faces", "--profile", "full", "--device", "cuda", "--resume", "--budget-minutes", "55",
    ]  # fmt: skip


def test_the_job_is_cut_before_slurm_kills_it_and_never_runs_twice_at_once():
    directives = dict(re.findall(r"^#SBATCH --([\w-]+)=(\S+)$", (CLUSTER / "train.sbatch").read_text(), re.MULTILINE))
    hours, minutes, _ = map(int, directives["time"].split(":"))
    (budget,) = re.findall(r"--budget-minutes (\d+)", (CLUSTER / "train.sbatch").read_text())
    assert int(budget) < 60 * hours + minutes
    assert directives["ntasks-per-node"] == "1"  # torchrun starts the processes of a node
    assert directives["array"].endswith("%1")


def test_the_dockerfile_copies_what_is_there_and_runs_as_nobody_special():
    lines = DOCKERFILE.read_text().replace("\\\n", " ").splitlines()
    steps = [tuple(line.split(maxsplit=1)) for line in lines if line and not line.startswith("#")]
    assert steps[0][0] == "FROM" and ":" in steps[0][1] and not steps[0][1].endswith(":latest")
    copied = [source for step, rest in steps if step == "COPY" for source in rest.split()[:-1]]
    assert all((ROOT / source).exists() for source in copied)
    shown = DOCKERFILE.with_name("Dockerfile.dockerignore").read_text().split()
    assert set(copied) == {line[1:] for line in shown if line.startswith("!")}
    assert [rest for step, rest in steps if step == "USER"] == ["1000"]
    assert dict(steps)["ENTRYPOINT"] == '["python", "-m", "genimg"]'


@pytest.mark.skipif(HADOLINT is None, reason="hadolint is not installed; it comes with the extra `test` on Linux")
def test_the_dockerfile_is_what_hadolint_wants():
    found = subprocess.run([str(HADOLINT), "--no-color", str(DOCKERFILE)], capture_output=True, text=True)
    assert found.returncode == 0, found.stdout
