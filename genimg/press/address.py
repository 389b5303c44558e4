"""Where readers find this copy of the book: a repository on GitHub at one commit, or nowhere yet.

Nothing in the repository names an address, so a fork is right by itself: `genimg build` asks git for `origin`, and
fills in the buttons of the pages, the lines with `git clone`, and the first cell of every notebook. Without an address
these say how to install from a clone or from the wheel that lies in the book's zip.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode

from genimg._base.errors import UsageError
from genimg.press import notebooks

BRANCH = "gh-pages"
"""The branch that holds the published site, with the notebooks that Colab opens."""

_GITHUB = re.compile(r"(?:^|@|//)github\.com[:/](?P<owner>[\w.-]+)/(?P<name>[\w.-]+?)(?:\.git)?/?$")
_PAIR = re.compile(r"[\w.-]+/[\w.-]+")

_SETUP = """import importlib.util
import sys

if importlib.util.find_spec("genimg") is None:
    if "google.colab" not in sys.modules:
        raise ModuleNotFoundError({message})
    {comment}%pip install -q {requirement}
    import genimg

    genimg.records.lay_out()"""


@dataclass(frozen=True)
class Address:
    """A repository on GitHub at one commit."""

    owner: str  # the account
    name: str  # of the repository
    commit: str  # 40 digits; empty where the book is not a git checkout

    @property
    def url(self) -> str:
        """The page of the repository."""
        return f"https://github.com/{self.owner}/{self.name}"

    @property
    def site(self) -> str:
        """Where GitHub publishes the pages, with a slash at its end."""
        home = f"{self.owner.lower()}.github.io"
        return f"https://{home}/" if self.name.lower() == home else f"https://{home}/{self.name}/"

    @property
    def requirement(self) -> str:
        """What pip installs: the package at that commit."""
        return f"genimg-book @ git+{self.url}" + (f"@{self.commit}" if self.commit else "")

    @property
    def clone(self) -> str:
        """The line for a shell that gets the repository and goes into it."""
        checkout = f" && git checkout -q {self.commit[:12]}" if self.commit else ""
        return f"git clone {self.url} && cd {self.name}{checkout}"


def find(root: Path, repository: str = "") -> Address | None:
    """The address of the book in `root`.

    Args:
        repository: `owner/name`; empty takes git's remote `origin`.

    Returns:
        None if nothing was given and `origin` is missing or not on GitHub.

    Raises:
        UsageError: if `repository` is not `owner/name`.
    """
    if repository:
        if not _PAIR.fullmatch(repository):
            raise UsageError(f"REPOSITORY must be owner/name, the two last parts of its address; got {repository!r}")
        owner, name = repository.split("/")
    else:
        found = _GITHUB.search(_git(root, "remote", "get-url", "origin"))
        if not found:
            return None
        owner, name = found["owner"], found["name"]
    return Address(owner, name, _git(root, "rev-parse", "HEAD"))


def _git(root: Path, *words: str) -> str:
    """What git prints, on the repository whose top is `root`; empty where there is none or it fails."""
    if not (root / ".git").exists():
        return ""  # a folder inside another repository is not that repository
    try:
        return subprocess.run(
            ["git", "-C", str(root), *words], capture_output=True, text=True, check=True
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def setup_cell(address: Address | None) -> str:
    """The first cell of a notebook: does nothing where genimg is installed, installs it in Colab, else says how to.

    Without an address Colab's reader uploads the wheel from the book's zip beside the notebook.
    """
    if address:
        message = f"\"genimg is not installed: pip install '{address.requirement}'\""
        return _SETUP.format(message=message, comment="", requirement=f'"{address.requirement}"')
    message = (
        "\n            \"genimg is not installed. In a clone of the book: pip install -e '.[book]'. \"\n"
        '            "From the zip of the book: pip install the genimg_book-*.whl that lies in it."\n        '
    )
    comment = (
        "# Upload the wheel that lies in the zip of the book beside this notebook, then run this cell again.\n    "
    )
    return _SETUP.format(message=message, comment=comment, requirement="genimg_book-*.whl")


def fill_notebook(nb: NotebookNode, address: Address | None) -> None:
    """Puts the address into a notebook's first cell, if that is the one of `setup_cell`."""
    for cell in notebooks.code_cells(nb)[:1]:
        if cell.source == setup_cell(None):
            cell.source = setup_cell(address)


def fill_text(text: str, address: Address | None) -> str:
    """Puts the address where a page says `{{clone}}`, a line for the shell, or `{{colab}}`, a sentence."""
    clone = "cd genimg                            # your copy of the repository"
    colab = (
        "Download a chapter's notebook with the button at the top of its page, open it in "
        "[Google Colab](https://colab.research.google.com) by *upload*, and put the wheel from the zip of this book "
        "beside it."
    )
    if address:
        clone = address.clone
        colab = "The rocket button at the top of a chapter opens it in Google Colab."
    return text.replace("{{clone}}", clone).replace("{{colab}}", colab)


def fill_config(text: str, address: Address | None) -> str:
    """Jupyter Book's configuration with the buttons that the address allows; without one, with none of them."""
    import yaml

    config = yaml.safe_load(text)
    config["repository"] = {"url": address.url if address else "", "path_to_book": "_sources", "branch": BRANCH}
    config["launch_buttons"] = {"colab_url": "https://colab.research.google.com" if address else ""}
    config.setdefault("html", {})["use_repository_button"] = bool(address)
    return str(yaml.safe_dump(config, sort_keys=False, allow_unicode=True))
