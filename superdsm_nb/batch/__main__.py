"""``python -m superdsm_nb.batch ROOT`` does what ``superdsm-nb batch ROOT`` does."""

import sys

from ..cli import main

if __name__ == "__main__":
    sys.argv.insert(1, "batch")
    main()
