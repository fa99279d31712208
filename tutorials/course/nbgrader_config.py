"""The settings of nbgrader for this course; put it in the course folder."""

import os

os.environ["OPENBLAS_NUM_THREADS"] = (
    "1"  # of the kernels that it starts: several submissions may be marked side by side
)
c = get_config()  # noqa: F821, nbgrader defines it
c.Execute.timeout = 300  # seconds for a cell; the 30 of nbgrader are too few on a busy machine
c.Execute.iopub_timeout = 60
