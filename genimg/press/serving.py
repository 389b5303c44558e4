"""The built book on this machine: files of one folder, for browsers that ask for this machine by its name."""

from __future__ import annotations

import os
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

HERE = "127.0.0.1"


class Pages(SimpleHTTPRequestHandler):
    """Gives files below its folder, to requests for this machine only.

    A page of somebody else whose name leads here would ask under its own name, and is refused; so are paths with
    control characters, and links that lead out of the folder.
    """

    def send_head(self) -> Any:
        host = self.headers.get("Host", "")
        names = (HERE, "localhost", "[::1]")
        port = self.server.server_port  # type: ignore[attr-defined]
        if host not in (*names, *(f"{name}:{port}" for name in names)):
            self.send_error(421, "this server answers to 127.0.0.1 and localhost only")
            return None
        path = unquote(urlsplit(self.path).path, errors="replace")
        if not path.isprintable() or "\\" in path:
            self.send_error(404, "no such page")
            return None
        try:
            found = os.path.realpath(self.translate_path(self.path))
            inside = Path(found).is_relative_to(os.path.realpath(self.directory))
        except (OSError, ValueError):
            inside = False
        if not inside:
            self.send_error(404, "no such page")
            return None
        return super().send_head()

    def list_directory(self, path: Any) -> None:
        self.send_error(404, "no such page")

    def log_message(self, *args: Any) -> None:
        """A line for each file would hide the address."""


def server(site: Path, port: int) -> ThreadingHTTPServer:
    """A server of that folder; `serve_forever` starts it.

    Args:
        port: 0 takes any free one.

    Raises:
        OSError: if the port cannot be used.
    """
    return ThreadingHTTPServer((HERE, port), partial(Pages, directory=str(site)))
