"""A file is whole or absent, whatever ends the writing."""

from __future__ import annotations

from pathlib import Path
from typing import IO

import pytest

from minisnip.files import write_atomically


@pytest.mark.parametrize("ending", [OSError, KeyboardInterrupt, SystemExit])
def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(ending: type[BaseException], tmp_path: Path) -> None:
    def write(file: IO[bytes]) -> None:
        file.write(b"half")
        raise ending

    (tmp_path / "result.json").write_bytes(b"old")
    with pytest.raises(ending):
        write_atomically(tmp_path / "result.json", write)
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("result.json", b"old")]
