"""The one transport: every byte from outside comes in here.

Time limits, retries, rate limits, size caps and allowed hosts. How a deadline reaches every phase
of a request belongs in wire.py, what an answer may be in reply.py, what is asked of whom in the
publishers' modules; clock, sleep and chance are passed in.
"""

from __future__ import annotations

import email.utils
import random
import re
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from urllib.parse import quote, urljoin, urlsplit

import httpcore
import httpx
import tenacity

from pipeline.publishers.addresses import LOOPBACK, authority, is_loopback
from pipeline.publishers.errors import HostDown, NotFound, PullError, Temporary, TooBig
from pipeline.publishers.network import UNTRUSTED, proxy_for, tls_context
from pipeline.publishers.rate_limit import Ledger
from pipeline.publishers.reach import reach
from pipeline.publishers.reply import Reply, said_by, unpack
from pipeline.publishers.wire import BROKEN, Left, Wire, named, pool_for
from pipeline.registry.schema import RateLimit

USER_AGENT = "missiemonitor/0.1 (open monitor of Dutch mission policy; one pull a night)"
_HEADERS = {
    "User-Agent": USER_AGENT,
    "Accept": "*/*",
    "Accept-Encoding": "gzip",
    "Accept-Language": "en",
    "Connection": "close",
}
MAX_WIRE = 64 << 20
MAX_BODY = 256 << 20
_REDIRECTS = 5
_POLL_SECONDS = 0.2  # between looks whether another process is done asking
_RETRYABLE = (429, 502, 503, 504)


@dataclass(frozen=True)
class Limits:
    """Seconds and bytes. Connect and read hold for one wait each, `total` for one attempt with all
    its redirects; no new attempt is made after `patience`, and all of a transport's requests end
    when `night` is over. `after`: how long the connection is watched for more than the stated
    content-length once a body has come. `wire` and `body` cap the answer before and after unpacking."""

    connect: float = 10.0
    read: float = 60.0
    total: float = 300.0
    attempts: int = 4
    first_wait: float = 1.0
    longest_wait: float = 60.0
    patience: float = 240.0
    night: float = 7200.0
    after: float = 0.2
    wire: int = MAX_WIRE
    body: int = MAX_BODY


@dataclass
class _Host:
    name: str
    gate: threading.BoundedSemaphore
    lock: threading.Lock = field(default_factory=threading.Lock)
    reached: bool = False
    ipv4_only: bool = False
    down: str = ""
    silent: int = 0


