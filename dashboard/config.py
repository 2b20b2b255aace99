"""How the dashboard is configured."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path

from pydantic import Field, field_validator

from runtime.config import Port, StrictModel
from runtime.folders import config_home, expanded


class DashboardConfig(StrictModel):
    """Where the page is served, and to whom."""

    enabled: bool = True
    # Another address than loopback lets the network see the page; then everybody needs a token.
    host: str = "127.0.0.1"
    port: Port = 8360
    tokens: Path | None = Field(default=None, strict=False)  # ~/.config/evenhand/<robot> if None

    @field_validator("host")
    @classmethod
    def _is_address(cls, host: str) -> str:
        ip_address(host)  # says itself what is wrong
        return host

    def token_directory(self, robot: str) -> Path:
        """Return the directory of the token files of `robot`."""
        return expanded(self.tokens) if self.tokens else config_home() / "evenhand" / robot
