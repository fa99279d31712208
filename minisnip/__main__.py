"""`python -m minisnip` is the command `minisnip`; it imports the rest where it can answer Ctrl-C."""

import sys


def main() -> int:
    """Run the command and return its exit code."""
    try:
        from minisnip.lab import cli

        return cli.main()
    except KeyboardInterrupt:
        print("\nminisnip: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
