"""The HTTP side of the bench: routes by source, counts requests, does what the plan says.

From the standard library, since the faults need the socket itself: slow bytes, resets, bodies
that end too early. What is said in each protocol belongs in protocols/.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.publisher import protocols
from tests.publisher.faults import WIRE, Fault, Response, zeros
from tests.publisher.figures import World, bundled_world

SOURCES = ("eurostat", "cbs", "oecd", "worldbank", "unsdg", "owid", "who")
# A last resort: no request of a test takes longer than this, whatever the client waits for.
_HANG = 60.0


@dataclass(frozen=True)
class Ask:
    """One request, as the protocols see it. `base`: the address of this source, no slash."""

    source: str
    path: tuple[str, ...]
    query: tuple[tuple[str, str], ...]
    headers: dict[str, str]
    base: str
    target: str
    faults: frozenset[str]

    def get(self, name: str, default: str = "") -> str:
        return next((v for k, v in self.query if k.lower() == name.lower()), default)

    def every(self, name: str) -> list[str]:
        return [v for k, v in self.query if k.lower() == name.lower()]


@dataclass
class Limits:
    """When the publishers say no. Eurostat counts cells of the cross product."""

    sync_cells: int = 500_000
    max_cells: int = 5_000_000
    queue_polls: int = 2
    cbs_page: int = 100_000
    oecd_downloads: int = 60
    worldbank_page: int = 32_500
    unsdg_page: int = 50_000


@dataclass
class Publisher:
    """Start with `with Publisher() as bench:`; `bench.url("eurostat")` is what an adapter is
    pointed at. `faults`, `world` and `limits` may change between requests."""

    world: World = field(default_factory=bundled_world)
    faults: list[Fault] = field(default_factory=list)
    limits: Limits = field(default_factory=Limits)
    port: int = 0
    drip_seconds: float = 0.2

    def __post_init__(self) -> None:
        self.seen: list[Ask] = []
        self.counts: Counter[str] = Counter()
        self.queue: dict[str, Any] = {}
        self.lock = threading.Lock()
        self._server: _Server | None = None
        self.closing = threading.Event()

    def __enter__(self) -> Publisher:
        zeros()
        self._server = _Server(("127.0.0.1", self.port), _Handler)
        self._server.publisher = self
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        )
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def url(self, source: str) -> str:
        return f"http://127.0.0.1:{self.port}/{source}"

    def environment(self) -> dict[str, str]:
        """MISSIEMONITOR_<SOURCE>_URL for every source."""
        return {f"MISSIEMONITOR_{s.upper()}_URL": self.url(s) for s in SOURCES}

    def reset(self, world: World | None = None) -> None:
        """As new: no faults, nothing counted, the figures given (or the bundled ones)."""
        with self.lock:
            self.faults = []
            self.limits = Limits()
            self.seen = []
            self.counts = Counter()
            self.queue = {}
        self.world = world or bundled_world()

    def _active(self, source: str, target: str, is_data: bool) -> frozenset[str]:
        """The faults that this request meets; counts it."""
        names = set()
        with self.lock:
            self.counts[source] += int(is_data)
            for i, fault in enumerate(self.faults):
                if fault.source != source or (fault.path and fault.path not in target):
                    continue
                if fault.path:
                    self.counts[f"{source} {i}"] += 1
                    count = self.counts[f"{source} {i}"]
                elif is_data:
                    count = self.counts[source]
                elif fault.nth == 1 and fault.times is None and fault.name not in WIRE:
                    # What is said is the same in the code lists as in the data.
                    count = 1
                else:
                    continue
                if fault.meets(count):
                    names.add(fault.name)
        return frozenset(names)

    def answer(self, target: str, headers: dict[str, str]) -> tuple[Response, Ask | None]:
        parts = urlsplit(target)
        segments = [unquote(s) for s in parts.path.split("/")[1:]]
        source, path = segments[0], tuple(s for s in segments[1:] if s)
        protocol = protocols.of(source)
        if protocol is None:
            return Response(404, {"Content-Type": "text/plain"}, b"no such publisher\n"), None
        query = tuple(parse_qsl(parts.query, keep_blank_values=True))
        ask = Ask(source, path, query, headers, self.url(source), target, frozenset())
        faults = self._active(source, unquote(target), protocol.is_data(ask))
        ask = Ask(source, path, query, headers, self.url(source), target, faults)
        with self.lock:
            self.seen.append(ask)
        response = protocol.answer(ask, self)
        for name in sorted(faults & WIRE.keys()):
            response = WIRE[name](response)
        location = response.headers.get("Location", "")
        if "{" in location:
            response.headers["Location"] = location.format(
                self=target, elsewhere=f"http://localhost:{self.port}{target}"
            )
        return response, ask


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    publisher: Publisher

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no news here."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *args: object) -> None:
        """Quiet: `Publisher.seen` is the log."""

    def do_GET(self) -> None:
        headers = {k.lower(): v for k, v in self.headers.items()}
        response, _ = self.server.publisher.answer(self.path, headers)
        try:
            self._send(response)
        except (BrokenPipeError, ConnectionResetError, TimeoutError):
            self.close_connection = True

    def _send(self, response: Response) -> None:
        publisher = self.server.publisher
        if response.how == "hang":
            publisher.closing.wait(_HANG)
            self.close_connection = True
            return
        body = response.body
        self.send_response(response.status)
        headers = {"Content-Type": "text/plain", **response.headers}
        for name, value in headers.items():
            self.send_header(name, value)
        if response.how == "endless":
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self._endless(body)
            return
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if response.how == "plain":
            self.wfile.write(body)
            return
        self.close_connection = True
        half = max(1, len(body) // 2)
        if response.how == "drip":
            end = time.monotonic() + _HANG
            for i in range(len(body)):
                if publisher.closing.wait(publisher.drip_seconds) or time.monotonic() > end:
                    return
                self.wfile.write(body[i : i + 1])
                self.wfile.flush()
            return
        self.wfile.write(body[:half])
        self.wfile.flush()
        if response.how == "reset":
            # With a linger of zero a close sends RST.
            time.sleep(0.05)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()

    def _endless(self, body: bytes) -> None:
        """The same rows again and again, without an end."""
        block = (body or b"x") * max(1, (1 << 20) // max(1, len(body)))
        end = time.monotonic() + _HANG
        while time.monotonic() < end and not self.server.publisher.closing.is_set():
            self.wfile.write(f"{len(block):x}\r\n".encode() + block + b"\r\n")
