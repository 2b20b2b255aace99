"""What the page can see and do, apart from how it is served."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dashboard import telling
from dashboard.asking import Asker, StopLine, asked
from dashboard.audit_tail import AuditTail
from dashboard.browsers import Browser, Browsers
from dashboard.observed import Observed
from dashboard.refusals import Refusals
from dashboard.spoken import ALWAYS, Ask, Hello, Ping, Spoken, Stop, Take
from dashboard.tokens import Role, Tokens
from messaging.messages import Reply

log = logging.getLogger(__name__)

_NO_ANSWER = {
    "safety": "the safety process does not answer",
    "station": "the launch does not answer",
    "teleop": "the device does not answer: is there one? `--teleop NAME`",
    "recorder": "the recorder does not answer: is there one? `--record DIR`",
}


@dataclass(frozen=True, slots=True)
class About:
    """What never changes of a station."""

    robot: str
    title: str
    arms: Sequence[str]
    joints: Sequence[str]
    cameras: Sequence[str]
    device: str  # by which a person takes over, empty where nobody can
    records: bool


class Desk:
    """Serves all browsers of a station; must be made in a running event loop."""

    def __init__(
        self,
        about: About,
        observed: Observed,
        audit: AuditTail,
        askers: Mapping[str, Asker],
        tokens: Tokens,
    ) -> None:
        self.about = about
        self.observed = observed
        self.audit = audit
        self.browsers = Browsers()
        self.tokens = tokens
        self.refusals = Refusals()
        self.stops = 0
        self._askers = askers
        self.stop_line = StopLine(askers["safety"])

    async def stop(self, who: str) -> dict[str, Any]:
        """Stop the robot; returns what to tell who pressed."""
        self.stops += 1
        began_ns = time.monotonic_ns()
        reply = await self.stop_line.press(who)
        return _answered(reply, "safety", began_ns)

    async def hear(self, browser: Browser, spoken: Spoken) -> None:
        """Do what a browser asks for, as far as it may."""
        browser.heard_ns = time.monotonic_ns()
        match spoken:
            case Stop(n=n):
                browser.answer("answer", {"n": n, **await self.stop(browser.who)})
            case Ping(n=n):
                browser.answer("pong", n)
            case Hello(token=token):
                self._greet(browser, token)
            case Take():
                self.browsers.take(browser)
                log.info("%s takes control", browser.who)
            case Ask():
                browser.answer("answer", {"n": spoken.n, **await self._ask(browser, spoken)})

    def tell_state(self, now_ns: int) -> None:
        """Send the state of the moment to everybody."""
        if len(self.browsers):
            self.browsers.tell("state", telling.state(self.observed, now_ns))

    def tell_motors(self, now_ns: int) -> None:
        """Send what every motor reports to everybody."""
        self.browsers.tell("motors", telling.motors(self.observed.motors, now_ns))

    def tell_audit(self) -> None:
        """Send the audit's last lines to everybody, if there are new ones."""
        if self.audit.read():
            self.browsers.tell("audit", self.audit.lines)

    def _greet(self, browser: Browser, token: str) -> None:
        browser.role = max(browser.role, self.tokens.role(token))
        if browser.role is Role.NOBODY:
            return
        about = self.about
        browser.answer(
            "about",
            {
                "robot": about.robot,
                "title": about.title,
                "arms": list(about.arms),
                "joints": list(about.joints),
                "cameras": list(about.cameras),
                "device": about.device,
                "records": about.records,
                "token": "" if not token else "good" if self.tokens.role(token) else "wrong",
            },
        )
        self.tell_audit()
        browser.tell("audit", telling.as_text("audit", self.audit.lines))
        self.browsers.greet(browser)

    async def _ask(self, browser: Browser, ask: Ask) -> dict[str, Any]:
        if why := self._forbidden(browser, ask):
            return {"accepted": False, "said": why, "event": "", "ms": 0.0}
        request = asked(ask.what, browser.who, event=ask.event, value=ask.value, reason=ask.reason)
        reply = await self._askers[ask.service].ask(request)
        return _answered(reply, ask.service, request.t_ns)

    def _forbidden(self, browser: Browser, ask: Ask) -> str:
        if browser.role is not Role.OPERATOR:
            return "only an operator may do that: open the page with the operator's token"
        if self.browsers.in_control is not browser and ask.what not in ALWAYS:
            return "another browser has control: take it over first"
        return ""


def _answered(reply: Reply | None, service: str, began_ns: int) -> dict[str, Any]:
    took_ms = round((time.monotonic_ns() - began_ns) * 1e-6, 1)
    if reply is None:
        return {"accepted": False, "said": _NO_ANSWER[service], "event": "", "ms": took_ms}
    return {
        "accepted": reply.accepted,
        "said": reply.said,
        "event": reply.event,
        "ms": took_ms,
    }
