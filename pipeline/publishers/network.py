"""What the environment says of the network: its proxy, who is asked directly, whose certificates are
trusted."""

from __future__ import annotations

import ipaddress
import os
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import getproxies, proxy_bypass

import httpx

from pipeline.publishers.addresses import authority, host_of, is_loopback
from pipeline.publishers.errors import PullError
from pipeline.redact import shown

# The first that is set counts. SSL_CERT_DIR names a folder.
CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
UNTRUSTED = (
    "its certificate is not trusted; behind a proxy that opens TLS, name the file with that proxy's "
    "certificates in SSL_CERT_FILE"
)


@dataclass(frozen=True)
class Proxy:
    """An http proxy. `auth`: user and password, never shown."""

    url: str
    auth: tuple[str, str] | None = field(default=None, repr=False)

    @property
    def authority(self) -> str:
        """`host:port`, with the port of http where none is given."""
        name = authority(self.url)
        return name if name.rpartition("]")[2].count(":") else f"{name}:80"

    def __str__(self) -> str:
        return f"the proxy {self.authority} (HTTPS_PROXY)"


def proxy_for(name: str) -> Proxy | None:
    """The environment's proxy for `host[:port]`; None if that is asked directly. PullError: one that
    cannot be used."""
    if is_loopback(name) or _is_asked_directly(host_of(name)):
        return None
    found = getproxies()
    said = found.get("https") or found.get("all") or ""
    if not said:
        return None
    address = said if "://" in said else f"http://{said}"
    try:
        url = httpx.URL(address)
    except (httpx.InvalidURL, ValueError) as error:
        raise PullError(
            f"HTTPS_PROXY={shown(address)} is no address of a proxy: http://host:port is expected; "
            "in a user name or password write @ : / ? # as %40 %3A %2F %3F %23"
        ) from error
    if url.scheme != "http" or not url.host:
        # TLS within TLS has no time limit that holds, and SOCKS takes another library.
        raise PullError(
            f"HTTPS_PROXY={shown(address)}: a proxy is spoken to by http only (http://host:port)"
        )
    auth = (url.username, url.password) if url.username else None
    return Proxy(f"http://{url.netloc.decode()}", auth)


def _is_asked_directly(host: str) -> bool:
    """Whether NO_PROXY names a host: by name, suffix, address, or network (10.0.0.0/8, fd07::/64)."""
    if proxy_bypass(host):
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    for word in getproxies().get("no", "").split(","):
        try:
            if address in ipaddress.ip_network(word.strip().strip("[]"), strict=False):
                return True
        except ValueError:  # a name
            continue
    return False


def tls_context() -> ssl.SSLContext:
    """How certificates are checked: by those that the environment names, else by those that come
    with certifi. PullError if they cannot be read."""
    name = next((n for n in CERTIFICATES if os.environ.get(n)), "")
    if not name:
        return httpx.create_ssl_context(trust_env=False)
    path = Path(os.environ[name])
    try:
        if path.is_dir():
            return ssl.create_default_context(capath=path)
        return ssl.create_default_context(cafile=path)
    except OSError as error:  # an SSLError is one
        why = "no certificates (PEM) are in it" if path.exists() else "it is not there"
        raise PullError(f"{name}={path} cannot be used: {why}") from error
