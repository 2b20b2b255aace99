"""What a browser may say on its socket; anything else is refused."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from runtime.config import StrictModel

LONGEST = 2048  # bytes of a message
# Who is asked for what; safety for all that is not named here.
_ASKED_OF = {
    "station": ("home", "end", "success", "fail", "next"),
    "teleop": ("takeover", "hand_back", "toggle", "rewind"),
    "recorder": ("discard", "undo", "note", "subtask"),
}
SERVICES = ("safety", *_ASKED_OF)
# What any operator may ask; the rest is for the one who has control.
ALWAYS = frozenset({"pause", "rest", "cut"})


class Hello(StrictModel):
    """Who it is, by its token."""

    do: Literal["hello"]
    token: str = Field(default="", max_length=256)


class Ping(StrictModel):
    """Whether the link lives."""

    do: Literal["ping"]
    n: int = 0


class Stop(StrictModel):
    """The button was pressed."""

    do: Literal["stop"]
    n: int = 0


class Take(StrictModel):
    """This operator takes control over."""

    do: Literal["take"]


class Ask(StrictModel):
    """A question to safety or to the station."""

    do: Literal["ask"]
    n: int = 0
    what: Literal[
        "reset", "arm", "run", "pause", "speed", "rest", "off", "cut",
        "home", "end", "success", "fail", "next",
        "takeover", "hand_back", "toggle", "rewind", "discard", "undo", "note", "subtask",
    ]  # fmt: skip
    event: str = Field(default="", max_length=16)
    value: float = Field(default=0.0, allow_inf_nan=False)
    reason: str = Field(default="", max_length=200)

    @property
    def service(self) -> str:
        """Who answers it."""
        return next((name for name, kinds in _ASKED_OF.items() if self.what in kinds), "safety")


Spoken = Hello | Ping | Stop | Take | Ask

_ANY: TypeAdapter[Spoken] = TypeAdapter(Annotated[Spoken, Field(discriminator="do")])


def understood(text: str) -> Spoken:
    """Return what `text` says; raises ValueError if it is nothing that a page says."""
    return _ANY.validate_json(text)
