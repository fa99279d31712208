"""A download gets its name only when it is whole and right; otherwise every mirror's failure is told."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pooch
import pytest

from minisnip.data import DataUnavailableError
from minisnip.data.published import read_file
from minisnip.data.storage import download_file
from tests.data.files import digits, idx_bytes, spec_of

NAME = "t10k-labels-idx1-ubyte"
CONTENT = idx_bytes(digits(20)[1])
SPEC = spec_of(NAME, CONTENT)
CLOSED = "http://127.0.0.1:9/"  # the discard port: nobody listens

ANSWERS = {
    "right": (200, gzip.compress(CONTENT), 0),
    "wrong": (200, gzip.compress(idx_bytes(digits(20, seed=5)[1])), 0),
    "page": (200, b"<html>Log in to the network</html>", 0),
    "cut": (200, gzip.compress(CONTENT)[:20], 0),
    "broken-off": (200, gzip.compress(CONTENT)[:20], 1000),  # fewer bytes than the header promises
}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status, body, missing = ANSWERS.get(self.path.split("/")[1], (404, b"", 0))
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) + missing))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{http.server_address[1]}"
        http.shutdown()
        thread.join()


@pytest.mark.usefixtures("cache")
def test_a_right_file_is_downloaded_under_its_name(server: str, tmp_path: Path) -> None:
    path = download_file(SPEC, [f"{server}/right/"], tmp_path / "new" / "folder")
    assert path == tmp_path / "new" / "folder" / f"{NAME}.gz"
    assert len(read_file(path, SPEC)) == 20


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("wrong", "the answer is not the published file"),
        ("page", "the answer is a web page"),
        ("cut", "the answer is a damaged or truncated gzip"),
        ("broken-off", "IncompleteRead"),
        ("absent", "404 Client Error"),
    ],
)
def test_a_bad_answer_leaves_nothing_behind(server: str, tmp_path: Path, answer: str, reason: str) -> None:
    with pytest.raises(DataUnavailableError, match=f"{server}/{answer}/{NAME}.gz: .*{reason}"):
        download_file(SPEC, [f"{server}/{answer}/"], tmp_path / "folder")
    assert list((tmp_path / "folder").iterdir()) == []


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("first", ["wrong", "page", "broken-off", "absent"])
def test_after_a_bad_mirror_the_next_one_is_tried(server: str, tmp_path: Path, first: str) -> None:
    path = download_file(SPEC, [CLOSED, f"{server}/{first}/", f"{server}/right/"], tmp_path)
    assert len(read_file(path, SPEC)) == 20
    assert list(tmp_path.glob("tmp*")) == []


@pytest.mark.usefixtures("cache")
def test_without_a_network_every_url_is_listed_with_its_failure(tmp_path: Path) -> None:
    mirrors = [CLOSED, "http://127.0.0.1:9/other/"]
    with pytest.raises(DataUnavailableError) as caught:
        download_file(SPEC, mirrors, tmp_path)
    for line, mirror in zip(str(caught.value).splitlines()[1:], mirrors, strict=True):
        assert line.startswith(f"  {mirror}{NAME}.gz: ")
        assert "Connection refused" in line


def test_a_mirror_may_be_silent_for_4_seconds_at_first_and_for_30_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(url: str, timeout: tuple[float, float], **_: Any) -> None:
        raise TimeoutError("silent for {} seconds, or for {}".format(*timeout))

    monkeypatch.setattr("requests.get", silent)
    with pytest.raises(DataUnavailableError, match="silent for 4 seconds, or for 30"):
        download_file(SPEC, [CLOSED], tmp_path)


def test_a_download_that_is_interrupted_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def half(self: object, url: str, temporary: str, manager: object) -> None:
        Path(temporary).write_bytes(gzip.compress(CONTENT)[:20])
        raise KeyboardInterrupt

    monkeypatch.setattr("pooch.HTTPDownloader.__call__", half)
    with pytest.raises(KeyboardInterrupt):
        download_file(SPEC, [CLOSED], tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_cache_that_cannot_be_written_is_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def deny(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.makedirs", deny)
    with pytest.raises(DataUnavailableError, match=r"the cache .*locked cannot be written \(.*Permission denied"):
        download_file(SPEC, [CLOSED], tmp_path / "locked")


@pytest.mark.usefixtures("cache")
def test_a_download_is_silent_where_there_is_no_terminal(
    server: str,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pooch.get_logger(), "handlers", [caplog.handler])  # it propagates to no other logger
    download_file(SPEC, [f"{server}/right/"], tmp_path)
    assert capfd.readouterr() == ("", "")
    assert not caplog.records


@pytest.mark.usefixtures("cache")
def test_a_terminal_gets_a_progress_bar(
    server: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    download_file(SPEC, [f"{server}/right/"], tmp_path)
    out, err = capfd.readouterr()
    assert out == ""
    assert "100%" in err
