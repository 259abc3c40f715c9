"""The page of an image, asked without a network."""

from __future__ import annotations

import asyncio
import json
from contextlib import contextmanager

import numpy as np

from superdsm_nb.config import Config
from superdsm_nb.page.app import App
from superdsm_nb.page.desk import Desk

from support.asgi import ask


class DeskPage:
    """The page of a desk that has not begun, and what it is told."""

    def __init__(self, image):
        self.desk = Desk(image, Config({"preset": "automatic"}))
        self.ends = []
        self.app = App(self.desk, lambda: self.ends.append(True)).starlette

    @classmethod
    @contextmanager
    def settled_at(cls, image):
        """A page with its first result, until it is closed."""
        page = cls(image)
        page.desk.start()
        page.settled(0)
        try:
            yield page
        finally:
            page.desk.close()

    def get(self, path):
        return ask(self.app, path)

    def json(self, path):
        return json.loads(self.get(path).body)

    def post(self, path, content=None):
        return ask(self.app, path, "POST", {}, json.dumps(content or {}).encode())

    def settled(self, asked):
        """Wait until all is done that was asked for, at least so many changes; the state."""

        async def wait():
            async for state in self.desk.states():
                if state.asked >= asked and not state.is_busy:
                    return state
            return None

        return asyncio.run(asyncio.wait_for(wait(), 120))

    def labels(self):
        """The label map that the page gets."""
        lengths, values = np.frombuffer(self.get("/labels").body, "<u4").reshape(-1, 2).T
        return np.repeat(values, lengths).reshape(self.desk.image.pixels.shape)
