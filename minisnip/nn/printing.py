"""What `print(net)` says."""

from __future__ import annotations

import math
import re
from typing import Any


def table(net: Any) -> str:
    """A row for each layer of a Sequential; parameters that are not counted in m are in parentheses."""
    rows = [("name", "layer", "output", "parameters"), ("input", "", str(net.input_shape), "")]
    for name, layer in net.layers.items():
        sizes = {f"{name}.{short}": math.prod(shape) for short, shape in layer.shapes().items()}
        counted = sum(size for parameter, size in sizes.items() if parameter in net.prunable)
        others = sum(sizes.values()) - counted
        count = [f"{counted:,}"] * bool(counted) + [f"({others:,})"] * bool(others)
        short = re.sub(
            r"\b(\w+_(features|channels|size)|features|layer)=|, (bias|prunable)=True|, all_states=False",
            "",
            str(layer),
        )
        rows.append((name, short, str(net.out_shapes[name]), " ".join(count)))
    rows.append(("total", "", "", f"{net.size:,}"))
    *widths, last = (max(map(len, column)) for column in zip(*rows, strict=True))
    return "\n".join("  ".join([*map(str.ljust, row, widths), row[-1].rjust(last)]) for row in rows)
