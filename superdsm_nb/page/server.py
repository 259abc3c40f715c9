"""Serves the page to this machine until the user has finished."""

from __future__ import annotations

import socket
import threading
import webbrowser
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import FrameType

import uvicorn

from ..config import Config
from ..errors import ConfigError
from ..io import LoadedImage
from . import opening
from .app import App
from .desk import Desk
from .guard import Guard

LOCAL = "127.0.0.1"


def serve(
    image: LoadedImage,
    config: Config,
    *,
    port: int = 0,
    opened: Callable[[str], None],
    is_browser_wanted: bool = True,
) -> bool:
    """Show an image and its segmentation on a page in the browser, until it is closed there or interrupted.

    Parameters
    ----------
    image : LoadedImage
        An image of a file.
    config : Config
        Hyperparameters to begin with.
    port : int
        Port on 127.0.0.1; 0 for any that is free.
    opened : callable
        Takes the address when the page can be opened.
    is_browser_wanted : bool
        Whether to open it in the browser.

    Returns
    -------
    bool
        Whether all work has ended; kernels that are being compiled go on.

    Raises
    ------
    ConfigError
        If the port is in use, or no browser can show an image of this size.
    """
    opening.check_size(image)
    try:
        listening = socket.create_server((LOCAL, port))
    except (OSError, OverflowError) as error:
        raise ConfigError(f"Port {port} cannot be used: choose another one with --port.") from error
    with listening:
        number = listening.getsockname()[1]
        desk = Desk(image, config)

        def started(guard: Guard) -> None:
            opened(f"http://{LOCAL}:{number}/{guard.token}/")
            desk.start()
            if is_browser_wanted:
                address = f"http://{LOCAL}:{number}/{guard.key}"
                threading.Thread(target=webbrowser.open, args=[address], daemon=True).start()

        server = _Server(desk, [f"{LOCAL}:{number}", f"localhost:{number}"], started)
        with suppress(KeyboardInterrupt):  # the usual end
            server.run([listening])
        return desk.close()


class _Server(uvicorn.Server):
    """Says when it has started, and lets open connections end when it is asked to end."""

    def __init__(self, desk: Desk, hosts: Sequence[str], started: Callable[[Guard], None]) -> None:
        self._guard = Guard(App(desk, self.end).starlette, hosts)
        super().__init__(
            uvicorn.Config(
                self._guard,
                log_config=None,
                log_level="critical",
                access_log=False,
                lifespan="off",
                ws="none",
                http="h11",
                loop="asyncio",
                server_header=False,
                timeout_graceful_shutdown=2,
            )
        )
        self._desk = desk
        self._tell_started = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen."""
        await super().startup(sockets)
        self._tell_started(self._guard)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """End at a signal."""
        super().handle_exit(sig, frame)
        self._desk.dismiss()

    def end(self) -> None:
        """End as soon as the answers that are under way are given."""
        self.should_exit = True
        self._desk.dismiss()
