"""Training-free, globally optimal segmentation of cell nuclei in fluorescence microscopy.

``superdsm_nb.segment(image)`` turns an image into a label map.
"""

import lazy_loader

from ._moved import install

# Numba and SciPy are slow to import, so they are loaded on first use. The public names are listed in
# __init__.pyi, which editors and type checkers read as well.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

install()
