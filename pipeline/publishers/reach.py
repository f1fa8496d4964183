"""Can a host be connected to at all? Asked once for each host, with a short time limit."""

from __future__ import annotations

import socket
import threading
from typing import Any
from urllib.parse import urlsplit

import httpx


def reach(authority: str, seconds: float, tls: bool = False) -> bool:
    """Can a host be connected to? True: only over IPv4 (its IPv6 leads nowhere).

    All addresses are tried side by side; with `tls` up to the end of its handshake, since there
    are networks that take every connection and lead none on. OSError if none answers within
    `seconds`, or if the certificate is not the host's.
    """
    context = httpx.create_ssl_context() if tls else None
    split = urlsplit(f"//{authority}")
    host, port = split.hostname or "", split.port or 443
    found: list[Any] = []
    done = threading.Event()

    def resolve() -> None:
        try:
            found.extend(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except OSError as error:
            found.append(error)
        done.set()

    # The system's resolver knows no time limit: a thread that may be left behind does.
    threading.Thread(target=resolve, daemon=True).start()
    if not done.wait(seconds):
        raise OSError("its name is not resolved in time")
    if not found:
        raise OSError("its name leads nowhere")
    if isinstance(found[0], OSError):
        raise OSError(f"name: {found[0].strerror or found[0]}")
    addresses = list(dict.fromkeys((a[0], a[4]) for a in found))
    won: list[int] = []
    lost: list[str] = []
    settled = threading.Event()
    sixth = threading.Event()

    def connect(family: int, address: Any) -> None:
        try:
            with socket.socket(family, socket.SOCK_STREAM) as line:
                line.settimeout(seconds)
                line.connect(address)
                if context is not None:
                    context.wrap_socket(line, server_hostname=host).close()
            won.append(family)
            if family == socket.AF_INET6:
                sixth.set()
            settled.set()
        except OSError as error:
            lost.append(getattr(error, "verify_message", "") or error.strerror or str(error))
            if len(lost) == len(addresses):
                settled.set()

    for family, address in addresses:
        threading.Thread(target=connect, args=(family, address), daemon=True).start()
    settled.wait(seconds + 1)
    if not won:
        raise OSError(lost[0] if lost else "no connection in time")
    has_sixth = any(f == socket.AF_INET6 for f, _ in addresses)
    return has_sixth and not sixth.wait(0.5) and socket.AF_INET in won
