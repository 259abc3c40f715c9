"""The report of a task shows every image, needs nothing but itself, and works in a browser."""

from __future__ import annotations

import base64
import io
import json
import math
import os
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image
from trees import run_tree, write_tree

from superdsm_nb.batch.jobs import jobs_of
from superdsm_nb.batch.report import BUDGET, report_html
from superdsm_nb.batch.spec import Task, find_tasks
from superdsm_nb.batch.store import Header, read_header
from superdsm_nb.batch.survey import Plan, State, survey
from superdsm_nb.config import Config
from superdsm_nb.io import imsave
from superdsm_nb.pipeline import create_default_pipeline
from superdsm_nb.tables import OBJECT_COLUMNS

STAGES = [stage.name for stage in create_default_pipeline().stages]
EVIL = """</script><script>alert("1 & '2'")</script><img src=x onerror=alert(3)>"""
VOID = {"meta", "link", "img", "input", "br", "hr"}
FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
]


class Page(HTMLParser):
    """Elements of a page, the text of each, and whether all of them are closed in order."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.stack = [], []
        self.feed(text)
        self.close()
        assert not self.stack

    def handle_starttag(self, tag, attrs):
        self.elements.append([tag, dict(attrs), ""])
        if tag not in VOID:
            self.stack.append(self.elements[-1])

    def handle_startendtag(self, tag, attrs):
        self.elements.append([tag, dict(attrs), ""])

    def handle_endtag(self, tag):
        assert self.stack.pop()[0] == tag

    def handle_data(self, data):
        for element in self.stack:
            element[2] += data

    def all(self, tag, **wanted):
        return [
            (attrs, text)
            for name, attrs, text in self.elements
            if name == tag and all(attrs.get(key) == value for key, value in wanted.items())
        ]

    @property
    def rows(self):
        return [(attrs, text) for attrs, text in self.all("tr") if "data-problem" in attrs]


def row_of(area, energy):
    return {**dict.fromkeys(OBJECT_COLUMNS, 0.0), "area": area, "norm_energy": energy}


def header_of(count=3, log=None, **changes):
    rows = [row_of(100.0 + 10 * number, 0.01 * number) for number in range(count)]
    entries = {"cover": []}
    fields = ("d" * 64, "0" * 64, {}, Config(), 11.0, STAGES[-1], log or {}, rows, {}, entries)
    return replace(Header(*fields), **changes)


def plan_of(folder, headers, **fields):
    """A task with the given results by file id, None for images without one, and what is known of it."""
    patterns = {"seg": "seg/%s.png", "overlay": "overlay/%s.png"}
    task = Task(folder, True, None, Config({"AF_scale": 11}), "%s.tif", patterns, tuple(headers), **fields)
    jobs = jobs_of(task, folder)
    states = [State(job, None, headers[job.file_id]) for job in jobs]
    return Plan(task, states), [(job, headers[job.file_id]) for job in jobs if headers[job.file_id]]


def page_of(folder, headers, failures=None, **fields):
    return Page(report_html(*plan_of(folder, headers, **fields), failures or {}))


def without_seconds(text):
    return re.sub(r"<!-- seconds -->.*<!-- /seconds -->", "", text, flags=re.DOTALL)


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A finished task of two images."""
    root = write_tree(tmp_path_factory.mktemp("tree"))
    run_tree(root)
    return root


def finished(root):
    plan = next(plan for plan in survey(find_tasks(root), root) if plan.task.folder.name == "default")
    return plan, [(job, read_header(job.stored)) for job in plan.jobs]


def test_every_image_has_a_row_with_its_picture_and_its_count(tree):
    plan, known = finished(tree)

    page = Page(report_html(plan, known))

    assert page.all("title")[0][1] == page.all("h1")[0][1] == "default"
    assert [text for _, text in page.all("span", **{"class": "id"})] == ["a", "b"]
    assert [attrs["data-count"] for attrs, _ in page.rows] == [str(len(header.rows)) for _, header in known]
    assert [attrs["href"] for attrs, _ in page.all("a", **{"class": "zoom"})] == [
        "overlay/a.png",
        "overlay/b.png",
    ]
    assert page.all("output")[0][1] == "2 of 2 images"
    text = page.all("header")[0][1]
    assert f"Objects {sum(len(header.rows) for _, header in known)}" in text
    assert "Cover proven optimal in" in text
    assert plan.digest in text
    assert json.dumps(plan.task.config.entries, indent=2, sort_keys=True) in text


