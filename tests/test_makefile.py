"""`make` as a newcomer uses it: what it says before it fetches, and an index of one's own."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
PYPROJECT = """
[project]
name = "book-of-one"
version = "1"
dependencies = ["torch-of-this-test"]
optional-dependencies.book = []
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
"""
WHEEL = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
BACKEND = f"""
import zipfile
def build_editable(folder, settings=None, metadata=None):
    name = "book_of_one-1-py3-none-any.whl"
    with zipfile.ZipFile(f"{{folder}}/{{name}}", "w") as wheel:
        about = "Metadata-Version: 2.1\\nName: book-of-one\\nVersion: 1\\n"
        about += "Requires-Dist: torch-of-this-test\\nProvides-Extra: book\\n"
        wheel.writestr("book_of_one-1.dist-info/METADATA", about)
        wheel.writestr("book_of_one-1.dist-info/WHEEL", {WHEEL!r})
        wheel.writestr("book_of_one-1.dist-info/RECORD", "")
    return name
"""


def wheel(folder, version):
    """A package that holds nothing but its version."""
    name = f"torch_of_this_test-{version}"
    with zipfile.ZipFile(folder / f"{name}-py3-none-any.whl", "w") as file:
        about = f"{name}.dist-info"
        file.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: torch-of-this-test\nVersion: {version}\n")
        file.writestr(f"{about}/WHEEL", WHEEL)
        file.writestr(f"{about}/RECORD", "")
    (folder / "index.html").write_text(f'<a href="{name}-py3-none-any.whl">wheel</a>')


def test_pip_args_reach_an_index_of_cpu_builds_and_the_size_is_said_before(tmp_path):
    for index, version in (("pypi", "1.0"), ("cpu", "1.0+cpu")):
        folder = tmp_path / index / "torch-of-this-test"
        folder.mkdir(parents=True)
        wheel(folder, version)
    project = tmp_path / "project"
    project.mkdir()
    (project / "Makefile").symlink_to(ROOT / "Makefile")
    (project / "pyproject.toml").write_text(PYPROJECT)
    (project / "backend.py").write_text(BACKEND)
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "MAKE", "MFLAGS"))}
    env |= {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": (tmp_path / "pypi").as_uri()}
    made = subprocess.run(
        ["make", ".venv/.book-installed", f"PYTHON={sys.executable}", "CONSTRAINTS=",
         f"PIP_ARGS=--extra-index-url {(tmp_path / 'cpu').as_uri()}"],
        cwd=project, env=env, capture_output=True, text=True, timeout=200,
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    assert "GB" in made.stdout.split("\n")[0] and "PIP_ARGS" in made.stdout
    assert list((project / ".venv").rglob("torch_of_this_test-1.0+cpu.dist-info"))
