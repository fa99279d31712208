"""A sparsity that makes no sense is refused before anything is trained."""

from __future__ import annotations

from typing import Any

import pytest

from minisnip.training import from_scratch, l1_penalty, lottery_ticket, magnitude_after_training, tickets
from tests.networks import small_mlp, toy_dataset


@pytest.mark.parametrize("method", [magnitude_after_training, lottery_ticket, l1_penalty, from_scratch])
@pytest.mark.parametrize("sparsity", [1.0, -0.1])
def test_a_sparsity_is_checked_first(method: Any, sparsity: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tickets, "train", lambda *_, **__: pytest.fail("work was begun"))
    net = small_mlp()
    with pytest.raises(ValueError, match=rf"sparsity {sparsity} is not in \[0, 1\)"):
        method(net, net.init(0), toy_dataset(), sparsity, epochs=1)
