"""Who may talk to the page: only the page itself, by an address that nobody else knows."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from urllib.parse import quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Guard:
    """Passes on requests of the page itself, and refuses all others.

    A request must name this machine as its host, so that no other name can be made to lead here; it must not
    come from another page; and its path must begin with a secret.

    Parameters
    ----------
    app : callable
        Answers the requests that pass, whose paths are then without the secret.
    hosts : iterable of str
        What the requests may name as their host: "127.0.0.1:8000".

    Attributes
    ----------
    token : str
        The secret: the first part of each path.
    key : str
        Leads to the page once, then never again: other users of the machine may see the address with which
        a browser is started.
    """

    def __init__(self, app: ASGIApp, hosts: Iterable[str]) -> None:
        self._app = app
        self._hosts = frozenset(hosts)
        self.token, self.key = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        self._is_key_used = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            raise RuntimeError(f"The page has no {scope['type']}.")
        answer, path = self._judge(scope["method"], scope["path"], Headers(scope=scope))

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        if answer is not None:
            await answer(scope, receive, send_with_headers)
        else:
            inner = {**scope, "path": path, "raw_path": quote(path).encode()}
            await self._app(inner, receive, send_with_headers)

    def _judge(self, method: str, path: str, headers: Headers) -> tuple[ASGIApp | None, str]:
        """Return the answer, or None and the path without the secret."""
        host, origin = headers.get("host", ""), headers.get("origin")
        if host not in self._hosts:
            return _refused("the host is not this machine"), ""
        is_foreign = origin is not None and origin != f"http://{host}"
        if is_foreign or headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
            return _refused("it comes from another page"), ""
        if method == "POST" and headers.get("content-type") != "application/json":
            return _refused("it is not JSON"), ""  # which other pages cannot send without asking first
        _, token, *rest = path.split("/", 2)
        if _is_equal(token, self.key) and not self._is_key_used:
            self._is_key_used = True
            return RedirectResponse(f"/{self.token}/", 303), ""
        if not _is_equal(token, self.token):
            return _refused("the address is not the one that was printed"), ""
        if not rest:
            return RedirectResponse(f"/{self.token}/", 308), ""
        return None, f"/{rest[0]}"


def _is_equal(given: str, secret: str) -> bool:
    """Compare in a time that does not depend on what is given."""
    return secrets.compare_digest(given.encode(), secret.encode())


def _refused(reason: str) -> ASGIApp:
    return PlainTextResponse(f"Refused: {reason}.\n", 403)
