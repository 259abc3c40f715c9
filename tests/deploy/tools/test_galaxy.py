"""The wrapper for Galaxy has no faults that Galaxy finds, and its command does what its tests say."""

from __future__ import annotations

import shutil
from types import SimpleNamespace

import pytest
from Cheetah.Template import Template
from galaxy.tool_util.lint import LintContext, lint_tool_source_with
from galaxy.tool_util.parser import get_tool_source
from galaxy.tool_util.verify.asserts import verify_assertions

from support import recipes

TOOL = recipes.DEPLOY / "galaxy" / "superdsm_nb.xml"


class Dataset(SimpleNamespace):
    """An input as templates see it: its path, with attributes."""

    def __str__(self):
        return self.path


@pytest.fixture(scope="module")
def tool():
    return get_tool_source(str(TOOL))


@pytest.mark.filterwarnings(
    "ignore::PendingDeprecationWarning"
)  # Galaxy would report those of docutils as faults
def test_galaxy_finds_no_fault(tool):
    context = LintContext("all", skip_types=["EDAMTermsValid"])  # needs the whole ontology
    lint_tool_source_with(context, tool)

    assert [str(each) for each in [*context.error_messages, *context.warn_messages]] == []
    assert context.valid_messages


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::SyntaxWarning")
@pytest.mark.parametrize("number", [0, 1])
def test_its_own_tests_pass(tool, tmp_path, number):
    shutil.copy(recipes.IMAGE, tmp_path / "dataset_1.dat")  # as Galaxy names files
    (tmp_path / "work").mkdir()
    given = tool.parse_tests_to_dict()["tests"][number]
    values = {"diameter": "", "preset": "automatic", "with_overlay": False}
    values |= {each["name"]: each["value"] for each in given["inputs"] if each["name"] != "image"}
    values["with_overlay"] = values["with_overlay"] in (True, "true")
    image = Dataset(path=str(tmp_path / "dataset_1.dat"), ext="tiff")
    command = str(Template(source=tool.parse_command(), searchList=[{"image": image, **values}]))
    done = recipes.run_commands(" ".join(command.split()), tmp_path / "work")

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    outputs = {each.name: each.from_work_dir for each in tool.parse_outputs(None)[0].values()}
    written = {path.name for path in (tmp_path / "work").iterdir()} - {"image.tiff"}
    assert len(written) == int(given["expect_num_outputs"])
    for output in given["outputs"]:
        content = (tmp_path / "work" / outputs[output["name"]]).read_bytes()
        verify_assertions(content, output["attributes"]["assert_list"])