def test_pictures_are_the_overlays_made_small(tmp_path):
    picture = np.zeros((400, 800, 3), np.uint8)
    picture[:, 400:] = (255, 0, 0)
    imsave(tmp_path / "overlay" / "a.png", picture)

    page = page_of(tmp_path, {"a": header_of(written={"overlay": ""})})

    ((attrs, _),) = page.all("img", decoding="async")
    kind, _, content = attrs["src"].partition(";base64,")
    with Image.open(io.BytesIO(base64.b64decode(content))) as image:
        assert kind == f"data:image/{image.format.lower()}"
        assert image.size == (int(attrs["width"]), int(attrs["height"])) == (320, 160)
        assert np.asarray(image)[80, 300].tolist() == pytest.approx([255, 0, 0], abs=25)


def test_without_overlay_the_contours_are_drawn_from_image_and_label_map(tree, tmp_path):
    plan, known = finished(tree)
    job = replace(known[0][0], outputs={"seg": known[0][0].outputs["seg"]})

    page = Page(report_html(Plan(plan.task, [State(job, None, known[0][1])]), [(job, known[0][1])]))

    assert len(page.all("img", decoding="async")) == len(page.all("button", **{"class": "zoom"})) == 1


def test_without_overlay_and_label_map_or_with_damaged_ones_there_is_no_picture(tmp_path):
    (tmp_path / "overlay").mkdir()
    (tmp_path / "overlay" / "b.png").write_bytes(b"not a picture")
    imsave(tmp_path / "overlay" / "c.png", np.zeros((8, 8), np.uint8))  # of another result
    written = {"overlay": "", "seg": ""}

    page = page_of(
        tmp_path, {"a": header_of(written=written), "b": header_of(written=written), "c": header_of()}
    )

    assert len(page.rows) == 3
    assert not page.all("img", decoding="async")


def test_failed_and_unfinished_images_are_there_and_told_apart(tmp_path):
    page = page_of(tmp_path, {"a": header_of(), "b": None, "c": None}, {"b": "dsm: it broke"})

    assert [attrs["data-problem"] for attrs, _ in page.rows] == ["0", "1", "1"]
    assert [attrs["data-count"] for attrs, _ in page.rows] == ["3", "", ""]
    assert [text for _, text in page.all("p", **{"class": "failure"})] == [
        "Failed: dsm: it broke",
        "Not finished: there is no result.",
    ]
    assert "Failed 1Not finished" in page.all("header")[0][1].replace("\n", "")
    assert len(page.all("tr")) == 2 + 3 + 2  # headings, images, seconds of all and of the one with a result


def test_warnings_and_discarded_objects_are_counted_and_told(tmp_path):
    log = {"dsm": ["a line", "warning: it is dark"], "postprocess": ["object at row 1 discarded: glare"]}

    page = page_of(tmp_path, {"a": header_of(log=log), "b": header_of()})

    assert [text for _, text in page.all("td", **{"data-label": "Warnings"})] == ["1", "0"]
    assert [text for _, text in page.all("td", **{"data-label": "Discarded"})] == ["1", "0"]
    assert [attrs["data-problem"] for attrs, _ in page.rows] == ["1", "0"]
    assert page.all("p", **{"class": "warning"})[0][1] == "it is dark"
    assert page.all("li")[-1][1] == "object at row 1 discarded: glare"
    assert "a line" not in page.all("body")[0][1]


def test_figures_leave_out_what_is_not_known(tmp_path):
    rows = [row_of(100.0, math.nan), row_of(300.0, math.inf), row_of(200.0, 0.5)]

    page = page_of(tmp_path, {"a": header_of(rows=rows), "b": header_of(0), "c": header_of(0, entries={})})

    assert [text for _, text in page.all("td", **{"data-label": "Median area"})] == ["200", "–", "–"]
    assert [text for _, text in page.all("td", **{"data-label": "Median energy"})] == ["0.5", "–", "–"]
    assert [text for _, text in page.all("td", **{"data-label": "Objects"})] == ["3", "0", "–"]
    assert [attrs["aria-label"] for attrs, _ in page.all("svg", role="img")] == [
        "histogram of 3 objects",
        "histogram of 1 object",
    ]


