"""The exercises of the lessons in `tutorials/`: each checks an answer and prints what is wrong with it.

Checks are properties, such as a gradient against differences, or exactly κ ones; none compares with a stored answer.
"""

from minisnip.exercises.exercise import Exercise, Trial
from minisnip.exercises.settings import fast_or, mnist_or_glyphs, seed_of

__all__ = ["Exercise", "Trial", "fast_or", "mnist_or_glyphs", "seed_of"]
