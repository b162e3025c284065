"""Image files -> decoded images, many of them in the background."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager
from functools import partial
from itertools import chain
from pathlib import Path

from utilities.background import DoneAhead, background
from utilities.decoded_image import Decoded, decode
from utilities.images import Preprocessing

BLOCK = 16  # images that are decoded in one go: handing over each by itself would take a tenth of the time


def decoders(images: int) -> AbstractContextManager[Executor]:
    """What decodes so many images in the `background`."""
    return background(images, __name__)


class DecodedAhead:
    """`decode` of each path in order, done by `decoders` in the background; iterating waits where it must."""

    def __init__(self, pool: Executor, paths: Sequence[Path], how: Preprocessing):
        blocks = [paths[start : start + BLOCK] for start in range(0, len(paths), BLOCK)]
        self._blocks = DoneAhead(pool, partial(_decode_block, how=how), blocks)

    def __iter__(self) -> Iterator[Decoded]:
        return chain.from_iterable(self._blocks)


def _decode_block(paths: Sequence[Path], how: Preprocessing) -> list[Decoded]:
    return [decode(path, how) for path in paths]


def decode_all(paths: Sequence[Path], how: Preprocessing) -> list[Decoded]:
    """`decode` of each path, in order, on several cores."""
    with decoders(len(paths)) as pool:
        return list(DecodedAhead(pool, paths, how))
