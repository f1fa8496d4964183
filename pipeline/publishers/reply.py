"""An answer: unpacking its body, and refusing what is never data (pages, faults, error messages).

How an answer is fetched belongs in http.py; whether the figures are those that were asked for, in
vintages/.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from xml.etree.ElementTree import ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from pipeline.formats.bodies import OPEN_LINE, ends_line
from pipeline.publishers.errors import PullError, Temporary, TooBig

_LAYERS = 2


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


def unpack(wire: bytes, most: int, who: str) -> bytes:
    """The body without gzip, recognised by its first bytes and not by headers.

    PullError (with `who` in front): truncated (Temporary), damaged, packed more than twice, or
    more than `most` bytes unpacked.
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
                raise Temporary(f"{who}: the gzip answer is truncated")
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
    try:
        return fromstring(body.lstrip(b"\xef\xbb\xbf \t\r\n"))
    except (ParseError, DefusedXmlException, ValueError):
        return None


def must_be_data(reply: Reply, form: str) -> Reply:
    """`reply` if its body can be `csv`, `json` or `xml`; PullError for what is never data.

    HTTP 200 is not success: pages, faults, errors and warnings come with it too. TooBig where
    the publisher says that of the selection.
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
    if form == "csv" and not ends_line(reply.body):
        # Where an answer's length is not stated, this is all that shows that it was cut.
        raise PullError(f"{who}: {OPEN_LINE}")
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
