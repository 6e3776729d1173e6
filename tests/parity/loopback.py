"""Keeps the sockets of this process at home: what leaves the loopback, or listens beyond it, is refused.

Executed by `worker`, before it loads tests that are not CPython's own: of those nobody has read every line.  A test
that is refused fails on both engines, and so does not count.
"""

import errno
import ipaddress
import socket
import sys

ANY = ("", "0.0.0.0", "::")
"""To listen there is to listen everywhere; to connect there, or to ask for its name, is to stay."""


def is_local(host, any_too):
    if isinstance(host, (bytes, bytearray)):
        host = bytes(host).decode(errors="replace")
    if host is None or host in ANY:
        return any_too
    if host in ("localhost", "<broadcast>"):
        return host == "localhost"
    try:
        return ipaddress.ip_address(str(host).partition("%")[0]).is_loopback
    except ValueError:
        return False


def check(event, arguments):
    if event in ("socket.bind", "socket.connect", "socket.sendto"):
        address = arguments[1]
        if isinstance(address, tuple) and not is_local(address[0], any_too=event != "socket.bind"):
            raise OSError(errno.ENETUNREACH, f"only the loopback is open to these tests, not {address[0]!r}")
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        host = arguments[0]
        if not is_local(host, any_too=True) and host != socket.gethostname():
            raise socket.gaierror(
                socket.EAI_NONAME, f"only the loopback is open to these tests, not {host!r}"
            )


sys.addaudithook(check)
