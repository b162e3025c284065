"""Any number of models over one image set, streaming: an image is decoded once for all that share preprocessing."""

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from rapidfuzz.distance import Levenshtein
from tqdm import tqdm

from utilities.decoders import Decoded, DecodedAhead, decoders, one_ahead
from utilities.decoding import Reading
from utilities.ensemble import Ensemble
from utilities.image_set import ImageSet, Sample
from utilities.images import Preprocessing
from utilities.reader import Reader
from utilities.safe_files import whole_file
from utilities.sights import Sight

COLUMNS = ("image", "label", "prediction", "confidence", "group", "problem")
DETAIL_COLUMNS = ("character_confidences", "runner_up", "runner_up_confidence")
CHUNK = 4096  # images in memory at a time, twice that while the next are decoded: 20 KB each at most


@dataclass
class Summary:
    """What a model made of an image set, as counts, so that it stays small however many rows there are."""

    rows: int = 0
    unread: int = 0
    transcribed: int = 0  # of all rows; the counts from here on are of those that were read
    labelled: int = 0
    characters: int = 0
    edits: int = 0
    exact: int = 0
    confidence: float = 0.0  # sum over the rows that were read
    unknown_characters: Counter = field(default_factory=Counter)
    seen_in_training: set[str] = field(default_factory=set)  # names of images

    def add(self, label: str, reading: Reading) -> None:
        """Count a row that was read."""
        self.confidence += reading.confidence
        if label:
            edits = Levenshtein.distance(label, reading.text)
            self.labelled += 1
            self.characters += len(label)
            self.edits += edits
            self.exact += edits == 0


@dataclass
class _Table:
    """A predictions CSV that is being written, of the readings of one reader or of an ensemble."""

    reader: Reader | Ensemble
    file: TextIO
    found: Mapping[int, str]  # row -> what is wrong with it
    summary: Summary = field(default_factory=Summary)

    def begin(self) -> None:
        """Write the header."""
        self._write([COLUMNS + DETAIL_COLUMNS if self.reader.with_details else COLUMNS])

    def add(self, samples: Sequence[Sample], images: Sequence[Decoded | None], readings: Iterable[Reading]) -> None:
        """Write a row for each sample, count it; readings are of the images that could be decoded."""
        coming = iter(readings)
        self._write(self._row(s, image, coming) for s, image in zip(samples, images, strict=True))

    def _write(self, rows: Iterable[tuple]) -> None:
        csv.writer(self.file, lineterminator="\n").writerows(rows)

    def _row(self, s: Sample, image: Decoded | None, readings: Iterator[Reading]) -> tuple:
        self.summary.rows += 1
        self.summary.transcribed += bool(s.label)
        self.summary.unknown_characters.update(self.reader.alphabet.unknown(s.label))
        if image is None or image.content is None:
            self.summary.unread += 1
            problem = self.found.get(s.row) or f"image unreadable ({image.problem})"
            details = ("" for _ in DETAIL_COLUMNS if self.reader.with_details)
            return (s.name, s.label, "", "", s.group, problem, *details)
        reading = next(readings)
        if image.digest in self.reader.digests or s.group in self.reader.groups:
            self.summary.seen_in_training.add(s.name)
        self.summary.add(s.label, reading)
        return (s.name, s.label, reading.text, f"{reading.confidence:.4f}", s.group, "", *_detail_cells(reading))


