"""TIFF files of every compression are read."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from superdsm_nb.io import imread


@pytest.mark.parametrize("compression", ["zlib", "lzw", "packbits", "jpeg", "zstd", "lzma", "deflate", "png"])
def test_tiff_files_of_every_compression_are_read(tmp_path, compression):
    image = np.add.outer(np.arange(64), np.arange(48)).astype(np.uint8)
    try:
        tifffile.imwrite(tmp_path / "a.tif", image, compression=compression)
    except (KeyError, ValueError) as error:
        pytest.fail(f"the library that reads {compression} is missing: {error}")
    assert np.abs(imread(tmp_path / "a.tif").astype(int) - image).max() <= (8 if compression == "jpeg" else 0)
