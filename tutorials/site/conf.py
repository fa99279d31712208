"""Sphinx's settings for the site; build.py makes the folder that they are used on."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from functools import partial
from typing import Any

import reference  # beside this file: build.py puts the folder on the path
from docutils import nodes

import minisnip

project, author, release = "minisnip", "The minisnip authors", minisnip.__version__
project_copyright = "2026, the minisnip authors. MIT license"
extensions = [
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx.ext.viewcode",
    "sphinx-mathjax-offline",
]
exclude_patterns = ["results/*/*.md"]
templates_path = ["_templates"]
suppress_warnings = ["autosummary.import_cycle"]  # the tables give full names

html_theme = "pydata_sphinx_theme"
html_title = "minisnip"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_theme_options = {
    "logo": {"text": "minisnip"},
    "header_links_before_dropdown": 6,
    "navbar_align": "left",
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
html_context = {"default_mode": "auto"}
html_favicon = "_static/mask.svg"
html_sidebars = {"index": [], "design": [], "contributing": [], "changelog": []}
mathjax3_config = {"chtml": {"mtextInheritFont": True}}  # sphinx-mathjax-offline brings MathJax 3

nb_execution_mode = "off"  # the committed outputs are shown
nb_ipywidgets_js: dict[str, Any] = {}  # by default from a server
myst_enable_extensions = ["attrs_inline", "colon_fence", "dollarmath"]
myst_heading_anchors = 3

autosummary_generate = True
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
maximum_signature_line_length = 90
numpydoc_show_class_members = False
nitpick_ignore_regex = [("py:(?!obj).*", ".*")]  # a type in a signature need not be public; a link (py:obj) must lead on

CODE = re.compile(r"``.+?``|`([^`]+)`")


def docstring(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Plain text to reStructuredText: `name` is code and a link, * and | mean themselves, indented lines are verbatim."""
    if what == "data":
        lines[:] = of_value(obj)
    body = next((i for i, line in enumerate(lines) if line and set(line) == {"-"}), len(lines) + 1) - 1
    example = verbatim = False
    found = []
    for i, line in enumerate(lines):
        example = line.lstrip().startswith(">>>") or (example and bool(line.strip()))
        indented = line.startswith("    ") and not example and i < body
        if indented and not verbatim and not lines[i - 1].strip():
            found += ["::", ""]
            verbatim = True
        elif line.strip() and not line.startswith("    "):
            verbatim = False
        found.append(line if example or verbatim else as_rst(line))
    lines[:] = found


def as_rst(line: str) -> str:
    """A line of text with its code as links or literals, and all else as it is meant."""
    parts, end = [], 0
    for code in CODE.finditer(line):
        parts += [escaped(line[end : code.start()]), linked(code[1]) if code[1] else code[0]]
        end = code.end()
    return "".join([*parts, escaped(line[end:])])


def escaped(text: str) -> str:
    return re.sub(r"([*|]|(?<=\w)_(?!\w))", r"\\\1", text)


def linked(code: str) -> str:
    """A public name as a link to its page; any other code as it is."""
    full = targets().get(code)
    return f":py:obj:`{code} <{full}>`" if full else f"``{code}``"


def targets() -> dict[str, str]:
    """What may be written in backticks, and where it leads."""
    full = list(reference.names().values())
    return {**{name.rpartition(".")[2]: name for name in reversed(full)}, **{name: name for name in full}}


def of_value(obj: Any) -> list[str]:
    """What a public value says of itself: its own docstring, or the entries of a registry, or the value."""
    if obj.__doc__ and obj.__doc__ != type(obj).__doc__:
        return obj.__doc__.splitlines()
    if not isinstance(obj, Mapping):
        return [f"``{obj!r}``"]
    lines = ["By name:", ""]
    for key, entry in obj.items():
        text = (entry.func if isinstance(entry, partial) else entry).__doc__ or ""
        lines.append(f"- ``{key}``" + "".join(f": {line}" for line in text.splitlines()[:1]))
    return lines


class Annotation(str):
    """A type as the author wrote it: `Arrays`, and not what it is short for."""

    __repr__ = str.__str__


def signature(app: Any, what: str, name: str, obj: Any, options: Any, args: str | None, returns: str | None) -> Any:
    """The signature with its annotations as they are written."""
    if args is None or what not in ("class", "exception", "function", "method"):
        return None
    try:
        found = inspect.signature(obj)
    except ValueError:
        return None
    parameters = list(found.parameters.values())[what == "method" :]
    written = [p.replace(annotation=Annotation(p.annotation)) if isinstance(p.annotation, str) else p for p in parameters]
    answer = f" -> {found.return_annotation}" if isinstance(found.return_annotation, str) and what != "class" else ""
    return str(found.replace(parameters=written, return_annotation=inspect.Signature.empty)), answer.removeprefix(" -> ")


def describe_outputs(app: Any, doctree: nodes.document) -> None:
    """Alternative text for the figures in the outputs of notebooks, which have none of their own."""
    for image in doctree.findall(nodes.image):
        section = image.parent
        while section is not None and not isinstance(section, nodes.section):
            section = section.parent
        if not image.get("alt"):
            image["alt"] = f"Figure drawn by the cell above it, in “{section.next_node(nodes.title).astext()}”"


def setup(app: Any) -> None:
    """Register what is above; docstrings come first here and then to numpydoc."""
    app.connect("autodoc-process-docstring", docstring, priority=400)
    app.connect("autodoc-process-signature", signature)
    app.connect("doctree-read", describe_outputs)
