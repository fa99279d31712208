"""`minisnip export` writes a finished run as one file; what is wrong gets a sentence."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minisnip.data import load
from minisnip.files import load_arrays
from minisnip.lab.cli import main
from minisnip.nn import lenet_300_100

torch: Any = pytest.importorskip("torch", reason="PyTorch is not installed: pip install '.[export]'")
export: Any = pytest.importorskip("minisnip.export", reason="pip install '.[export]'")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("runs") / "run"
    assert main(["train", "--dataset", "glyphs", "--epochs", "1", "--out", str(folder)]) == 0
    return folder


@pytest.mark.parametrize("kind", ["torch", "safetensors", "onnx"])
def test_a_run_is_one_file_that_computes_the_same(kind: str, run: Path, tmp_path: Path) -> None:
    out = tmp_path / ("model" + {"torch": ".pt", "safetensors": ".safetensors", "onnx": ".onnx"}[kind])
    assert main(["export", str(run), "--format", kind, "--out", str(out)]) == 0
    net, params, images = lenet_300_100(), load_arrays(run / "params.npz"), load("glyphs").test.images[:50]
    if kind == "onnx":
        runtime: Any = pytest.importorskip("onnxruntime", reason="pip install '.[export]'")
        session = runtime.InferenceSession(out, providers=["CPUExecutionProvider"])
        np.testing.assert_allclose(session.run(None, {"images": images})[0], net(params, images), rtol=0, atol=1e-5)
        assert out.stat().st_size < (run / "params.npz").stat().st_size  # the smaller network
        return
    found, masks = export.from_torch(net, out)
    for name, c in load_arrays(run / "masks.npz").items():
        np.testing.assert_array_equal(masks[name], c)
        np.testing.assert_array_equal(found[name], params[name])


def test_the_file_is_in_the_folder_of_the_run_unless_said_otherwise(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(run)]) == 0
    assert f"wrote {run / 'model.pt'} (" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--format", "tflite"], "unknown format 'tflite': choose one of torch, safetensors, onnx"),
        (
            ["--format", "safetensors", "--out", "model.pt"],
            "model.pt is no name for safetensors: a file of this format ends",
        ),
        (["--out", "missing/../model.pt", "elsewhere"], "there is no finished run in elsewhere"),
    ],
)
def test_a_wrong_option_has_a_sentence(
    arguments: list[str], words: str, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = ["elsewhere"] if "elsewhere" in arguments else [str(run)]
    with pytest.raises(SystemExit, match="2"):
        main(["export", *folder, *(a for a in arguments if a != "elsewhere")])
    assert words in capsys.readouterr().err


def test_without_the_extra_it_says_what_to_install(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in sys.modules if name.startswith(("minisnip.export", "minisnip.lab.exported"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(SystemExit, match="2"):
        main(["export", str(run)])
    assert "minisnip.export needs onnx: pip install 'minisnip[export]'" in capsys.readouterr().err
