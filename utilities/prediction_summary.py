"""What came of reading an image set, as counts and as words for the user."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from utilities.counts import number_of, percent
from utilities.decoding import Reading
from utilities.metrics import character_counts, edit_distances
from utilities.model_files import name_of


@dataclass
class ReadingCounts:
    """What a model made of an image set, as counts, so that it stays small however many rows there are."""

    rows: int = 0
    unread: int = 0
    transcribed: int = 0  # of all rows; the counts from here on are of those that were read
    labelled: int = 0
    characters: int = 0
    edits: int = 0
    exact: int = 0
    confidence: float = 0.0  # sum over the rows that were read
    confidence_labelled: float = 0.0  # ... and have a transcription
    unknown_characters: Counter = field(default_factory=Counter)
    seen_in_training: set[str] = field(default_factory=set)  # names of images
    learnt_untranscribed: int = 0  # images that it was trained with, too, but not with their transcriptions

    @property
    def judged_confidence(self) -> float | None:
        """Mean confidence of the same rows as the error rates; without transcriptions, of all that were read."""
        if self.labelled:
            return self.confidence_labelled / self.labelled
        read = self.rows - self.unread
        return self.confidence / read if read else None

    def add(self, label: str, reading: Reading) -> None:
        """Count a row that was read."""
        self.confidence += reading.confidence
        if label:
            (edits,), (characters,) = edit_distances([label], [reading.text]), character_counts([label])
            self.labelled += 1
            self.confidence_labelled += reading.confidence
            self.characters += int(characters)
            self.edits += int(edits)
            self.exact += int(edits == 0)


def results_table(summaries: dict[Path, ReadingCounts]) -> str:
    """One line a model: images, how many are judged, and these words' figures; then what the user should know."""
    width = max(len("model"), *(len(name_of(path)) for path in summaries))
    lines = [f"{'model':<{width}}  images  judged  CER %  exact matches %  mean confidence"]
    notes = []
    for path, s in summaries.items():
        cer = f"{percent(100 * s.edits / s.characters):>5}" if s.characters else "    -"
        exact = f"{percent(100 * s.exact / s.labelled):>15}" if s.labelled else f"{'-':>15}"
        confidence = f"{'-':>15}" if s.judged_confidence is None else f"{s.judged_confidence:15.2f}"
        lines.append(f"{name_of(path):<{width}}  {s.rows:6d}  {s.labelled:6d}  {cer}  {exact}  {confidence}")
        notes += _notes(path, s)
    written = "\n".join(f"Written: {path}" for path in summaries)
    return "\n".join([*lines, *notes, written])


def _notes(path: Path, s: ReadingCounts) -> Iterator[str]:
    name = name_of(path)
    if not s.transcribed:
        yield f"{name}: no transcriptions here, so no error rate."
    elif not s.labelled:
        yield f"{name}: no image with a transcription could be read, so no error rate."
    if s.unread:
        yield f"{name}: {s.unread:,} of {number_of(s.rows, 'image')} could not be read; see the column problem."
    if s.unknown_characters:
        counts = ", ".join(f"{c!r} {number_of(n, 'time')}" for c, n in s.unknown_characters.most_common())
        yield f"{name}: the labels hold characters that the model does not know and so always gets wrong: {counts}."
    if s.seen_in_training:
        yield (
            f"{name}: it was trained with {len(s.seen_in_training):,} of these images (or others of their group):"
            " its figures here are better than they will be on new images."
        )
    if s.learnt_untranscribed:
        yield f"{name}: {learnt_untranscribed(s.learnt_untranscribed)}"


def learnt_untranscribed(images: int) -> str:
    """What the user should know where a model knows so many of the images that it reads."""
    return (
        f"It has learnt from {images:,} of these images without their transcriptions: its figures, and what is promised"
        " of its readings, hold for images that it knows so, and are better than on others."
    )
