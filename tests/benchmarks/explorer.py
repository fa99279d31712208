"""How long the explorer's page takes in a headless Chromium: the first load, and each control of LeNet-300-100.

    python -m tests.benchmarks.explorer [--pairs 7]

Writes tests/benchmarks/results/explorer, which the site shows.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from minisnip.lab.explorer import Explorer, open_server
from tests.benchmarks.command import told
from tests.benchmarks.problem import mnist_or_glyphs
from tests.benchmarks.race import Row
from tests.benchmarks.table import RESULTS, lines, milliseconds, spread, write_result
from tests.benchmarks.turns import Effort
from tests.lab.browser import FOUND, Browser

OUT = RESULTS / "explorer"
LOAD = "first load"
CHANGES = {"percent": 99, "criterion": "magnitude", "beside": "grasp", "label": "3", "images": 50, "batch": 7}
CHANGES |= {"random_labels": True}
SHOWN = "!asking && document.body.dataset.shown"
CHANGE = """(async () => {{
  const started = performance.now(), control = document.getElementById({name}), kind = {kind}, before = control[kind];
  control[kind] = {value};
  control.dispatchEvent(new Event("input", {{bubbles: true}}));
  while (asking) await new Promise((done) => setTimeout(done, 1));
  const taken = performance.now() - started;
  control[kind] = before;
  control.dispatchEvent(new Event("input", {{bubbles: true}}));
  while (asking) await new Promise((done) => setTimeout(done, 1));
  return taken;
}})()"""


def measure(effort: Effort) -> Iterator[Row]:
    """A row for the first load, in which nothing is scored yet, and for each control, whose scores are new too."""
    if FOUND is None:
        raise SystemExit("no Chromium is installed: apt install chromium")
    dataset = mnist_or_glyphs()
    rounds = []
    with tempfile.TemporaryDirectory() as folder, Browser(Path(folder)) as browser:
        for _ in range(effort.pairs):
            with open_server(Explorer(dataset), 0) as server:
                threading.Thread(target=server.serve_forever, daemon=True).start()
                rounds.append(times(browser, f"http://127.0.0.1:{server.server_port}/"))
                server.shutdown()
    for name in rounds[0]:
        yield {"what": name, "turns_ms": [round(found[name], 1) for found in rounds]}


def times(browser: Browser, address: str) -> dict[str, float]:
    """The milliseconds of the first load and of each change, until the page shows it."""
    browser.open("about:blank")
    started = time.perf_counter()
    browser.open(address)
    browser.wait(f"document.readyState === 'complete' && {SHOWN}")
    return {LOAD: 1000 * (time.perf_counter() - started), **{name: change(browser, name) for name in CHANGES}}


def change(browser: Browser, name: str) -> float:
    """The milliseconds from an input until it is shown; afterwards the control is as it was."""
    value = CHANGES[name]
    kind = "checked" if isinstance(value, bool) else "value"
    texts = {"name": name, "kind": kind, "value": value}
    return float(browser.run(CHANGE.format(**{key: json.dumps(text) for key, text in texts.items()})))


def tables(rows: Sequence[Row]) -> dict[str, list[str]]:
    """The only table, by its name."""
    cells = ([row["what"], *map(milliseconds, spread(row["turns_ms"]))] for row in rows)
    return {"table": [*lines(["LeNet-300-100", "median, ms", "least", "greatest"], cells)]}


def main(argv: Sequence[str] | None = None) -> None:
    """Measure, print the table, and write it, unless it is a smoke run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    effort = Effort.parse(argv, parser)
    rows = [*told(measure(effort))]
    print("\n".join(tables(rows)["table"]))
    if not effort.smoke:
        label = mnist_or_glyphs().label
        write_result(OUT, tables(rows), command="-m tests.benchmarks.explorer", data=label, rows=rows)


if __name__ == "__main__":
    main()
