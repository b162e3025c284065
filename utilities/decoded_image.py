"""One image file as the network gets it, or the problem why it cannot be read."""

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from utilities.image_file import ImageError, read_grey
from utilities.images import Preprocessing, prepare, require_dark_writing, require_writing


@dataclass(frozen=True)
class Decoded:
    """One image: its content (H, w') uint8, or the problem why it cannot be read; and a digest of the file's bytes."""

    content: np.ndarray | None
    problem: str = ""
    digest: str = ""


def digest_of(data: bytes) -> str:
    """What tells one image file from another: 16 hexadecimal digits of its bytes' BLAKE2b."""
    return hashlib.blake2b(data, digest_size=8).hexdigest()


def digest_of_file(path: Path) -> str:
    """`digest_of` a file; "" when it cannot be opened."""
    try:
        return digest_of(path.read_bytes())
    except OSError:
        return ""


def decode(path: Path, how: Preprocessing) -> Decoded:
    """Read and prepare one image; what is wrong with it is returned, not raised."""
    try:
        data = path.read_bytes()
    except OSError as error:
        return Decoded(None, f"cannot be opened ({error.strerror})")
    if not data:
        return Decoded(None, "is an empty file; copy it again from its source")
    digest = digest_of(data)
    try:
        grey = read_grey(io.BytesIO(data))
        require_dark_writing(grey, how)
        content = prepare(grey, how)
        require_writing(content, how)
        return Decoded(content, digest=digest)
    except ImageError as error:
        return Decoded(None, str(error), digest)
