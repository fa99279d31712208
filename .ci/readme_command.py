"""Print a command of the README: the line in the code block under the heading that names it."""

import pathlib
import re
import sys

MARKS = {"run": "<!-- command: run -->", "test": "<!-- command: test -->"}

readme = (pathlib.Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
match = re.search(re.escape(MARKS[sys.argv[1]]) + r"\s+```(?:sh|bash|console)?\n(.+?)\n```", readme)
if match is None:
    sys.exit(f"the README has no code block of one line after {MARKS[sys.argv[1]]}")
print(match.group(1))
