import dataclasses
import hashlib
import http.client
import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import nullcontext

import click
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from rich.console import Console

from genimg import data, devices, records, zoo
from genimg._base import disk, errors, ranks
from genimg.apps import cli, console
from genimg.lab import experiments
from genimg.lab.experiments import EXPERIMENTS, PROFILES, Experiment, agenda
from genimg.lab.verdicts import SENTENCES
from genimg.press import notebooks, serving


def genimg(*args):
    return CliRunner().invoke(cli.main, list(args))


def commands(group=cli.main, path=()):
    for name, command in group.commands.items():
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


def record(**changed):
    told = {"claim": "it works", "chapter": "04_wgan", "source": "slide 1", "deviations": ["smaller", "shorter"]}
    what = {"dataset": "none", "method": "m", "metric": "W1", "unit": "nats", "better": "lower", "reported": 0.25}
    how = {"config": {}, "profile": "quick", "device": "CPU", "seconds": 1.0, "weights": None}
    return records.Record(**({"values": [0.25, 0.75], "seeds": [0, 1]} | told | what | how | changed))


# What every command does.


@pytest.mark.parametrize(("path", "command"), [pytest.param(p, c, id=" ".join(p)) for p, c in commands()])
def test_every_command_explains_itself_with_an_example(path, command):
    result = genimg(*path, "--help")
    assert result.exit_code == 0
    assert "Example:\n" in result.output and f"genimg {path[0]}" in result.output.split("Example:")[1]
    assert "--debug" in result.output


@pytest.mark.parametrize("args", [(), ("zoo",), ("data",), ("class",)])
def test_a_group_alone_shows_its_commands(args):
    result = genimg(*args)
    assert result.exit_code == 0 and "Commands:" in result.output and result.stderr == ""


@pytest.mark.parametrize(
    ("args", "code", "told"),
    [
        (("rum",), 2, "No such command 'rum'"),
        (("run", "--profile", "fast"), 2, "'fast' is not one of"),
        (("run", "--seed", "x"), 2, "'x' is not a valid integer"),
        (("zoo", "sell"), 2, "No such command 'sell'"),
        (("run", "nowhere"), 1, "chapter 'nowhere' is unknown (one of: 01_a)"),
        (("run", "-p", "step", "3"), 1, "parameter 'step' is unknown"),
        (("run", "--in-place", "--profile", "full"), 1, "--in-place stores 01_a at profile = 'quick'"),
        (("train", "digit"), 1, "did you mean 'digits'?"),
        (("build", "--notebooks", "nowhere"), 2, "'nowhere' does not exist"),
        (("score",), 1, "claims.json"),
    ],
)
def test_a_mistake_is_one_line_on_stderr(project, args, code, told):
    project("01_a")
    result = genimg(*args)
    assert result.exit_code == code and result.stdout == ""
    assert result.stderr.startswith("genimg: ") and told in result.stderr
    assert result.stderr.count("\n") == 1


