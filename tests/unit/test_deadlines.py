"""No publisher can hold a request or a night up: each phase of an exchange, on real sockets.

Limits are tiny; what a test allows beyond them is generous, so that a busy machine fails none.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpcore
import httpx
import pytest

from pipeline.publishers.addresses import allowed_hosts
from pipeline.publishers.errors import PullError
from pipeline.publishers.http import Limits, Transport
from pipeline.publishers.wire import Wire
from pipeline.registry.schema import RateLimit

Talk = Callable[[socket.socket, threading.Event], None]
OK = b"HTTP/1.1 200 OK\r\n"
TOTAL = 0.4
# Were there no deadline, each of these would go on for as long as the server talks: a minute.
SOON, NEVER = 15.0, 60.0


class Talker:
    """Takes connections and talks on each until the test is over; `taken` counts them."""

    def __init__(self, talk: Talk) -> None:
        self.talk, self.over, self.taken = talk, threading.Event(), 0
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.base = f"http://127.0.0.1:{self.listening.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                line, _ = self.listening.accept()
                self.taken += 1
                threading.Thread(target=self._one, args=(line,), daemon=True).start()

    def _one(self, line: socket.socket) -> None:
        with line, contextlib.suppress(OSError):
            self.talk(line, self.over)

    def close(self) -> None:
        self.over.set()
        # A close alone does not wake a thread that accepts.
        with contextlib.suppress(OSError):
            self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()


@pytest.fixture
def talker() -> Iterator[Callable[[Talk], Talker]]:
    made: list[Talker] = []

    def make(talk: Talk) -> Talker:
        made.append(Talker(talk))
        return made[-1]

    yield make
    for one in made:
        one.close()


def asked(line: socket.socket) -> None:
    """Waits for a request; a line on which none comes (a host is tried first) ends the talk."""
    while b"\r\n\r\n" not in (got := line.recv(65536)):
        if not got:
            raise ConnectionResetError


def repeated(first: bytes, again: bytes, pause: float = 0.02) -> Talk:
    """Reads a request, sends `first` once, then `again` without end."""

    def talk(line: socket.socket, over: threading.Event) -> None:
        asked(line)
        line.sendall(first)
        end = time.monotonic() + NEVER
        while not over.wait(pause) and time.monotonic() < end:
            line.sendall(again)

    return talk


def mute(line: socket.socket, over: threading.Event) -> None:
    over.wait(NEVER)


def get(base: str, limits: Limits, **more: Any) -> Any:
    transport = Transport(limits=limits, sleep=lambda _: None, **more)
    return transport.get(f"{base}/x", hosts=allowed_hosts(base), rate_limit=RateLimit())


ENDLESS: dict[str, Talk] = {
    "100-continue": repeated(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "103 with headers": repeated(b"", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"),
    "100-continue in a flood": repeated(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 4000, 0.0),
    "a dripping status line": repeated(b"HTTP/1.1 200 ", b"O"),
    "a dripping header": repeated(OK + b"X-A: ", b"a"),
    "headers without end": repeated(OK, b"X-A: a\r\n"),
    "a dripping body with a length": repeated(OK + b"Content-Length: 1000000\r\n\r\n", b"a"),
    "a dripping body until close": repeated(OK + b"\r\n", b"1\n"),
    "a dripping body in chunks": repeated(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n"),
    "a dripping chunk size": repeated(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"0"),
    "trailers without end": repeated(
        OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n", b"X-A: a\r\n"
    ),
    "silence": mute,
    "silence behind the headers": repeated(OK + b"Content-Length: 9\r\n\r\n", b""),
    "an error page without end": repeated(b"HTTP/1.1 503 Busy\r\n\r\n", b"a"),
}  # fmt: skip


@pytest.mark.parametrize("how", ENDLESS)
def test_a_request_ends_at_its_limit_in_whatever_phase(how: str, talker: Any) -> None:
    server = talker(ENDLESS[how])
    began = time.monotonic()
    with pytest.raises(PullError, match=r"not whole after 0\.4 s|chunk|broke off"):
        get(server.base, Limits(total=TOTAL, attempts=1))
    assert time.monotonic() - began < SOON


def test_redirects_share_one_limit(talker: Any) -> None:
    def talk(line: socket.socket, over: threading.Event) -> None:
        asked(line)
        over.wait(0.25)
        line.sendall(b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n")

    server = talker(talk)
    with pytest.raises(PullError, match=r"not whole after 0\.4 s"):
        get(server.base, Limits(total=TOTAL, attempts=1))
    # The first was for finding out whether the host can be reached.
    assert server.taken <= 3


def test_a_handshake_that_drips_ends_at_the_limit(talker: Any) -> None:
    def talk(line: socket.socket, over: threading.Event) -> None:
        line.recv(65536)
        line.sendall(b"\x16\x03\x03\x40\x00")  # a record of 16 KiB begins
        while not over.wait(0.02):
            line.sendall(b"\x02")

    server = talker(talk)
    began = time.monotonic()
    end = began + TOTAL
    with (
        httpcore.ConnectionPool(
            ssl_context=httpx.create_ssl_context(),
            network_backend=Wire(lambda: end - time.monotonic()),
        ) as pool,
        pytest.raises(httpcore.ConnectTimeout),
    ):
        pool.request("GET", server.base.replace("http:", "https:"))
    assert time.monotonic() - began < SOON


def test_a_full_queue_of_connections_ends_at_the_limit() -> None:
    # Nothing accepts, and the queue is full: a further connection is never made.
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        waiting = []
        for _ in range(4):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(full.getsockname())
            waiting.append(one)
        began = time.monotonic()
        with pytest.raises(PullError):
            get(
                f"http://127.0.0.1:{full.getsockname()[1]}",
                Limits(connect=0.3, total=TOTAL, attempts=1),
            )
        assert time.monotonic() - began < SOON
        for one in waiting:
            one.close()


@pytest.mark.parametrize("how", ["100-continue", "a dripping header", "a dripping body until close",
                                 "trailers without end", "silence"])  # fmt: skip
def test_the_end_of_the_night_cuts_what_is_under_way(how: str, talker: Any) -> None:
    server = talker(ENDLESS[how])
    began = time.monotonic()
    with pytest.raises(PullError, match=r"used up their 0\.4 s"):
        get(server.base, Limits(night=TOTAL))
    assert time.monotonic() - began < SOON


def test_when_the_night_is_over_nothing_is_asked_any_more(talker: Any) -> None:
    server = talker(mute)
    for began in (None, time.monotonic() - 7201):
        limits = Limits() if began else Limits(night=0.0)
        with pytest.raises(PullError, match="not asked any more: the pulls of this run have used"):
            get(server.base, limits, began=began)
    assert server.taken == 0


def test_a_night_ends_for_those_too_that_wait_for_their_turn(talker: Any) -> None:
    server = talker(ENDLESS["a dripping header"])
    transport = Transport(limits=Limits(night=TOTAL))
    hosts, said = allowed_hosts(server.base), []

    def one() -> None:
        try:
            transport.get(f"{server.base}/x", hosts=hosts, rate_limit=RateLimit(concurrent=1))
        except PullError as error:
            said.append(str(error))

    began = time.monotonic()
    threads = [threading.Thread(target=one) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SOON)
    assert time.monotonic() - began < SOON
    assert len(said) == 6 and all("used up their 0.4 s" in s for s in said)


def test_a_wait_before_asking_again_is_no_longer_than_the_night(talker: Any) -> None:
    def busy(line: socket.socket, _: threading.Event) -> None:
        asked(line)
        line.sendall(b"HTTP/1.1 503 Busy\r\nRetry-After: 50\r\nContent-Length: 0\r\n\r\n")

    slept: list[float] = []
    base = talker(busy).base
    transport = Transport(limits=Limits(night=70.0), clock=lambda: sum(slept), sleep=slept.append)
    with pytest.raises(PullError, match="not asked any more"):
        transport.get(f"{base}/x", hosts=allowed_hosts(base), rate_limit=RateLimit())
    assert slept == [50.0, 20.0]


def test_a_queue_that_never_ends_ends_with_the_night(talker: Any) -> None:
    # As a publisher's queue is asked: again and again, each answer quick and good.
    def waits(line: socket.socket, _: threading.Event) -> None:
        asked(line)
        line.sendall(OK + b"Content-Length: 2\r\n\r\n{}")

    base = talker(waits).base
    transport = Transport(limits=Limits(night=TOTAL))
    began = time.monotonic()
    with pytest.raises(PullError, match=r"used up their 0\.4 s"):
        while time.monotonic() - began < NEVER:
            transport.get(f"{base}/x", hosts=allowed_hosts(base), rate_limit=RateLimit())
    assert time.monotonic() - began < SOON


def test_after_its_close_a_transport_asks_nothing(talker: Any) -> None:
    server = talker(mute)
    transport = Transport()
    transport.close()
    with pytest.raises(PullError, match="not asked any more"):
        transport.get(f"{server.base}/x", hosts=allowed_hosts(server.base), rate_limit=RateLimit())
    assert server.taken == 0
