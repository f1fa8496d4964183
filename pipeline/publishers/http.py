"""The one transport: every byte from outside comes in here.

Time limits, retries, rate limits, size caps and allowed hosts. What an answer may be belongs in
reply.py, what is asked of whom in the publishers' modules; clock, sleep and chance are passed in.
"""

from __future__ import annotations

import email.utils
import random
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx
import tenacity

from pipeline.publishers.errors import HostDown, NotFound, PullError, Temporary, TooBig
from pipeline.publishers.rate_limit import Ledger, RateLimit
from pipeline.publishers.reach import reach
from pipeline.publishers.reply import Reply, said_by, unpack

USER_AGENT = "missiemonitor/0.1 (open monitor of Dutch mission policy; one pull a night)"
MAX_WIRE = 64 << 20
MAX_BODY = 256 << 20
_REDIRECTS = 5
_RETRYABLE = (429, 502, 503, 504)
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True)
class Limits:
    """Seconds and bytes. Connect, read and total hold for one attempt; no new attempt is made
    after `patience`; `wire` and `body` cap the answer before and after unpacking."""

    connect: float = 10.0
    read: float = 60.0
    total: float = 300.0
    attempts: int = 4
    first_wait: float = 1.0
    longest_wait: float = 60.0
    patience: float = 240.0
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
    last_start: float | None = None


class Transport:
    """HTTP for all fetches of a process; safe to use from threads. Close it in the end.

    `ledger`: the folder in which downloads an hour are remembered. `clock` (monotonic), `wall`
    (since 1970) and `sleep` are in seconds; `chance` gives 0 to 1.
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
        self.ledger = Ledger(ledger, wall) if ledger else None
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
        """One attempt, followed through redirects."""
        target = httpx.URL(url + (f"?{query(params)}" if params else ""))
        for _ in range(_REDIRECTS + 1):
            host = self._allowed(str(target), hosts, rate_limit)
            with self._turn(host, rate_limit, download):
                reply = self._request(host, target, headers)
            if reply.status not in (301, 302, 303, 307, 308):
                return self._judge(reply, host)
            where = reply.headers.get("location", "")
            if not where:
                raise PullError(f"{host.name}: a redirect that says no address")
            target = httpx.URL(urljoin(str(target), where))
        raise PullError(f"{host.name}: more than {_REDIRECTS} redirects")

    def _allowed(self, url: str, hosts: frozenset[str], rate_limit: RateLimit) -> _Host:
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
                gate = threading.BoundedSemaphore(rate_limit.concurrent)
                self._hosts[name] = _Host(name, gate)
            return self._hosts[name]

    @contextmanager
    def _turn(self, host: _Host, rate_limit: RateLimit, download: bool) -> Iterator[None]:
        """Hold one of the host's concurrent requests, spaced and within its downloads an hour."""
        with host.gate:
            if host.down:
                raise HostDown(host.down)
            with host.lock:
                self._reach(host)
                if download and rate_limit.spacing and host.last_start is not None:
                    rest = host.last_start + rate_limit.spacing - self.clock()
                    if rest > 0:
                        self.sleep(rest)
                if download and rate_limit.per_hour and self.ledger:
                    self.ledger.count(host.name, rate_limit.per_hour)
                if download:
                    host.last_start = self.clock()
            yield

    def _reach(self, host: _Host) -> None:
        """Test once whether the host can be connected to; HostDown if not."""
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
        if _is_loopback(host.name):
            return False
        found = getproxies()
        direct = proxy_bypass(host.name.rsplit(":", 1)[0])
        return bool(found.get("https") or found.get("all")) and not direct

    def _client(self, host: _Host) -> httpx.Client:
        loopback = _is_loopback(host.name)
        key = (loopback, host.ipv4_only)
        with self._lock:
            if key not in self._clients:
                at = self.limits
                self._clients[key] = httpx.Client(
                    # The environment's proxy is not used for this machine itself.
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
        at = self.limits
        end = self.clock() + at.total
        wire = bytearray()
        try:
            with self._client(host).stream("GET", url, headers=dict(headers)) as answer:
                stated = answer.headers.get("content-length", "")
                if stated.isdigit() and int(stated) > at.wire:
                    raise PullError(f"{host.name}: an answer of {int(stated) >> 20} MiB is refused")
                # No chunk size: httpx would wait for a full chunk past every limit.
                for chunk in answer.iter_raw():
                    wire += chunk
                    if len(wire) > at.wire:
                        raise PullError(
                            f"{host.name}: an answer of more than {at.wire >> 20} MiB is refused"
                        )
                    if self.clock() > end:
                        raise Temporary(
                            f"{host.name}: the answer was not whole after {at.total:g} s"
                        )
                status, found = answer.status_code, dict(answer.headers)
        except httpx.TimeoutException as error:
            self._silence(host)
            raise Temporary(f"{host.name}: no answer in time ({type(error).__name__})") from error
        except httpx.TransportError as error:
            if isinstance(error, httpx.ConnectError | httpx.ProxyError):
                self._silence(host)
            said = str(error) or type(error).__name__
            raise Temporary(f"{host.name}: the connection broke off ({said})") from error
        host.silent = 0
        encoding = found.get("content-encoding", "identity").lower().strip()
        if encoding not in ("identity", "gzip", "x-gzip", ""):
            raise PullError(f"{host.name}: content-encoding {encoding}, which was not asked for")
        return Reply(str(url), status, found, unpack(bytes(wire), at.body, host.name))

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
