"""Where readers find this copy of the book, and what follows from it: with an address, and without one."""

import shutil
import subprocess
from pathlib import Path

import nbformat
import pytest
import yaml

from genimg._base.errors import UsageError
from genimg.press import address
from genimg.press.address import Address

ROOT = Path(__file__).parents[1]
HERE = Address("someone", "a-fork", "0123456789abcdef0123456789abcdef01234567")


def git(folder, *words):
    who = ["-c", "user.name=test", "-c", "user.email=test@localhost"]
    done = subprocess.run(["git", "-C", folder, *who, *words], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path):
    git(tmp_path, "init", "-q", "-b", "main")
    git(tmp_path, "commit", "-q", "--allow-empty", "-m", "first")
    return tmp_path


@pytest.mark.parametrize(
    "origin",
    [
        "https://github.com/someone/a-fork",
        "https://github.com/someone/a-fork.git",
        "https://user:secret@github.com/someone/a-fork.git",
        "git@github.com:someone/a-fork.git",
        "ssh://git@github.com/someone/a-fork.git/",
    ],
)
def test_the_address_is_that_of_origin_without_its_secrets(checkout, origin):
    git(checkout, "remote", "add", "origin", origin)
    found = address.find(checkout)
    assert found == Address("someone", "a-fork", git(checkout, "rev-parse", "HEAD"))
    assert found.url == "https://github.com/someone/a-fork" and "secret" not in found.requirement


@pytest.mark.parametrize("origin", [None, "/srv/book.git", "https://example.org/a/b", "https://notgithub.com/a/b"])
def test_without_a_repository_on_github_there_is_no_address(checkout, origin):
    if origin:
        git(checkout, "remote", "add", "origin", origin)
    assert address.find(checkout) is None
    assert address.find(checkout, "me/mine") == Address("me", "mine", git(checkout, "rev-parse", "HEAD"))


def test_a_folder_inside_another_repository_has_no_address(checkout):
    git(checkout, "remote", "add", "origin", HERE.url)
    (checkout / "copy").mkdir()
    assert address.find(checkout / "copy") is None
    assert address.find(checkout / "copy", "me/mine").requirement == "genimg-book @ git+https://github.com/me/mine"


@pytest.mark.parametrize("given", ["mine", "https://github.com/me/mine", "me/mine/x", "me/ mine"])
def test_a_bad_repository_is_one_line(tmp_path, given):
    with pytest.raises(UsageError, match="REPOSITORY must be owner/name"):
        address.find(tmp_path, given)


def test_buttons_and_lines_are_filled_in_or_left_out():
    text = (ROOT / "book" / "index.md").read_text("utf-8")
    assert "{{clone}}" in text and "{{colab}}" in text
    with_address, without = address.fill_text(text, HERE), address.fill_text(text, None)
    assert f"git clone {HERE.url} && cd a-fork && git checkout -q 0123456789ab" in with_address
    assert "rocket" in with_address and "rocket" not in without and "github.com" not in without
    assert "{{clone}}" not in with_address + without and "{{colab}}" not in with_address + without

    config = (ROOT / "_config.yml").read_text("utf-8")
    filled, bare = (yaml.safe_load(address.fill_config(config, each)) for each in (HERE, None))
    assert filled["repository"] == {"url": HERE.url, "path_to_book": "_sources", "branch": "gh-pages"}
    assert filled["launch_buttons"]["colab_url"] and filled["html"]["use_repository_button"] is True
    assert bare["repository"]["url"] == "" == bare["launch_buttons"]["colab_url"]
    assert bare["html"]["use_repository_button"] is False


def test_only_the_first_cell_of_the_book_is_filled():
    own = nbformat.v4.new_code_cell("import os")
    nb = nbformat.v4.new_notebook(cells=[own, nbformat.v4.new_code_cell(address.setup_cell(None))])
    address.fill_notebook(nb, HERE)
    assert "someone" not in nbformat.writes(nb)
    del nb.cells[0]
    address.fill_notebook(nb, HERE)
    assert f'%pip install -q "genimg-book @ git+{HERE.url}@{HERE.commit}"' in nb.cells[0].source
    assert nb.cells[0].source == address.setup_cell(HERE)


def test_the_published_branch_holds_the_site_and_nothing_else(checkout, tmp_path_factory):
    remote = tmp_path_factory.mktemp("remote")
    git(remote, "init", "-q", "--bare")
    git(checkout, "config", "user.name", "test"), git(checkout, "config", "user.email", "test@localhost")
    (checkout / ".ci").mkdir()
    shutil.copy2(ROOT / ".ci" / "publish", checkout / ".ci")
    (checkout / ".gitignore").write_text("_build/\n*.whl\n")
    (checkout / "text.md").write_text("not a page\n")
    git(checkout, "add", ".gitignore", "text.md")
    empty = subprocess.run([checkout / ".ci" / "publish"], capture_output=True, text=True)
    assert empty.returncode == 1 and "build it first" in empty.stderr
    html = checkout / "_build" / "html"
    (html / "_sources" / "book").mkdir(parents=True)
    pages = ["_sources/book/01_a.ipynb", "genimg_book-0.whl", "index.html"]
    for name in pages:
        (html / name).write_text("x")
    subprocess.run([checkout / ".ci" / "publish"], check=True, capture_output=True)
    git(checkout, "remote", "add", "origin", str(remote))
    for _ in range(2):  # again, over what is there
        subprocess.run([checkout / ".ci" / "publish"], check=True, capture_output=True)
    assert git(remote, "ls-tree", "-r", "--name-only", "gh-pages").splitlines() == [".nojekyll", *pages]
    assert git(remote, "rev-list", "--count", "gh-pages") == "1"
    assert git(checkout, "status", "--porcelain").splitlines() == ["A  .gitignore", "A  text.md", "?? .ci/"]
