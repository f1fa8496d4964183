"""Networks of ministries: a proxy, hosts that are asked directly, certificates of one's own."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import certifi
import pytest

from pipeline.publishers.errors import HostDown, PullError
from pipeline.publishers.http import Limits, Transport
from pipeline.publishers.network import CERTIFICATES, proxy_for, tls_context
from pipeline.registry.schema import RateLimit

PUBLISHER = "statistics.example.org"
NAMES = ("HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*NAMES, *CERTIFICATES):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def proxy() -> Iterator[list[bytes]]:
    """A proxy that refuses; what it was asked. Its port is the first word of the first entry."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        asked.append(str(server.getsockname()[1]).encode())

        def serve() -> None:
            while True:
                try:
                    line, _ = server.accept()
                except OSError:
                    return
                with line:
                    line.settimeout(5)
                    if said := line.recv(65536):
                        asked.append(said)
                        line.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")

        threading.Thread(target=serve, daemon=True).start()
        yield asked


def get() -> None:
    limits = Limits(attempts=1, connect=5)
    Transport(limits=limits).get(
        f"https://{PUBLISHER}/api", hosts=frozenset({PUBLISHER}), rate_limit=RateLimit()
    )


def test_a_proxy_that_is_down_is_named_and_not_the_publisher(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("HTTPS_PROXY", f"http://me:g3he1m@127.0.0.1:{port}")
    with pytest.raises(HostDown) as raised:
        get()
    assert str(raised.value).startswith(
        f"the proxy 127.0.0.1:{port} (HTTPS_PROXY) cannot be reached"
    )
    assert "g3he1m" not in str(raised.value)


def test_what_a_proxy_refuses_is_said_to_be_the_proxys(
    monkeypatch: pytest.MonkeyPatch, proxy: list[bytes]
) -> None:
    port = proxy[0].decode()
    monkeypatch.setenv("HTTPS_PROXY", f"me:g3he1m@127.0.0.1:{port}")
    monkeypatch.setenv("NO_PROXY", "localhost,::1,fd07::/64,[fd08::1],10.0.0.0/8")
    with pytest.raises(PullError, match=f"the proxy 127.0.0.1:{port} .* says 407"):
        get()
    assert proxy[-1].startswith(f"CONNECT {PUBLISHER}:443".encode())
    assert b"Proxy-Authorization: Basic" in proxy[-1]


@pytest.mark.parametrize(
    ("direct", "host", "asked_directly"),
    [
        ("::1", PUBLISHER, False),
        ("fd07::/64", PUBLISHER, False),
        ("fd07::/64", "[fd07::12]:8443", True),
        ("fd07::/64", "[fd08::12]", False),
        ("[fd08::12]", "[fd08::12]:443", True),
        ("10.0.0.0/8, example.com", "10.1.2.3:8080", True),
        ("10.0.0.0/8", "11.1.2.3", False),
        ("example.org", PUBLISHER, True),
        (".example.org", f"{PUBLISHER}:8443", True),
        ("*", PUBLISHER, True),
        ("", PUBLISHER, False),
        (",, /,:", PUBLISHER, False),
        ("", "[::1]:80", True),
    ],
)
def test_who_is_asked_directly(
    monkeypatch: pytest.MonkeyPatch, direct: str, host: str, asked_directly: bool
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.com:3128")
    monkeypatch.setenv("NO_PROXY", direct)
    assert (proxy_for(host) is None) == asked_directly


@pytest.mark.parametrize(
    "address", ["http://me:g3#he1m@proxy:1", "socks5://me:he1m@proxy:1", "http://me:he1m@proxy:x",
                "https://me:he1m@proxy", "http://"],
)  # fmt: skip
def test_a_proxy_that_cannot_be_used_is_one_line_without_its_secret(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", address)
    with pytest.raises(PullError, match=r"HTTPS_PROXY=.*http://host:port") as raised:
        proxy_for(PUBLISHER)
    assert "he1m" not in str(raised.value)


@pytest.mark.parametrize("name", CERTIFICATES)
def test_certificates_of_ones_own_are_heard(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    every = Path(certifi.where()).read_text("ascii")
    one = every[every.index("-----BEGIN") : every.index("-----END")] + "-----END CERTIFICATE-----\n"
    assert len(tls_context().get_ca_certs()) > 1
    file = tmp_path / "ours.pem"
    file.write_text(one)
    monkeypatch.setenv(name, str(file))
    assert len(tls_context().get_ca_certs()) == 1
    file.write_text("none")
    with pytest.raises(PullError, match=rf"{name}=.*ours.pem cannot be used: no certificates"):
        tls_context()
    file.unlink()
    with pytest.raises(PullError, match=rf"{name}=.*ours.pem cannot be used: it is not there"):
        tls_context()
