"""What an op says of itself, and where its errors come from."""

from typing import Any

import numpy as np
import pytest

from minisnip import ops, primitive


def slope(g: Any, out: Any, x: Any, scale: float = 1.0) -> Any:
    """A VJP with a name."""
    return g * scale


named = primitive(lambda x, scale=1.0: x * scale, slope)
inline = primitive(np.negative, lambda g, out, x: -g)
several = primitive(np.multiply, lambda g, out, a, b: g * b, lambda g, out, a, b: g * a, remedy="Try again.")


def of_a_function() -> Any:
    """An op whose statement is inside a function."""
    return primitive(np.negative, lambda g, out, x: -g)


@pytest.mark.parametrize(
    ("op", "words"),
    [
        (named, "<op <lambda>(x, scale=1.0): VJP slope>"),
        (inline, "<op negative(x): VJP -g>"),
        (several, "<op multiply(a, b): VJP g * b; g * a>"),
        (of_a_function(), "<op negative(x): VJP unknown>"),
        (eval("primitive(f, v)", {"primitive": primitive, "f": np.sin, "v": eval("lambda g, out, x: g")}), None),
    ],
    ids=["named", "inline", "several", "in a function", "no source"],
)
def test_an_op_shows_its_arguments_and_its_vjps(op: Any, words: str | None) -> None:
    assert repr(op) == (words or "<op sin(x): VJP unknown>")


def test_the_help_has_the_statement_the_functions_with_names_and_the_remedy() -> None:
    first, *rest = (named.__doc__ or "").splitlines()
    assert first == "named = primitive(lambda x, scale=1.0: x * scale, slope)"
    assert rest[:4] == [
        "",
        "def slope(g: Any, out: Any, x: Any, scale: float = 1.0) -> Any:",
        '    """A VJP with a name."""',
        "    return g * scale",
    ]
    assert rest.count("def slope(g: Any, out: Any, x: Any, scale: float = 1.0) -> Any:") == 1
    assert "def " not in (inline.__doc__ or "")
    assert (inline.__doc__ or "").startswith("inline = primitive(np.negative, lambda g, out, x: -g)\n")
    assert (several.__doc__ or "").endswith("Try again.")
    assert not (of_a_function().__doc__ or "").startswith(("primitive", "return"))


def test_the_error_of_a_composition_comes_from_numpys_own_or_from_the_one_that_it_raised() -> None:
    with pytest.raises(ValueError, match=r"^dot of shapes \(3,\) and \(4,\): ") as failure:
        ops.dot(np.ones(3), np.ones(4))
    assert "dot" not in str(failure.value.__cause__)
    assert failure.value.__cause__ is not None
    with pytest.raises(ValueError, match=r"^concatenate: there are no parts") as raised:
        ops.concatenate([])
    assert str(raised.value.__cause__).startswith("there are no parts")
