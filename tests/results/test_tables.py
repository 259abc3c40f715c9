"""Tables of objects, for people and for other programs."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path

import anndata
import numpy as np
import pyarrow.parquet
import pytest

import superdsm_nb
from superdsm_nb.errors import ConfigError
from superdsm_nb.results import tablefiles
from superdsm_nb.results.names import NAMES, name_of
from superdsm_nb.results.outputs import OUTPUTS, image_rows
from superdsm_nb.results.tablefiles import FORMS
from superdsm_nb.results.tables import OBJECT_COLUMNS

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def rows(sample):
    result = superdsm_nb.analyze(
        sample.image, diameter=31, measure=superdsm_nb.segmentation.Measure({"GFP": sample.image}, "3")
    )
    assert len(result.rows) >= 2
    return [*image_rows("a.tif", result.rows), *image_rows("b.tif", result.rows[:2])]


def read(kind, rows, delimiter=","):
    text = FORMS[kind](rows).decode()
    return list(csv.DictReader(io.StringIO(text), delimiter=delimiter))


def test_a_table_of_nothing_has_its_columns():
    table = pyarrow.parquet.read_table(io.BytesIO(FORMS["parquet"]([])))
    assert table.column_names == ["image", *OBJECT_COLUMNS]


@pytest.mark.parametrize("kind", FORMS)
def test_every_table_can_be_empty(kind):
    assert FORMS[kind]([])


def test_every_column_has_a_readable_name_of_its_own():
    assert list(NAMES) == [name for name in OBJECT_COLUMNS if name != "label"] or set(NAMES) == set(
        OBJECT_COLUMNS
    ) - {"label"}
    assert len({name.readable for name in NAMES.values()}) == len(NAMES)


def test_the_documentation_tells_the_names_in_cellprofiler():
    text = (DOCS / "formats.md").read_text()
    for column, name in NAMES.items():
        line = next(
            (line for line in text.splitlines() if f"`{column}`" in line and "`AreaShape" in line), ""
        )
        assert (name.cellprofiler in line) if name.cellprofiler.startswith("AreaShape") else not line


@pytest.mark.parametrize(
    ("column", "readable", "cellprofiler"),
    [
        ("max_intensity_p53", "p53: Max", "Intensity_MaxIntensity_p53"),
        ("ring_std_intensity_p53", "p53: Ring: Std dev", ""),
        ("corrected_mean_intensity_a b", "a b: Mean minus background", ""),
        ("unknown", "unknown", ""),
    ],
)
def test_columns_of_other_channels_have_names_as_well(column, readable, cellprofiler):
    assert name_of(column) == (readable, cellprofiler)


def test_a_table_for_cellprofiler_numbers_images_and_objects(rows):
    found = read("cellprofiler", rows)
    assert [row["ImageNumber"] for row in found] == ["1"] * (len(rows) - 2) + ["2"] * 2
    for row, ours in zip(found, rows, strict=True):
        assert (row["ObjectNumber"], row["Metadata_FileName"]) == (str(ours["label"]), ours["image"])
        assert float(row["AreaShape_Center_X"]) == ours["centroid-1"]
        assert float(row["AreaShape_Orientation"]) == math.degrees(ours["orientation"])
        assert float(row["Intensity_MeanIntensity_GFP"]) == ours["mean_intensity_GFP"]


def test_a_table_as_of_qupath_has_readable_names(rows):
    found = read("qupath", rows, "\t")
    for row, ours in zip(found, rows, strict=True):
        assert (row["Image"], row["Name"], row["Object type"]) == (
            ours["image"],
            str(ours["label"]),
            "Detection",
        )
        assert float(row["Area px^2"]) == ours["area"]
        assert float(row["GFP: Ring: Mean"]) == ours["ring_mean_intensity_GFP"]


def test_anndata_reads_its_table(rows, tmp_path):
    (tmp_path / "a.h5ad").write_bytes(FORMS["h5ad"](rows))
    table = anndata.read_h5ad(tmp_path / "a.h5ad")
    assert table.n_obs == len(rows)
    assert table.obs["label"].tolist() == [row["label"] for row in rows]
    assert table.obs["image"].tolist() == [row["image"] for row in rows]
    np.testing.assert_array_equal(table[:, "area"].X[:, 0], [row["area"] for row in rows])
    np.testing.assert_array_equal(
        table[:, "mean_intensity_GFP"].X[:, 0], [row["mean_intensity_GFP"] for row in rows]
    )
    spatial = [[row["centroid-1"], row["centroid-0"]] for row in rows]
    np.testing.assert_array_equal(table.obsm["spatial"], spatial)


@pytest.mark.parametrize("channel", ["CD4+", "GFP=488", "Hoechst @405", "=1+1", "a\nb", "x\ty", ""])
@pytest.mark.parametrize("kind", ["csv", "parquet", "cellprofiler", "qupath", "h5ad"])
def test_channels_of_every_name_have_their_columns_and_none_is_a_formula(rows, tmp_path, kind, channel):
    renamed = [{name.replace("_GFP", f"_{channel}"): value for name, value in row.items()} for row in rows]
    content = FORMS[kind](renamed)
    if kind == "h5ad":
        (tmp_path / "a.h5ad").write_bytes(content)
        columns = list(anndata.read_h5ad(tmp_path / "a.h5ad").var_names)
    elif kind == "parquet":
        columns = pyarrow.parquet.read_table(io.BytesIO(content)).column_names
    else:
        delimiter = "\t" if kind == "qupath" else ","
        columns = next(csv.reader(io.StringIO(content.decode(), newline=""), delimiter=delimiter))
        assert not any(name.startswith(("=", "+", "-", "@")) for name in columns)
    own = f"mean_intensity_{channel}"
    own = {"cellprofiler": name_of(own).cellprofiler, "qupath": name_of(own).readable}.get(kind, own)
    assert own in columns or f"'{own}" in columns


def test_a_table_for_cellprofiler_numbers_the_planes_of_stacks_as_images(rows):
    rows = [{**row, "plane": plane} for plane in range(2) for row in rows]
    found = read("cellprofiler", rows)
    assert len({(row["ImageNumber"], row["ObjectNumber"]) for row in found}) == len(rows)
    assert {(row["ImageNumber"], row["Metadata_FileName"], row["Metadata_Plane"]) for row in found} == {
        ("1", "a.tif", "0"),
        ("2", "b.tif", "0"),
        ("3", "a.tif", "1"),
        ("4", "b.tif", "1"),
    }


def test_stacks_with_and_without_names_of_channels_and_single_images_are_in_one_table(rows, tmp_path):
    named, numbered = rows[0] | {"channel": "DAPI", "plane": 3}, rows[1] | {"channel": 0}
    mixed = [named, numbered, rows[2]]
    (tmp_path / "a.h5ad").write_bytes(FORMS["h5ad"](mixed))
    obs = anndata.read_h5ad(tmp_path / "a.h5ad").obs
    table = pyarrow.parquet.read_table(io.BytesIO(FORMS["parquet"](mixed))).to_pandas()
    for found in (obs, table):
        for name, expected in (("channel", ["DAPI", "0", None]), ("plane", [3, None, None])):
            column = found[name].astype(object)
            assert column.where(column.notna(), None).tolist() == expected
    for kind, delimiter, name in (("csv", ",", "channel"), ("qupath", "\t", "Channel")):
        assert [row[name] for row in read(kind, mixed, delimiter)] == ["DAPI", "0", ""]


@pytest.mark.parametrize(("kind", "extra"), [("h5ad", "anndata"), ("parquet", "parquet")])
def test_a_table_that_needs_another_package_says_what_to_install(kind, extra, monkeypatch):
    monkeypatch.setattr(tablefiles, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=rf"pip install 'superdsm_nb\[{extra}\]'"):
        OUTPUTS[kind].check()


def test_objects_tell_whether_post_processing_changed_them(sample):
    config = {"AF_scale": 11}
    kept = {**config, "postprocess": {"mask_max_distance": 0, "fill_holes": False}}
    for settings, expected in ((kept, {0}), (config, {1})):
        rows = superdsm_nb.analyze(sample.image, settings).rows
        assert {row["refined"] for row in rows} == expected