def test_outside_a_project_the_error_says_where_to_go(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = genimg("run")
    assert result.exit_code == 1 and "go to a clone of the repository" in result.stderr


def test_a_missing_gpu_is_told_before_anything_runs(project, monkeypatch):
    monkeypatch.setattr(devices.torch.cuda, "is_available", lambda: False)
    project("01_a")
    result = genimg("run", "--device", "cuda")
    assert result.exit_code == 1 and "torch sees no GPU here" in result.stderr


@pytest.mark.parametrize("args", [("--debug", "run", "nowhere"), ("run", "nowhere", "--debug")])
def test_debug_shows_the_traceback_and_keeps_the_line(project, args):
    project("01_a")
    result = genimg(*args)
    assert result.exit_code == 1 and "Traceback (most recent call last)" in result.stderr
    assert result.stderr.rstrip().splitlines()[-1].startswith("genimg: chapter 'nowhere' is unknown")
    assert "Traceback" not in genimg("run", "nowhere").stderr  # the switch does not stay on


def test_an_unexpected_error_is_one_line_too(monkeypatch):
    def broken():
        raise ZeroDivisionError("of\nall things")

    monkeypatch.setattr(zoo, "describe", broken)
    result = genimg("zoo", "list")
    assert result.exit_code == 1
    assert result.stderr == "genimg: ZeroDivisionError: of all things (unexpected; --debug shows where)\n"


LOST = getattr(torch, "AcceleratorError", RuntimeError)  # since torch 2.8


def test_training_on_a_missing_gpu_is_told_too(project, monkeypatch):
    monkeypatch.setattr(devices.torch.cuda, "is_available", lambda: False)
    project("01_a")
    result = genimg("train", "digits", "--device", "cuda")
    assert result.exit_code == 1 and "torch sees no GPU here; use --device cpu or auto" in result.stderr


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nmore"), "take a smaller batch"),
        (LOST("CUDA error: an illegal memory access was encountered\nmore"), "the GPU stopped working"),
        (RuntimeError("CUDA error: device-side assert triggered\nmore"), "the GPU stopped working"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), "the machine ran out of memory"),
    ],
)
def test_a_device_that_fails_gives_advice(project, monkeypatch, error, advice):
    def broken(*arguments, **named):
        raise error

    monkeypatch.setattr(Experiment, "run", broken)
    project("01_a")
    result = genimg("train", "digits")
    assert (
        result.exit_code == 1 and advice in result.stderr and result.stderr.splitlines()[-1].startswith("genimg: the")
    )
    assert "--resume goes on from the last" in result.stderr and "unexpected" not in result.stderr


def test_help_imports_neither_torch_nor_rich():
    code = "import sys\nfrom genimg.apps.cli import main\ntry: main(['run', '--help'])\nexcept SystemExit: pass\n"
    code += "print(sorted({'torch', 'rich', 'papermill', 'matplotlib'} & set(sys.modules)))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "--in-place" in shown and shown.endswith("[]\n")


def test_python_m_genimg_is_the_command():
    told = subprocess.run([sys.executable, "-m", "genimg", "rum"], capture_output=True, text=True)
    assert told.returncode == 2 and told.stderr.startswith("genimg: No such command 'rum'")


# genimg run.


@pytest.mark.parametrize("jobs", [1, 2])
def test_run_reports_each_chapter_and_goes_on_after_a_failure(project, tmp_path, jobs):
    bad, good = project("01_bad", "1 / 0"), project("02_good", "print(profile, seed, device)")
    committed = bad.read_bytes()
    result = genimg("run", "--in-place", "--device", "cpu", "--jobs", jobs)
    assert result.exit_code == 1
    assert result.stderr == (
        "genimg: 01_bad, cell 3 of 3: ZeroDivisionError: division by zero; "
        "the partial notebook is build/book/partial/01_bad.ipynb\n"
    )
    table = [line.split() for line in result.stdout.splitlines() if line.startswith(("chapter", "01_", "02_"))]
    assert [row[:2] + row[3:] for row in table] == [
        ["chapter", "cells", "status"],
        ["01_bad", "1", "failed"],
        ["02_good", "2", "ok"],
    ]
    assert all(0 < float(row[2]) < 60 for row in table[1:])
    assert (tmp_path / "build" / "book" / "partial" / "01_bad.ipynb").is_file()
    assert bad.read_bytes() == committed
    assert "quick 0 cpu" in good.read_text() and 'device = \\"auto\\"' in good.read_text()
    manifest = json.loads((tmp_path / "build" / "book" / "manifest.json").read_text())["chapters"]
    assert {name: entry["status"] for name, entry in manifest.items()} == {"01_bad": "failed", "02_good": "ok"}
    assert manifest["01_bad"]["error"] == "cell 3 of 3: ZeroDivisionError: division by zero"
    assert manifest["02_good"]["parameters"] == {"profile": "quick", "seed": 0, "device": "cpu"}
    assert manifest["02_good"]["cells"] == 2 and manifest["02_good"]["seconds"] > 0
    assert set(manifest["02_good"]["versions"]) >= {"python", "torch", "numpy", "genimg"}
    assert manifest["02_good"]["weights"]["digits"] == zoo.manifest()["digits"]["sha256"]
    assert manifest["02_good"]["device"] == devices.describe("cpu") and manifest["02_good"]["commit"]


