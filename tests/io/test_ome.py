"""OME-TIFF files that belong together: each answers with its own pages, and never with zeros."""

from __future__ import annotations

import os
import uuid

import numpy as np
import pytest
import tifffile

from superdsm_nb.errors import ImageError
from superdsm_nb.io import imread
from superdsm_nb.io.ome import own_planes

SHAPE = (20, 24)


def plane(channel, depth):
    return np.random.default_rng([channel, depth]).integers(0, 65535, SHAPE).astype(np.uint16)


def write_set(folder, channels=3, depths=2, names="c{}.ome.tif", with_uuid=True):
    """Write a file for each channel, with its planes; every file describes the whole set."""
    uuids = [f"urn:uuid:{uuid.UUID(int=channel)}" for channel in range(channels)]
    data = "".join(
        f'<TiffData FirstC="{channel}" FirstZ="{depth}" IFD="{depth}" PlaneCount="1">'
        f'<UUID FileName="{names.format(channel)}">{uuids[channel]}</UUID></TiffData>'
        for channel in range(channels)
        for depth in range(depths)
    )
    channel_names = "".join(
        f'<Channel ID="Channel:0:{channel}" Name="dye {channel}"/>' for channel in range(channels)
    )
    for channel in range(channels):
        own = f' UUID="{uuids[channel]}"' if with_uuid else ""
        xml = (
            f'<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"{own}>'
            f'<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" '
            f'SizeX="{SHAPE[1]}" SizeY="{SHAPE[0]}" SizeC="{channels}" SizeZ="{depths}" SizeT="1">'
            f"{channel_names}{data}</Pixels></Image></OME>"
        )
        with tifffile.TiffWriter(folder / names.format(channel)) as file:
            for depth in range(depths):
                description = {"description": xml.encode()} if depth == 0 else {}
                file.write(plane(channel, depth), metadata=None, contiguous=False, **description)


@pytest.mark.parametrize("with_uuid", [True, False])
@pytest.mark.parametrize("channel", [0, 1, 2])
def test_a_file_of_a_set_answers_with_its_own_pages(tmp_path, channel, with_uuid):
    write_set(tmp_path, with_uuid=with_uuid)
    path = tmp_path / f"c{channel}.ome.tif"
    for depth in (0, 1):
        np.testing.assert_array_equal(imread(path, plane=depth), plane(channel, depth))
        np.testing.assert_array_equal(imread(path, plane=depth, channel=0), plane(channel, depth))
    with pytest.raises(ImageError, match=r"2 in Z, 20 in Y, 24 in X\): choose a plane"):
        imread(path)


def test_a_file_of_a_set_does_not_need_the_others(tmp_path):
    write_set(tmp_path, depths=1)
    (tmp_path / "c0.ome.tif").unlink()
    np.testing.assert_array_equal(imread(tmp_path / "c1.ome.tif"), plane(1, 0))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes on this system")
def test_the_other_files_of_a_set_are_never_opened(tmp_path):
    write_set(tmp_path, depths=1)
    (tmp_path / "c0.ome.tif").unlink()
    os.mkfifo(tmp_path / "c0.ome.tif")  # opening it would block
    np.testing.assert_array_equal(imread(tmp_path / "c1.ome.tif", channel=0), plane(1, 0))


def test_a_file_of_a_set_knows_the_name_of_its_channel(tmp_path):
    write_set(tmp_path, depths=1)
    np.testing.assert_array_equal(imread(tmp_path / "c1.ome.tif", channel="dye 1"), plane(1, 0))
    with pytest.raises(ImageError, match=r"no channel 'dye 2', but dye 1 \(a file of a multi-file OME-TIFF"):
        imread(tmp_path / "c1.ome.tif", channel="dye 2")


def test_a_plane_in_another_file_is_refused_with_the_reason(tmp_path):
    write_set(tmp_path)
    with pytest.raises(
        ImageError, match=r"no channel 1 \(a file of a multi-file OME-TIFF: only the planes in"
    ):
        imread(tmp_path / "c1.ome.tif", channel=1, plane=0)


@pytest.mark.parametrize("with_uuid", [True, False])
def test_a_renamed_file_of_a_set_answers_with_its_own_pages(tmp_path, with_uuid):
    write_set(tmp_path, with_uuid=with_uuid)
    path = (tmp_path / "c2.ome.tif").rename(tmp_path / "renamed.tif")
    np.testing.assert_array_equal(imread(path, plane=1), plane(2, 1))


def test_a_renamed_file_that_is_complete_keeps_its_axes(tmp_path):
    write_set(tmp_path, channels=1, with_uuid=False)
    path = (tmp_path / "c0.ome.tif").rename(tmp_path / "renamed.tif")
    np.testing.assert_array_equal(imread(path, plane=1), plane(0, 1))
    with pytest.raises(ImageError, match="2 in Z, 20 in Y"):
        imread(path)
    with pytest.raises(ImageError, match=r"no plane 2\."):
        imread(path, plane=2)


def test_a_plane_that_is_declared_but_missing_is_refused(tmp_path):
    stack = np.stack([plane(channel, 0) for channel in range(3)])
    tifffile.imwrite(tmp_path / "a.ome.tif", stack, metadata={"axes": "CYX"})
    with tifffile.TiffFile(tmp_path / "a.ome.tif", mode="r+") as file:
        xml = file.ome_metadata.replace('PlaneCount="3"', 'PlaneCount="2"').replace('SizeC="3"', 'SizeC="4"')
        file.pages[0].tags["ImageDescription"].overwrite(xml.encode())
    np.testing.assert_array_equal(imread(tmp_path / "a.ome.tif", channel=1), stack[1])
    with pytest.raises(ImageError, match="declares this plane but does not contain it"):
        imread(tmp_path / "a.ome.tif", channel=3)


def entry(name, attributes):
    return f'<TiffData {attributes}><UUID FileName="{name}">{name}</UUID></TiffData>'


def described(*entries, sizes='SizeZ="2" SizeC="2" SizeT="2" DimensionOrder="XYCTZ"'):
    return f"<OME><Image><Pixels {sizes}>{''.join(entries)}</Pixels></Image></OME>"


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        (
            [entry("a", 'PlaneCount="4"'), entry("b", 'FirstZ="1" PlaneCount="4"')],
            ("TC", (2, 2), (0, 1, 2, 3)),
        ),
        ([entry("a", 'IFD="3" PlaneCount="2"'), entry("b", 'FirstZ="1"')], ("C", (2,), (3, 4))),
        ([entry("a", 'FirstC="1" IFD="0"'), entry("b", 'IFD="0"')], ("", (), (0,))),
        ([entry("a", 'PlaneCount="3"'), entry("b", 'FirstZ="1"')], ("I", (3,), (0, 1, 2))),
        ([entry("a", 'FirstZ="1"'), entry("b", 'IFD="0"')], ("TC", (2, 2), (0, 1, 2, 3))),
    ],
)
def test_the_planes_of_a_file_form_axes_if_they_fill_a_grid(entries, expected):
    assert own_planes(described(*entries), "a")[:3] == expected


@pytest.mark.parametrize(
    "metadata",
    ["<OME", described(), described(entry("a", "")), described(entry("b", ""), entry("c", 'FirstZ="1"'))],
)
def test_metadata_that_do_not_tell_files_apart_say_nothing(metadata):
    assert own_planes(metadata, "a") is None
