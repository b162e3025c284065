"""Any number of models over one image set, streaming: an image is decoded once for all that share preprocessing."""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from utilities.background import one_ahead
from utilities.counts import number_of
from utilities.decoded_image import Decoded
from utilities.decoders import DecodedAhead, decoders
from utilities.decoding import Reading
from utilities.ensemble import Ensemble
from utilities.image_set import ImageSet
from utilities.images import Preprocessing
from utilities.metadata import ImageSetError
from utilities.prediction_summary import ReadingCounts
from utilities.predictions_file import PredictionsFile
from utilities.progress_bar import progress_bar
from utilities.reader import Reader
from utilities.rows import Sample, list_problems, of_one_image, repeats
from utilities.safe_files import make_folder, whole_file
from utilities.sights import Sight

CHUNK = 4096  # images in memory at a time, twice that while the next are decoded
CHUNK_BYTES = 160_000_000  # ... that they take at most: words 20 KB each, long lines half a megabyte


def predict_to_files(
    readers: dict[Path, Reader],
    image_set: ImageSet,
    together: Path | None = None,
    max_label_length: float = math.inf,
) -> dict[Path, ReadingCounts]:
    """Write one predictions CSV for each reader (keys are the files' paths), all whole or all absent.

    `together` gets what all of them read as an ensemble. A row whose image cannot be read stays, with its problem said
    and no prediction. A label of more than `max_label_length` characters is a problem, too.
    """
    members = list(readers.values())
    all_readers = readers | ({together: Ensemble(members)} if together else {})
    found = defaultdict(list)
    for problem in (*image_set.problems, *repeats(of_one_image(image_set.samples))):
        found[problem.row].append(problem)
    with ExitStack() as stack:
        tables = {}
        for path, reader in all_readers.items():
            make_folder(path.parent)
            file = stack.enter_context(stack.enter_context(whole_file(path)).open("w", encoding="utf-8", newline=""))
            tables[path] = PredictionsFile(reader, file, found, max_label_length, image_set.group_column)
            tables[path].begin()
        kinds = list(dict.fromkeys(reader.spec.preprocessing for reader in members))
        size = max(1, min(CHUNK, CHUNK_BYTES // sum(kind.height * kind.width for kind in kinds)))
        size = max(1, size // len(members)) if together else size  # an ensemble keeps what all members saw
        with progress_bar("Reading", "image", len(image_set.samples)) as bar:
            for samples, decoded in _decoded_chunks(image_set.samples, kinds, size):
                chunks = []
                for path, reader in readers.items():
                    chunk = _read_chunk(reader, samples, decoded[reader.spec.preprocessing], together is not None)
                    tables[path].add(samples, chunk.images, chunk.readings)
                    chunks.append(chunk)
                if together:
                    images, seen = _all_together(chunks)
                    tables[together].add(samples, images, all_readers[together].read(seen))
                bar.update(len(samples))
        _require_a_reading(image_set, tables)
    return {path: table.summary for path, table in tables.items()}


def _require_a_reading(image_set: ImageSet, tables: Mapping[Path, PredictionsFile]) -> None:
    """Raise ImageSetError where no image could be read: predictions of before are worth more than such."""
    if any(table.summary.unread < table.summary.rows for table in tables.values()):
        return
    listed = list_problems(next(iter(tables.values())).unreadable)
    raise ImageSetError(
        f"None of {number_of(len(image_set.samples), 'image')} of {image_set.folder} can be read:\n{listed}\n"
        "Correct IMAGE_SET_NAME under [test] in setup.cfg, or save these images again from their source."
    )


def _decoded_chunks(
    samples: Sequence[Sample], kinds: Sequence[Preprocessing], size: int
) -> Iterator[tuple[Sequence[Sample], dict[Preprocessing, DecodedAhead]]]:
    """Chunks of samples with their images (of those that have one) being decoded in each way, the next chunk's too."""
    with decoders(len(samples)) as pool:

        def begin(first):
            chunk = samples[first : first + size]
            paths = [s.path for s in chunk if s.path]
            return chunk, {how: DecodedAhead(pool, paths, how) for how in kinds}

        yield from one_ahead(map(begin, range(0, len(samples), size)))


@dataclass(frozen=True)
class _Chunk:
    """Some images as they were decoded (None where there is none), and what a reader made of those that could be."""

    images: Sequence[Decoded | None]
    readings: Sequence[Reading]
    sights: Sequence[Sequence[Sight]]  # of every image, for an ensemble; none of one that could not be read


def _read_chunk(reader: Reader, samples: Sequence[Sample], decoded: Iterable[Decoded], for_ensemble: bool) -> _Chunk:
    images: list[Decoded | None] = []

    def contents():
        coming = iter(decoded)
        for s in samples:
            images.append(next(coming) if s.path else None)
            if _is_read(images[-1]):
                yield images[-1].content

    if not for_ensemble:
        return _Chunk(images, reader.read(contents()), ())
    readings, sights = reader.read_and_see(contents())
    coming = iter(sights)
    return _Chunk(images, readings, [next(coming) if _is_read(image) else () for image in images])


def _is_read(image: Decoded | None) -> bool:
    return image is not None and image.content is not None


def _all_together(chunks: Sequence[_Chunk]) -> tuple[list[Decoded | None], list[list[Sequence[Sight]]]]:
    """The images as an ensemble has them, and what each of its readers saw of those that one of them could read.

    A model may find writing where another, that prepares images in another way, finds none.
    """
    images = [next(filter(_is_read, same), same[0]) for same in zip(*(chunk.images for chunk in chunks), strict=True)]
    read = [place for place, image in enumerate(images) if _is_read(image)]
    return images, [[chunk.sights[place] for place in read] for chunk in chunks]
