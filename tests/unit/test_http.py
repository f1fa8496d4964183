"""The transport against a small server of its own: limits, retries, rate limits, what is refused.

No test sleeps: clock, sleep and chance are passed in.
"""

from __future__ import annotations

import gzip
import json
import multiprocessing
import socket
import subprocess
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from pipeline.publishers import reach as reaching
from pipeline.publishers.addresses import allowed_hosts
from pipeline.publishers.errors import HostDown, NotFound, PullError, TooBig
from pipeline.publishers.http import Limits, Transport, retry_after
from pipeline.publishers.network import tls_context
from pipeline.publishers.rate_limit import Ledger
from pipeline.publishers.reach import reach
from pipeline.publishers.reply import Reply, must_be_data, unpack
from pipeline.registry.schema import RateLimit

Answer = Callable[[BaseHTTPRequestHandler, int], None]


class Server:
    """Answers by path; `asked` holds every path and its headers in order."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.busy = self.most = 0
        lock, outer = threading.Lock(), self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: Any) -> None: ...

            def do_GET(self) -> None:
                path = self.path.split("?")[0]
                with lock:
                    outer.asked.append((self.path, {k.lower(): v for k, v in self.headers.items()}))
                    outer.busy += 1
                    outer.most = max(outer.most, outer.busy)
                    count = sum(p.split("?")[0] == path for p, _ in outer.asked)
                try:
                    outer.answers[path](self, count)
                finally:
                    with lock:
                        outer.busy -= 1

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.base = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        ).start()


def send(body: bytes = b"a,b\n1,2\n", status: int = 200, **headers: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler, _: int) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def in_turn(*answers: Answer) -> Answer:
    return lambda handler, count: answers[min(count, len(answers)) - 1](handler, count)


def cut(handler: BaseHTTPRequestHandler, _: int) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b"half of it")
    handler.wfile.flush()
    handler.connection.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server()
    yield found
    found.server.shutdown()
    found.server.server_close()


class Time:
    """A clock that only sleeping, and `step` at each reading, moves."""

    def __init__(self, step: float = 0.0) -> None:
        self.now, self.step, self.slept = 1000.0, step, []
        self.lock = threading.Lock()

    def clock(self) -> float:
        with self.lock:
            self.now += self.step
            return self.now

    def sleep(self, seconds: float) -> None:
        with self.lock:
            self.slept.append(seconds)
            self.now += seconds


@pytest.fixture
def at() -> Time:
    return Time()


@pytest.fixture
def get(server: Server, at: Time, tmp_path: Path) -> Iterator[Callable[..., Reply]]:
    made: list[Transport] = []

    def got(
        path: str, limits: Limits | None = None, rate_limit: RateLimit | None = None, **more: Any
    ) -> Reply:
        if not made:
            made.append(Transport(
                limits=limits or Limits(read=2, connect=2), ledger=tmp_path, clock=at.clock,
                wall=at.clock, sleep=at.sleep, chance=lambda: 0.5,
            ))  # fmt: skip
        url = path if "://" in path else server.base + path
        hosts = more.pop("hosts", allowed_hosts(server.base))
        return made[0].get(url, hosts=hosts, rate_limit=rate_limit or RateLimit(), **more)

    yield got
    for transport in made:
        transport.close()


def test_an_answer_comes_unpacked_with_a_name_that_says_who_asks(server: Server, get: Any) -> None:
    server.answers["/x"] = send()
    asked = [("c[geo]", "NL,BE"), ("$filter", "A eq 'b' and C eq '1+1'")]
    assert get("/x", params=asked).body == b"a,b\n1,2\n"
    path, headers = server.asked[0]
    assert path == "/x?c%5Bgeo%5D=NL,BE&$filter=A%20eq%20%27b%27%20and%20C%20eq%20%271%2B1%27"
    assert headers["user-agent"].startswith("missiemonitor/")
    assert headers["accept-encoding"] == "gzip"


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_what_may_pass_is_asked_again_with_growing_jittered_waits(
    server: Server, get: Any, at: Time, status: int
) -> None:
    server.answers["/x"] = in_turn(send(b"busy", status), send(b"busy", status), send())
    assert get("/x").status == 200
    assert at.slept == [1.0, 2.0]  # 1 and 2 seconds, times 0.5 + chance


@pytest.mark.parametrize(
    ("asked", "waits"),
    [("0", [1.0]), ("7", [7.0]), ("Thu, 01 Jan 1970 00:17:00 GMT", [20.0])],
)
def test_retry_after_is_honoured_with_a_floor(
    server: Server, get: Any, at: Time, asked: str, waits: list[float]
) -> None:
    server.answers["/x"] = in_turn(send(b"", 429, Retry_After=asked), send())
    assert get("/x").status == 200
    assert at.slept == waits


def test_a_huge_retry_after_is_left_for_the_next_run(server: Server, get: Any, at: Time) -> None:
    server.answers["/x"] = send(b"too many downloads", 429, Retry_After="86400")
    with pytest.raises(PullError, match="too many downloads; it asks to wait 86400 s"):
        get("/x")
    assert at.slept == [] and len(server.asked) == 1


def test_attempts_end(server: Server, get: Any) -> None:
    server.answers["/x"] = send(b"busy", 503)
    with pytest.raises(PullError, match="HTTP 503, busy"):
        get("/x")
    assert len(server.asked) == Limits().attempts


def test_a_connection_that_breaks_off_is_tried_again(server: Server, get: Any) -> None:
    server.answers["/x"] = in_turn(cut, send())
    assert get("/x").body == b"a,b\n1,2\n"
    server.answers["/y"] = cut
    with pytest.raises(PullError, match="broke off"):
        get("/y")


@pytest.mark.parametrize("status", [400, 401, 403, 406, 422, 500])
def test_what_will_not_pass_is_asked_once(server: Server, get: Any, status: int) -> None:
    body = b'{"error":[{"status":400,"id":150,"label":"Invalid dimension"}]}'
    server.answers["/x"] = send(body, status)
    with pytest.raises(PullError, match=f"HTTP {status}, Invalid dimension"):
        get("/x")
    assert len(server.asked) == 1


def test_not_found_and_too_big_have_names_of_their_own(server: Server, get: Any) -> None:
    server.answers["/gone"] = send(b"", 404)
    server.answers["/big"] = send(b"", 413)
    with pytest.raises(NotFound):
        get("/gone")
    with pytest.raises(TooBig):
        get("/big")


def test_slow_bytes_end_at_the_total_limit(server: Server, get: Any, at: Time) -> None:
    at.step = 1.0
    server.answers["/x"] = send(b"x" * 300_000)
    with pytest.raises(PullError, match="not whole after 2 s"):
        get("/x", Limits(total=2, patience=1))


def test_a_silent_server_ends_at_the_read_limit(server: Server, get: Any) -> None:
    server.answers["/x"] = lambda handler, _: time.sleep(0.4)
    with pytest.raises(PullError, match="no answer in time"):
        get("/x", Limits(read=0.1, attempts=1))


def test_sizes_are_capped_on_the_wire_and_unpacked(server: Server, get: Any) -> None:
    limits = Limits(wire=1000, body=5000)
    server.answers["/said"] = send(b"x" * 1500)
    server.answers["/bomb"] = send(gzip.compress(b"0" * 100_000))

    def endless(handler: BaseHTTPRequestHandler, _: int) -> None:
        handler.send_response(200)
        handler.send_header("Connection", "close")
        handler.end_headers()
        try:
            while True:
                handler.wfile.write(b"x" * 500)
        except OSError:
            handler.close_connection = True

    server.answers["/endless"] = endless
    for path in ("/said", "/endless", "/bomb"):
        with pytest.raises(PullError, match="refused"):
            get(path, limits)


@pytest.mark.parametrize("encoding", [None, "gzip", "identity"])
def test_gzip_is_told_by_its_first_bytes(server: Server, get: Any, encoding: str | None) -> None:
    headers = {"Content_Encoding": encoding} if encoding else {}
    server.answers["/x"] = send(gzip.compress(b"a,b\n"), **headers)
    assert get("/x").body == b"a,b\n"
    server.answers["/plain"] = send(b"a,b\n", Content_Encoding="gzip")
    assert get("/plain").body == b"a,b\n"


CSV = b"a,b\n1,609.85\n"


@pytest.mark.parametrize("version", ["HTTP/1.0", "HTTP/1.1"])
@pytest.mark.parametrize("after", ["", "Connection: close", "Connection: keep-alive"])
@pytest.mark.parametrize("length", [-5, 5])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("at_once", [False, True])
def test_a_length_that_is_not_the_bodys_is_refused(
    server: Server, get: Any, version: str, after: str, length: int, packed: bool, at_once: bool
) -> None:
    body = gzip.compress(CSV) if packed else CSV
    kind = "Content-Encoding: gzip\r\n" if packed else ""

    def answer(handler: BaseHTTPRequestHandler, _: int) -> None:
        head = f"{version} 200 OK\r\n{after}\r\n".removesuffix("\r\n" if not after else "")
        head += f"{kind}Content-Length: {len(body) + length}\r\n\r\n"
        whole = f"HTTP/1.1 100 Continue\r\n\r\n{head}".encode() + body
        for part in (whole,) if at_once else (whole[:length], whole[length:]):
            handler.wfile.write(part)
            handler.wfile.flush()
            time.sleep(0 if at_once else 0.02)
        handler.close_connection = True

    server.answers["/x"] = answer
    with pytest.raises(PullError, match=r"broke off|more came than the"):
        get("/x", Limits(read=20, after=20, attempts=1))


def test_a_length_that_is_the_bodys_is_fine_however_it_comes(server: Server, get: Any) -> None:
    # The connection stays open behind it, and notices come before it.
    def answer(handler: BaseHTTPRequestHandler, _: int) -> None:
        for part in (b"HTTP/1.1 103 Early Hints\r\nX-A: 1\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-",
                     b"Length: 13\r\n\r\n", CSV[:4], CSV[4:]):  # fmt: skip
            handler.wfile.write(part)
            handler.wfile.flush()
            time.sleep(0.02)
        handler.connection.settimeout(5)
        handler.close_connection = True
        handler.connection.recv(1)

    server.answers["/x"] = answer
    assert get("/x").body == CSV


@pytest.mark.parametrize("version", ["HTTP/1.0", "HTTP/1.1"])
@pytest.mark.parametrize("cut", range(1, 9))
def test_an_answer_without_a_length_has_to_end_as_its_form_does(
    server: Server, get: Any, version: str, cut: int
) -> None:
    document = b'{"value":[{"x":609.85}]}'

    def until_close(body: bytes) -> Answer:
        def answer(handler: BaseHTTPRequestHandler, _: int) -> None:
            handler.wfile.write(f"{version} 200 OK\r\n\r\n".encode() + body)
            handler.close_connection = True

        return answer

    server.answers |= {"/csv": until_close(CSV), "/json": until_close(document)}
    assert must_be_data(get("/csv"), "csv").body == CSV
    assert must_be_data(get("/json"), "json").json() == {"value": [{"x": "609.85"}]}
    server.answers |= {"/csv": until_close(CSV[:-cut]), "/json": until_close(document[:-cut])}
    server.answers["/gz"] = until_close(gzip.compress(CSV)[:-cut])
    with pytest.raises(PullError, match="last line has no end"):
        must_be_data(get("/csv"), "csv")
    with pytest.raises(PullError, match="truncated"):
        get("/json").json()
    with pytest.raises(PullError, match="truncated"):
        get("/gz")


def test_an_encoding_that_was_not_asked_for_is_refused(server: Server, get: Any) -> None:
    server.answers["/x"] = send(zlib.compress(b"a,b\n"), Content_Encoding="deflate")
    with pytest.raises(PullError, match="deflate"):
        get("/x")


def test_what_unpacks_and_what_does_not() -> None:
    packed = gzip.compress(b"a,b\n" * 100)
    assert unpack(gzip.compress(packed), 10_000, "w") == b"a,b\n" * 100
    assert unpack(packed + packed, 10_000, "w") == b"a,b\n" * 200
    assert unpack(packed + bytes(8), 10_000, "w") == b"a,b\n" * 100
    for broken, says in (
        (packed[:-9], "truncated"), (packed + b"more", "behind it"),
        (packed[:15] + b"\xff\xff\xff" + packed[18:], "damaged"),
        (gzip.compress(gzip.compress(packed)), "inside"),
    ):  # fmt: skip
        with pytest.raises(PullError, match=says):
            unpack(broken, 10_000, "w")


def test_redirects_go_to_the_publishers_own_hosts_only(server: Server, get: Any) -> None:
    server.answers["/new"] = send()
    server.answers["/old"] = send(b"", 302, Location="/new")
    assert get("/old").url.endswith("/new")
    for where, says in (
        ("http://localhost:1/new", "not one of its hosts"),
        ("http://example.org/x", "only https"),
        ("ftp://127.0.0.1/x", "only https"),
        ("https://sorry.ec.europa.eu/", "maintenance"),
        ("/old", "more than 5 redirects"),
    ):
        server.answers["/old"] = send(b"", 302, Location=where)
        with pytest.raises(PullError, match=says):
            get("/old")


def test_an_address_with_credentials_is_refused(server: Server, get: Any) -> None:
    with pytest.raises(PullError, match="credentials"):
        get(server.base.replace("//", "//me:secret@"))


def test_a_host_that_cannot_be_reached_is_given_up_at_once(get: Any, at: Time) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        base = f"http://127.0.0.1:{free.getsockname()[1]}"
    for _ in range(2):
        with pytest.raises(HostDown, match="cannot be reached"):
            get(f"{base}/x", hosts=allowed_hosts(base))
    assert at.slept == []


def test_a_name_that_does_not_resolve_in_time_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    hold = threading.Event()
    monkeypatch.setattr(reaching.socket, "getaddrinfo", lambda *_, **__: [hold.wait(5)])
    with pytest.raises(OSError, match="not resolved in time"):
        reach("slow.example.org", 0.05)
    hold.set()


def test_a_dead_ipv6_does_not_keep_ipv4_from_being_used(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = server.server.server_address[1]
    answers = [
        (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("100::1", port, 0, 0)),
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)),
    ]
    monkeypatch.setattr(reaching.socket, "getaddrinfo", lambda *_, **__: answers)
    assert reach("two.example.org", 1.0) is True
    answers.pop(0)
    assert reach("two.example.org", 1.0) is False


def test_a_network_that_takes_every_connection_and_leads_none_on_is_seen_soon() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        before = time.monotonic()
        with pytest.raises(OSError):
            reach(f"127.0.0.1:{port}", 0.2, tls=tls_context())
        assert time.monotonic() - before < 5


def test_a_certificate_that_is_not_the_hosts_ends_it(tmp_path: Path) -> None:
    import ssl

    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
         "/CN=other.example.org", "-keyout", str(key), "-out", str(certificate)],
        capture_output=True, check=False,
    )  # fmt: skip
    if made.returncode:
        pytest.skip("openssl is not here to make a certificate with")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with socket.create_server(("127.0.0.1", 0)) as plain:

        def serve() -> None:
            try:
                line, _ = plain.accept()
                context.wrap_socket(line, server_side=True).close()
            except OSError:
                pass

        threading.Thread(target=serve, daemon=True).start()
        with pytest.raises(OSError, match=r"self-signed|self signed"):
            reach(f"127.0.0.1:{plain.getsockname()[1]}", 2, tls=tls_context())


def test_a_host_that_stays_silent_is_given_up_for_the_others(server: Server, get: Any) -> None:
    server.answers["/x"] = lambda handler, _: time.sleep(0.3)
    limits = Limits(read=0.05, attempts=2)
    for _ in range(2):
        with pytest.raises(PullError, match="no answer"):
            get("/x", limits)
    with pytest.raises(HostDown, match="did not answer 4 times in a row"):
        get("/x", limits)


def test_no_more_requests_side_by_side_than_a_publisher_wants(server: Server, get: Any) -> None:
    def slow(handler: BaseHTTPRequestHandler, count: int) -> None:
        time.sleep(0.02)
        send()(handler, count)

    server.answers["/x"] = slow
    get("/x", rate_limit=RateLimit(concurrent=2))
    threads = [threading.Thread(target=get, args=("/x",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(server.asked) == 9 and server.most <= 2


def test_transports_that_share_a_ledger_share_its_limits(
    server: Server, at: Time, tmp_path: Path
) -> None:
    """As the processes of a run have one each."""

    def once(rate_limit: RateLimit) -> None:
        with closing(
            Transport(ledger=tmp_path, clock=at.clock, wall=at.clock, sleep=sleep)
        ) as transport:
            address = server.base + "/x"
            transport.get(address, hosts=allowed_hosts(server.base), rate_limit=rate_limit)

    def sleep(seconds: float) -> None:
        at.sleep(seconds)
        time.sleep(0.01)

    def slow(handler: BaseHTTPRequestHandler, count: int) -> None:
        time.sleep(0.05)
        send()(handler, count)

    server.answers["/x"] = slow
    threads = [threading.Thread(target=once, args=(RateLimit(concurrent=2),)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(server.asked) == 6 and server.most <= 2
    at.slept.clear()
    for _ in range(3):
        once(RateLimit(concurrent=1, spacing=60))
    assert at.slept == [60.0, 60.0]
    # A clock that was set back an hour is waited for no longer than others could make it.
    at.now -= 3600
    once(RateLimit(concurrent=1, spacing=60))
    assert at.slept == [60.0, 60.0]


def test_requests_are_spaced(server: Server, get: Any, at: Time) -> None:
    server.answers["/x"] = send()
    for _ in range(3):
        get("/x", rate_limit=RateLimit(concurrent=1, spacing=60))
    assert at.slept == [60.0, 60.0]


def test_downloads_an_hour_are_remembered_from_run_to_run(
    server: Server, at: Time, tmp_path: Path
) -> None:
    server.answers["/x"] = send()
    rate_limit = RateLimit(per_hour=2)

    def once(download: bool = True) -> None:
        transport = Transport(ledger=tmp_path, clock=at.clock, wall=at.clock, sleep=at.sleep)
        try:
            transport.get(
                server.base + "/x", hosts=allowed_hosts(server.base), rate_limit=rate_limit,
                download=download,
            )  # fmt: skip
        finally:
            transport.close()

    once()
    once()
    with pytest.raises(
        PullError, match="2 downloads an hour are used up; the next is free at 01:16 UTC"
    ):
        once()
    once(download=False)
    at.now += 3600
    once()
    (ledger,) = tmp_path.glob("*.json")
    assert len(json.loads(ledger.read_text())) == 1
    ledger.write_text("broken")
    once()


def _count_downloads(folder: Path, start: Any, counted: Any) -> None:
    ledger = Ledger(folder, lambda: 5000.0)
    start.wait()
    done = 0
    for _ in range(20):
        try:
            ledger.count("host.example.org:443", 25)
        except PullError:
            continue
        done += 1
    counted.put(done)


def test_downloads_an_hour_are_counted_over_processes_that_download_at_once(tmp_path: Path) -> None:
    spawn = multiprocessing.get_context("spawn")
    start, counted = spawn.Event(), spawn.Queue()
    workers = [
        spawn.Process(target=_count_downloads, args=(tmp_path, start, counted)) for _ in range(2)
    ]
    for worker in workers:
        worker.start()
    start.set()
    # 40 were tried and 25 are allowed: none is lost, and none is too many.
    assert sum(counted.get(timeout=60) for _ in workers) == 25
    for worker in workers:
        worker.join(60)
    assert len(json.loads((tmp_path / "host.example.org_443.json").read_text())) == 25


def test_a_304_is_an_answer(server: Server, get: Any) -> None:
    server.answers["/x"] = send(b"", 304)
    assert get("/x", headers={"If-None-Match": '"a"'}).unchanged
    assert server.asked[0][1]["if-none-match"] == '"a"'


FAULT = (
    b'<?xml version="1.0"?><S:Envelope xmlns:S="http://schemas.xmlsoap.org/soap/envelope/"><S:Body>'
    b"<S:Fault><faultcode>%s</faultcode><faultstring>%s</faultstring></S:Fault></S:Body></S:Envelope>"
)


@pytest.mark.parametrize(
    ("body", "form", "error", "says"),
    [
        (b"", "csv", PullError, "empty"),
        (b" \r\n", "json", PullError, "empty"),
        (b"<!DOCTYPE html><title>Sorry</title>", "csv", PullError, r"a page .* \(Sorry\)"),
        (b"<?xml version='1.0'?><html/>", "xml", PullError, "a page"),
        (FAULT % (b"100", b"no such thing"), "csv", PullError, "fault 100: no such thing"),
        (FAULT % (b"413", b"EXTRACTION_TOO_BIG: too big"), "json", TooBig, "too big"),
        (b"<a/>", "csv", PullError, "XML instead of csv"),
        (b"a,b\n", "xml", PullError, "no XML"),
        (b"a,b\n1,60", "csv", PullError, "last line has no end"),
        (b'{"error":{"code":"","message":"busy"}}', "json", PullError, "error: busy"),
        (b'{"warning":{"status":413,"label":"TOO_BIG"}}', "csv", TooBig, "TOO_BIG"),
        (b'[{"message":[{"id":"120","value":"not valid"}]}]', "json", PullError, "not valid"),
        (b'{"value":[]}', "csv", PullError, "JSON instead"),
        (b"a,b\n", "json", PullError, "no JSON"),
        (b'<!DOCTYPE x [<!ENTITY a "b">]><x>&a;</x>', "csv", PullError, "XML instead"),
    ],
)
def test_http_200_is_not_success(body: bytes, form: str, error: type[PullError], says: str) -> None:
    with pytest.raises(error, match=says):
        must_be_data(Reply("https://w.org/x", 200, {}, body), form)


def test_data_is_let_through() -> None:
    for body, form in (
        (b"\xef\xbb\xbfa,b\n", "csv"), (b'{"value":[1]}', "json"), (b"[{},[]]", "json"), (b"<a/>", "xml"),
    ):  # fmt: skip
        assert must_be_data(Reply("https://w.org/x", 200, {}, body), form).body == body


def test_retry_after_reads_seconds_and_dates() -> None:
    assert retry_after("12", 0) == 12
    assert retry_after("Thu, 01 Jan 1970 00:01:00 GMT", 10) == 50
    assert retry_after("Thu, 01 Jan 1970 00:01:00 GMT", 100) == 0
    assert retry_after("soon", 0) is None and retry_after("", 0) is None


def test_certificates_are_always_checked(root: Path) -> None:
    # The words that switch a check off stand nowhere.
    off = ("verify=" + "False", "CERT_" + "NONE", "_create_unverified" + "_context")
    for file in (root / "pipeline").rglob("*.py"):
        assert not any(word in file.read_text("utf-8") for word in off), file
