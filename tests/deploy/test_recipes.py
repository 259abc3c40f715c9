"""The recipes for other systems agree with the package, and their commands do what they say."""

from __future__ import annotations

import re
import shutil
import tomllib
import xml.etree.ElementTree as ET

import pytest
import yaml

from superdsm_nb import imread
from superdsm_nb._version import __version__

from support import naive, recipes

PROJECT = tomllib.loads((recipes.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
RECIPE = yaml.safe_load((recipes.DEPLOY / "conda" / "recipe.yaml").read_text(encoding="utf-8"))
META = yaml.safe_load((recipes.MODULE / "meta.yml").read_text(encoding="utf-8"))
MAIN = (recipes.MODULE / "main.nf").read_text(encoding="utf-8")
GALAXY = ET.parse(recipes.DEPLOY / "galaxy" / "superdsm_nb.xml").getroot()


def test_every_recipe_has_the_version_of_the_package():
    environments = recipes.DEPLOY / "snakemake" / "environment.yaml", recipes.MODULE / "environment.yml"
    pinned = [yaml.safe_load(path.read_text(encoding="utf-8"))["dependencies"] for path in environments]

    assert RECIPE["context"]["version"] == __version__
    assert GALAXY.findtext("macros/token[@name='@TOOL_VERSION@']") == __version__
    assert pinned == [[f"superdsm_nb ={__version__}"], [f"conda-forge::superdsm_nb={__version__}"]]
    for path in (recipes.DEPLOY / "Containerfile", recipes.MODULE / "main.nf"):
        named = re.findall(r"superdsm-nb:([\d.]+)", path.read_text(encoding="utf-8"))
        assert set(named) == {__version__}


def test_the_conda_package_needs_what_the_package_needs():
    needed = [re.sub(r"^([\w.-]+)(?=[<>=])", r"\1 ", each) for each in PROJECT["dependencies"]]
    lowest, bound = re.fullmatch(r">=([\d.]+),(<[\d.]+)", PROJECT["requires-python"]).groups()
    command = PROJECT["scripts"]["superdsm-nb"]

    assert RECIPE["requirements"]["run"] == [f"python >=${{{{ python_min }}}},{bound}", *needed]
    assert RECIPE["context"]["python_min"] == lowest
    assert RECIPE["package"]["name"] == PROJECT["name"]
    assert RECIPE["about"]["license"] == PROJECT["license"]
    assert RECIPE["build"]["python"]["entry_points"] == [f"superdsm-nb = {command}"]


def test_the_conda_package_is_tested_with_commands_that_work(tmp_path):
    for command in RECIPE["tests"][1]["script"]:
        done = recipes.run_commands(command, tmp_path)
        assert (done.returncode, done.stderr) == (0, "")


def test_the_nextflow_module_describes_its_channels():
    declared = dict(re.findall(r'path\("([^"]+)"\), emit: (\w+)', MAIN))
    described = {name: [next(iter(each)) for each in entry[0]] for name, entry in META["output"].items()}
    program = re.search(r"val\('(\w+)'\), eval\(\"(.+?)\"\), topic: versions, emit: (\w+)", MAIN).groups()

    assert META["name"].upper() == re.search(r"^process (\w+) \{", MAIN)[1]
    assert [next(iter(each)) for each in META["input"][0]] == ["meta", "image"]
    assert described.pop(program[2]) == ["${task.process}", *program[:2]]
    assert described == {name: ["meta", path] for path, name in declared.items()}
    assert META["topics"]["versions"] == META["output"][program[2]]
    assert set(META) >= {"description", "keywords", "tools", "authors", "maintainers"}


def test_the_nextflow_module_finds_out_the_version(tmp_path):
    command = re.search(r'eval\("(.+?)"\)', MAIN)[1]
    assert recipes.run_commands(command, tmp_path).stdout == f"{__version__}\n"


@pytest.mark.parametrize("block", ["script", "stub"])
@naive.compiled_only
def test_the_commands_of_the_nextflow_module_write_what_it_promises(tmp_path, block):
    shutil.copy(recipes.IMAGE, tmp_path / "a.tif")
    values = {"image": "a.tif", "prefix": "field", "args": "--diameter 20", "task.cpus": 1}
    command = recipes.fill_in(recipes.nextflow_block(block), **values)
    done = recipes.run_commands(command, tmp_path)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    promised = re.findall(r'path\("\$\{prefix\}([^"]+)"\)', MAIN)
    assert {path.name for path in tmp_path.iterdir()} == {"a.tif", *(f"field{end}" for end in promised)}
    if block == "script":
        assert imread(tmp_path / "field.labels.tif").max() == recipes.NUCLEI


def test_the_container_is_of_no_superuser_and_brings_its_kernels():
    text = (recipes.DEPLOY / "Containerfile").read_text(encoding="utf-8")
    steps = re.findall(r"^([A-Z]+) (.*)$", text, re.MULTILINE)
    names = [name for name, _ in steps]

    assert ("USER", "1000:1000") in steps
    assert text.index("ENV NUMBA_CPU_NAME") < text.index("RUN superdsm-nb warm") < text.index("USER 1000")
    assert names[-1] == "CMD"
    for extra in re.search(r"/source\[(.+?)\]", text)[1].split(","):
        assert extra in PROJECT["optional-dependencies"]
