"""Any number of models over one image set, streaming: an image is decoded once for all that share preprocessing."""

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from rapidfuzz.distance import Levenshtein
from tqdm import tqdm

from utilities.decoders import Decoded, DecodedAhead, decoders, one_ahead
from utilities.decoding import Reading
from utilities.image_set import ImageSet, Sample
from utilities.images import Preprocessing
from utilities.reader import Reader
from utilities.safe_files import whole_file

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


def predict_to_files(readers: dict[Path, Reader], image_set: ImageSet) -> dict[Path, Summary]:
    """Write one predictions CSV for each reader (keys are the files' paths), all whole or all absent.

    A row whose image cannot be read stays, with its problem said and no prediction.
    """
    summaries = {path: Summary() for path in readers}
    found = {p.row: f"{p.finding} ({p.detail})" for p in image_set.problems}
    with ExitStack() as stack:
        writers = {}
        for path in readers:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = stack.enter_context(stack.enter_context(whole_file(path)).open("w", encoding="utf-8", newline=""))
            writers[path] = csv.writer(file, lineterminator="\n")
            writers[path].writerow(COLUMNS + DETAIL_COLUMNS if readers[path].with_details else COLUMNS)
        kinds = list(dict.fromkeys(reader.spec.preprocessing for reader in readers.values()))
        with tqdm(total=len(image_set.samples), desc="Reading", unit="image", delay=2) as bar:
            for samples, decoded in _decoded_chunks(image_set.samples, kinds):
                for path, reader in readers.items():
                    rows = _read_chunk(reader, samples, decoded[reader.spec.preprocessing], found, summaries[path])
                    writers[path].writerows(rows)
                bar.update(len(samples))
    return summaries


def _decoded_chunks(
    samples: Sequence[Sample], kinds: Sequence[Preprocessing]
) -> Iterator[tuple[Sequence[Sample], dict[Preprocessing, DecodedAhead]]]:
    """Chunks of samples with their images (of those that have one) being decoded in each way, the next chunk's too."""
    with decoders(len(samples)) as pool:

        def begin(first):
            chunk = samples[first : first + CHUNK]
            paths = [s.path for s in chunk if s.path]
            return chunk, {how: DecodedAhead(pool, paths, how) for how in kinds}

        yield from one_ahead(map(begin, range(0, len(samples), CHUNK)))


def _read_chunk(
    reader: Reader, samples: Sequence[Sample], decoded: Iterable[Decoded], found: dict[int, str], summary: Summary
) -> list[tuple]:
    images: list[Decoded | None] = []

    def contents():
        coming = iter(decoded)
        for s in samples:
            images.append(next(coming) if s.path else None)
            if images[-1] and images[-1].content is not None:
                yield images[-1].content

    readings = iter(reader.read(contents()))
    rows = []
    for s, image in zip(samples, images, strict=True):
        summary.rows += 1
        summary.transcribed += bool(s.label)
        summary.unknown_characters.update(reader.spec.alphabet.unknown(s.label))
        if image is None or image.content is None:
            summary.unread += 1
            problem = found.get(s.row) or f"image unreadable ({image.problem})"
            rows.append(
                (s.name, s.label, "", "", s.group, problem, *("" for _ in DETAIL_COLUMNS if reader.with_details))
            )
            continue
        reading = next(readings)
        if image.digest in reader.digests or s.group in reader.groups:
            summary.seen_in_training.add(s.name)
        summary.add(s.label, reading)
        rows.append((s.name, s.label, reading.text, f"{reading.confidence:.4f}", s.group, "", *_detail_cells(reading)))
    return rows


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
