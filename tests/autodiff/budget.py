"""How long Hypothesis may search: a number of examples, and no clock, so that a busy machine fails nothing."""

from hypothesis import HealthCheck, settings


def examples(count: int) -> settings:
    return settings(max_examples=count, deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
