"""What the page asks for, and the answers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict
from importlib.resources import files
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from ..errors import SuperDSMError
from ..strictjson import loads
from . import opening
from .correcting import correction_of
from .desk import Desk
from .runs import packed

STATIC = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
MAX_BODY = 2**16  # bytes


class App:
    """Answers the requests of the page.

    Parameters
    ----------
    desk : Desk
        The image that is worked on.
    end : callable
        Ends the program.
    """

    def __init__(self, desk: Desk, end: Callable[[], None]) -> None:
        self._desk = desk
        self._end = end
        self.starlette = Starlette(
            routes=[
                Route("/", _static("page.html")),
                *(Route(f"/{name}", _static(name)) for name in _names()),
                Route("/start", self._start),
                Route("/image", self._image),
                Route("/events", self._events),
                Route("/labels", self._labels),
                Route("/discarded", self._discarded),
                Route("/result", self._result),
                Route("/save/{name}", self._save),
                Route("/change", self._change, methods=["POST"]),
                Route("/correct", self._correct, methods=["POST"]),
                Route("/task", self._task, methods=["POST"]),
                Route("/cancel", self._cancel, methods=["POST"]),
                Route("/done", self._done, methods=["POST"]),
            ],
            exception_handlers={SuperDSMError: _sorry},
        )

    def _start(self, _: Request) -> Response:
        return JSONResponse(opening.start(self._desk.image))

    def _image(self, _: Request) -> Response:
        return Response(opening.pixels(self._desk.image), media_type="application/octet-stream")

    async def _events(self, _: Request) -> Response:
        async def lines() -> AsyncIterator[str]:
            async for state in self._desk.states():
                yield f"data: {json.dumps(asdict(state))}\n\n"

        return StreamingResponse(lines(), media_type="text/event-stream")

    def _labels(self, _: Request) -> Response:
        version, found = self._desk.newest
        content = b"" if found is None else packed(found.labels)
        return Response(content, headers={"X-Version": str(version)}, media_type="application/octet-stream")

    def _discarded(self, _: Request) -> Response:
        from .outcome import discarded  # noqa: PLC0415 - imports Numba; the page is there before it

        version, found = self._desk.newest
        if found is None:
            return JSONResponse({"version": version, "runs": [], "objects": []})
        labels, objects = discarded(found)
        runs = memoryview(packed(labels)).cast("I").tolist()
        return JSONResponse({"version": version, "runs": runs, "objects": objects})

    def _result(self, _: Request) -> Response:
        from .outcome import result  # noqa: PLC0415 - likewise

        version, found = self._desk.newest
        return JSONResponse(result(version, found, self._desk.config, self._desk.image))

    def _save(self, request: Request) -> Response:
        from .saving import saved, task_file  # noqa: PLC0415 - likewise

        name = request.path_params["name"]
        if name == "task.json":
            content = task_file(self._desk.image, self._desk.config)
        else:
            _, found = self._desk.newest
            if found is None:
                raise HTTPException(409, "There is no result yet.")
            content = saved(found, name)
        return Response(content, headers={"Content-Disposition": "attachment"}, media_type=BINARY)

    async def _change(self, request: Request) -> Response:
        given = await _object(request)
        changes = opening.changes_of(given, self._desk.config, self._desk.preset)
        return JSONResponse({"asked": self._desk.change(changes)})

    async def _correct(self, request: Request) -> Response:
        given = await _object(request)
        asked = self._desk.correct(given.get("version", 0), correction_of(given))
        return JSONResponse({"asked": asked})

    def _task(self, _: Request) -> Response:
        from .saving import task_beside  # noqa: PLC0415 - likewise

        path = task_beside(self._desk.image, self._desk.config)
        return JSONResponse({"path": str(path)})

    def _cancel(self, _: Request) -> Response:
        self._desk.cancel()
        return Response(status_code=204)

    def _done(self, _: Request) -> Response:
        self._end()
        return Response(status_code=204)


BINARY = "application/octet-stream"


def _names() -> list[str]:
    folder = files(__package__) / "static"
    return [each.name for each in folder.iterdir() if each.is_file()]


def _static(name: str) -> Callable[[Request], Response]:
    def answer(_: Request) -> Response:
        content = (files(__package__) / "static" / name).read_bytes()
        return Response(content, media_type=STATIC[name[name.rindex(".") :]])

    return answer


async def _object(request: Request) -> dict[str, Any]:
    """The JSON object that a request sends."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MAX_BODY:
            raise HTTPException(413)
    try:
        value = loads(body)
    except ValueError as error:
        raise HTTPException(400, f"It is not JSON: {error}.") from error
    if not isinstance(value, dict):
        raise HTTPException(400, "It is no object.")
    return value


def _sorry(_: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, 409)
