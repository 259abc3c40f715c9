"""The report of a task shows every image and needs nothing but itself."""

from __future__ import annotations

import base64
import io
import json
import math
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from superdsm_nb.batch.report import MAX_PICTURES_SIZE, report_html
from superdsm_nb.batch.spec import find_tasks
from superdsm_nb.batch.store import read_header
from superdsm_nb.batch.survey import Plan, State, survey
from superdsm_nb.config import Config
from superdsm_nb.events import LogLine, ObjectDiscarded, Warned
from superdsm_nb.io import imsave

from support.reports import header_of, plan_of, row_of
from support.trees import run_tree, write_tree

EVIL = """</script><script>alert("1 & '2'")</script><img src=x onerror=alert(3)>"""
VOID = {"meta", "link", "img", "input", "br", "hr"}


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
    assert "The chosen shapes are proven to be the best combination in" in text
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
    remarks = {
        "dsm": [LogLine("a line, which is not discarded"), Warned("it is dark", "a.tif")],
        "postprocess": [ObjectDiscarded("it is a glare", 1, 2)],
    }

    page = page_of(tmp_path, {"a": header_of(remarks=remarks), "b": header_of()})

    assert [text for _, text in page.all("td", **{"data-label": "Warnings"})] == ["1", "0"]
    assert [text for _, text in page.all("td", **{"data-label": "Discarded"})] == ["1", "0"]
    assert [attrs["data-problem"] for attrs, _ in page.rows] == ["1", "0"]
    assert page.all("p", **{"class": "warning"})[0][1] == "it is dark"
    assert page.all("li")[-1][1] == "object at row 1, column 2 discarded: it is a glare"
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
    remarks = {"dsm": [Warned(EVIL), ObjectDiscarded(EVIL, 1, 2)]}
    headers = {
        name: header_of(remarks=remarks),
        "javascript:alert(1)": header_of(written={"overlay": ""}),
        "c": None,
    }
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
    remarks = {"dsm": [Warned("\udcff")]}

    text = report_html(*plan_of(tmp_path, {"a": header_of(remarks=remarks)}))

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
    monkeypatch.setattr(
        "superdsm_nb.batch.report.MAX_PICTURES_SIZE", MAX_PICTURES_SIZE / 100
    )  # as if there were 100 times as many
    noise = np.random.default_rng(0).integers(0, 256, (400, 400, 3), np.uint8)
    names = [f"image {number}" for number in range(10)]  # that is, 1000 of the least compressible ones
    for name in names:
        imsave(tmp_path / "overlay" / f"{name}.png", noise)

    text = report_html(*plan_of(tmp_path, {name: header_of(written={"overlay": ""}) for name in names}))

    assert len(Page(text).all("img", decoding="async")) == 10
    pictures = sum(len(content) for content in re.findall(r"base64,([^\"]+)", text))
    assert 0 < pictures < 25e6 / 100
