"""The connections of one request: none outlives its deadline, and what comes over them is counted.

Each wait (for the name, the connection, TLS, every read and write) is first cut to the seconds that
are left. So no phase needs a watch of its own: whatever drips or never ends needs one more wait, and
gets none. Whom to ask and what an answer may be belong in http.py and reply.py.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterable, Sequence
from ssl import SSLContext
from typing import Any

import httpcore

from pipeline.publishers.network import proxy_for
from pipeline.publishers.reach import resolve

# What httpcore calls an exchange that came to no good end, but for its time limits.
BROKEN = (
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.UnsupportedProtocol,
)
_HEAD = 1 << 18
_END_OF_HEAD = re.compile(rb"\n\r?\n")
Left = Callable[[], float]


class Wire(httpcore.NetworkBackend):
    """Opens connections. `left`: the seconds that the request still has; over at 0."""

    def __init__(self, left: Left, ipv4_only: bool = False) -> None:
        self._left, self._ipv4_only = left, ipv4_only
        self._system = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> Stream:
        """A connection to the first address that takes one. httpcore's ConnectError or
        ConnectTimeout if none does."""
        seconds = _cut(self._left, timeout, httpcore.ConnectTimeout)
        try:
            # The system's own way of connecting resolves without a time limit.
            addresses = resolve(host, port, seconds)
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error
        failed: Exception = httpcore.ConnectError("it has no IPv4 address")
        for family, address in addresses:
            if self._ipv4_only and family != socket.AF_INET:
                continue
            seconds = _cut(self._left, timeout, httpcore.ConnectTimeout)
            try:
                opened = self._system.connect_tcp(
                    address[0], port, seconds, local_address, socket_options
                )
                return Stream(opened, self._left)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
        raise failed


class Stream(httpcore.NetworkStream):
    """A connection that answers one request."""

    def __init__(self, inner: httpcore.NetworkStream, left: Left) -> None:
        self._inner, self._left = inner, left
        self._received = 0
        self._head = bytearray()

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        seconds = _cut(self._left, timeout, httpcore.ReadTimeout)
        came = self._inner.read(max_bytes, seconds)
        self._received += len(came)
        if len(self._head) < _HEAD:
            self._head += came
        return came

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, _cut(self._left, timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> Stream:
        # A handshake's time limit holds for all of it, not for each byte.
        seconds = _cut(self._left, timeout, httpcore.ConnectTimeout)
        return Stream(self._inner.start_tls(ssl_context, server_hostname, seconds), self._left)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)

    def is_just(self, length: int, wait: float) -> bool:
        """Whether the answer, read so far, ends with its body of `length` bytes, and nothing more
        comes within `wait` seconds or until the connection ends."""
        start, end = 0, _END_OF_HEAD.search(self._head)
        while end and self._head[start : start + 10].split(b" ")[-1][:1] == b"1":
            start = end.end()
            end = _END_OF_HEAD.search(self._head, start)
        if end is None or self._received != end.end() + length:
            return False
        try:
            return not self.read(1, wait)
        except (httpcore.ReadTimeout, httpcore.ReadError):
            return True


def _cut(left: Left, timeout: float | None, late: type[Exception]) -> float:
    seconds = left()
    if seconds <= 0:
        raise late("its time is used up")
    return seconds if timeout is None else min(timeout, seconds)


def pool_for(authority: str, tls: SSLContext | None, wire: Wire) -> httpcore.ConnectionPool:
    """For one request to `host[:port]`: so its deadline is its own, and what an answer left behind
    on its connection is never taken for the next one's. PullError: a proxy that cannot be used."""
    proxy = proxy_for(authority)
    if proxy is None:
        return httpcore.ConnectionPool(ssl_context=tls, network_backend=wire)
    return httpcore.HTTPProxy(
        proxy.url, proxy_auth=proxy.auth, ssl_context=tls, network_backend=wire
    )


def named(headers: Sequence[tuple[bytes, bytes]]) -> dict[str, str]:
    """Header names in lower case, those that came more than once joined."""
    found: dict[str, str] = {}
    for raw, value in headers:
        name, text = raw.decode("latin-1").lower(), value.decode("latin-1")
        found[name] = f"{found[name]}, {text}" if name in found else text
    return found
