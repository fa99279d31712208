"""How far the package can be trusted, in numbers.

    python -m pytest -n 2 -p tests.reliability.record --record=tests/reliability/stored    run the tests, store what ran
    python -m tests.mutation --seed 3 --record=tests/reliability/stored                    try mutants, store the score
    python -m tests.reliability                                                            print the figures

The last one writes tests/benchmarks/results/reliability, which the site shows. `.ci/nightly` runs the first under three
sets of versions.
"""
