"""How far the package can be trusted, in numbers.

python -m pytest -n 2 -p tests.reliability.record --record FOLDER   run the tests, and store what was run with what
python -m tests.reliability                                         print the figures that are stored, as the page
"""
