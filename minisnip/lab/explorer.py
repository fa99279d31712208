"""The page of `minisnip explore`: one file of HTML, and a server on this machine that answers it. No network is needed.

/                  the page (explorer.html), with the choices of its controls in it
/state?sparsity=…  what the page shows for these knobs, as JSON; a sentence if they are wrong
"""

from __future__ import annotations

import errno
import json
import math
import sys
import threading
import time
from dataclasses import asdict, replace
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from minisnip.data import Dataset
from minisnip.data.storage import PUBLISHED
from minisnip.lab.explore import ALL, Knobs, Scores, View, cut, from_query, score, second, to_python, to_query
from minisnip.nn import MODELS
from minisnip.nn.models import TITLES
from minisnip.pruning import CRITERIA, overlap

PAGE = Path(__file__).with_suffix(".html")
HOST = "127.0.0.1"
OF_WINDOWS = "A convolution reads every pixel with the same weights, and the border in fewer windows."
HELD = 4  # settings whose scores are kept: a drag of the sparsity scores nothing again


class Explorer:
    """A data set, and the scores of the last settings.

    Parameters
    ----------
    dataset : Dataset
    """

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self._score = lru_cache(maxsize=HELD)(lambda knobs: score(knobs, dataset))
        self._turn = threading.Lock()  # filters of warnings are the process's

    def choices(self) -> dict[str, Any]:
        """What the controls offer: the networks that take these images, criteria, classes; and the defaults."""
        shape = self.dataset.train.images.shape[1:]
        models = {name: TITLES.get(name, name) for name in MODELS if MODELS[name]().input_shape == shape}
        return {
            "dataset": self.dataset.label,
            "published": self.dataset.name in PUBLISHED,
            "model": models,
            "criterion": [*CRITERIA],
            "label": [ALL, *self.dataset.class_names],
            "defaults": asdict(Knobs() if Knobs.model in models else Knobs(model=next(iter(models)))),
        }

    def scores(self, knobs: Knobs) -> Scores:
        """The scores of a setting, made once for all sparsities."""
        return self._score(replace(knobs, sparsity=0.0, beside=""))

    def state(self, knobs: Knobs) -> dict[str, Any]:
        """What the page shows for a setting, as JSON holds it. Raises as `minisnip.lab.explore.view`."""
        views = {k.criterion: cut(self.scores(k), k.sparsity) for k in [knobs, *second(knobs)]}
        masks = [found.masks for found in views.values()]
        return {
            "knobs": asdict(knobs),
            "panels": [_panel(name, found) for name, found in views.items()],
            "overlap": _finite(asdict(overlap(*masks))) if len(masks) == 2 else None,
            "link": to_query(knobs, self.dataset.name),
            "python": to_python(knobs, self.dataset.name),
        }

    def answer(self, query: str) -> dict[str, Any]:
        """The state of a link and the seconds that it took; or {"error": the sentence that says what is wrong}."""
        started = time.perf_counter()
        try:
            with self._turn:
                found = self.state(from_query(query, self.dataset.name))
        except (ValueError, TypeError) as error:
            return {"error": str(error)}
        return {**found, "seconds": time.perf_counter() - started}

    def page(self) -> str:
        """The page, with the choices of its controls."""
        choices = json.dumps(self.choices()).replace("<", "\\u003c")  # a class may be called </script>
        return PAGE.read_text(encoding="utf-8").replace("null /* choices */", choices)


def _panel(criterion: str, found: View) -> dict[str, Any]:
    first = next(iter(found.masks.values()))
    layers = [{"name": name, **row, "last": found.last.get(name)} for name, row in found.layers.items()]
    return {
        "criterion": criterion,
        "pixels": found.pixels.tolist(),
        "layers": layers,
        "empty": found.empty,
        "predicted": found.predicted,
        "notes": [*found.notes, *[OF_WINDOWS] * (first.ndim == 4)],
    }


def _finite(numbers: dict[str, float]) -> dict[str, float | None]:
    """JSON has no NaN."""
    return {name: number if math.isfinite(number) else None for name, number in numbers.items()}


class Server(ThreadingHTTPServer):
    """A thread for each connection: browsers open some that they do not use."""

    def handle_error(self, *_: Any) -> None:
        """Say nothing of a browser that is gone before its answer; show every other error."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(*_)


def open_server(explorer: Explorer, port: int) -> Server:
    """A server of the page on this machine alone; `serve_forever()` starts it.

    Raises
    ------
    ValueError
        If the port is in use or may not be used; says which option to give.
    """

    class Handler(BaseHTTPRequestHandler):
        """Two addresses."""

        def do_GET(self) -> None:
            address = urlsplit(self.path)
            if address.path == "/":
                self.give("text/html", explorer.page())
            elif address.path == "/state":
                self.give("application/json", json.dumps(explorer.answer(address.query)))
            else:
                self.send_error(404, f"there is no {address.path} here: the page is at /")

        def give(self, kind: str, text: str) -> None:
            content = text.encode()
            self.send_response(200)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Say nothing: each movement of a slider is a request."""

    try:
        return Server((HOST, port), Handler)
    except (OSError, OverflowError) as error:
        why = "is in use" if getattr(error, "errno", 0) == errno.EADDRINUSE else f"cannot be used ({error})"
        raise ValueError(f"port {port} {why}: choose another with --port, or --port 0 for any free one") from error