def predict_to_files(
    readers: dict[Path, Reader], image_set: ImageSet, together: Path | None = None
) -> dict[Path, Summary]:
    """Write one predictions CSV for each reader (keys are the files' paths), all whole or all absent.

    `together` gets what all of them read as an ensemble. A row whose image cannot be read stays, with its problem said
    and no prediction.
    """
    members = list(readers.values())
    all_readers = readers | ({together: Ensemble(members)} if together else {})
    found = {p.row: f"{p.finding} ({p.detail})" for p in image_set.problems}
    with ExitStack() as stack:
        tables = {}
        for path, reader in all_readers.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            file = stack.enter_context(stack.enter_context(whole_file(path)).open("w", encoding="utf-8", newline=""))
            tables[path] = _Table(reader, file, found)
            tables[path].begin()
        kinds = list(dict.fromkeys(reader.spec.preprocessing for reader in members))
        size = max(1, CHUNK // len(members)) if together else CHUNK  # an ensemble keeps what all members saw
        with tqdm(total=len(image_set.samples), desc="Reading", unit="image", delay=2) as bar:
            for samples, decoded in _decoded_chunks(image_set.samples, kinds, size):
                seen = []
                for path, reader in readers.items():
                    chunk = _read_chunk(reader, samples, decoded[reader.spec.preprocessing], together is not None)
                    tables[path].add(samples, chunk.images, chunk.readings)
                    seen.append(chunk.sights)
                if together:
                    tables[together].add(samples, chunk.images, all_readers[together].read(seen))
                bar.update(len(samples))
    return {path: table.summary for path, table in tables.items()}


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
    sights: Sequence[Sequence[Sight]]  # for an ensemble


def _read_chunk(reader: Reader, samples: Sequence[Sample], decoded: Iterable[Decoded], for_ensemble: bool) -> _Chunk:
    images: list[Decoded | None] = []

    def contents():
        coming = iter(decoded)
        for s in samples:
            images.append(next(coming) if s.path else None)
            if images[-1] and images[-1].content is not None:
                yield images[-1].content

    readings, sights = reader.read_and_see(contents()) if for_ensemble else (reader.read(contents()), ())
    return _Chunk(images, readings, sights)


def _detail_cells(reading: Reading) -> tuple[str, ...]:
    """The cells of DETAIL_COLUMNS: confidences of the characters in their order, with spaces between."""
    found = reading.details
    if found is None:
        return ()
    if found.runner_up is None:
        return " ".join(f"{p:.2f}" for p in found.characters), "", ""
    return " ".join(f"{p:.2f}" for p in found.characters), found.runner_up, f"{found.runner_up_confidence:.4f}"


def results_table(summaries: dict[Path, Summary]) -> str:
    """One line a model: words, CER, exact matches, mean confidence; then what the user should know of the rows."""
    width = max(len("model"), *(len(_model_name(path)) for path in summaries))
    lines = [f"{'model':<{width}}  words  CER %  exact matches %  mean confidence"]
    notes = []
    for path, s in summaries.items():
        read = s.rows - s.unread
        cer = f"{100 * s.edits / s.characters:5.1f}" if s.characters else "    -"
        exact = f"{100 * s.exact / s.labelled:15.1f}" if s.labelled else f"{'-':>15}"
        confidence = f"{s.confidence / read:15.2f}" if read else f"{'-':>15}"
        lines.append(f"{_model_name(path):<{width}}  {s.rows:5d}  {cer}  {exact}  {confidence}")
        notes += _notes(path, s)
    written = "\n".join(f"Written: {path}" for path in summaries)
    return "\n".join([*lines, *notes, written])


def _model_name(path: Path) -> str:
    return path.stem.removesuffix("-predictions")


def _notes(path: Path, s: Summary) -> Iterator[str]:
    name = _model_name(path)
    if not s.transcribed:
        yield f"{name}: no transcriptions here, so no error rate."
    elif not s.labelled:
        yield f"{name}: no image with a transcription could be read, so no error rate."
    if s.unread:
        yield f"{name}: {s.unread} of {s.rows} images could not be read; see the column problem."
    if s.unknown_characters:
        counts = ", ".join(f"{c!r} {n} times" for c, n in s.unknown_characters.most_common())
        yield f"{name}: the labels hold characters that the model does not know and so always gets wrong: {counts}."
    if s.seen_in_training:
        yield (
            f"{name}: {len(s.seen_in_training)} of these images (or others of their group) were used to train it:"
            " its figures here are better than they will be on new images."
        )
