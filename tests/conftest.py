"""One thread a process: on tiny nets more of them only wait for each other, forty times longer on a busy machine.

An accelerator is hidden, so that `auto` means the same device everywhere; CUDA_VISIBLE_DEVICES=0 shows it to the tests.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
