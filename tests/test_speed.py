"""One page of speed: made of one JSON, at one commit; every number that is quoted elsewhere is in it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.benchmarks import all as everything
from tests.benchmarks import busy, command, delta_loss, figures, growth, page, problem, race, training_step
from tests.benchmarks.contestants import minisnip_
from tests.benchmarks.facts import THREADS
from tests.benchmarks.race import FLOOR, ONE_THREAD, PEER, US, Row
from tests.benchmarks.table import ratio, spread
from tests.benchmarks.turns import SMOKE, Effort
from tests.networks import toy_dataset
from tests.test_benchmarks import images_like_mnist

ROOT = Path(__file__).parents[1]
RECORD = page.shipped()
PARTS = RECORD["parts"]


@pytest.mark.parametrize("name", ["page.md", "speed.json"])
def test_the_shipped_page_is_that_of_the_shipped_numbers(name: str) -> None:
    made = page.page(RECORD) if name == "page.md" else json.dumps(RECORD, indent=1) + "\n"
    assert (page.FOLDER / name).read_text(encoding="utf-8") == made


def test_a_smoke_run_says_so_first() -> None:
    assert page.page({**RECORD, "smoke": True}).startswith("**This page is a smoke run")
    assert page.page({**RECORD, "smoke": False}).startswith(busy.verdict(PARTS["busy"]))
    assert "not measured yet" in page.sentence({**RECORD, "smoke": True})


def test_all_of_it_is_of_one_clean_commit_and_seven_pairs() -> None:
    assert RECORD["smoke"] or (re.fullmatch("[0-9a-f]{40}", RECORD["commit"]) and RECORD["pairs"] >= 7)
    assert list(PARTS) == list(page.PARTS)
    assert sum(part.minutes for part in page.PARTS.values()) < 60


def busy_row(us: float, default: float, one: float, *, work: str = busy.SCORE) -> Row:
    times = {US: [us, us], PEER: [default, default], ONE_THREAD: [one, one]}
    return {"work": work, "network": page.MLP, busy.ALONE: times, busy.BUSY: times}


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([(1, 4, 3)], "leaves minisnip ahead**"),
        ([(1, 4, 1.5)], "leaves minisnip ahead, but by less than a factor of two**"),
        ([(1, 4, 1), (1, 4, 0.5)], "removes minisnip's lead**"),
        ([(1, 4, 0.5), (1, 4, 3)], "removes minisnip's lead in work 0 of LeNet-300-100**"),
        ([(1, 4, 3), (2, 1, 1)], "it is ahead in 1 of 2 rows only."),
        ([(2, 1, 1)], "minisnip is not ahead of PyTorch."),
    ],
)
def test_the_first_sentence_says_what_one_thread_does_to_the_lead(rows: list[Any], words: str) -> None:
    sentence = busy.verdict([busy_row(*times, work=f"work {i}") for i, times in enumerate(rows)])
    assert words in sentence
    assert sentence.count("\n") == 0


def test_the_first_sentence_has_the_ratios() -> None:
    rows = [busy_row(1, 4, 2), {**busy_row(1, 5, 1.25), "network": page.CONVNET}]
    assert "0.20 to 0.25 of PyTorch's time with its default threads, and 0.50 to 0.80 with one." in busy.verdict(rows)


def test_a_goal_is_reached_or_missed_by_how_much() -> None:
    goal = page.Goal("a step", 0.5, "×", (0.5, 0.4, 0.6))
    assert goal.cells() == ["a step", "≤ 0.5×", "0.50 (0.40–0.60)×", "reached"]
    assert replace(goal, measured=(0.6, 0.4, 0.6)).outcome == "**missed** by 20 %"
    assert replace(goal, measured=None).cells()[2:] == ["not measured", "–"]


def test_every_goal_is_in_the_table() -> None:
    asked = [(goal.limit, goal.unit) for goal in page.goals(PARTS)]
    steps = [(0.85, "×"), (1.7, "×"), (0.6, "×"), (1.7, "×"), (0.85, "×"), (1.7, "×"), (0.85, "×"), (1.7, "×")]
    others = [(0.9, "×"), (0.45, "×"), (0.8, "×"), (0.8, "×"), (0.35, "×"), (0.25, "×")]
    beside = [(1.5, "×"), (0.5, "×"), (2.2, "×"), (0.5, "×")] * 2 + [(1.5, "×")]
    assert asked == [*steps, *others, *beside, (3, " s"), (4, " s")]


def test_no_point_of_a_figure_is_cut() -> None:
    for part, draw in page.FIGURES.values():
        for axes in draw(PARTS[part]).axes:
            assert axes.get_xscale() == "log"
            low, high = sorted(axes.get_xlim())
            xs = np.concatenate([np.asarray(line.get_xdata(), float) for line in axes.lines])
            assert low <= xs.min() <= xs.max() <= high
    assert figures.growing(PARTS["growth"]).axes[0].get_yscale() == "log"


# What is quoted elsewhere


def test_the_readme_quotes_the_ratios_of_the_goals() -> None:
    dense = [row["turns_ms"] for row in PARTS["steps"] if (row["work"], row["weights"]) == ("a step", "dense")]
    epochs = [row[busy.BUSY] for row in PARTS["busy"] if row["work"] == busy.EPOCH]
    quoted = [f"{ratio(turns[US], turns[PEER])[0]:.2f}" for turns in (*dense, *epochs)]
    assert re.findall(r"\d\.\d\d", page.sentence({**RECORD, "smoke": False})) == quoted
    assert len(quoted) == 4


def quotes() -> Iterator[tuple[str, str, Callable[[], bool]]]:
    """A file, the words in it that speak of speed, and whether the numbers agree."""
    loop = PARTS["busy"][0]
    minutes = 30 * spread(loop[busy.ALONE][US])[0] / loop["share"] / 60_000
    for file in ("README.md", "tutorials/site/index.md", "minisnip/lab/cli.py"):
        yield file, "about a minute", lambda: 0.4 < minutes < 1.6
    masked = {row["network"] + row["sparsity"]: row["step_ms"] for row in PARTS["compaction"]}
    smaller = {name: ratio(ms["compacted"], ms["masked"])[0] for name, ms in masked.items()}
    lesson = "tutorials/source/08_break_and_repair.py"
    yield lesson, "at 90 % hardly", lambda: smaller["LeNet-300-10090 %"] > 0.75
    yield lesson, "LeNet-5-Caffe gains little even at 99 %", lambda: smaller["LeNet-5-Caffe99 %"] > 0.75
    deletions = [spread(row["turns_ms"])[0] / 1000 for row in PARTS["delta_loss"]]
    yield "README.md", "all, exactly, in seconds", lambda: max(deletions) < 10
    yield "minisnip/pruning/criteria.py", "seconds for a LeNet", lambda: max(deletions) < 10


@pytest.mark.parametrize(("file", "words", "agrees"), [*quotes()])
def test_words_about_speed_agree_with_the_numbers(file: str, words: str, agrees: Callable[[], bool]) -> None:
    assert words in (ROOT / file).read_text(encoding="utf-8"), "the words are gone: take them out of this list too"
    assert RECORD["smoke"] or agrees()


def test_no_page_quotes_a_time_by_hand() -> None:
    """Milliseconds, microseconds, and how many times faster, are on the page of speed alone."""
    pattern = re.compile(
        r"\b\d[\d.,]* ?(ms|milliseconds|microseconds|µs)\b|\b(two|three|four|[\d.]+) times (faster|slower)"
    )
    files = [
        ROOT / "README.md",
        *(ROOT / "tutorials" / "site").rglob("*.md"),
        *(ROOT / "tutorials" / "source").glob("*.py"),
    ]
    files += (ROOT / "minisnip").rglob("*.py")
    found = {file.name: pattern.search(file.read_text(encoding="utf-8")) for file in files}
    assert {name: match[0] for name, match in found.items() if match} == {}


# The command


class Fake:
    """A part that is measured in no time; it counts how often."""

    def __init__(self) -> None:
        self.calls, self.interrupt = 0, False

    def measure(self, effort: Effort) -> Iterator[Row]:
        yield {"work": "half of it"}
        if self.interrupt:
            raise KeyboardInterrupt
        self.calls += 1
        yield {"work": "the rest", "pairs": effort.pairs}

    def section(self, rows: Sequence[Row]) -> str:
        return f"{len(rows)} rows"


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> tuple[Fake, Fake]:
    """Two parts in place of all, a clean checkout, and results in a folder of their own."""
    first, second = Fake(), Fake()
    monkeypatch.setattr(page, "PARTS", {"steps": page.Part("A", 1, first), "compaction": page.Part("B", 2, second)})
    monkeypatch.setattr(page, "files", lambda record: {"speed.json": json.dumps(record)})
    monkeypatch.setattr(page, "FOLDER", tmp_path / "speed")
    monkeypatch.setattr(everything, "WORK", tmp_path / "work")
    monkeypatch.setattr(everything, "SMOKE_OUT", tmp_path / "smoke")
    monkeypatch.setattr(everything, "LESSON", tmp_path / "lesson.csv")
    monkeypatch.setattr(everything, "for_lesson", lambda rows: "csv")
    for name in THREADS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(everything, "mnist_or_glyphs", toy_dataset)
    monkeypatch.setattr(everything, "changes", list)
    monkeypatch.setattr(everything, "installed", lambda name: True)
    monkeypatch.setattr(everything, "commit", lambda: "f" * 40)
    return first, second


def written(folder: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((folder / "speed.json").read_text())
    return record


def test_an_interrupted_measurement_resumes_with_the_part_it_was_in(
    parts: tuple[Fake, Fake], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parts[1].interrupt = True
    with pytest.raises(KeyboardInterrupt):
        everything.main([])
    assert not (tmp_path / "speed").exists()
    parts[1].interrupt = False
    everything.main([])
    assert [fake.calls for fake in parts] == [1, 1]
    assert written(tmp_path / "speed")["parts"]["compaction"] == [
        {"work": "half of it"},
        {"work": "the rest", "pairs": 7},
    ]
    assert (tmp_path / "lesson.csv").read_text() == "csv"
    plans = re.findall(r"(\d+) minutes to go", capsys.readouterr().out)
    assert plans == ["3", "2"]


@pytest.mark.parametrize("other", ["commit", "settings"])
def test_what_another_commit_or_setting_measured_is_measured_again(
    other: str, parts: tuple[Fake, Fake], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything.main([])
    if other == "commit":
        monkeypatch.setattr(everything, "commit", lambda: "e" * 40)
    everything.main(["--pairs", "9"] if other == "settings" else [])
    assert [fake.calls for fake in parts] == [2, 2]
    assert written(tmp_path / "speed")["pairs"] == (9 if other == "settings" else 7)


def test_a_changed_checkout_is_refused_but_for_a_smoke_run(
    parts: tuple[Fake, Fake], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(everything, "changes", lambda: [" M README.md"])
    with pytest.raises(SystemExit, match=r"(?s)checkout has changes.* M README.md"):
        everything.main([])
    assert parts[0].calls == 0
    everything.main(["--smoke"])
    assert written(tmp_path / "smoke")["smoke"]
    assert not (tmp_path / "work").exists()
    assert not (tmp_path / "lesson.csv").exists()


@pytest.mark.parametrize("name", THREADS)
def test_limited_threads_are_refused(name: str, parts: tuple[Fake, Fake], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "1")
    with pytest.raises(SystemExit, match=f"{name} would limit"):
        everything.main([])
    assert parts[0].calls == 0


def test_without_pytorch_nothing_is_measured(parts: tuple[Fake, Fake], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(everything, "installed", lambda name: False)
    with pytest.raises(SystemExit, match="PyTorch is not installed"):
        everything.main([])


def test_changes_are_those_that_git_sees(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def git(*words: str) -> None:
        subprocess.run(["git", "-C", str(tmp_path), *words], check=True, capture_output=True)

    git("init")
    monkeypatch.setattr(everything, "ROOT", tmp_path)
    monkeypatch.setattr(page, "FOLDER", tmp_path / "results" / "speed")
    (tmp_path / "results" / "speed").mkdir(parents=True)
    (tmp_path / "results" / "speed" / "speed.json").write_text("what this command writes")
    assert everything.changes() == []
    (tmp_path / "results" / "new.py").write_text("")
    assert everything.changes() == ["?? results/new.py"]


@pytest.mark.parametrize("words", [["--pairs", "0"], ["--steps", "0"], ["--share", "0"], ["--share", "2"]])
def test_a_setting_that_makes_no_sense_is_refused(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        everything.main(words)
    assert "at least one pair and one step, and a share above 0" in capsys.readouterr().err


# The busy process


def lives(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_the_busy_process_computes_and_ends() -> None:
    with busy.busy_process() as process:
        assert process.poll() is None
    assert process.poll() is not None


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="there is no /proc here")
def test_the_busy_process_ends_with_a_benchmark_that_is_killed() -> None:
    code = "from tests.benchmarks.busy import *\nwith busy_process() as p: print(p.pid, flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stdin=subprocess.PIPE, cwd=ROOT
    ) as benchmark:
        assert benchmark.stdout is not None
        left = int(benchmark.stdout.readline())
        assert lives(left)
        os.kill(benchmark.pid, signal.SIGKILL)
        benchmark.wait()
    for _ in range(200):
        if not lives(left):
            return
        time.sleep(0.05)
    os.kill(left, signal.SIGKILL)
    pytest.fail("the busy process was left behind")


def test_busy_measures_both_situations_of_everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []

    def race_in(situations: Any, given: Any, effort: Effort, *_: Any, **__: Any) -> dict[str, Any]:
        asked.append([*situations, *(entry.make.rpartition(".")[2] for entry in given.values())])
        return {}

    monkeypatch.setattr(busy, "race_in", race_in)
    monkeypatch.setattr("tests.benchmarks.race.installed", lambda name: True)
    rows = list(busy.measure(Effort(share=0.25)))
    everybody = [
        f"{library}_:{{}}{how}" for library, how in (("minisnip", ""), ("torch", ""), ("torch", "_in_one_thread"))
    ]
    both = [busy.ALONE, busy.BUSY]
    assert asked[0] == asked[1] == [*both, *(name.format("epoch") for name in everybody)]
    assert asked[2] == asked[3] == [*both, *(name.format("scoring") for name in everybody)]
    assert asked[4] == [*both, "minisnip_:agreement"]
    assert [busy.title(row) for row in rows[1:3]] == ["25 % of an epoch", busy.SCORE]


# The parts, in a smoke run


def test_a_part_alone_prints_its_rows_and_its_section(capsys: pytest.CaptureFixture[str]) -> None:
    fake = Fake()
    command.main(fake.measure, fake.section, "Something.", ["--smoke"])
    printed = capsys.readouterr().out.splitlines()
    assert [line.split(" s  ")[-1] for line in printed] == ["half of it", "the rest", "2 rows"]


@pytest.fixture
def only_the_mlp(monkeypatch: pytest.MonkeyPatch) -> None:
    """Random images, one small network, and no library that takes long to import."""
    data = images_like_mnist()
    data = replace(data, validation=data.train)
    for module in (problem, training_step, busy, delta_loss):
        monkeypatch.setattr(module, "mnist_or_glyphs", lambda: data)
    for module in (training_step, delta_loss, busy):
        monkeypatch.setattr(module, "PAPERS", {"lenet-300-100": lambda: growth.mlp((10,))})
    monkeypatch.setattr(minisnip_, "agreement", lambda images: lambda: 0.5)
    monkeypatch.setattr(race, "installed", lambda name: name in (US, FLOOR))


@pytest.mark.usefixtures("only_the_mlp")
@pytest.mark.parametrize(("part", "rows"), [("steps", 4), ("busy", 3), ("delta_loss", 1)])
def test_a_part_is_measured_and_written_down(part: str, rows: int) -> None:
    module = page.PARTS[part].module
    found = json.loads(json.dumps(list(module.measure(SMOKE))))
    assert len(found) == rows
    assert all(ms > 0 for row in found for ms in times(row))
    assert module.section(found).count("| LeNet-300-100 |") >= rows


def times(row: Row) -> Iterator[float]:
    """Every number under a key that ends in _ms."""
    for key, turns in row.items():
        if key.endswith("_ms"):
            for ms in turns.values() if isinstance(turns, dict) else [turns]:
                assert len(ms) == SMOKE.pairs
                yield from ms
