"""Build the site of minisnip. Needs `'.[docs]'`, and no network.

    python tutorials/site/build.py                 build it; a warning is an error
    python tutorials/site/build.py --serve         build it, and serve it on http://localhost:8000
    python tutorials/site/build.py --out DIR       build in another folder than build/site

The pages are in DIR/html. Sphinx reads DIR/source, which each build gathers again: the pages beside this file, the
committed notebooks (nothing is executed), the shipped results, and a page for every public name.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import http.server
import re
import shutil
import sys
from pathlib import Path

from sphinx.cmd.build import build_main

SITE = Path(__file__).resolve().parent
TUTORIALS, ROOT = SITE.parent, SITE.parents[1]
sys.path[:0] = [str(ROOT), str(SITE)]  # document this checkout, whether it is installed or not

import reference  # noqa: E402
import results  # noqa: E402

PORT = 8000
LESSONS = """
```{toctree}
:hidden:
:glob:

[0-9]*
teaching
wrong_answers
course/*
```
"""


def gather(source: Path) -> None:
    """Put everything that Sphinx reads into one folder."""
    shutil.copytree(SITE, source, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    shutil.copy(SITE / "howto" / "vgg_like.py", source / "howto")  # its page shows it
    not_lessons = shutil.ignore_patterns("site", "source", "answers", "solutions", "*.py", "*.j2", ".*")
    shutil.copytree(TUTORIALS, source / "lessons", ignore=not_lessons)
    for page in (source / "lessons").glob("*.*"):
        if page.suffix in (".ipynb", ".md"):
            page.write_text(_for_the_site(page.read_text(encoding="utf-8")), encoding="utf-8")
    index = (source / "lessons" / "README.md").rename(source / "lessons" / "index.md")
    index.write_text(index.read_text(encoding="utf-8") + LESSONS, encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (source / "snip.py").write_text(re.findall(r"```python\n(.+?)```", readme, re.DOTALL)[0], encoding="utf-8")
    shutil.copytree(ROOT / "tests" / "benchmarks" / "figures", source / "figures")
    results.write(ROOT / "tests" / "benchmarks" / "results", source / "results")
    reference.write(source / "api")


def _for_the_site(text: str) -> str:
    """As MyST-NB reads a lesson: no attachments; a student's copy is a file to download; guards are folded."""
    changes = {"](student/": "](path:student/", "(attachment:": "(figures/teasers/", '"guard"': '"guard", "hide-input"'}
    for old, new in changes.items():
        text = text.replace(old, new)
    return text


def build(out: Path) -> int:
    """Build the site in out/html; Sphinx's exit code."""
    for folder in ("source", "html"):
        shutil.rmtree(out / folder, ignore_errors=True)
    gather(out / "source")
    strict = ["--fail-on-warning", "--keep-going", "--nitpicky", "--fresh-env", "--quiet"]
    return build_main([*strict, "-c", str(SITE), "-d", str(out / "doctrees"), str(out / "source"), str(out / "html")])


def serve(html: Path) -> None:
    """Serve the built site until Ctrl-C."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=html)
    with http.server.ThreadingHTTPServer(("localhost", PORT), handler) as server:
        print(f"http://localhost:{PORT} (Ctrl-C ends it)")
        with contextlib.suppress(KeyboardInterrupt):
            server.serve_forever()


def main() -> None:
    """Build, and serve if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", metavar="DIR", type=Path, default=ROOT / "build" / "site", help="default: build/site")
    parser.add_argument("--serve", action="store_true", help=f"then serve it on http://localhost:{PORT}")
    options = parser.parse_args()
    if code := build(options.out):
        raise SystemExit(code)
    print(f"built {options.out / 'html' / 'index.html'}")
    if options.serve:
        serve(options.out / "html")


if __name__ == "__main__":
    main()
