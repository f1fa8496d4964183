"""The one transport: every byte from outside comes in here.

Time limits, retries, politeness, size caps, unpacking, and the refusal of what is never data
(pages, faults, errors, queue notices). What is asked of whom belongs in sources/pull/; clock,
sleep and chance are passed in.
"""

from __future__ import annotations

import email.utils
import json
import random
import re
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urljoin, urlsplit

from pipeline.paths import write_atomic

if TYPE_CHECKING:
    import httpx

USER_AGENT = "missiemonitor/0.1 (open monitor of Dutch mission policy; one pull a night)"
MAX_WIRE = 64 << 20
MAX_BODY = 256 << 20
_REDIRECTS = 5
_LAYERS = 2
_AGAIN = (429, 502, 503, 504)
_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_HOUR = 3600.0


class PullError(Exception):
    """A pull that brought nothing that can be used: one line with publisher, what and why."""

    def __init__(self, message: str) -> None:
        # Messages quote answers from outside: one line, printable, and not endless.
        text = "".join(c if c.isprintable() else " " for c in message)
        super().__init__(" ".join(text.split())[:400])


class HostDown(PullError):
    """The publisher cannot be reached at all: nothing more is asked of it in this run."""


class TooBig(PullError):
    """The publisher calls the selection too large (413): ask for less at a time."""


class NotFound(PullError):
    """The publisher does not know what was asked for (404, or its own words for it)."""


class _Passing(PullError):
    """Busy, reset or timed out: may be well again in a moment. `wait` is what was asked for."""

    def __init__(self, message: str, wait: float | None = None) -> None:
        super().__init__(message)
        self.wait = wait


@dataclass(frozen=True)
class Limits:
    """Seconds and bytes. Connect, read and total hold for one request, retries aside."""

    connect: float = 10.0
    read: float = 60.0
    total: float = 300.0
    attempts: int = 4
    first_wait: float = 1.0
    longest_wait: float = 60.0
    patience: float = 240.0  # no new attempt after this long
    wire: int = MAX_WIRE
    body: int = MAX_BODY


@dataclass(frozen=True)
class Manners:
    """How a publisher wants to be asked: requests side by side, seconds between the starts of
    downloads, and downloads an hour (0: no such limit), which are remembered from run to run."""

    concurrent: int = 2
    spacing: float = 0.0
    per_hour: int = 0


@dataclass(frozen=True)
class Reply:
    """What came back, unpacked. `url` is the final address."""

    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def unchanged(self) -> bool:
        return self.status == 304

    def json(self) -> Any:
        """The body as JSON, numbers as the digits that came. PullError if it is not JSON."""
        try:
            return json.loads(self.body.decode("utf-8-sig"), parse_float=str, parse_int=str)
        except (ValueError, RecursionError) as error:
            who = urlsplit(self.url).hostname
            raise PullError(f"{who}: the answer is truncated or not JSON ({error})") from error


@dataclass
class _Host:
    name: str
    gate: threading.BoundedSemaphore
    lock: threading.Lock = field(default_factory=threading.Lock)
    reached: bool = False
    ipv4_only: bool = False
    down: str = ""
    silent: int = 0
    last_start: float | None = None


