"""Mutation testing: change one thing in the package, and see whether a test notices.

    python -m tests.mutation --seed 2 --jobs 2            draw a sample of mutants, and test each; resumes
    python -m tests.mutation --seed 2 --report            the score so far, and the mutants that survived

cosmic-ray makes the mutants and keeps the results. Each mutant meets the tests that run its line, and those that look
at the package as a whole, in a clone of the last commit. `[tool.minisnip.mutation]` in pyproject.toml has the settings;
`known.toml` lists the mutants that no test can notice, each with the reason.
"""
