"""The documentation names what exists, explains every column, and its links lead somewhere."""

from __future__ import annotations

import importlib.util
import json
import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest

from superdsm_nb.batch import fields, tables
from superdsm_nb.batch.jobs import TABLES
from superdsm_nb.batch.timings import timed_stages
from superdsm_nb.cli import app
from superdsm_nb.config import DECLARATIONS, Config
from superdsm_nb.performance import PerformanceReport
from superdsm_nb.results.tables import OBJECT_COLUMNS

DOCS = Path(__file__).parents[2] / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
DECLARED = DECLARATIONS
SECTIONS = {key.partition("/")[0] for key in DECLARED if "/" in key}
COMMANDS = {command.name or command.callback.__name__ for command in app.registered_commands}
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
IMAGE = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)\)")
OPTION = re.compile(r"(?<![\w-])(--[a-z][\w-]*)")
every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: name_of(page).removesuffix(".md"))


def name_of(page):
    """A page as the menu names it."""
    return page.relative_to(DOCS).as_posix()


@cache
def hooks():
    """The module that puts tables into the pages."""
    spec = importlib.util.spec_from_file_location("docs_hooks", DOCS / "hooks.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def built(page):
    """Text of a page with its tables."""
    return hooks().expand(page.read_text(encoding="utf-8"))


def code(page):
    """Text between backticks, and lines of fenced blocks, as somebody wrote them."""
    text = page.read_text(encoding="utf-8")
    blocks = [block for _, block in FENCED.findall(text)]
    return re.findall(r"`([^`\n]+)`", FENCED.sub("", text)), [
        line for block in blocks for line in block.splitlines()
    ]


def section(page, heading):
    """Text below a heading, up to the next one of any level."""
    text = (DOCS / page).read_text(encoding="utf-8")
    return text.partition(f"# {heading}\n")[2].partition("\n#")[0]


def explained(text):
    """Names in the first column of the tables in a text whose row says something more."""
    rows = re.findall(r"^\| (?:<span[^>]*></span>)?(`.+?) \|(.*)$", text, re.MULTILINE)
    return {
        name for first, rest in rows if len(rest.strip(" |")) > 3 for name in re.findall(r"`([^`]+)`", first)
    }


def anchors(page):
    """What links to a page may lead to."""
    text = built(page)
    found = set(re.findall(r'\bid="([^"]+)"', text))
    for heading in re.findall(r"^#+ (.+)$", FENCED.sub("", text), re.MULTILINE):
        title, _, given = heading.partition(" {#")
        words = re.sub(r"[^\w\s-]", "", title.replace("`", "")).strip().lower()
        found.add(given.rstrip("}") or re.sub(r"[-\s]+", "-", words))
    return found


def options_of(run, command):
    """Options that a command has, as its help tells."""
    return set(OPTION.findall(run(*command, "--help").out))


def test_there_are_pages_and_all_of_them_are_in_the_menu():
    menu = (DOCS.parent / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:")[2]

    assert len(PAGES) >= 21
    assert sorted(re.findall(r": (\S+\.md)$", menu, re.MULTILINE)) == sorted(map(name_of, PAGES))


@every_page
def test_hyperparameters_exist(page):
    inline, lines = code(page)
    named = {
        key
        for text in [*inline, *lines]
        for key in re.findall(r"(?<![\w./-])([a-z][\w-]*/\w+)(?![\w/.])", text)
        if key.partition("/")[0] in SECTIONS
    }
    factors = {text for text in inline if re.fullmatch(r"AF_\w+", text)} - {"AF_scale"}

    assert named <= set(DECLARED)
    assert factors <= {key.rpartition("/")[2] for key in DECLARED}


@every_page
def test_configurations_and_tasks_are_valid(page):
    blocks = [block for kind, block in FENCED.findall(page.read_text(encoding="utf-8")) if kind == "json"]

    for entries in map(json.loads, blocks):
        is_task = "file_ids" in entries
        assert not is_task or not list(fields.problems(entries))
        DECLARED.check(entries["config"] if is_task else entries)


@every_page
def test_fields_exist(page):
    inline, _ = code(page)

    assert {text for text in inline if text.endswith("_pathpattern")} <= set(fields.names())


@every_page
def test_commands_and_their_options_exist(page, run):
    inline, lines = code(page)
    calls = [
        text.partition("#")[0].split()
        for text in [*inline, *"\n".join(lines).replace("\\\n", " ").splitlines()]
        if text.startswith("superdsm-nb ")
    ]

    for _, command, *rest in calls:
        known = COMMANDS | {"COMMAND", "--version"}
        assert command in known
        if command in COMMANDS:
            used = {word.partition("=")[0] for word in rest if word.startswith("--")}
            assert used <= options_of(run, [command])


@every_page
def test_options_that_stand_alone_are_those_of_a_command(page, run):
    inline, _ = code(page)
    known = {option for command in COMMANDS for option in options_of(run, [command])} | {"--version"}

    assert {option for text in inline for option in OPTION.findall(text)} <= known


def test_the_page_of_the_command_line_lists_every_option_of_every_command(run):
    parts = re.split(r"^## (\w+) \{#\w+\}$", built(DOCS / "cli.md"), flags=re.MULTILINE)
    listed = dict(zip(parts[1::2], parts[2::2], strict=True))

    assert set(listed) == COMMANDS
    for command, text in listed.items():
        rows = [row for row in text.splitlines() if row.startswith("| `-")]
        found = {option for row in rows for option in OPTION.findall(row.split(" | ")[0])}
        assert found == options_of(run, [command]) - {"--help"}


def test_the_tables_list_every_hyperparameter_and_every_field():
    listed = set(re.findall(r'<span id="([^"]+)">', built(DOCS / "hyperparameters.md")))

    assert listed == {key.replace("/", "-").lower() for key in DECLARED}
    assert set(fields.names()) <= explained(built(DOCS / "tasks.md"))


@pytest.mark.parametrize(
    ("heading", "columns"),
    [
        ("objects.csv", {"image", *OBJECT_COLUMNS}),
        ("performance.csv", {"file_id", *PerformanceReport().row()}),
        ("timings.csv", {"file_id", *timed_stages([])}),
    ],
)
def test_every_column_of_a_table_of_results_is_explained_and_no_other(heading, columns):
    assert explained(section("tasks.md", heading)) == columns


def test_every_entry_of_the_provenance_is_explained_and_no_other():
    job = SimpleNamespace(file_id="a", image=Path("a.tif"))
    header = SimpleNamespace(
        image_sha256="",
        software="",
        processor="",
        scale=1.0,
        config=Config(),
        rows=[],
        is_complete=True,
    )
    plan = SimpleNamespace(digest="", task=SimpleNamespace(config=Config(), preset="published"))

    entries = tables._provenance(plan, [(job, header)])

    assert explained(section("tasks.md", "provenance.json")) == {*entries, *entries["images"]["a"]}


def test_every_file_that_a_task_writes_is_explained():
    assert set(TABLES) <= explained(section("tasks.md", "Output files"))


@every_page
def test_links_lead_to_pages_and_places_that_exist(page):
    for target in LINK.findall(FENCED.sub("", built(page))):
        if target.startswith("https://"):
            continue
        name, _, place = target.partition("#")
        other = page.parent / name if name else page
        assert other.exists(), target
        assert not place or place in anchors(other), target


@every_page
def test_images_exist_and_are_described(page):
    for words, target in IMAGE.findall(page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target
        assert words


def test_the_modules_of_the_reference_exist():
    pages = [page.read_text(encoding="utf-8") for page in PAGES]
    named = [name for page in pages for name in re.findall(r"^::: (\S+)$", page, re.MULTILINE)]

    assert named
    assert len(named) == len(set(named))
    assert all(find_spec(name) for name in named)


@every_page
def test_every_marker_of_a_table_is_known(page):
    assert "<!-- table" not in built(page)


def test_the_python_of_the_pages_compiles():
    blocks = [
        (page.name, block)
        for page in PAGES
        for kind, block in FENCED.findall(page.read_text(encoding="utf-8"))
        if kind == "python"
    ]

    assert blocks
    for name, block in blocks:
        compile(block, name, "exec")
