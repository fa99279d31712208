"""Keep freed memory, so that the next step does not wait for the system to hand out the same memory again.

glibc's `free` gives a large block back to the system, which hands it out anew, page by page and filled with zeros, at
the next step. After the first large block has been freed, blocks up to that size are kept
(mallopt(3), "dynamic mmap threshold"). Elsewhere this does nothing.
"""

from __future__ import annotations

import numpy as np

LARGEST = 2**25 - 2**16  # bytes; glibc keeps no blocks of 32 MiB and more


def keep_freed_memory() -> None:
    """Free one large block, which is never written to, so that blocks up to its size are kept from now on."""
    np.empty(LARGEST, np.uint8)
