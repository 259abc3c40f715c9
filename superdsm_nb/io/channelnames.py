"""The names of channels, from the metadata of TIFF files."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree

if TYPE_CHECKING:
    from tifffile import TiffFile


def channel_names(file: TiffFile, axes: str, image: int | None = 0) -> tuple[str, ...]:
    """Return the names of the channels of a file, if its metadata have any.

    Parameters
    ----------
    file : tifffile.TiffFile
        An open file.
    axes : str
        The axes of its stack; ImageJ names the pictures of a stack one by one, so they name channels only if
        there is no other axis.
    image : int or None
        Number of the picture in the OME-XML, if it is known.

    Returns
    -------
    tuple of str
        From OME-XML, or the labels of ImageJ; empty if there are none.
    """
    if file.ome_metadata:
        return () if image is None else ome_channel_names(file.ome_metadata, image)
    labels = (file.imagej_metadata or {}).get("Labels") if axes == "C" else None
    return tuple(map(str, labels)) if labels and all(labels) else ()


def ome_channel_names(metadata: str, image: int = 0) -> tuple[str, ...]:
    """Return the names of the channels of a picture in OME-XML; empty if one has no name.

    Parameters
    ----------
    metadata : str
        The OME-XML.
    image : int
        Number of the picture.

    Examples
    --------
    >>> ome_channel_names('<OME><Image><Pixels><Channel Name="DAPI"/></Pixels></Image></OME>')
    ('DAPI',)
    """
    try:
        root = ElementTree.fromstring(metadata)
    except ElementTree.ParseError:
        return ()
    pictures = [each for each in root.iter() if each.tag.rpartition("}")[2] == "Pixels"]
    pixels = pictures[image] if image < len(pictures) else ()
    channels = [each for each in pixels if each.tag.rpartition("}")[2] == "Channel"]
    names = [channel.get("Name", "") for channel in channels]
    return tuple(names) if all(names) else ()
