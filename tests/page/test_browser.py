"""The page in a browser: contours follow the sliders, and nothing leaves the page."""

from __future__ import annotations

import csv
import functools
import json
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.support.ui import WebDriverWait

from superdsm_nb import analyze, imread
from superdsm_nb.events import ignore

from support import naive
from support.browsers import chromium
from support.pages import serving

pytestmark = [pytest.mark.slow, naive.compiled_only]
OUTLINES = "set-postprocess/outline_height"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with chromium(tmp_path_factory.mktemp("profile"), performance="ALL") as started:
        yield started


@pytest.fixture
def page(browser, image):
    with serving(image) as (_, address):
        opened = Page(browser, address)
        opened.settle()
        yield opened
        problems = [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
        browser.get("about:blank")
        assert problems == []


class Page:
    """What a user does on the page, and sees there."""

    def __init__(self, browser, address):
        self.browser, self.address = browser, address
        browser.get_log("performance")
        browser.set_window_size(1200, 900)
        browser.get(address)

    def get(self, expression):
        """The value of an expression of the view of the image."""
        return self.browser.execute_async_script(
            f"""const answer = arguments[0];
            import("./page.js").then(({{ view }}) => answer({expression}));"""
        )

    def settle(self):
        """Wait until all that was asked for is done and seen."""
        self.browser.set_script_timeout(120)
        self.browser.execute_async_script(
            """const answer = arguments[0];
            import("./page.js").then(({ isSettled }) => {
              const look = () => isSettled() ? answer() : requestAnimationFrame(look);
              look();
            });"""
        )

    def find(self, selector):
        return self.browser.find_element("css selector", selector)

    def labels(self):
        return np.array(self.get("Array.from(view.map.labels)")).reshape(
            self.get("[view.height, view.width]")
        )

    def slide(self, name, position):
        """Move a slider, in several steps as a mouse does; its last value."""
        slider = f"document.getElementById('{name}').closest('.control').querySelector('[type=range]')"
        self.browser.execute_script(
            f"""const slider = {slider};
            for (let i = 1; i <= 20; i++) {{
              slider.value = Number(slider.value) + ({position} - slider.value) * i / 20;
              slider.dispatchEvent(new Event("input", {{ bubbles: true }}));
            }}"""
        )
        return float(self.find(f"[id='{name}']").get_attribute("value"))

    def click(self, label):
        """Click on a nucleus."""
        where = np.argwhere(self.labels() == label)
        self.click_at(*where[len(where) // 2])

    def click_at(self, row, column):
        """Click on a pixel of the image."""
        canvas = self.find("#canvas")
        ratio, zoom, left, top = self.get("[devicePixelRatio, view.zoom, view.x, view.y]")
        x = (left + (column + 0.5) * zoom) / ratio - canvas.size["width"] / 2
        y = (top + (row + 0.5) * zoom) / ratio - canvas.size["height"] / 2
        ActionChains(self.browser).move_to_element_with_offset(canvas, round(x), round(y)).click().perform()

    def contour_pixels(self):
        """Pixels of the canvas in the colour of contours."""
        return self.get(
            """(() => {
              view.paint();
              const { data } = view.context.getImageData(0, 0, view.canvas.width, view.canvas.height);
              let count = 0;
              for (let i = 0; i < data.length; i += 4) count += data[i] > 200 && data[i + 2] < 120;
              return count;
            })()"""
        )

    def value_of(self, key):
        return self.get(
            f"fetch('result').then((answer) => answer.json()).then((told) => told.values['{key}'])"
        )


def test_contours_follow_a_slider_and_are_those_of_a_fresh_run(page, image):
    before, drawn = page.labels(), page.contour_pixels()

    value = page.slide(OUTLINES, 900)
    page.settle()
    linked = {"postprocess/large_outline_height": value * 0.24 / 0.35}
    expected = analyze(imread(image), {"postprocess/outline_height": value, **linked}, emit=ignore).labels

    assert (before > 0).sum() > (expected > 0).sum()
    np.testing.assert_array_equal(page.labels(), expected)
    assert 0 < page.contour_pixels() != drawn
    assert page.find("#count").text == f"{expected.max()} objects"
    assert f"outline_height={value}" in page.find("#command").text
    assert len(page.browser.find_elements("css selector", "#objects tbody tr")) == expected.max()


def test_the_contours_on_the_canvas_lie_on_the_edges_of_the_objects(page):
    """Every painted pixel is near a border of the label map, and every border is painted."""
    found = page.get(
        """(() => {
          view.picture = new OffscreenCanvas(view.width, view.height);
          view.paint();
          const { width, height } = view.canvas, { zoom, x, y } = view;
          const { data } = view.context.getImageData(0, 0, width, height);
          const painted = [];
          for (let i = 0; i < data.length; i += 4) if (data[i] > 100) painted.push(i / 4);
          return { zoom, x, y, width, painted };
        })()"""
    )
    rows, columns = np.divmod(np.array(found["painted"]), found["width"])
    labels = np.pad(page.labels(), 1)
    row, column = (rows + 0.5 - found["y"]) / found["zoom"], (columns + 0.5 - found["x"]) / found["zoom"]
    near = 1.5 / found["zoom"]
    differs = np.zeros(len(row), bool)
    for dr in (-near, near):
        for dc in (-near, near):
            there = labels[np.int64(np.floor(row + dr)) + 1, np.int64(np.floor(column + dc)) + 1]
            here = labels[np.int64(np.floor(row - dr)) + 1, np.int64(np.floor(column - dc)) + 1]
            differs |= there != here

    assert differs.mean() > 0.98
    horizontal = np.argwhere(labels[1:] != labels[:-1])
    drawn = set(zip(np.round(row).astype(int), np.floor(column).astype(int), strict=True))
    assert np.mean([(int(line), int(at) - 1) in drawn for line, at in horizontal]) > 0.98


def test_nothing_leaves_the_page(page):
    page.slide(OUTLINES, 300)
    page.settle()
    page.find("#rejects").click()
    origin = page.address[: page.address.index("/", 8)]
    messages = [json.loads(entry["message"])["message"] for entry in page.browser.get_log("performance")]
    asked = [
        each["params"]["request"]["url"] for each in messages if each["method"] == "Network.requestWillBeSent"
    ]
    token = page.address[len(origin) :]

    assert len(asked) > 10
    assert {url for url in asked if not url.startswith(("data:", f"{origin}{token}"))} == set()


@pytest.fixture
def elsewhere(tmp_path):
    """A folder, and the address at which it is served as another site."""
    handler = functools.partial(QuietHandler, directory=tmp_path)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield tmp_path, f"http://localhost:{server.server_port}/"
        server.shutdown()


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def test_another_page_cannot_use_the_address_even_if_it_knows_it(page, elsewhere):
    folder, address = elsewhere
    (folder / "foreign.html").write_text(
        f"""<!DOCTYPE html><title>foreign</title><link rel="icon" href="data:,"><script>
        const post = {{ method: "POST", mode: "no-cors", body: "{{}}" }};
        window.outcomes = Promise.all([
          fetch("{page.address}result").then(() => "read", () => "refused"),
          fetch("{page.address}done", post).then(() => "sent", () => "refused"),
          new Promise((answer) => {{
            const script = document.createElement("script");
            script.src = "{page.address}dom.js"; script.type = "module";
            script.onload = () => answer("loaded"); script.onerror = () => answer("refused");
            document.head.append(script);
          }}),
        ]);
        </script>"""
    )
    page.browser.get(f"{address}foreign.html")
    outcomes = page.browser.execute_async_script("window.outcomes.then(arguments[0])")

    assert outcomes[0] == outcomes[2] == "refused"
    page.browser.get(page.address)  # what was sent has not ended the program
    page.settle()
    page.browser.get_log("browser")


def test_a_click_selects_and_the_mouse_tells(page):
    page.click(2)

    assert page.get("[...view.selected]") == [2]
    assert page.find("#hover").text.split(" · ")[-1].startswith("nucleus 2: area ")
    assert page.find("tr[data-label='2']").get_attribute("aria-selected") == "true"


def test_corrections_by_hand_change_the_objects(page):
    before = page.labels()
    enabled = page.find("#delete").is_enabled()
    page.click(3)
    page.find("#delete").click()
    page.settle()
    after = page.labels()

    assert (enabled, page.find("#undo").is_enabled()) == (False, True)
    assert after.max() == before.max() - 1
    assert not after[before == 3].any()
    assert "Corrections so far: 1." in page.find("#picked").text
    assert page.find("#beside").is_displayed()
    page.find("#canvas").send_keys("u")
    page.settle()
    np.testing.assert_array_equal(page.labels(), before)


def test_a_discarded_object_tells_why_and_is_kept_on_request(page):
    page.slide("set-postprocess/min_area", 900)
    page.settle()
    count = page.labels().max()
    page.find("#rejects").click()
    page.settle()
    WebDriverWait(page.browser, 60).until(lambda _: page.get("view.rejects !== null"))
    rejects = np.array(page.get("Array.from(view.rejects.labels)")).reshape(page.labels().shape)
    where = np.argwhere((rejects == 1) & (page.labels() == 0))
    page.click_at(*where[len(where) // 2])

    assert "discarded: " in page.find("#hover").text
    page.find("#keep").click()
    page.settle()
    assert page.labels().max() == count + 1


def test_the_keyboard_moves_and_enlarges(page):
    canvas = page.find("#canvas")
    zoom, x = page.get("[view.zoom, view.x]")
    canvas.send_keys("+")
    assert page.get("view.zoom") == pytest.approx(1.5 * zoom)
    canvas.send_keys("0")
    assert page.get("[view.zoom, view.x]") == pytest.approx([zoom, x])


def test_every_field_has_a_label(page):
    page.find("#advanced summary").click()
    unnamed = page.browser.execute_script(
        """return [...document.querySelectorAll("input, select")]
          .filter((each) => !each.labels.length && !each.getAttribute("aria-label")).map((each) => each.id)"""
    )
    assert unnamed == []


def test_advanced_settings_and_setting_back(page):
    before = page.labels()
    page.find("#advanced summary").click()
    page.slide("set-global-energy-minimization/convexity_weight", 0)
    page.settle()
    assert page.value_of("global-energy-minimization/convexity_weight") == 0
    page.find("#reset").click()
    page.settle()

    np.testing.assert_array_equal(page.labels(), before)


def test_a_table_is_downloaded(page, tmp_path):
    page.browser.execute_cdp_cmd(
        "Browser.setDownloadBehavior",
        {"behavior": "allow", "downloadPath": str(tmp_path), "eventsEnabled": True},
    )
    page.find("a[href='save/nuclei.csv']").click()
    path = tmp_path / "my cells.nuclei.csv"
    WebDriverWait(page.browser, 60).until(lambda _: path.exists())
    rows = list(csv.DictReader(path.read_text(encoding="utf-8").splitlines()))

    assert len(rows) == page.labels().max()
    assert {row["image"] for row in rows} == {"my cells.tif"}
