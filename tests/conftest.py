"""One thread for each process: the tests run side by side, and two pools of BLAS threads would wait for each other."""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy is imported; commands that tests start inherit it