def test_the_bars_count_cells_per_chapter_and_in_all():
    shown = io.StringIO()
    board = console.RunBoard(Console(file=shown, force_terminal=True, width=80), {"01_a": 3, "02_b": 2})
    with board.progress:
        board.start("01_a")
        for _ in range(3):
            board.cell("01_a")
        board.finish("01_a", "ok", 1.0)
        board.start("02_b")
        board.cell("02_b")
        board.finish("02_b", "failed", 1.0)
    counts = [(task.description, task.completed, task.total) for task in board.progress.tasks]
    assert counts == [("01_a", 3, 3), ("[red]02_b failed", 1, 2), ("all cells", 4, 5)]
    assert "02_b failed" in shown.getvalue() and "4/5" in shown.getvalue()


def test_a_second_run_keeps_the_other_chapters_in_the_manifest(project, tmp_path):
    project("01_a", "print(steps)", parameters='profile = "quick"\nseed = 0\ndevice = "auto"\nsteps = 1')
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "manifest.json").write_text('{"chapters": {"09_z": {"status": "ok"}}}')
    before = (tmp_path / "book" / "01_a.ipynb").read_bytes()
    result = genimg("run", "a", "--profile", "full", "--seed", "3", "--out", "elsewhere", "-p", "steps", "7")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "book" / "01_a.ipynb").read_bytes() == before
    chapters = json.loads((tmp_path / "elsewhere" / "manifest.json").read_text())["chapters"]
    assert list(chapters) == ["01_a", "09_z"]
    assert chapters["01_a"]["parameters"] == {"profile": "full", "seed": 3, "device": "auto", "steps": 7}
    notebook = tmp_path / "elsewhere" / chapters["01_a"]["notebook"]
    assert chapters["01_a"]["sha256"] == hashlib.sha256(notebook.read_bytes()).hexdigest()
    assert "7\n" in notebooks.code_cells(notebooks.read(notebook))[-1].outputs[0].text


@pytest.mark.skipif(os.name != "posix", reason="sockets that are files")
def test_kernels_that_start_at_once_cannot_be_given_the_same_port(project, tmp_path):
    for name in ("01_a", "02_b"):
        read_it = "import json, ipykernel\nat = json.load(open(ipykernel.get_connection_file()))"
        project(name, f"{read_it}\nprint(at['transport'], at['ip'])")
    assert genimg("run", "--out", "runs", "--jobs", "2").exit_code == 0
    read = [notebooks.read(tmp_path / "runs" / f"{name}.ipynb") for name in ("01_a", "02_b")]
    said = [notebooks.code_cells(nb)[-1].outputs[0].text for nb in read]
    assert all(one.startswith("ipc /") for one in said) and said[0] != said[1]


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_control_c_ends_the_kernel_and_says_one_word(project, tmp_path, jobs):
    mark = tmp_path / "kernel"
    for name in ("01_long", "02_long", "03_long", "04_long"):  # more than begin at once
        project(name, f"import os, time\nopen({str(mark)!r}, 'w').write(str(os.getpid()))\ntime.sleep(300)")
    command = [sys.executable, "-c", "from genimg.apps.cli import main; main()", "run", "--jobs", jobs]
    run = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        wait_for(lambda: mark.exists() and mark.read_text())
        run.send_signal(signal.SIGINT)
        _, told = run.communicate(timeout=60)
    finally:
        run.kill()
    assert run.returncode == 130 and told.strip() == "genimg: interrupted"
    wait_for(lambda: not os.path.exists(f"/proc/{mark.read_text()}"))


