"""Runs a function over many items in threads, in order, with bounded memory.

Threads and not processes: Pillow and hashlib release the interpreter's lock while they work, and a spawned
process would first import torch again and need a guarded `__main__` in the caller's script.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
BLOCK_ITEMS = 256


def in_order(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    progress: Callable[[int, int, str], None] | None = None,
    text: str = "",
    block_items: int = BLOCK_ITEMS,
) -> Iterator[list[Result]]:
    """Results in the order of the items, a list for each block; at most one block is held at a time."""
    executor = ThreadPoolExecutor(max_workers=min(16, os.cpu_count() or 1))
    try:
        for start in range(0, len(items), block_items):
            results = list(executor.map(function, items[start : start + block_items]))
            if progress:
                progress(start + len(results), len(items), text)
            yield results
    finally:
        executor.shutdown(cancel_futures=True)
