"""Scripts for other programs, which call the command line and take the nuclei back."""

from .writing import SCRIPTS as SCRIPTS
from .writing import write_scripts as write_scripts
