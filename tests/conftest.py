"""One thread a process: on tiny nets more of them only wait for each other, forty times longer on a busy machine."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