def test_texts_of_others_are_texts(tmp_path):
    name = EVIL.replace("/", "|")
    log = {"dsm": [f"warning: {EVIL}", f"discarded {EVIL}"]}
    headers = {name: header_of(log=log), "javascript:alert(1)": header_of(written={"overlay": ""}), "c": None}
    imsave(tmp_path / "<b>" / "overlay" / "javascript:alert(1).png", np.zeros((8, 8), np.uint8))
    plan, known = plan_of(tmp_path / "<b>", headers)
    task = replace(plan.task, config=Config({"x": EVIL}))

    text = report_html(Plan(task, plan.states), known, {"c": EVIL})

    page = Page(text)
    assert len(page.all("script")) == 1
    assert EVIL not in text
    assert name not in text
    assert page.all("h1")[0][1] == "<b>"
    assert [text for _, text in page.all("span", **{"class": "id"})] == list(headers)
    assert page.all("p", **{"class": "warning"})[0][1] == EVIL
    assert page.all("p", **{"class": "failure"})[0][1] == f"Failed: {EVIL}"
    assert json.loads(page.all("pre")[0][1]) == {"x": EVIL}
    assert page.all("a", **{"class": "zoom"})[0][0]["href"] == "overlay/javascript%3Aalert%281%29.png"


def test_half_characters_can_be_written(tmp_path):
    log = {"dsm": ["warning: \udcff"]}

    text = report_html(*plan_of(tmp_path, {"a": header_of(log=log)}))

    assert "warning" in text.encode().decode()


def test_nothing_is_fetched(tree):
    text = report_html(*finished(tree))

    assert not re.search(r"https?://|//|@import|url\(", re.sub(r"//( \S+)+|base64,[^\"]+", "", text))
    for _, attrs, _ in Page(text).elements:
        addresses = [attrs[name] for name in ("src", "href") if name in attrs]
        assert all(address.startswith(("data:", "overlay/")) for address in addresses)


def test_only_the_seconds_differ_between_equal_results(tree):
    plan, known = finished(tree)
    before = report_html(plan, known)
    path = known[0][0].timings
    kept = path.read_bytes()

    assert report_html(plan, known) == before
    path.write_text(json.dumps({"scale": 1.25, "dsm": "broken"}), encoding="utf-8")
    try:
        after = report_html(plan, known)
    finally:
        path.write_bytes(kept)

    assert after != before
    assert without_seconds(after) == without_seconds(before)
    assert '<td role="cell" data-label="total">1.25</td>' in after


def test_a_task_without_images_has_a_page(tmp_path):
    page = page_of(tmp_path, {})

    assert page.rows == []
    assert page.all("output")[0][1] == "0 of 0 images"
    assert "no objects" in page.all("main")[0][1]


def test_many_pictures_stay_small(tmp_path, monkeypatch):
    monkeypatch.setattr("superdsm_nb.batch.report.BUDGET", BUDGET / 100)  # as if there were 100 times as many
    noise = np.random.default_rng(0).integers(0, 256, (400, 400, 3), np.uint8)
    names = [f"image {number}" for number in range(10)]  # that is, 1000 of the least compressible ones
    for name in names:
        imsave(tmp_path / "overlay" / f"{name}.png", noise)

    text = report_html(*plan_of(tmp_path, {name: header_of(written={"overlay": ""}) for name in names}))

    assert len(Page(text).all("img", decoding="async")) == 10
    pictures = sum(len(content) for content in re.findall(r"base64,([^\"]+)", text))
    assert 0 < pictures < 25e6 / 100


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    webdriver = pytest.importorskip("selenium.webdriver")
    binary, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if binary is None or driver is None:
        if "CI" in os.environ:
            pytest.fail("Chromium and its driver are not installed")
        pytest.skip("Chromium and its driver are not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = binary
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    chromium = webdriver.Chrome(options, webdriver.ChromeService(driver))
    yield chromium
    chromium.quit()


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
        "dark": header_of(1, {"dsm": ["warning: it is dark"]}),
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