class Transport:
    """Shared by all pulls of a run; safe to use from threads. Close it in the end.

    `ledger` is the folder in which downloads an hour are remembered.
    """

    def __init__(
        self,
        *,
        limits: Limits | None = None,
        ledger: Path | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.limits = limits or Limits()
        self.ledger = ledger
        self.clock, self.wall, self.sleep, self.chance = clock, wall, sleep, chance
        self._hosts: dict[str, _Host] = {}
        self._clients: dict[tuple[bool, bool], httpx.Client] = {}
        self._lock = threading.Lock()

    def close(self) -> None:
        for client in self._clients.values():
            client.close()
        self._clients.clear()

    def get(
        self,
        url: str,
        params: Sequence[tuple[str, str]] = (),
        *,
        hosts: frozenset[str],
        manners: Manners,
        headers: Mapping[str, str] | None = None,
        download: bool = True,
    ) -> Reply:
        """The answer to one GET, followed through redirects, retried while that can help.

        `hosts` are the only `host[:port]` that may be spoken to. `download=False`: a request
        that does not count among the downloads an hour. PullError (NotFound, TooBig, HostDown)
        in one line.
        """
        import tenacity

        started = self.clock()

        def wait(state: tenacity.RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            asked = getattr(error, "wait", None)
            if asked is not None:
                # Some say 0 and mean "not now".
                return max(float(asked), self.limits.first_wait)
            step = self.limits.first_wait * 2 ** (state.attempt_number - 1)
            return float(min(step, self.limits.longest_wait) * (0.5 + self.chance()))

        def stop(state: tenacity.RetryCallState) -> bool:
            error = state.outcome.exception() if state.outcome else None
            asked = getattr(error, "wait", None) or 0.0
            return (
                state.attempt_number >= self.limits.attempts
                or asked > self.limits.longest_wait
                or self.clock() - started > self.limits.patience
            )

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(_Passing),
            wait=wait,
            stop=stop,
            sleep=self.sleep,
            reraise=True,
        )
        return retrying(self._once, url, params, hosts, manners, dict(headers or {}), download)

    # One attempt

    def _once(
        self,
        url: str,
        params: Sequence[tuple[str, str]],
        hosts: frozenset[str],
        manners: Manners,
        headers: dict[str, str],
        download: bool,
    ) -> Reply:
        import httpx

        target = httpx.URL(url + (f"?{query(params)}" if params else ""))
        for _ in range(_REDIRECTS + 1):
            host = self._allowed(str(target), hosts, manners)
            with self._turn(host, manners, download):
                reply = self._request(host, target, headers)
            if reply.status not in (301, 302, 303, 307, 308):
                return self._judge(reply, host)
            where = reply.headers.get("location", "")
            if not where:
                raise PullError(f"{host.name}: a redirect that says no address")
            target = httpx.URL(urljoin(str(target), where))
        raise PullError(f"{host.name}: more than {_REDIRECTS} redirects")

    def _allowed(self, url: str, hosts: frozenset[str], manners: Manners) -> _Host:
        parts = urlsplit(url)
        name = _authority(url)
        loopback = (parts.hostname or "") in _LOOPBACK
        if parts.scheme != "https" and not (parts.scheme == "http" and loopback):
            raise PullError(
                f"{name or url[:80]}: {parts.scheme or 'no'} address refused; only https is spoken"
            )
        if parts.username or parts.password:
            raise PullError(f"{name}: an address with credentials is refused")
        if name not in hosts:
            raise PullError(
                f"{', '.join(sorted(hosts))} sends us on to {name}, which is not one of its hosts: "
                "the publisher may be in maintenance or have moved"
            )
        with self._lock:
            if name not in self._hosts:
                gate = threading.BoundedSemaphore(manners.concurrent)
                self._hosts[name] = _Host(name, gate)
            return self._hosts[name]

    @contextmanager
    def _turn(self, host: _Host, manners: Manners, download: bool) -> Iterator[None]:
        """Wait for one's turn: side by side, spaced, and within the downloads an hour."""
        with host.gate:
            if host.down:
                raise HostDown(host.down)
            with host.lock:
                self._reach(host)
                if download and manners.spacing and host.last_start is not None:
                    rest = host.last_start + manners.spacing - self.clock()
                    if rest > 0:
                        self.sleep(rest)
                if download and manners.per_hour:
                    self._count(host, manners.per_hour)
                if download:
                    host.last_start = self.clock()
            yield

    def _count(self, host: _Host, per_hour: int) -> None:
        """Note a download in the ledger; PullError if the hour's number is used up."""
        if self.ledger is None:
            return
        from filelock import FileLock

        path = self.ledger / f"{re.sub('[^A-Za-z0-9.-]', '_', host.name)}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock")):
            now = self.wall()
            try:
                noted = json.loads(path.read_text("utf-8"))
                past = sorted(float(t) for t in noted if now - _HOUR < float(t) <= now)
            except (OSError, ValueError, TypeError):
                past = []
            if len(past) >= per_hour:
                free = datetime.fromtimestamp(past[-per_hour] + _HOUR, UTC)
                raise PullError(
                    f"{host.name}: its {per_hour} downloads an hour are used up; "
                    f"the next is free at {free:%H:%M} UTC"
                )
            write_atomic(path, json.dumps([*past, now]).encode())

    def _reach(self, host: _Host) -> None:
        """Find out once whether the host can be reached, without waiting long if not."""
        if host.reached:
            return
        if host.down:
            raise HostDown(host.down)
        if self._proxied(host):
            host.reached = True
            return
        try:
            host.ipv4_only = reach(host.name, self.limits.connect, tls=not _is_loopback(host.name))
        except OSError as error:
            host.down = f"{host.name} cannot be reached ({error}): look at the network"
            raise HostDown(host.down) from error
        host.reached = True

    @staticmethod
    def _proxied(host: _Host) -> bool:
        from urllib.request import getproxies, proxy_bypass

        if _is_loopback(host.name):
            return False
        found = getproxies()
        direct = proxy_bypass(host.name.rsplit(":", 1)[0])
        return bool(found.get("https") or found.get("all")) and not direct

    def _client(self, host: _Host) -> httpx.Client:
        import httpx

        loopback = _is_loopback(host.name)
        key = (loopback, host.ipv4_only)
        with self._lock:
            if key not in self._clients:
                at = self.limits
                self._clients[key] = httpx.Client(
                    # A proxy of the environment is for the world outside only.
                    trust_env=not loopback,
                    follow_redirects=False,
                    timeout=httpx.Timeout(at.read, connect=at.connect, pool=None),
                    limits=httpx.Limits(max_connections=32, max_keepalive_connections=16),
                    transport=httpx.HTTPTransport(local_address="0.0.0.0")  # noqa: S104
                    if host.ipv4_only
                    else None,
                    headers={
                        "User-Agent": USER_AGENT,
                        "Accept-Encoding": "gzip",
                        "Accept-Language": "en",
                    },
                )
            return self._clients[key]

    def _request(self, host: _Host, url: httpx.URL, headers: Mapping[str, str]) -> Reply:
        import httpx

        at = self.limits
        end = self.clock() + at.total
        wire = bytearray()
        try:
            with self._client(host).stream("GET", url, headers=dict(headers)) as answer:
                stated = answer.headers.get("content-length", "")
                if stated.isdigit() and int(stated) > at.wire:
                    raise PullError(f"{host.name}: an answer of {int(stated) >> 20} MiB is refused")
                # As they arrive: a chunk of a set size would be waited for past every limit.
                for chunk in answer.iter_raw():
                    wire += chunk
                    if len(wire) > at.wire:
                        raise PullError(
                            f"{host.name}: an answer of more than {at.wire >> 20} MiB is refused"
                        )
                    if self.clock() > end:
                        raise _Passing(
                            f"{host.name}: the answer was not whole after {at.total:g} s"
                        )
                status, found = answer.status_code, dict(answer.headers)
        except httpx.TimeoutException as error:
            self._silence(host)
            raise _Passing(f"{host.name}: no answer in time ({type(error).__name__})") from error
        except httpx.TransportError as error:
            if isinstance(error, httpx.ConnectError | httpx.ProxyError):
                self._silence(host)
            said = str(error) or type(error).__name__
            raise _Passing(f"{host.name}: the connection broke off ({said})") from error
        host.silent = 0
        encoding = found.get("content-encoding", "identity").lower().strip()
        if encoding not in ("identity", "gzip", "x-gzip", ""):
            raise PullError(f"{host.name}: content-encoding {encoding}, which was not asked for")
        return Reply(str(url), status, found, unpack(bytes(wire), at.body, host.name))

    def _silence(self, host: _Host) -> None:
        # Two datasets' worth of attempts without a word: the others need not wait as long.
        host.silent += 1
        if host.silent >= 2 * self.limits.attempts:
            host.down = f"{host.name} did not answer {host.silent} times in a row: given up"

    def _judge(self, reply: Reply, host: _Host) -> Reply:
        if reply.status == 200:
            return reply
        if reply.status == 304:
            return reply
        said = said_by(reply.body)
        text = f"{host.name}: HTTP {reply.status}" + (f", {said}" if said else "")
        if reply.status in _AGAIN:
            wait = retry_after(reply.headers.get("retry-after", ""), self.wall())
            if wait is not None and wait > self.limits.longest_wait:
                text += f"; it asks to wait {wait:.0f} s, so it is left for the next run"
            raise _Passing(text, wait)
        if reply.status == 413 or "EXTRACTION_TOO_BIG" in said:
            raise TooBig(text)
        if reply.status == 404:
            raise NotFound(text)
        raise PullError(text)


