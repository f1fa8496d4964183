"""Addresses: which are taken, and that no secret in one is ever shown."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from pipeline.paths import Paths
from pipeline.publishers.addresses import authority, check_base, is_loopback
from pipeline.publishers.errors import PullError, Temporary
from pipeline.publishers.http import Limits, Transport
from pipeline.redact import redacted, shown
from pipeline.registry import load
from pipeline.vintages.pull import Puller

SECRETS = ("g3he1m", "g3/he1m", "g3@he1m", "g3#he1m", "g3?he1m", "g3:he1m", "g3%40he1m", "g3]he1m")


def test_an_address_of_the_environment_is_https_or_loopback() -> None:
    assert check_base("https://x.org/api/", "N") == "https://x.org/api"
    assert check_base("http://127.0.0.1:80/x", "N") == "http://127.0.0.1:80/x"
    assert check_base("http://[::1]:80/x", "N") == "http://[::1]:80/x"
    for wrong in ("http://x.org", "x.org", "file:///etc/passwd", "https://x.org/?q=1", "",
                  "https://x.org:port/", "https://[::1/", "https://"):  # fmt: skip
        with pytest.raises(PullError, match=r"N=.*address") as raised:
            check_base(wrong, "N")
        assert "q=1" not in str(raised.value)


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("form", ["https://me:{}@x.org/api", "http://{}@x.org", "me:{}@x.org",
                                  "https://x.org/?token={}", "https://x.org/#{}"])  # fmt: skip
def test_no_refusal_of_an_address_shows_its_secret(form: str, secret: str) -> None:
    address = form.format(secret)
    with pytest.raises(PullError, match="MISSIEMONITOR_CBS_URL=") as raised:
        check_base(address, "MISSIEMONITOR_CBS_URL")
    assert "he1m" not in str(raised.value) and "g3" not in shown(address)


@pytest.mark.parametrize("secret", SECRETS)
def test_a_pull_keeps_the_secret_of_its_address_out_of_what_it_notes(
    tmp_path: Path, root: Path, secret: str
) -> None:
    registry = load(root / "pipeline" / "registry")
    puller = Puller(
        Paths(tmp_path),
        registry,
        date(2026, 11, 23),
        {"MISSIEMONITOR_EUROSTAT_URL": f"https://me:{secret}@x.org/api"},
        Transport(limits=Limits(attempts=1)),
    )
    result = puller.pull(registry.datasets[puller.names(["eurostat"])[0]])
    assert not result.good and "MISSIEMONITOR_EUROSTAT_URL=https://***" in result.reason
    kept = [f for f in tmp_path.rglob("*") if f.is_file()]
    assert kept and not any("he1m" in f.read_text("utf-8") for f in kept)


@pytest.mark.parametrize("secret", SECRETS)
def test_words_lose_the_secrets_of_addresses(secret: str) -> None:
    said = (
        f"cannot connect to https://me:{secret}@x.org:1/a, nor to http://{secret}@y.org; see mail@z"
    )
    if not {"?", "#"} & set(secret):
        assert redacted(said) == (
            "cannot connect to https://***@x.org:1/a, nor to http://***@y.org; see mail@z"
        )
    assert "he1m" not in redacted(f"https://x.org/?a={secret}@x")
    assert "he1m" not in str(PullError(said)) + str(Temporary(said))
    assert redacted("https://x.org/a (https://y.org)") == "https://x.org/a (https://y.org)"


def test_hosts() -> None:
    assert authority("https://X.org:443/a") == "x.org"
    assert authority("https://[FD07::1]:8443/a") == "[fd07::1]:8443"
    for name in ("[::1]", "[::1]:80", "127.0.0.1", "127.0.0.1:80", "localhost:80"):
        assert is_loopback(name), name
    assert not is_loopback("x.org") and not is_loopback("[fd07::1]")
