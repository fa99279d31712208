"""Sphinx's settings for the site; build.py makes the folder that they are used on."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Mapping
from importlib import import_module
from operator import attrgetter
from typing import Any

import reference  # beside this file: build.py puts the folder on the path
from docutils import nodes

import minisnip
from minisnip.autodiff.describe import statement
from minisnip.autodiff.engine import Primitive

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
exclude_patterns = ["results/*/*.md", "lessons/student"]  # the students' copies are files to download
templates_path = ["_templates"]
suppress_warnings = ["autosummary.import_cycle"]  # the tables give full names

html_theme = "pydata_sphinx_theme"
html_title = "minisnip"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_domain_indices = False
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
nitpick_ignore_regex = [("py:(?!obj).*", ".*")]  # a type in a signature need not be public; a link (py:obj) must

MARKUP = re.compile(r"``.+?``|`([^`]+)`|(?<![\w*])\*[^\s*][^*]*[^\s*]\*(?![\w*])")  # code, `code`, *emphasis*


def docstring(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Plain text to reStructuredText: `name` is code and a link, * and | mean themselves, indented lines are code."""
    if isinstance(obj, Primitive):
        lines[:] = of_op(obj) or lines
    elif what == "data":
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
        found.append(line if example or verbatim else as_rst(line, name))
    lines[:] = found


def as_rst(line: str, name: str) -> str:
    """A line of text with its code as links or literals, its emphasis kept, and all else as it is written."""
    parts, end = [], 0
    for marked in MARKUP.finditer(line):
        parts += [escaped(line[end : marked.start()]), linked(marked[1], name) if marked[1] else marked[0]]
        end = marked.end()
    return "".join([*parts, escaped(line[end:])])


def escaped(text: str) -> str:
    """Text whose *, | and trailing _ mean themselves."""
    return re.sub(r"([*|]|(?<=\w)_(?!\w))", r"\\\1", text)


def linked(code: str, name: str) -> str:
    """A public name as a link to its page, one of the package of `name` first; any other code as it is."""
    package = ".".join(name.split(".")[:2])
    found = [full for full in reference.names().values() if full == code or full.endswith(f".{code}")]
    nearest = sorted(found, key=lambda full: not full.startswith(package))
    return f":py:obj:`{code} <{nearest[0]}>`" if nearest else f"``{code}``"


def of_op(op: Primitive) -> list[str]:
    """An op: the line of code that has its forward function and its derivatives."""
    source, _ = statement(op)
    return [f"``{ast.unparse(ast.parse(source))}``"] if source else []


def of_value(obj: Any) -> list[str]:
    """What a public value says of itself: its own docstring, or the entries of a registry, or the value."""
    if obj.__doc__ and obj.__doc__ != type(obj).__doc__:
        return obj.__doc__.splitlines()
    if not isinstance(obj, Mapping):
        return [f"``{obj!r}``"]
    lines = ["By name:", ""]
    for key, entry in obj.items():
        lines.append(f"- ``{key}``" + "".join(f": {line}" for line in (entry.__doc__ or "").splitlines()[:1]))
    return lines


class Annotation(str):
    """A type as the author wrote it: `Arrays`, and not what it is short for."""

    __repr__ = str.__str__


def signature(app: Any, what: str, name: str, obj: Any, options: Any, args: str | None, returns: str | None) -> Any:
    """The signature with its annotations as they are written; none for a protocol, which nobody calls."""
    if args is None or what not in ("class", "exception", "function", "method"):
        return None
    if getattr(obj, "_is_protocol", False):
        return "", ""
    found = inspect.signature(obj)
    parameters = list(found.parameters.values())[what == "method" :]
    written = [p.replace(annotation=as_written(p.annotation)) for p in parameters]
    answer = "" if what == "class" or found.return_annotation is found.empty else str(found.return_annotation)
    return str(inspect.Signature(written)), answer


def as_written(annotation: Any) -> Any:
    """An annotation that is printed without quotes."""
    return Annotation(annotation) if isinstance(annotation, str) else annotation


def module_of_code(app: Any, module: str, name: str) -> str:
    """The module whose source a [source] link shows; a value that Python's own types define has none elsewhere."""
    found = getattr(attrgetter(name)(import_module(module)), "__module__", None) or ""
    return found if found.startswith("minisnip") else module


def mend_links(app: Any, page: str, template: str, context: dict[str, Any], doctree: Any) -> None:
    """The links from source back to the page of a name; viewcode takes one package for all names of a module."""
    if page.startswith("_modules/"):
        context["body"] = re.sub(r"(api/made/([\w.]+\.(\w+))\.html)#[\w.]+\.\3(?=\")", r"\1#\2", context["body"])


def describe_outputs(app: Any, doctree: nodes.document) -> None:
    """Alternative text for the figures in the outputs of notebooks, which have none of their own."""
    for section in reversed(list(doctree.findall(nodes.section))):  # the inner ones first: their titles say more
        for output in section.findall(lambda node: "cell_output" in getattr(node, "attributes", {}).get("classes", [])):
            for image in output.findall(nodes.image):
                image.setdefault(
                    "alt", f"Figure drawn by the cell above it, in “{section.next_node(nodes.title).astext()}”"
                )


def setup(app: Any) -> None:
    """Register what is above, before numpydoc: it takes the code that begins an op's docstring for a signature."""
    app.connect("autodoc-process-docstring", docstring, priority=400)
    app.connect("autodoc-process-signature", signature, priority=400)
    app.connect("viewcode-follow-imported", module_of_code)
    app.connect("doctree-read", describe_outputs)
    app.connect("html-page-context", mend_links)