def query(params: Sequence[tuple[str, str]]) -> str:
    """Parameters as a query: a space is %20 (OData may take a plus for a plus), `$` stays."""
    return "&".join(f"{quote(n, safe='$')}={quote(v, safe=',:')}" for n, v in params)


def _authority(url: str) -> str:
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    host = f"[{host}]" if ":" in host else host
    default = {"https": 443, "http": 80}.get(parts.scheme)
    port = parts.port
    return host if port in (None, default) else f"{host}:{port}"


def _is_loopback(authority: str) -> bool:
    return authority.rsplit(":", 1)[0].strip("[]") in _LOOPBACK


def allowed_hosts(base: str, more: Sequence[str] = ()) -> frozenset[str]:
    """The hosts that a publisher at `base` may answer from."""
    return frozenset({_authority(base), *(h.lower() for h in more)})


def check_base(url: str, name: str) -> str:
    """A base address from the environment, without a slash at its end. PullError in one line."""
    parts = urlsplit(url)
    loopback = (parts.hostname or "") in _LOOPBACK
    if not parts.hostname or (parts.scheme != "https" and not loopback) or parts.query:
        raise PullError(f"{name}={url}: an https address is expected (http on 127.0.0.1 only)")
    return url.rstrip("/")


def retry_after(text: str, now: float) -> float | None:
    """Seconds that a Retry-After asks for (a number or a date), None if it says neither."""
    text = text.strip()
    if re.fullmatch(r"\d{1,9}(\.\d+)?", text):
        return float(text)
    try:
        when = email.utils.parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    return max(0.0, when.timestamp() - now)


