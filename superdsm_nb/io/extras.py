"""Libraries that are installed on request: for formats that few need."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from ..errors import ImageError
from .address import Place


def needed(library: str, path: Place, kind: str, extra: str) -> ModuleType:
    """Import a library, or say how to install it.

    Parameters
    ----------
    library : str
        Its name.
    path : Path or Address
        The file that needs it.
    kind : str
        What the file is.
    extra : str
        The extra of this package that installs it.

    Raises
    ------
    ImageError
        If it is not installed.
    """
    try:
        return import_module(library)
    except ImportError as error:
        raise ImageError(
            f"{path} is {kind}, which needs one more package: pip install 'superdsm_nb[{extra}]'."
        ) from error
