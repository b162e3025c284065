"""Decoded images on disk: uint8 canvas contents in one memory-mapped file, decoded once and reused while unchanged."""

import hashlib
import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import chain
from pathlib import Path

import numpy as np

from utilities import decoded_image, image_file, images, slant, stroke_pace, writing_box
from utilities.background import one_ahead
from utilities.decoded_image import Decoded
from utilities.decoders import DecodedAhead, decoders
from utilities.images import Preprocessing
from utilities.progress_bar import progress_bar
from utilities.safe_files import (
    BarredError,
    NoSpaceError,
    make_folder,
    remove_left_over,
    require_free_space,
    whole_file,
    write_text_whole,
)

CACHE_FOLDER = Path(".image_cache")  # under the working directory; may be deleted at any time
USUAL_SHARE = 0.5  # of the widest canvas that images have in the mean, before any is known
CHUNK = 512  # images decoded before they are written out: bounds the memory that decoding needs
# the code that makes contents: those of another version are stale
PREPARING = (decoded_image, image_file, images, slant, stroke_pace, writing_box)


def cached_images(
    folder: Path, paths: Sequence[Path], how: Preprocessing, cache: Path = CACHE_FOLDER
) -> dict[Path, Decoded]:
    """The decoded images of an image set, from the cache where file size and times are unchanged, decoding the rest.

    The cache is rewritten whole when anything changed; a damaged or vanished cache is made anew, as is one that another
    version of the preprocessing made. Where nothing may be written, all are decoded each time.
    """
    paths = list(dict.fromkeys(paths))
    key = hashlib.sha256(json.dumps([str(folder.resolve()), asdict(how)]).encode()).hexdigest()[:16]
    index_file = cache / f"{key}.json"
    known, data = _load(index_file)
    entries = {}
    for path in paths:
        stamp = _stamp(path)
        entry = known.get(str(path))
        entries[path] = entry if entry and entry["stamp"] == stamp else {"stamp": stamp}
    missing = [path for path, entry in entries.items() if "digest" not in entry]
    if missing:
        try:
            data = _rewrite(index_file, entries, missing, data, how)
        except NoSpaceError:
            raise
        except (OSError, BarredError) as error:
            print(f"Images are decoded anew each time, as what was decoded cannot be kept. {error}")
            return dict(zip(paths, _with_progress(paths, how), strict=True))
    return {
        path: Decoded(
            _content(data, entry, how.height) if "width" in entry else None, entry.get("problem", ""), entry["digest"]
        )
        for path, entry in entries.items()
    }


def _version() -> str:
    code = b"".join(Path(module.__file__).read_bytes() for module in PREPARING)
    return hashlib.sha256(code).hexdigest()[:16]


def _stamp(path: Path) -> list[int]:
    try:
        status = path.stat()
    except OSError:
        return [-1]
    # images that are renamed, or copied with their times, keep the second one
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns]


def _content(data: np.ndarray, entry: Mapping, height: int) -> np.ndarray:
    return data[entry["offset"] : entry["offset"] + height * entry["width"]].reshape(height, entry["width"])


def _load(index_file: Path) -> tuple[dict, np.ndarray]:
    """Entries by path and the pixels (n,) uint8 they point into; nothing when there is no sound cache."""
    nothing = {}, np.zeros(0, np.uint8)
    try:
        index = json.loads(index_file.read_text(encoding="utf-8"))
        data = np.memmap(index_file.with_name(index["data"]), np.uint8, "r") if index["bytes"] else nothing[1]
        if data.size != index["bytes"] or index["version"] != _version():
            return nothing
        return index["entries"], data
    except (OSError, ValueError, KeyError, TypeError):
        return nothing


def _rewrite(index_file: Path, entries: dict, missing: list[Path], data: np.ndarray, how: Preprocessing) -> np.ndarray:
    """Write a new data file of the kept and the newly decoded contents, then the index that points to it."""
    make_folder(index_file.parent)
    known = [e["width"] for e in entries.values() if "width" in e]
    usual = sum(known) / len(known) if known else USUAL_SHARE * how.width
    need = how.height * (sum(known) + usual * (len(entries) - len(known)))
    require_free_space(index_file.parent, need, "the cache of decoded images")
    data_file = index_file.with_name(f"{index_file.stem}-{uuid.uuid4().hex[:8]}.bin")
    missing_set = set(missing)
    with whole_file(data_file) as temporary, temporary.open("wb") as out:
        for path, entry in entries.items():
            if path not in missing_set and "width" in entry:
                content = _content(data, entry, how.height)
                entries[path] = entry | {"offset": out.tell()}
                out.write(content.tobytes())
        for path, image in zip(missing, _with_progress(missing, how), strict=True):
            entries[path]["digest"] = image.digest
            if image.content is None:
                entries[path]["problem"] = image.problem
            else:
                entries[path] |= {"width": image.content.shape[1], "offset": out.tell()}
                out.write(image.content.tobytes())
        size = out.tell()
    pixels = np.memmap(data_file, np.uint8, "r") if size else np.zeros(0, np.uint8)
    # a file that could not be opened has no digest: that may change without a new size or time
    named = {str(path): entry for path, entry in entries.items() if entry["digest"]}
    index = {"version": _version(), "data": data_file.name, "bytes": size, "entries": named}
    old = _data_file(index_file)  # not earlier: another process may have written meanwhile
    write_text_whole(index_file, json.dumps(index))
    if old is not None:
        old.unlink(missing_ok=True)
    stem = index_file.stem
    others = chain(data_file.parent.glob(f"{stem}-*.bin"), data_file.parent.glob(f".{stem}-*.bin"))
    remove_left_over(path for path in others if path != data_file)
    return pixels


def _data_file(index_file: Path) -> Path | None:
    """The pixels that an index points to, if there is one that can be read."""
    try:
        return index_file.with_name(json.loads(index_file.read_text(encoding="utf-8"))["data"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _with_progress(paths: Sequence[Path], how: Preprocessing) -> Iterator[Decoded]:
    return progress_bar("Decoding images", "image", len(paths), _decoded(paths, how))


def _decoded(paths: Sequence[Path], how: Preprocessing) -> Iterator[Decoded]:
    """`decode` of each path, in order; a chunk is decoded while the one before it is used."""
    with decoders(len(paths)) as pool:
        starts = range(0, len(paths), CHUNK)
        for chunk in one_ahead(DecodedAhead(pool, paths[start : start + CHUNK], how) for start in starts):
            yield from chunk