def unpack(wire: bytes, most: int, who: str) -> bytes:
    """The body without gzip, told by its first bytes and not by headers; bombs are refused.

    PullError: truncated, damaged, packed more than twice, or more than `most` bytes unpacked.
    """
    body = wire
    for _ in range(_LAYERS):
        if body[:2] != b"\x1f\x8b":
            break
        body = _gunzip(body, most, who)
    if body[:2] == b"\x1f\x8b":
        raise PullError(f"{who}: gzip inside gzip inside gzip is refused")
    if len(body) > most:
        raise PullError(f"{who}: an answer of more than {most >> 20} MiB unpacked is refused")
    return body


def _gunzip(packed: bytes, most: int, who: str) -> bytes:
    out = bytearray()
    rest = packed
    try:
        while rest[:2] == b"\x1f\x8b":
            member = zlib.decompressobj(31)
            while rest and not member.eof:
                out += member.decompress(rest, most - len(out) + 1)
                if len(out) > most:
                    raise PullError(
                        f"{who}: an answer of more than {most >> 20} MiB unpacked is refused"
                    )
                rest = member.unconsumed_tail
            if not member.eof:
                raise _Passing(f"{who}: the gzip answer is truncated")
            rest = member.unused_data
    except zlib.error as error:
        raise PullError(f"{who}: the gzip answer is damaged ({error})") from error
    if rest.strip(b"\0"):
        raise PullError(f"{who}: the gzip answer has something else behind it")
    return bytes(out)


