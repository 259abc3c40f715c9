"""What all windows share in which settings are changed and their effect is seen at once."""

import lazy_loader

# A window opens before Numba is imported. The names are listed in __init__.pyi.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
