"""The report of a task in a browser: filters, order, enlarged images, narrow screens."""

from __future__ import annotations

import io
import json
import shutil

import numpy as np
import pytest
from PIL import Image

from superdsm_nb.batch.report import report_html
from superdsm_nb.events import Warned
from superdsm_nb.io import imsave

from support.browsers import chromium
from support.reports import header_of, plan_of

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("profile")) as started:
        yield started


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """A report of four images: a large one, a failed one, one with a warning and without overlay, a small."""
    folder = tmp_path_factory.mktemp("task")
    for name, side in (("cells 2", 600), ("cells 10", 40)):
        picture = np.zeros((side, side, 3), np.uint8)
        picture[side // 4 : side // 2] = (255, 30, 30)
        imsave(folder / "overlay" / f"{name}.png", picture)
    written = {"overlay": ""}
    headers = {
        "cells 10": header_of(5, written=written),
        "broken" + "_and_named_at_length" * 8: None,
        "dark": header_of(1, {"dsm": [Warned("it is dark")]}),
        "cells 2": header_of(9, written=written),
    }
    plan, known = plan_of(folder, headers)
    for (job, _), seconds in zip(known, (3.0, 1.0, 20.0), strict=True):
        job.stored.parent.mkdir(exist_ok=True)
        job.timings.write_text(json.dumps({"dsm": seconds}), encoding="utf-8")
    failures = {next(name for name in headers if name.startswith("broken")): "x" * 300}
    path = folder / "report.html"
    path.write_text(report_html(plan, known, failures), encoding="utf-8")
    return path


@pytest.fixture
def page(browser, path):
    size(browser, 1280)
    browser.get(path.as_uri())
    yield browser
    assert browser.get_log("browser") == []  # no errors, and nothing that the policy had to stop


def size(browser, width):
    metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def find(browser, selector):
    return browser.find_element("css selector", selector)


def shown(browser):
    rows = browser.find_elements("css selector", "#images tbody tr")
    return [row.find_element("css selector", ".id").text[:8] for row in rows if row.is_displayed()]


def wait(browser, condition):
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(browser, 10).until(condition)


def test_images_are_filtered(page):
    find(page, "[name=text]").send_keys("CELLS")
    assert shown(page) == ["cells 10", "cells 2"]
    assert find(page, "#shown").text == "2 of 4 images"

    find(page, "[name=least]").send_keys("6")
    assert shown(page) == ["cells 2"]
    find(page, "[name=most]").send_keys("8")
    assert shown(page) == []
    assert find(page, "#none").is_displayed()

    find(page, "[type=reset]").click()
    wait(page, lambda page: find(page, "#shown").text == "4 of 4 images")
    find(page, "[name=problems]").click()
    assert shown(page) == ["broken_a", "dark"]


@pytest.mark.parametrize(
    ("column", "order"),
    [
        ("Image", ["broken_a", "cells 2", "cells 10", "dark"]),
        ("Objects", ["dark", "cells 10", "cells 2", "broken_a"]),
        ("Seconds", ["dark", "cells 10", "cells 2", "broken_a"]),
    ],
)
def test_images_are_sorted_and_what_is_not_known_comes_last(page, column, order):
    heading = page.find_element("xpath", f"//th[button='{column}']")
    button = heading.find_element("css selector", "button")
    before = shown(page)

    button.send_keys("\ue007")  # the enter key
    assert (heading.get_attribute("aria-sort"), shown(page)) == ("ascending", order)

    button.click()
    known = order[::-1] if column == "Image" else [*order[:-1][::-1], order[-1]]
    assert (heading.get_attribute("aria-sort"), shown(page)) == ("descending", known)

    button.click()
    assert (heading.get_attribute("aria-sort"), shown(page)) == ("none", before)


def test_a_picture_is_enlarged_with_the_keyboard_and_closed_by_escape(page):
    zoom = page.find_elements("css selector", "a.zoom")[1]

    zoom.send_keys("\ue007")

    dialog = find(page, "dialog")
    wait(
        page,
        lambda page: page.execute_script("return document.querySelector('dialog img').naturalWidth") == 600,
    )
    assert dialog.is_displayed()
    assert find(page, "#caption").text == "cells 2, objects: 9"
    page.switch_to.active_element.send_keys("\ue00c")  # the escape key
    wait(page, lambda _: not dialog.is_displayed())
    assert page.switch_to.active_element == zoom


def test_the_embedded_picture_is_enlarged_if_the_overlay_is_gone(page, path, tmp_path):
    alone = tmp_path / "report.html"
    shutil.copy(path, alone)
    page.get(alone.as_uri())

    page.find_elements("css selector", ".zoom")[1].click()

    picture = find(page, "dialog img")
    assert picture.get_attribute("src").startswith("data:")
    assert picture.size["height"] > 400
    find(page, "dialog [data-step='-1']").click()
    assert find(page, "#caption").text == "cells 10, objects: 5"
    find(page, "dialog [data-step='0']").click()
    assert not find(page, "dialog").is_displayed()
    missing = page.get_log("browser")  # the file that was tried
    assert all("ERR_FILE_NOT_FOUND" in entry["message"] for entry in missing)


@pytest.mark.parametrize("width", [320, 360, 600, 801, 1001, 1100, 1201, 1280])
def test_no_width_needs_scrolling_to_the_side(page, width):
    size(page, width)
    page.execute_script("document.querySelectorAll('details').forEach(function (d) { d.open = true; })")

    assert page.execute_script("return document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_drawn_in_either_scheme(page, scheme):
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    picture = np.asarray(Image.open(io.BytesIO(page.get_screenshot_as_png())).convert("L"))

    assert len(np.unique(picture)) > 50
    assert (np.median(picture) > 128) == (scheme == "light")


def test_without_scripts_everything_is_there(page, path):
    page.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        page.get(path.as_uri())
        assert len(shown(page)) == 4
        assert not find(page, "#filters").is_displayed()
        find(page, "#seconds summary").click()
        assert find(page, "#seconds [data-row='3'] td:last-child").text == "20.00"
    finally:
        page.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