def said_by(body: bytes) -> str:
    """What an error body says, in one line: JSON, SOAP fault or plain text; HTML says nothing."""
    head = body[:4096].decode("utf-8", "replace").strip().lstrip("\ufeff")
    if not head:
        return ""
    if head[:1] in "{[":
        try:
            found = json.loads(body[: 1 << 20])
        except (ValueError, RecursionError):
            return head[:200]
        return _said_json(found)[:200]
    if head[:1] == "<":
        fault = fault_of(body)
        if fault:
            return fault
        title = re.search(r"<title[^>]*>([^<]{1,120})", head, re.I)
        return f"an HTML page ({title[1].strip()})" if title else "an HTML or XML page"
    return " ".join(head.split())[:200]


def _said_json(found: Any) -> str:
    if isinstance(found, list):
        found = found[0] if found else ""
    if isinstance(found, dict):
        for key in ("error", "errors", "warning", "message", "value", "label"):
            if key in found:
                return _said_json(found[key])
    return str(found)


def fault_of(body: bytes) -> str:
    """faultcode and faultstring of a SOAP fault (root or enveloped); empty if it is none."""
    root = xml(body)
    if root is None:
        return ""
    parts: dict[str, str] = {}
    for node in root.iter():
        name = str(node.tag).rsplit("}", 1)[-1]
        if name in ("faultcode", "faultstring", "message"):
            parts.setdefault(name, " ".join((node.text or "").split()))
    text = parts.get("faultstring") or parts.get("message", "")
    code = parts.get("faultcode", "")
    return f"fault {code}: {text}" if code else text


def xml(body: bytes) -> Any:
    """The root element, without entities or documents from elsewhere; None if it is no XML."""
    from xml.etree.ElementTree import ParseError

    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    try:
        return fromstring(body.lstrip(b"\xef\xbb\xbf \t\r\n"))
    except (ParseError, DefusedXmlException, ValueError):
        return None


def must_be_data(reply: Reply, form: str) -> Reply:
    """`reply` if its body can be `csv`, `json` or `xml`; PullError for what is never data.

    HTTP 200 is not success: pages, faults, errors and warnings come with it too.
    """
    who = urlsplit(reply.url).hostname or reply.url
    head = reply.body[:2048].lstrip(b"\xef\xbb\xbf \t\r\n")
    if not head:
        raise PullError(f"{who}: an empty answer")
    low = head.lower()
    if low.startswith((b"<!doctype html", b"<html")) or (low[:1] == b"<" and b"<html" in low):
        raise PullError(f"{who}: a page instead of data: {said_by(reply.body)}")
    if head[:1] == b"<":
        fault = fault_of(reply.body)
        if "EXTRACTION_TOO_BIG" in fault or fault.startswith(("fault 413", "fault 510")):
            raise TooBig(f"{who}: {fault}")
        if fault:
            raise PullError(f"{who}: HTTP 200 with {fault}")
        if form != "xml":
            raise PullError(f"{who}: XML instead of {form}")
        return reply
    if form == "xml":
        raise PullError(f"{who}: no XML: {said_by(reply.body)}")
    if head[:1] in b"{[" and (form == "csv" or len(reply.body) < 1 << 16):
        said = _error_in(reply)
        if said:
            raise (TooBig if "TOO_BIG" in said else PullError)(f"{who}: HTTP 200 with {said}")
        if form == "csv":
            raise PullError(f"{who}: JSON instead of CSV: {said_by(reply.body)}")
    if form == "json" and head[:1] not in b"{[":
        raise PullError(f"{who}: no JSON: {said_by(reply.body)}")
    return reply


def _error_in(reply: Reply) -> str:
    try:
        found = json.loads(reply.body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return ""
    first = found[0] if isinstance(found, list) and found else found
    if isinstance(first, dict):
        for key in ("error", "errors", "warning", "message"):
            if key in first:
                return f"{key}: {_said_json(first[key])}"
    return ""


def reach(authority: str, seconds: float, tls: bool = False) -> bool:
    """Can a host be connected to? True: only over IPv4 (its IPv6 leads nowhere).

    All addresses are tried side by side; with `tls` up to the end of its handshake, since there
    are networks that take every connection and lead none on. OSError if none answers within
    `seconds`, or if the certificate is not the host's.
    """
    import httpx

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
