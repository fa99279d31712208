"""python -m minisnip.cli is `minisnip`."""

import sys

from minisnip.cli import main

if __name__ == "__main__":
    sys.exit(main())
