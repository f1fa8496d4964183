"""The area that is monitored, in Eurostat's codes. Others that it is compared with: registry/peers.yaml."""

from __future__ import annotations

from typing import Final

HOME: Final = "NL"
