import os
import subprocess
import sys
from pathlib import Path

import pytest

from genimg.press import execution, notebooks

GUARD = Path(__file__).parent / "offline"
ROOT = Path(__file__).parents[1]


def python(code, *, guarded=True):
    """What that code prints; `names` is the error's class, and a name that resolves nowhere is safe to ask for."""
    path = {"PYTHONPATH": str(GUARD)} if guarded else {}
    ran = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | path, capture_output=True, text=True, timeout=60
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()


ATTEMPT = "import socket, urllib.request\ntry:\n    {}\nexcept OSError as e:\n    print(type(e).__name__, e)"


@pytest.mark.parametrize(
    "attempt",
    [
        "socket.create_connection(('192.0.2.1', 80), timeout=1)",
        "socket.socket().connect_ex(('192.0.2.1', 80))",
        "socket.socket(socket.AF_INET6).connect(('2001:db8::1', 80))",
        "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.1', 53))",
        "socket.getaddrinfo('example.invalid', 80)",
        "socket.gethostbyname('example.invalid')",
        "socket.gethostbyaddr('192.0.2.1')",
        "__import__('_socket').socket().connect(('192.0.2.1', 80))",
    ],
)
def test_the_guard_blocks_the_way_out(attempt):
    assert python(ATTEMPT.format(attempt)).startswith("OfflineError no network in this test run")


def test_the_guard_stands_in_children_and_behind_libraries():
    code = ATTEMPT.format("urllib.request.urlopen('http://example.invalid/')")
    child = f"import subprocess, sys\nprint(subprocess.check_output([sys.executable, '-c', {code!r}], text=True))"
    assert "no network in this test run" in python(child)


def test_without_the_guard_the_same_code_says_something_else():
    """Else the tests above would pass for another reason."""
    assert "OfflineError" not in python("import sys; print([m for m in sys.modules if m == 'sitecustomize'])")
    assert "OfflineError" not in python(ATTEMPT.format("socket.gethostbyname('example.invalid')"), guarded=False)


def test_loopback_and_unix_sockets_stay_open():
    code = """
import os, socket, tempfile
for family, address in ((socket.AF_INET, ("127.0.0.1", 0)), (socket.AF_UNIX, os.path.join(tempfile.mkdtemp(), "s"))):
    with socket.socket(family) as server, socket.socket(family) as client:
        server.bind(address)
        server.listen()
        client.connect(server.getsockname())
        print("open")
print(socket.getaddrinfo("localhost", 80)[0][4][0])
"""
    assert python(code).split()[:2] == ["open", "open"]


def test_a_notebook_kernel_works_behind_the_guard_and_has_no_way_out(project, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(GUARD))
    path = project("01_out", ATTEMPT.format("socket.create_connection(('192.0.2.1', 80), timeout=1)"))
    result = execution.run(execution.prepare(path, {}), tmp_path / "out")
    assert result.status == "ok"
    assert notebooks.read(result.notebook).cells[-1].outputs[0].text.startswith("OfflineError")


def test_make_runs_every_chapter_behind_the_guard():
    shown = subprocess.run(["make", "-n", "notebooks"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    nbval = next(line for line in shown.splitlines() if "--nbval-lax" in line)
    assert "PYTHONPATH=tests/offline" in nbval
    assert {f"book/{path.name}" for path in (ROOT / "book").glob("*.ipynb")} <= set(nbval.split())
