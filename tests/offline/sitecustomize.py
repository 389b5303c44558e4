"""No network for this Python and its children: PYTHONPATH=tests/offline makes the interpreter import this first.

Connections to other machines and look-ups of their names raise `OfflineError`; a loopback address and a Unix socket,
which a notebook kernel talks through, stay open. An audit hook cannot be bypassed by code written in Python, nor
removed.
"""

import ipaddress
import socket
import sys


class OfflineError(OSError):
    """This process was started with tests/offline and has no network."""


def _is_here(host):
    if host is None or host in ("", b"", "localhost", b"localhost"):
        return True
    if isinstance(host, bytes):
        host = host.decode("ascii", "replace")
    try:
        address = ipaddress.ip_address(host.split("%")[0])
    except ValueError:
        return host == socket.gethostname()
    return address.is_loopback or address.is_unspecified


def _refuse(event, arguments):
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        address = arguments[1]
        if not isinstance(address, tuple) or not isinstance(address[0], (str, bytes)):
            return  # a Unix socket, netlink, or a socket that is connected already
        host = address[0]
    elif event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"):
        host = arguments[0]
    elif event == "socket.getnameinfo":
        host = arguments[0][0]
    else:
        return
    if not _is_here(host):
        raise OfflineError(f"no network in this test run, yet something asked for {host!r} ({event})")


sys.addaudithook(_refuse)
