"""One picture in every container: it is read as the file shows it, or refused in one sentence."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from superdsm_nb.errors import ImageError

from support.containers import assert_shows, values
from support.raster_cells import RASTERS
from support.tiff_cells import TIFFS


def test_there_are_enough_containers_and_most_are_read():
    cells = [cell for maker in (*TIFFS, *RASTERS) for cell in maker()]
    assert [name for name, count in Counter(cell.name for cell in cells).items() if count > 1] == []
    assert len(cells) >= 1000
    assert sum(cell.shows is not None for cell in cells) >= 0.6 * len(cells)


@pytest.mark.parametrize("maker", [*TIFFS, *RASTERS], ids=lambda maker: maker.__name__)
def test_a_picture_is_read_as_its_file_shows_it_or_refused(tmp_path, maker, capfd):
    wrong = []
    for cell in maker():
        try:
            cell.check(tmp_path / "a")
        except (AssertionError, ImageError, pytest.fail.Exception) as error:
            wrong.append(f"{cell.name}: {type(error).__name__}: {error}")
    assert not wrong, "\n".join(wrong)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    "misread",
    [
        lambda shown: shown[:, ::-1],
        lambda shown: shown.T,
        lambda shown: 65535 - shown,
        lambda shown: shown // 256,
        lambda shown: shown + 300.0,
        lambda shown: np.where(shown == 65535, 0, shown),
        np.zeros_like,
    ],
)
def test_a_picture_that_is_misread_would_be_noticed(misread):
    shown = values("u", 16)
    with np.errstate(invalid="ignore"), pytest.raises(AssertionError):
        assert_shows(misread(shown), shown, 1e-9)
