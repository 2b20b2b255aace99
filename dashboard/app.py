"""The page's addresses: files, the stop by form, the audit file, and the two sockets."""

from __future__ import annotations

import time
from importlib.resources import files
from pathlib import Path
from urllib.parse import parse_qs

from fastapi import FastAPI, HTTPException, Request, Response, WebSocket
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse, RedirectResponse

from dashboard import plain
from dashboard.browsers import Browser
from dashboard.conversing import FULL, converse, send_away
from dashboard.desk import Desk
from dashboard.gate import Gate
from dashboard.pictures import Pictures
from dashboard.spoken import Hello, Spoken
from dashboard.tokens import Role, is_loopback

_LONGEST_FORM = 4096  # bytes
_COOKIE = "evenhand_viewer"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


def application(desk: Desk, pictures: Pictures, audit: Path) -> FastAPI:
    """Return everything that is served."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.add_middleware(Gate, refusals=desk.refusals)
    _serve_files(app)
    _serve_stop(app, desk)
    _serve_audit(app, desk, audit)
    _serve_sockets(app, desk, pictures)
    return app


def _serve_files(app: FastAPI) -> None:
    page = {
        entry.name: (entry.read_bytes(), _TYPES[Path(entry.name).suffix])
        for entry in files("dashboard.page").iterdir()
        if Path(entry.name).suffix in _TYPES
    }

    @app.get("/")
    async def index() -> Response:
        content, media_type = page["index.html"]
        return Response(content, media_type=media_type)

    @app.get("/page/{name}")
    async def file(name: str) -> Response:
        if name not in page:
            raise HTTPException(404)
        content, media_type = page[name]
        return Response(content, media_type=media_type)


def _serve_stop(app: FastAPI, desk: Desk) -> None:
    @app.post("/stop")
    async def stop(request: Request) -> Response:
        form = await _form(request)
        # Without scripts, the cookie of the stop before is all that a browser has of its token.
        token = _bearer(request) or form.get("token", "") or request.cookies.get(_COOKIE, "")
        role = _role(desk, request, token)
        if role is Role.NOBODY:
            return HTMLResponse(plain.locked(desk.about.robot), 401)
        answer = await desk.stop(f"dashboard {_address(request)} {role.name.lower()}")
        if "application/json" in request.headers.get("accept", ""):
            return JSONResponse(answer)
        response = RedirectResponse("/plain", 303)
        # The form's page has no script that could keep a token.
        response.set_cookie(_COOKIE, desk.tokens.viewer, httponly=True, samesite="strict")
        return response

    @app.get("/plain")
    async def state(request: Request) -> Response:
        if _role(desk, request, request.cookies.get(_COOKIE, "")) is Role.NOBODY:
            return HTMLResponse(plain.locked(desk.about.robot), 401)
        now_ns = time.monotonic_ns()
        since_press_ms = (now_ns - desk.stop_line.pressed_ns) * 1e-6
        return HTMLResponse(plain.page(desk.about.robot, desk.observed, since_press_ms, now_ns))


def _serve_audit(app: FastAPI, desk: Desk, audit: Path) -> None:
    @app.get("/audit")
    async def download(request: Request) -> Response:
        if _role(desk, request, _bearer(request)) is Role.NOBODY:
            raise HTTPException(401)
        if not audit.exists():
            raise HTTPException(404, "nothing was written yet")
        return FileResponse(audit, media_type="application/jsonl", filename=audit.name)


def _serve_sockets(app: FastAPI, desk: Desk, pictures: Pictures) -> None:
    @app.websocket("/state")
    async def state(socket: WebSocket) -> None:
        browser = await _welcomed(socket)
        if not desk.browsers.join(browser):
            await send_away(socket, FULL, "too many browsers")
            return
        try:
            await converse(socket, browser, desk.hear, desk.refusals)
        finally:
            desk.browsers.leave(browser)

    @app.websocket("/cameras")
    async def cameras(socket: WebSocket) -> None:
        browser = await _welcomed(socket)

        async def hear(browser: Browser, spoken: Spoken) -> None:
            if isinstance(spoken, Hello):
                browser.role = max(browser.role, desk.tokens.role(spoken.token))
                if browser.role is not Role.NOBODY:
                    pictures.join(browser)

        try:
            await converse(socket, browser, hear, desk.refusals)
        finally:
            pictures.leave(browser)


async def _welcomed(socket: WebSocket) -> Browser:
    await socket.accept()
    address = socket.client.host if socket.client else ""
    role = Role.VIEWER if _is_here(socket) else Role.NOBODY
    return Browser(socket, address, role)


async def _form(request: Request) -> dict[str, str]:
    data = b""
    async for part in request.stream():
        data += part
        if len(data) > _LONGEST_FORM:
            raise HTTPException(413)
    fields = parse_qs(data.decode("latin-1"), max_num_fields=8)
    return {name: values[0] for name, values in fields.items()}


def _role(desk: Desk, request: Request, token: str) -> Role:
    return max(desk.tokens.role(token), Role.VIEWER if _is_here(request) else Role.NOBODY)


def _is_here(asker: Request | WebSocket) -> bool:
    # Behind a proxy on this machine, the whole world seems to be on this machine.
    forwarded = {"forwarded", "x-forwarded-for", "x-real-ip", "via"} & set(asker.headers)
    return not forwarded and asker.client is not None and is_loopback(asker.client.host)


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def _bearer(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token if scheme.lower() == "bearer" else ""
