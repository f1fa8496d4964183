"""What addresses a publisher may be asked at, and answer from."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import SplitResult, urlsplit

from pipeline.publishers.errors import PullError
from pipeline.redact import shown

LOOPBACK = ("127.0.0.1", "::1", "localhost")
_PORTS = {"https": 443, "http": 80}


def authority(url: str) -> str:
    """`host[:port]` of an address, without the port that goes without saying."""
    parts = urlsplit(url)
    host = (parts.hostname or "").lower()
    host = f"[{host}]" if ":" in host else host
    return host if parts.port in (None, _PORTS.get(parts.scheme)) else f"{host}:{parts.port}"


def allowed_hosts(base: str, more: Sequence[str] = ()) -> frozenset[str]:
    """The hosts that a publisher at `base` may answer from."""
    return frozenset({authority(base), *(h.lower() for h in more)})


def is_loopback(name: str) -> bool:
    """Whether `host[:port]` is this machine."""
    return host_of(name) in LOOPBACK


def host_of(name: str) -> str:
    """The host of `host[:port]`, an IPv6 address without its brackets."""
    return urlsplit(f"//{name}").hostname or ""


def check_base(url: str, name: str) -> str:
    """A base address from the environment variable `name`, without a slash at its end. PullError in
    one line, which shows no secret."""
    try:
        wrong = _wrong_with(urlsplit(url))
    except ValueError:  # a port that is none, brackets that do not close
        wrong = "this is no address"
    if wrong:
        raise PullError(f"{name}={shown(url)}: {wrong}")
    return url.rstrip("/")


def _wrong_with(parts: SplitResult) -> str:
    if "@" in parts.netloc:
        return "an address with a user name or password is not used; give it without"
    loopback = (parts.hostname or "") in LOOPBACK
    secure = parts.scheme == "https" or (parts.scheme == "http" and loopback)
    # Whether its port is a number is found out by reading it.
    if not parts.hostname or not secure or parts.query or parts.fragment or parts.port == 0:
        return "an https address is expected (http on 127.0.0.1 only), without a query"
    return ""
