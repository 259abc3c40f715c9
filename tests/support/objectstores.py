"""An object store and a web server on this computer."""

from __future__ import annotations

import contextlib
import functools
import http.server
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

KEYS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@contextlib.contextmanager
def object_store():
    """Start moto, and yield its address."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(1000):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            assert process.poll() is None
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


class Handler(http.server.SimpleHTTPRequestHandler):
    """Files of a folder; remembers what was asked for, and answers otherwise where it is told to."""

    def do_GET(self):
        self.server.asked.append(self.path)
        answer = next((each for end, each in self.server.answers.items() if self.path.endswith(end)), None)
        if answer is None:
            super().do_GET()
        elif callable(answer):
            answer(self)
        else:
            self.send_error(answer)

    def log_message(self, *arguments):
        pass


@contextlib.contextmanager
def web_server(folder: Path):
    """Serve a folder; yield the server, with its `address`, what was `asked`, and other `answers`."""
    handler = functools.partial(Handler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.asked, server.answers = [], {}
    server.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def endless(handler):
    """Answer with bytes that do not end."""
    handler.send_response(200)
    handler.end_headers()
    with contextlib.suppress(OSError):
        for _ in range(10_000):
            handler.wfile.write(bytes(2**20))
            handler.server.sent = getattr(handler.server, "sent", 0) + 2**20
