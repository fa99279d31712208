"""`python -m minisnip` is the command `minisnip`."""

import sys

from minisnip.lab.cli import main

if __name__ == "__main__":
    sys.exit(main())
