"""``python -m superdsm_nb.export ROOT TASKDIR`` does what ``superdsm-nb export ROOT TASKDIR`` does."""

import sys

from ..cli import main

if __name__ == "__main__":
    sys.argv.insert(1, "export")
    main()
