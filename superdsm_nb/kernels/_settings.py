"""Numba without the settings that the working folder may hold.

Numba reads a file in the working folder when it is imported and whenever it compiles. Whoever made that
folder could so choose where machine code is loaded from, or switch compilation off. Only the environment
counts here.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

FILE_NAME = ".numba_config.yaml"
ELSEWHERE = Path(__file__).parent

with contextlib.chdir(ELSEWHERE) if Path(FILE_NAME).exists() else contextlib.nullcontext():
    from numba.core import config

config._config_fname = str(ELSEWHERE / FILE_NAME)  # there is none
