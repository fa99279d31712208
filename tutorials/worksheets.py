"""Make a worksheet of one page A4 for each lesson: its predictions, to write down and to tick, and lesson 2's table.

    python tutorials/worksheets.py               all lessons, in build/worksheets
    python tutorials/worksheets.py 2 5           lessons 2 and 5
    python tutorials/worksheets.py --out DIR     write there

Open a page in a browser and print it. The questions are the **Predict** paragraphs of the solved notebooks. Needs
`'.[course]'`.
"""

from __future__ import annotations

import argparse
import html
import re
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any

import nbformat
from nbconvert.filters import markdown2html
from slides import HERE, LESSONS, notebook_of, package_file

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Worksheet: {title}</title>
<style>
@page {{ size: A4; margin: 14mm 16mm; }}
html {{ font: 10pt/1.3 "Source Sans 3", "DejaVu Sans", Arial, sans-serif; }}
body {{ max-width: 178mm; min-height: 262mm; margin: auto; display: flex; flex-direction: column; }}
h1 {{ font-size: 15pt; margin: 0 0 1mm; }}
h2 {{ font-size: 10pt; margin: 0; }}
p {{ margin: 0.5mm 0; }}
.name {{ color: #444; margin-bottom: 2mm; }}
.name span, .ticks span {{ white-space: nowrap; margin-right: 8mm; }}
section {{ border-top: 0.4mm solid #0072B2; padding: 1mm 0; flex: 1 1 auto; display: flex; flex-direction: column; }}
.space {{ flex: 1 1 6mm; min-height: 6mm; border-bottom: 0.2mm dotted #888; }}
.ticks {{ font-size: 9.5pt; margin-top: 1mm; }}
table {{ border-collapse: collapse; font-size: 9pt; margin: 1.5mm 0; }}
th, td {{ border: 0.2mm solid #888; padding: 0.8mm 1.5mm; text-align: left; }}
td {{ width: 19mm; text-align: center; }}
footer {{ font-size: 8pt; color: #444; }}
</style>
<script>MathJax = {{tex: {{inlineMath: [["$", "$"]]}}, options: {{enableMenu: false}}}};</script>
<script>{mathjax}</script>
</head>
<body>
<h1>{title}</h1>
<div class="name"><span>Name ______________________________</span><span>Date ______________</span><br>
The questions are those of the notebook. Write your prediction before you run the cell, and tick afterwards.</div>
{questions}
<footer>minisnip, CC BY 4.0</footer>
</body>
</html>
"""
QUESTION = """<section>
<h2>{place}</h2>
{text}
{table}
<div class="space"></div>
<div class="ticks"><span>☐ right</span><span>☐ nearly</span><span>☐ wrong</span><span>because</span></div>
</section>
"""
HEADING = re.compile(r"^#+ (Round \d+[^\n]*)", re.MULTILINE)
ANSWER = re.compile(r"<details>.*?</details>", re.DOTALL)

Question = tuple[str, str, str]  # the round, the text, a table to fill in


def kill_table(cells: list[Any]) -> str:
    """The table of tests by mutants that one of these cells prints, with empty boxes; without what no test kills."""
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    printed = "".join(output.get("text", "") for output in outputs)
    names, *lines = [re.split(r"\s{2,}", line.strip()) for line in printed.splitlines() if line.strip()] or [[]]
    rows = [line for line in lines if len(line) == len(names) + 1]
    mutants = [name for name, *column in zip(names, *(row[1:] for row in rows), strict=True) if "killed" in column]
    if not mutants:
        return ""
    head = "".join(f"<th>{html.escape(name)}</th>" for name in ["killed?", *mutants])
    body = [f"<tr><th>{html.escape(row[0])}</th>{'<td>☐</td>' * len(mutants)}</tr>" for row in rows]
    return f"<table><tr>{head}</tr>{''.join(body)}</table>"


def questions_of(notebook: Any) -> Iterator[Question]:
    """Every paragraph with **Predict**, without the answers."""
    place = ""
    for i, cell in enumerate(notebook.cells):
        if cell.cell_type != "markdown":
            continue
        code = list(takewhile(lambda following: following.cell_type == "code", notebook.cells[i + 1 :]))
        for paragraph in re.split(r"\n\s*\n", ANSWER.sub("", cell.source)):
            place = found[1] if (found := HEADING.search(paragraph)) else place
            if "**Predict" in paragraph:
                yield place, paragraph, kill_table(code)


def worksheet(notebook: Any, mathjax: str) -> str:
    """The page."""
    title = notebook.cells[0].source.partition("\n")[0].removeprefix("# ")
    questions = [
        QUESTION.format(place=html.escape(place), text=markdown2html(text), table=table)
        for place, text, table in questions_of(notebook)
    ]
    return PAGE.format(title=html.escape(title), mathjax=mathjax, questions="".join(questions))


def main(argv: list[str] | None = None) -> None:
    """Write the pages."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lessons", metavar="N", nargs="*", type=int, help="numbers of lessons (default: all)")
    parser.add_argument("--out", metavar="DIR", type=Path, default=HERE.parent / "build" / "worksheets")
    options = parser.parse_args(argv)
    options.out.mkdir(parents=True, exist_ok=True)
    mathjax = package_file("sphinx-mathjax-offline", "static/mathjax/tex-svg.js")
    for lesson in options.lessons or sorted(int(path.name[:2]) for path in LESSONS.glob("[0-9]*.ipynb")):
        notebook = notebook_of(lesson)
        file = options.out / f"{notebook.stem}.html"
        file.write_text(worksheet(nbformat.read(notebook, as_version=4), mathjax), encoding="utf-8")
        print(file)


if __name__ == "__main__":
    main()
