"""All ops, as `minisnip.ops`: the table in `autodiff/ops.py`, and what `autodiff/compositions.py` makes of it.

>>> from minisnip import ops
>>> ops.sum(ops.square(ops.max([[1.0, 3.0], [2.0, 0.0]], axis=1)))
np.float64(13.0)
"""

from typing import Any

from minisnip.autodiff import compositions as _compositions
from minisnip.autodiff import ops as _table
from minisnip.autodiff.compositions import *  # noqa: F403
from minisnip.autodiff.ops import *  # noqa: F403

__all__ = sorted([*_table.__all__, *_compositions.__all__])


def __getattr__(name: str) -> Any:  # tells mypy, which cannot follow the stars, that there are names
    from minisnip.mistakes import nearest

    raise AttributeError(f"minisnip.ops has no {name!r}{nearest(name, __all__)}")
