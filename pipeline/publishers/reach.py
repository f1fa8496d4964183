"""Can a host be connected to at all? Asked once for each host, with a short time limit."""

from __future__ import annotations

import socket
import ssl
import threading
from typing import Any
from urllib.parse import urlsplit

from pipeline.publishers.network import UNTRUSTED


def resolve(host: str, port: int, seconds: float) -> list[tuple[int, Any]]:
    """(family, socket address) of every address of `host`; OSError if there is none in time."""
    found: list[Any] = []
    done = threading.Event()

    def look_up() -> None:
        try:
            found.extend(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except OSError as error:
            found.append(error)
        done.set()

    # The system's resolver has no time limit, so it runs in a thread that can be abandoned.
    threading.Thread(target=look_up, daemon=True).start()
    if not done.wait(seconds):
        raise OSError("its name is not resolved in time")
    if not found:
        raise OSError("its name leads nowhere")
    if isinstance(found[0], OSError):
        raise OSError(f"name: {found[0].strerror or found[0]}")
    return list(dict.fromkeys((a[0], a[4]) for a in found))


def reach(authority: str, seconds: float, tls: ssl.SSLContext | None = None) -> bool:
    """True if `authority` (`host[:port]`) can be connected to over IPv4 only, although it has an
    IPv6 address.

    All addresses are tried at once; with `tls` up to the end of its handshake, since some
    networks accept every connection and forward none. OSError if no address answers within
    `seconds`, or if the certificate is not the host's.
    """
    split = urlsplit(f"//{authority}")
    host, port = split.hostname or "", split.port or 443
    addresses = resolve(host, port, seconds)
    families: list[int] = []
    failures: list[str] = []
    decided = threading.Event()
    ipv6_works = threading.Event()

    def connect(family: int, address: Any) -> None:
        try:
            with socket.socket(family, socket.SOCK_STREAM) as line:
                line.settimeout(seconds)
                line.connect(address)
                if tls is not None:
                    tls.wrap_socket(line, server_hostname=host).close()
            families.append(family)
            if family == socket.AF_INET6:
                ipv6_works.set()
            decided.set()
        except OSError as error:
            untrusted = getattr(error, "verify_message", "")
            failures.append(
                f"{untrusted}: {UNTRUSTED}" if untrusted else error.strerror or str(error)
            )
            if len(failures) == len(addresses):
                decided.set()

    for family, address in addresses:
        threading.Thread(target=connect, args=(family, address), daemon=True).start()
    decided.wait(seconds + 1)
    if not families:
        raise OSError(failures[0] if failures else "no connection in time")
    has_ipv6 = any(f == socket.AF_INET6 for f, _ in addresses)
    return has_ipv6 and not ipv6_works.wait(0.5) and socket.AF_INET in families
