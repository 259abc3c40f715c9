"""Requests to an application, without a network."""

from __future__ import annotations

import asyncio
from typing import NamedTuple


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


def ask(app, path, method="GET", headers=None, body=b""):
    """Ask an application; the whole answer."""
    return asyncio.run(_ask(app, path, method, headers or {}, body))


async def _ask(app, path, method, headers, body):
    sent, messages = [{"type": "http.request", "body": body, "more_body": False}], []

    async def receive():
        return sent.pop(0) if sent else {"type": "http.disconnect"}

    async def send(message):
        messages.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
    }
    await app(scope, receive, send)
    start = messages[0]
    found = {name.decode(): value.decode() for name, value in start["headers"]}
    return Answer(start["status"], found, b"".join(each.get("body", b"") for each in messages[1:]))
