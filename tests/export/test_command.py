"""`minisnip export` writes a finished run as one file; what is wrong gets a sentence."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minisnip.data import load
from minisnip.files import load_arrays, save_arrays
from minisnip.lab.cli import main
from minisnip.nn import MODELS, lenet_300_100, running_statistics
from minisnip.pruning import apply_masks
from tests.table2 import SMALL

torch: Any = pytest.importorskip("torch", reason="PyTorch is not installed: pip install '.[export]'")
export: Any = pytest.importorskip("minisnip.export", reason="pip install '.[export]'")

ENDINGS = {"torch": ".pt", "safetensors": ".safetensors", "onnx": ".onnx"}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("runs") / "run"
    assert main(["train", "--dataset", "glyphs", "--epochs", "1", "--out", str(folder)]) == 0
    return folder


@pytest.mark.parametrize("kind", ["torch", "safetensors", "onnx"])
def test_a_run_is_one_file_that_computes_the_same(kind: str, run: Path, tmp_path: Path) -> None:
    out = tmp_path / ("model" + ENDINGS[kind])
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
        (["--format", "ONNX"], "unknown format 'ONNX': choose one of torch, safetensors, onnx; did you mean 'onnx'?"),
        (["--out", ""], ". is no name for torch: a file of this format ends in .pt"),
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


def test_a_folder_is_no_file_to_write(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.pt").mkdir()
    with pytest.raises(SystemExit, match="2"):
        main(["export", str(run), "--out", str(tmp_path / "a.pt")])
    assert "a.pt is a folder: name a file with --out" in capsys.readouterr().err


@pytest.mark.parametrize("file", ["result.json", "params.npz", "masks.npz"])
@pytest.mark.parametrize("content", [None, b"", b"PK\x05\x06", b"{}"])
def test_a_damaged_run_has_one_sentence_and_writes_nothing(
    file: str, content: bytes | None, run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copied = shutil.copytree(run, tmp_path / "run")
    (copied / file).unlink()
    if content is not None:
        (copied / file).write_bytes(content)
    with pytest.raises(SystemExit, match="2"):
        main(["export", str(copied), "--out", str(tmp_path / "out.pt")])
    error = capsys.readouterr().err
    assert file in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out.pt").exists()


@pytest.mark.parametrize("kind", ["torch", "safetensors", "onnx"])
def test_running_statistics_and_recurrent_layers_are_exported_too(
    kind: str, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("vgg", "wrn", "lstm", "gru"):
        net, rng, folder = SMALL[name](), np.random.default_rng(0), tmp_path / name
        images = rng.standard_normal((9, *net.input_shape)).astype(np.float32)
        params = net.init(0)
        masks = {n: (rng.random(w.shape) < 0.5).astype(np.float32) for n, w in params.items() if n in net.prunable}
        params = apply_masks(masks, params | running_statistics(net, params, [images]))
        shutil.copytree(run, folder)
        save_arrays(folder / "params.npz", params)
        save_arrays(folder / "masks.npz", masks)
        monkeypatch.setitem(MODELS, "lenet-300-100", SMALL[name])  # the name in result.json
        file = folder / ("new" + ENDINGS[kind])
        assert main(["export", str(folder), "--format", kind, "--out", str(file)]) == 0
        if kind == "onnx":
            runtime: Any = pytest.importorskip("onnxruntime", reason="pip install '.[export]'")
            session = runtime.InferenceSession(file, providers=["CPUExecutionProvider"])
            logits = session.run(None, {"images": images})[0]
            np.testing.assert_allclose(logits, net(params, images), rtol=0, atol=1e-5)
            continue
        found, found_masks = export.from_torch(net, file)
        assert all(np.array_equal(found[n], w) for n, w in params.items())
        assert all(np.array_equal(found_masks[n], c) for n, c in masks.items())


def test_without_the_extra_it_says_what_to_install(
    run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in [name for name in sys.modules if name.startswith(("minisnip.export", "minisnip.lab.exported"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(SystemExit, match="2"):
        main(["export", str(run)])
    assert "minisnip.export needs onnx: pip install 'minisnip[export]'" in capsys.readouterr().err