class Transport:
    """HTTP for all fetches of a run; safe to use from threads.

    `ledger`: the folder by which processes share rate limits; without it spacing and downloads an
    hour do not hold. `began`: the reading of `clock` when the night began (default: now). `clock`
    (monotonic), `wall` (since 1970) and `sleep` are in seconds; `chance` gives 0 to 1.
    """

    def __init__(
        self,
        *,
        limits: Limits | None = None,
        ledger: Path | None = None,
        began: float | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.limits = limits or Limits()
        self.ledger = Ledger(ledger, wall) if ledger else None
        self.clock, self.wall, self.sleep, self.chance = clock, wall, sleep, chance
        self._end = (clock() if began is None else began) + self.limits.night
        self._hosts: dict[str, _Host] = {}
        self._lock = threading.Lock()

    def close(self) -> None:
        """No request is made after this."""
        self._end = self.clock()

    def _night(self, name: str) -> float:
        """The seconds that are left of the night; PullError if it is over."""
        left = self._end - self.clock()
        if left <= 0:
            raise self._over(f"{name}: not asked any more")
        return left

    def _over(self, what: str) -> PullError:
        return PullError(
            f"{what}: the pulls of this run have used up their {self.limits.night:g} s"
        )

    def get(
        self,
        url: str,
        params: Sequence[tuple[str, str]] = (),
        *,
        hosts: frozenset[str],
        rate_limit: RateLimit,
        headers: Mapping[str, str] | None = None,
        download: bool = True,
    ) -> Reply:
        """The answer to one GET, followed through redirects, retried while that can help.

        `hosts`: the only `host[:port]` that may answer. `download=False`: the request does not
        count among the downloads an hour. The reply has HTTP 200 or 304. PullError (NotFound,
        TooBig, HostDown or Temporary among them) in one line.
        """
        started = self.clock()

        def wait(state: tenacity.RetryCallState) -> float:
            # A night that ends while we wait is noticed at once.
            return max(0.0, min(backoff(state), self._end - self.clock()))

        def backoff(state: tenacity.RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            asked = getattr(error, "wait", None)
            if asked is not None:
                # Some publishers ask for 0 seconds while they are still busy.
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
            retry=tenacity.retry_if_exception_type(Temporary),
            wait=wait,
            stop=stop,
            sleep=self.sleep,
            reraise=True,
        )
        return retrying(self._once, url, params, hosts, rate_limit, dict(headers or {}), download)

    def _once(
        self,
        url: str,
        params: Sequence[tuple[str, str]],
        hosts: frozenset[str],
        rate_limit: RateLimit,
        headers: dict[str, str],
        download: bool,
    ) -> Reply:
        """One attempt, followed through redirects; waiting for a turn does not count."""
        target = httpx.URL(url + (f"?{query(params)}" if params else ""))
        rest = self.limits.total
        for _ in range(_REDIRECTS + 1):
            host = self._allowed(str(target), hosts, rate_limit)
            with self._turn(host, rate_limit, download):
                started = self.clock()
                end = min(started + rest, self._end)
                reply = self._request(host, target, headers, lambda end=end: end - self.clock())  # type: ignore[misc]
                rest -= self.clock() - started
            if reply.status not in (301, 302, 303, 307, 308):
                return self._judge(reply, host)
            where = reply.headers.get("location", "")
            if not where:
                raise PullError(f"{host.name}: a redirect that says no address")
            target = httpx.URL(urljoin(str(target), where))
        raise PullError(f"{host.name}: more than {_REDIRECTS} redirects")

    def _allowed(self, url: str, hosts: frozenset[str], rate_limit: RateLimit) -> _Host:
        parts = urlsplit(url)
        name = authority(url)
        loopback = (parts.hostname or "") in LOOPBACK
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
                gate = threading.BoundedSemaphore(rate_limit.concurrent)
                self._hosts[name] = _Host(name, gate)
            return self._hosts[name]

    @contextmanager
    def _turn(self, host: _Host, rate_limit: RateLimit, download: bool) -> Iterator[None]:
        """Hold one of the host's concurrent requests, spaced and within its downloads an hour."""
        with self._held(host, host.gate), self._among_processes(host, rate_limit):
            if host.down:
                raise HostDown(host.down)
            with self._held(host, host.lock):
                self._reach(host)
                if download and rate_limit.spacing and self.ledger:
                    rest = self.ledger.next_start(host.name, rate_limit)
                    if rest > 0:
                        self.sleep(min(rest, self._night(host.name)))
                if download and rate_limit.per_hour and self.ledger:
                    self.ledger.count(host.name, rate_limit.per_hour)
            self._night(host.name)
            yield

    @contextmanager
    def _among_processes(self, host: _Host, rate_limit: RateLimit) -> Iterator[None]:
        """Hold one of the host's concurrent requests of all processes, waited for until the night
        is over. The gate lets this process's own threads no further than they may get here."""
        while self.ledger and not (turn := self.ledger.take_turn(host.name, rate_limit.concurrent)):
            self.sleep(min(_POLL_SECONDS, self._night(host.name)))
        try:
            yield
        finally:
            if self.ledger and turn:
                turn.release()

    @contextmanager
    def _held(
        self, host: _Host, lock: threading.BoundedSemaphore | threading.Lock
    ) -> Iterator[None]:
        """Hold a lock or a gate, waited for until the night is over."""
        if not lock.acquire(timeout=self._night(host.name)):
            self._night(host.name)
            raise PullError(f"{host.name}: its turn did not come")
        try:
            yield
        finally:
            lock.release()

    def _reach(self, host: _Host) -> None:
        """Test once whether the host can be connected to; HostDown if not."""
        if host.reached:
            return
        if host.down:
            raise HostDown(host.down)
        seconds = min(self.limits.connect, self._night(host.name))
        proxy = proxy_for(host.name)
        try:
            if proxy:
                host.ipv4_only = reach(proxy.authority, seconds)
            else:
                tls = None if is_loopback(host.name) else self._tls
                host.ipv4_only = reach(host.name, seconds, tls)
        except OSError as error:
            host.down = f"{host.name} cannot be reached ({error}): look at the network"
            if proxy:
                host.down = f"{proxy} cannot be reached ({error}), so {host.name} is not asked"
            raise HostDown(host.down) from error
        host.reached = True

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return tls_context()

    def _request(
        self, host: _Host, url: httpx.URL, headers: Mapping[str, str], left: Left
    ) -> Reply:
        """One GET within the seconds that are `left`. Temporary: it may pass when asked again."""
        at = self.limits
        sent = {**_HEADERS, **headers, "Host": url.netloc.decode()}
        where = httpcore.URL(
            scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
        )
        tls = None if is_loopback(host.name) else self._tls
        waits = {"connect": at.connect, "read": at.read, "write": at.read}
        try:
            with (
                pool_for(host.name, tls, Wire(left, host.ipv4_only)) as pool,
                pool.stream(
                    "GET",
                    where,
                    headers=[(k.encode(), v.encode()) for k, v in sent.items()],
                    extensions={"timeout": waits},
                ) as answer,
            ):
                found = named(answer.headers)
                wire = self._received(host, answer, found, left)
        except httpcore.TimeoutException as error:
            if left() <= 0:
                raise self._cut_off(host) from error
            self._silence(host)
            raise Temporary(f"{host.name}: no answer in time ({type(error).__name__})") from error
        except BROKEN as error:
            if isinstance(error, httpcore.ConnectError | httpcore.ProxyError):
                self._silence(host)
            said = str(error) or type(error).__name__
            if isinstance(error, httpcore.ProxyError):
                said = f"{proxy_for(host.name)} says {said}"
            if "CERTIFICATE_VERIFY_FAILED" in said:
                host.down = f"{host.name}: {UNTRUSTED}"
                raise HostDown(host.down) from error
            raise Temporary(f"{host.name}: the connection broke off ({said})") from error
        host.silent = 0
        encoding = found.get("content-encoding", "identity").lower().strip()
        if encoding not in ("identity", "gzip", "x-gzip", ""):
            raise PullError(f"{host.name}: content-encoding {encoding}, which was not asked for")
        return Reply(str(url), answer.status, found, unpack(wire, at.body, host.name))

    def _received(
        self, host: _Host, answer: httpcore.Response, found: Mapping[str, str], left: Left
    ) -> bytes:
        """The body as it came, within its limits, and of the length that was stated."""
        at = self.limits
        stated = found.get("content-length", "")
        if stated.isdigit() and int(stated) > at.wire:
            raise PullError(f"{host.name}: an answer of {int(stated) >> 20} MiB is refused")
        wire = bytearray()
        for chunk in answer.iter_stream():
            wire += chunk
            if len(wire) > at.wire:
                raise PullError(
                    f"{host.name}: an answer of more than {at.wire >> 20} MiB is refused"
                )
            if left() <= 0:
                raise self._cut_off(host)
        # Less than the stated length is an error of the protocol already.
        by_length = stated and answer.status == 200 and "transfer-encoding" not in found
        if by_length and not answer.extensions["network_stream"].is_just(len(wire), at.after):
            raise Temporary(f"{host.name}: more came than the {stated} bytes of content-length")
        return bytes(wire)

    def _cut_off(self, host: _Host) -> PullError:
        if self.clock() >= self._end:
            return self._over(f"{host.name}: cut off")
        return Temporary(f"{host.name}: the answer was not whole after {self.limits.total:g} s")

    def _silence(self, host: _Host) -> None:
        # After two datasets' worth of attempts without an answer the others are not tried.
        host.silent += 1
        if host.silent >= 2 * self.limits.attempts:
            host.down = f"{host.name} did not answer {host.silent} times in a row: given up"

    def _judge(self, reply: Reply, host: _Host) -> Reply:
        if reply.status in (200, 304):
            return reply
        said = said_by(reply.body)
        text = f"{host.name}: HTTP {reply.status}" + (f", {said}" if said else "")
        if reply.status in _RETRYABLE:
            wait = retry_after(reply.headers.get("retry-after", ""), self.wall())
            if wait is not None and wait > self.limits.longest_wait:
                text += f"; it asks to wait {wait:.0f} s, so it is left for the next run"
            raise Temporary(text, wait)
        if reply.status == 413 or "EXTRACTION_TOO_BIG" in said:
            raise TooBig(text)
        if reply.status == 404:
            raise NotFound(text)
        raise PullError(text)


def query(params: Sequence[tuple[str, str]]) -> str:
    """The query string: a space is %20 (some OData servers read + literally), `$` stays."""
    return "&".join(f"{quote(n, safe='$')}={quote(v, safe=',:')}" for n, v in params)


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