def wait_for(condition, seconds=60.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


# The other commands.


def test_score_joins_claims_and_records(project, tmp_path):
    project("01_a")
    claim = {"chapter": "04_wgan", "slide": "3", "claim": "it works", "dataset": "none", "method": "m", "metric": "W1"}
    claims = [
        claim | {"id": i, "unit": "nats", "better": "lower", "reported": r} for i, r in (("one", 0.25), ("two", None))
    ]
    (tmp_path / "book" / "claims.json").write_text(json.dumps(claims))
    record().save(tmp_path / "book" / "records" / "one.json")
    assert genimg("score").output.splitlines()[-1] == "2 numbers, 1 of them measured here: genimg score --all"
    shown = genimg("score", "--all")
    assert shown.exit_code == 0
    heading, *verdicts, _, one, two = shown.output.splitlines()
    assert heading.startswith("the talk") and len(verdicts) == len(SENTENCES)
    assert all("not run" in verdict for verdict in verdicts)
    assert re.split("  +", one) == ["it works", "0.25", "0.5 ± 0.35", "nats", "0, 1", "CPU", "smaller; shorter"]
    assert "not run" in two
    rows = json.loads(genimg("score", "--json").output)
    assert [(row["id"], row["record"] and row["record"]["values"]) for row in rows] == [
        ("one", [0.25, 0.75]),
        ("two", None),
    ]


def test_score_compares_a_rerun_with_the_book(project, tmp_path):
    project("01_a")
    stated = [{"records": "*", "absolute": 0.1, "why": "a trifle"}]
    (tmp_path / "book" / "tolerances.json").write_text(json.dumps(stated))
    record().save(tmp_path / "book" / "records" / "one.json")
    again = tmp_path / "again"
    again.mkdir()
    assert "again holds no records" in genimg("score", "--rerun", again).stderr
    assert "give one of them" in genimg("score", "--json", "--rerun", again).stderr
    dataclasses.replace(record(), values=[1.0], seeds=[5]).save(again / "one.json")
    shown = genimg("score", "--rerun", again)
    assert shown.exit_code == 0 and re.split("  +", shown.output.splitlines()[1])[::4] == ["one", "agrees"]
    dataclasses.replace(record(), values=[9.0], seeds=[5]).save(again / "one.json")
    shown = genimg("score", "--rerun", again)
    assert shown.exit_code == 1 and "differs" in shown.output


def test_train_offers_the_profiles_that_experiments_have():
    option = next(p for p in cli.train.params if p.name == "profile")
    assert tuple(option.type.choices) == PROFILES


@pytest.mark.parametrize(("profile", "where"), [("quick", "build/train/records"), ("cpu", "book/records")])
def test_train_saves_the_records_and_keeps_smoke_tests_out_of_the_book(project, tmp_path, monkeypatch, profile, where):
    seen = {}

    class Fake(Experiment):
        def run(self, profile, seeds, device, out, resume=False, progress=None):
            progress("training", 1, 2)
            seen.update(profile=profile, seeds=seeds, device=str(device), out=out, resume=resume)
            return {"one": record(values=[1.0] * len(seeds), seeds=seeds)}

    project("01_a")
    monkeypatch.setitem(EXPERIMENTS, "fake", Fake("fake", "nothing"))
    result = genimg("train", "fake", "--profile", profile, "--seed", "4", "--seed", "5", "--resume", "--device", "cpu")
    assert result.exit_code == 0, result.output
    out = tmp_path / "build" / "train"
    assert seen == {"profile": profile, "seeds": [4, 5], "device": "cpu", "out": out, "resume": True}
    assert records.load_all(tmp_path / where)["one"].values == [1.0, 1.0]
    assert f"records: {where}\n" in result.output and "training: 1/2" in result.stderr


class Toy(Experiment):
    """Takes three parts and remembers them in `out`, as the true ones do."""

    def run(self, profile, seeds, device, out, resume=False, progress=None):
        done = out / f"{self.name}.done"
        done.parent.mkdir(parents=True, exist_ok=True)
        kept = done.read_text() if resume and done.exists() else ""
        for part in range(len(kept), 3):
            progress(self.name, part, 3)
            if self.name == "absent":
                raise errors.Absent("no pictures of toys; see `genimg data list`")
            if self.name == "broken":
                raise torch.OutOfMemoryError("CUDA out of memory")
            if self.name == "unreadable":
                raise OSError("of all things")
            kept += "x"
            done.write_text(kept)
        return {f"{self.name}-a": record(values=[1.0] * len(seeds), seeds=seeds, profile=profile)}


@pytest.fixture
def toys(project, tmp_path, monkeypatch):
    """Six experiments; `measured` has its record, `after` needs `first`, and the talk claims most of `after`."""
    project("01_a")
    toys = [Toy(name, "", (f"{name}-",)) for name in ("measured", "first", "absent", "broken", "unreadable")]
    toys.insert(0, Toy("after", "", ("after-",), after=("first",)))
    monkeypatch.setattr(experiments, "EXPERIMENTS", {toy.name: toy for toy in toys})
    monkeypatch.setattr(agenda, "EXPERIMENTS", experiments.EXPERIMENTS)
    fields = ("chapter", "slide", "claim", "dataset", "method", "metric", "unit", "better", "reported")
    claims = [{"id": f"after-{k}", **dict.fromkeys(fields, ""), "reported": None} for k in "abc"]
    (tmp_path / "book" / "claims.json").write_text(json.dumps(claims))
    record(values=[1.0], seeds=[0], profile="full").save(tmp_path / "book" / "records" / "measured-a.json")
    return toys


def test_train_all_begins_with_what_lacks_most_and_lets_no_failure_keep_it(toys, tmp_path):
    result = genimg("train", "all", "--profile", "cpu", "--device", "cpu")
    lines = [line for line in result.stdout.splitlines() if ": lacks" not in line]
    assert lines[:3] == [
        "first: 1 records",
        "after: 1 records",
        "absent: skipped, no pictures of toys; see `genimg data list`",
    ]
    assert lines[3].startswith("broken: failed, the GPU ran out of memory: take a smaller batch")
    assert lines[4:] == [
        "unreadable: failed, OSError: of all things (unexpected; --debug shows where)",
        "measured: complete",
    ]
    assert result.exit_code == 1 and result.stderr.endswith("genimg: experiments failed: broken, unreadable\n")
    assert set(records.load_all(tmp_path / "book" / "records")) == {"first-a", "after-a", "measured-a"}


def test_train_all_goes_on_piece_by_piece(toys, tmp_path, monkeypatch):
    """A clock that moves when it is read: each piece is cut after a few parts, and the next one does the rest."""
    for name in ("broken", "unreadable"):
        experiments.EXPERIMENTS.pop(name)
    ticks = iter(range(10_000))
    monkeypatch.setattr(cli.experiments.time, "monotonic", lambda: 60 * next(ticks))
    command = ["train", "all", "--profile", "cpu", "--device", "cpu", "--budget-minutes", "3", "--resume"]
    pieces = []
    while not pieces or pieces[-1].exit_code:
        pieces.append(genimg(*command))
        assert len(pieces) < 9 and pieces[-1].exit_code in (0, 75), pieces[-1].output
    assert len(pieces) > 2
    assert all("3 minutes are over; --resume goes on from the last checkpoint" in p.stdout for p in pieces[:-1])
    assert set(records.load_all(tmp_path / "book" / "records")) == {"first-a", "after-a", "measured-a"}


def test_torchrun_takes_a_piece_whose_time_is_up_for_no_crash(toys, monkeypatch):
    monkeypatch.setattr(ranks, "launched", lambda: True)
    monkeypatch.setattr(ranks, "joined", nullcontext)
    monkeypatch.setattr(cli.experiments.time, "monotonic", iter(range(0, 6000, 60)).__next__)
    piece = genimg("train", "first", "--profile", "cpu", "--device", "cpu", "--budget-minutes", "1")
    assert piece.exit_code == 0 and "1 minutes are over" in piece.stdout and "records:" not in piece.stdout


def test_train_all_is_for_one_rank(toys, monkeypatch):
    monkeypatch.setattr(ranks, "count", lambda: 2)
    monkeypatch.setattr(ranks, "rank", lambda: 0)
    result = genimg("train", "all", "--device", "cpu")
    assert result.exit_code == 1 and "one rank, or name one" in result.stderr


def test_train_without_a_name_lists_the_experiments():
    result = genimg("train")
    assert result.exit_code == 0 and all(
        e.name in result.output and e.help in result.output for e in EXPERIMENTS.values()
    )


def test_zoo_verify_fails_on_other_bytes(monkeypatch):
    monkeypatch.setattr(zoo, "verify", lambda: [("digits", True, "sha256 12"), ("faces", False, "sha256 34, not 56")])
    result = genimg("zoo", "verify")
    assert result.exit_code == 1 and "faces" in result.stdout and "wrong" in result.stdout
    assert result.stderr == "genimg: weights faces: not what the manifest says; reinstall genimg\n"


def test_zoo_list_shows_what_ships():
    rows = [re.split("  +", line) for line in genimg("zoo", "list").output.splitlines()[1:]]
    assert {row[0] for row in rows} == set(zoo.names())
    assert {row[1] for row in rows} == {"genimg detect", "genimg inpaint", "genimg colorize"}
    assert genimg("zoo", "verify").exit_code == 0


def test_data_list_and_pack(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GENIMG_DATA", str(tmp_path))
    monkeypatch.setenv("GENIMG_CACHE", str(tmp_path / "cache"))
    for split in ("train", "test"):
        (tmp_path / "dots" / split / "red").mkdir(parents=True)
        Image.new("RGB", (8, 8), "red").save(tmp_path / "dots" / split / "red" / "a.png")
    packed = genimg("data", "pack", "./dots", "dots.zip", "--size", "4")
    assert packed.exit_code == 0, packed.output
    assert packed.output.startswith("dots.zip: ") and "train 1" in packed.output and "test 1" in packed.output
    listed = genimg("data", "list").output
    assert any(line.startswith("dots ") and line.endswith("dots.zip") for line in listed.splitlines())

    assert data.load("dots").images.shape == (1, 3, 4, 4)


def test_data_fetch_names_what_it_cannot_get():
    result = genimg("data", "fetch", "no_such_set")
    assert result.exit_code == 1 and "'no_such_set' is unknown" in result.stderr and result.stderr.count("\n") == 1


@pytest.mark.parametrize("before", [signal.SIG_DFL, signal.SIG_IGN], ids=["by itself", "with Ctrl-C ignored"])
def test_serve_gives_the_built_book_to_this_machine_and_ends_quietly(tmp_path, before):
    (tmp_path / "index.html").write_text("<p>the book</p>")
    program = "from genimg.apps.cli import main; main()"
    command = [sys.executable, "-u", "-c", program, "serve", "--port", "0", "--no-browser", "--site", str(tmp_path)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes, preexec_fn=lambda: signal.signal(signal.SIGINT, before)) as process:
        address = process.stdout.readline().split()[0]
        assert address.startswith("http://127.0.0.1:")
        assert b"the book" in urllib.request.urlopen(address, timeout=20).read()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (0, "")


def test_serve_without_a_book_says_how_to_build_one(tmp_path):
    result = genimg("serve", "--site", str(tmp_path), "--no-browser")
    assert result.exit_code == 1 and "holds no book; build it first: make book" in result.stderr


def test_the_same_seed_twice_is_refused(project):
    project("01_a")
    result = genimg("train", "digits", "--seed", "0", "--seed", "0")
    assert result.exit_code == 1 and "the same seed twice gives the same run" in result.stderr


def test_two_runs_of_chapters_do_not_share_a_folder(project, tmp_path):
    project("01_a")
    with disk.lock(tmp_path / "build" / "book"):
        result = genimg("run")
    assert result.exit_code == 1 and "another run works in" in result.stderr and result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("path", "host", "code"),
    [
        ("/index.html", "localhost", 200),
        ("/index.html", "evil.example", 421),
        ("/%00", "localhost", 404),
        ("/%ff", "localhost", 404),
        ("/out/secret.txt", "localhost", 404),
        ("/sub/", "localhost", 404),
    ],
)
def test_serve_gives_only_its_own_pages_and_to_this_machine_only(tmp_path, path, host, code):
    (tmp_path / "site" / "sub").mkdir(parents=True)
    for name in ("secret.txt", "site/index.html"):
        (tmp_path / name).touch()
    (tmp_path / "site" / "out").symlink_to(tmp_path)
    with serving.server(tmp_path / "site", 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        line = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=9)
        line.request("GET", path, headers={"Host": host})
        try:
            assert line.getresponse().status == code
        finally:
            server.shutdown()
