"""``superdsm-nb tune``: how it begins and how it ends."""

from __future__ import annotations

import json
import signal
import socket
import sys
import urllib.error
import urllib.request

import pytest

from superdsm_nb import imsave
from superdsm_nb.synthetic import generate

from support.command_line import in_a_process
from support.pages import serving

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals differ")


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    path = tmp_path_factory.mktemp("images") / "cells.tif"
    imsave(path, generate(seed=3, shape=(128, 150), nuclei=8, radius=12).image)
    return path


def test_the_address_answers_and_no_other_does(image):
    with serving(image) as (_, address):
        with urllib.request.urlopen(f"{address}start") as answer:
            assert json.load(answer)["name"] == "cells.tif"
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(f"{address[: address.rindex('/', 0, -1)]}/wrong/start")
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(urllib.request.Request(address, headers={"Host": "evil.example"}))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_while_a_page_listens(image, number):
    with serving(image) as (process, address), urllib.request.urlopen(f"{address}events") as listening:
        assert listening.readline().startswith(b"data: ")
        process.send_signal(number)
        _, err = process.communicate(timeout=60)

        assert "Traceback" not in err
        assert process.returncode in ((0, 130) if number == signal.SIGINT else (-number,))


def test_done_ends_it(image):
    with serving(image) as (process, address):
        request = urllib.request.Request(f"{address}done", b"{}", {"Content-Type": "application/json"})
        assert urllib.request.urlopen(request).status == 204
        _, err = process.communicate(timeout=60)

        assert (process.returncode in (0, 130), "Traceback" in err) == (True, False)


def test_settings_of_the_command_line_are_those_of_the_page(image):
    settings = ("--diameter", "25", "--set", "postprocess/min_area=0.3", "--port", "0")
    with serving(image, *settings) as (_, address), urllib.request.urlopen(f"{address}result") as answer:
        told = json.load(answer)

    assert told["values"]["postprocess/min_area"] == 0.3
    assert "--diameter 25.0 --set postprocess/min_area=0.3" in told["command"]


def test_a_port_in_use_is_said(image):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = in_a_process("tune", image, "--no-browser", "--port", taken.getsockname()[1])

    assert done.returncode == 2
    assert done.stderr.endswith("cannot be used: choose another one with --port.\n")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["missing.tif"], "missing.tif"),
        (["{image}", "--plane", "all"], "one plane"),
        (["{image}", "--set", "postprocess/min_area=-1"], "postprocess/min_area"),
        (["{image}", "--diameter", "12um"], "pixel size"),
    ],
)
def test_what_cannot_be_shown_is_said_before_a_page_opens(image, arguments, words):
    done = in_a_process("tune", "--no-browser", *(each.format(image=image) for each in arguments))

    assert done.returncode in (1, 2)
    assert done.stdout == ""
    assert done.stderr.startswith("Error: ")
    assert words in done.stderr


def test_missing_packages_are_named(image):
    code = "import sys; sys.modules['uvicorn'] = None\nfrom superdsm_nb.cli import main; main()"
    done = in_a_process("tune", image, code=code)

    assert done.returncode == 2
    assert done.stderr == (
        "Error: The page needs more packages: install them with  pip install 'superdsm_nb[tune]'.\n"
    )
