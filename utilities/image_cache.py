"""Decoded images on disk: uint8 canvas contents in one memory-mapped file, decoded once and reused while unchanged."""

import hashlib
import io
import json
import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from utilities.images import ImageError, Preprocessing, prepare, read_grey
from utilities.safe_files import require_free_space, whole_file, write_text_whole

CACHE_FOLDER = Path(".image_cache")  # under the working directory; may be deleted at any time
CHUNK = 512  # images decoded before they are written out: bounds the memory that decoding needs
BLOCK = 16  # images that a thread decodes in one go: handing over each by itself would take a tenth of the time
THREADS = min(4, os.cpu_count() or 1)  # that decode; 16 of them waited for each other: half the speed of a single one
PATIENCE = 2.0  # seconds before a progress bar appears


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
    digest = digest_of(data)
    try:
        return Decoded(prepare(read_grey(io.BytesIO(data)), how), digest=digest)
    except ImageError as error:
        return Decoded(None, str(error), digest)


class DecodedAhead:
    """`decode` of each path in order, done by a pool's threads in the background; iterating waits where it must."""

    def __init__(self, pool: Executor, paths: Sequence[Path], how: Preprocessing):
        def decode_block(start):
            return [decode(path, how) for path in paths[start : start + BLOCK]]

        self._blocks = [pool.submit(decode_block, start) for start in range(0, len(paths), BLOCK)]

    def __iter__(self) -> Iterator[Decoded]:
        for block in self._blocks:
            yield from block.result()


def decode_all(paths: Sequence[Path], how: Preprocessing) -> list[Decoded]:
    """`decode` of each path, in order, on several cores."""
    with ThreadPoolExecutor(THREADS) as pool:
        return list(DecodedAhead(pool, paths, how))


def cached_images(
    folder: Path, paths: Sequence[Path], how: Preprocessing, cache: Path = CACHE_FOLDER
) -> dict[Path, Decoded]:
    """The decoded images of an image set, from the cache where file size and time are unchanged, decoding the rest.

    The cache is rewritten whole when anything changed; a damaged or vanished cache is made anew.
    """
    paths = list(dict.fromkeys(paths))
    key = hashlib.sha256(json.dumps([str(folder.resolve()), asdict(how)]).encode()).hexdigest()[:16]
    index_file = cache / f"{key}.json"
    known, data = _load(index_file, how.height)
    entries = {}
    for path in paths:
        stamp = _stamp(path)
        entry = known.get(str(path))
        entries[path] = entry if entry and entry["stamp"] == stamp else {"stamp": stamp}
    missing = [path for path, entry in entries.items() if "digest" not in entry]
    if missing:
        data = _rewrite(index_file, entries, missing, data, how)
    return {
        path: Decoded(
            _content(data, entry, how.height) if "width" in entry else None, entry.get("problem", ""), entry["digest"]
        )
        for path, entry in entries.items()
    }


def _stamp(path: Path) -> list[int]:
    try:
        status = path.stat()
    except OSError:
        return [-1, -1]
    return [status.st_size, status.st_mtime_ns]


def _content(data: np.ndarray, entry: Mapping, height: int) -> np.ndarray:
    return data[entry["offset"] : entry["offset"] + height * entry["width"]].reshape(height, entry["width"])


def _load(index_file: Path, height: int) -> tuple[dict, np.ndarray]:
    """Entries by path and the pixels (n,) uint8 they point into; nothing when there is no sound cache."""
    nothing = {}, np.zeros(0, np.uint8)
    try:
        index = json.loads(index_file.read_text(encoding="utf-8"))
        data = np.memmap(index_file.with_name(index["data"]), np.uint8, "r") if index["bytes"] else nothing[1]
        if data.size != index["bytes"]:
            return nothing
        return index["entries"], data
    except (OSError, ValueError, KeyError, TypeError):
        return nothing


def _rewrite(index_file: Path, entries: dict, missing: list[Path], data: np.ndarray, how: Preprocessing) -> np.ndarray:
    """Write a new data file of the kept and the newly decoded contents, then the index that points to it."""
    index_file.parent.mkdir(parents=True, exist_ok=True)
    need = sum(how.height * e.get("width", how.width) for e in entries.values())
    require_free_space(index_file.parent, need, "the cache of decoded images")
    old = index_file.with_name(json.loads(index_file.read_text())["data"]) if data.size else None
    data_file = index_file.with_name(f"{index_file.stem}-{uuid.uuid4().hex[:8]}.bin")
    missing_set = set(missing)
    with whole_file(data_file) as temporary, temporary.open("wb") as out:
        for path, entry in entries.items():
            if path not in missing_set and "width" in entry:
                content = _content(data, entry, how.height)
                entries[path] = entry | {"offset": out.tell()}
                out.write(content.tobytes())
        progress = tqdm(total=len(missing), desc="Decoding images", unit="image", delay=PATIENCE)
        for start in range(0, len(missing), CHUNK):
            chunk = missing[start : start + CHUNK]
            for path, image in zip(chunk, decode_all(chunk, how), strict=True):
                entries[path]["digest"] = image.digest
                if image.content is None:
                    entries[path]["problem"] = image.problem
                else:
                    entries[path] |= {"width": image.content.shape[1], "offset": out.tell()}
                    out.write(image.content.tobytes())
            progress.update(len(chunk))
        progress.close()
        size = out.tell()
    index = {"data": data_file.name, "bytes": size, "entries": {str(path): entry for path, entry in entries.items()}}
    write_text_whole(index_file, json.dumps(index))
    if old is not None:
        old.unlink(missing_ok=True)
    return np.memmap(data_file, np.uint8, "r") if size else np.zeros(0, np.uint8)
