"""Tables of objects."""

from __future__ import annotations

import io

import pyarrow.parquet

from superdsm_nb.results.tables import OBJECT_COLUMNS


def test_a_table_of_nothing_has_its_columns():
    from superdsm_nb.results.tables import parquet_bytes

    table = pyarrow.parquet.read_table(io.BytesIO(parquet_bytes(["image", *OBJECT_COLUMNS], [])))
    assert table.column_names == ["image", *OBJECT_COLUMNS]
