"""Count the lines of code: docstrings, comments and blank lines left out, after `ruff format`.

    python -m tests.count_lines    print the files of the evening, and each part beside its budget

`python -m tests.readme --write` puts both tables into the README.
"""

from __future__ import annotations

import ast
import io
import tokenize
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "minisnip"

EVENING = {
    "autodiff/engine.py": "a variable remembers how it was computed; `grad` walks that record backward",
    "autodiff/ops.py": "every op beside its derivative, in one table",
    "nn/layers.py": "layers are functions of (parameters, input), and a network is their sequence",
    "nn/losses.py": "cross-entropy, and its derivative: softmax minus one-hot",
    "pruning/masks.py": "a mask keeps or removes each connection; `keep_top` keeps exactly κ",
    "pruning/sensitivity.py": "SNIP: the derivative of the loss with respect to the mask",
    "pruning/deletion.py": "the definition that SNIP approximates: the loss without each connection, exactly",
    "training/optimizers.py": "one step down the gradient, with momentum or with Adam",
    "training/loop.py": "train the pruned network, keep the epoch with the lowest validation error",
}
BUDGETS = {"the core": 2_800, "lab/": 1_900, "exercises/": 1_050}  # design: what each may have after the recut
_NO_CODE = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENCODING,
    tokenize.ENDMARKER,
}


def count(file: Path) -> int:
    """The lines of a file that hold code."""
    text = file.read_text(encoding="utf-8")
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    lines = {n for t in tokens if t.type not in _NO_CODE for n in range(t.start[0], t.end[0] + 1)}
    return len(lines - _docstrings(ast.parse(text)))


def _docstrings(tree: ast.Module) -> set[int]:
    """The lines that docstrings take."""
    lines: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            first = node.body[0]
            lines |= set(range(first.lineno, (first.end_lineno or first.lineno) + 1))
    return lines


def packages() -> dict[str, int]:
    """The lines of each part that has a budget."""
    counts = dict.fromkeys(BUDGETS, 0)
    for file in sorted(PACKAGE.rglob("*.py")):
        part = f"{file.relative_to(PACKAGE).parts[0]}/"
        counts[part if part in counts else "the core"] += count(file)
    return counts


def evening() -> str:
    """The files of the evening as a table in markdown, and the lines of each part."""
    lines = {name: count(PACKAGE / name) for name in EVENING}
    rows = [f"| `{name}` | {lines[name]} | {what} |" for name, what in EVENING.items()]
    parts = ", ".join(f"{part} {total:,}" for part, total in packages().items())
    head = "| file | lines of code | what it tells |\n|---|---|---|"
    return "\n".join([head, *rows, f"| together | {sum(lines.values()):,} | |", "", f"In all: {parts}.", ""])


if __name__ == "__main__":
    print(evening())
    for part, total in packages().items():
        print(f"{part:<12}{total:>7,} of {BUDGETS[part]:,}")
