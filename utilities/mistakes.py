"""Which characters a model gets wrong, and what it reads instead. All tables are of the judged words."""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from rapidfuzz.distance import Levenshtein

from utilities.metrics import aligned
from utilities.predictions_table import words_judged
from utilities.texts import normalize

KINDS = ("substitution", "insertion", "deletion")
LOST = "(lost)"
OTHERS = "(others)"


@dataclass(frozen=True)
class EditOperation:
    """A mistake that readings make. `truth` is "" for an inserted character, `reading` is "" for a lost one."""

    truth: str
    reading: str
    count: int
    example: int  # index of the pair that shows it with the fewest other mistakes

    @property
    def kind(self) -> str:
        """substitution, insertion (read, but not there) or deletion (there, but not read)."""
        return "insertion" if not self.truth else "substitution" if self.reading else "deletion"


def edit_operations(truths: Sequence[str], predictions: Sequence[str]) -> list[EditOperation]:
    """Every kind of character mistake, the most frequent first, by one shortest alignment of each pair."""
    truths, predictions = aligned(truths, predictions)
    counts: Counter[tuple[str, str]] = Counter()
    examples: dict[tuple[str, str], tuple[int, int]] = {}
    for row, (truth, prediction) in enumerate(zip(truths, predictions, strict=True)):
        if truth == prediction:
            continue
        operations = Levenshtein.editops(truth, prediction)
        for tag, at, to in operations:
            mistake = ("" if tag == "insert" else truth[at], "" if tag == "delete" else prediction[to])
            counts[mistake] += 1
            shown = (len(operations), row)
            examples[mistake] = min(examples.get(mistake, shown), shown)
    ordered = sorted(counts, key=lambda mistake: (-counts[mistake], mistake))
    return [EditOperation(*mistake, counts[mistake], examples[mistake][1]) for mistake in ordered]


def frequent_errors(frame: pd.DataFrame, n: int = 10) -> pd.DataFrame:
    """The n most frequent substitutions, insertions and deletions of a model's judged words, each with an example.

    Columns: kind, there (character of the transcription, "" for an insertion), read ("" for a deletion), count,
    share of all mistakes (%), and image, label and prediction of the word that shows it best. Spaces are made visible.
    """
    words = words_judged(frame)
    operations = edit_operations(words["label"].tolist(), words["prediction"].tolist())
    total = sum(operation.count for operation in operations)
    rows = []
    for kind in KINDS:
        for operation in [o for o in operations if o.kind == kind][:n]:
            example = words.iloc[operation.example]
            rows.append(
                {
                    "kind": kind,
                    "there": visible(operation.truth),
                    "read": visible(operation.reading),
                    "count": operation.count,
                    "share of all mistakes (%)": 100 * operation.count / total,
                    **{column: example[column] for column in ("image", "label", "prediction")},
                }
            )
    columns = ["kind", "there", "read", "count", "share of all mistakes (%)", "image", "label", "prediction"]
    return pd.DataFrame(rows, columns=columns)


def visible(character: str) -> str:
    """A character as something to see: ␣ for a space, a code for other white space, a circle under a lone accent."""
    if character in ("", " "):
        return character.replace(" ", "␣")
    category = unicodedata.category(character)
    if category[0] in "ZC":
        return f"U+{ord(character):04X}"
    return f"◌{character}" if category[0] == "M" else character


def by_character(frame: pd.DataFrame, n: int = 30) -> pd.DataFrame:
    """The n characters of the transcriptions that are most often wrong, those with most mistakes first.

    Columns: character (made visible), times (in the transcriptions), wrong (read as another or lost), "wrong %" of the
    times, and "mostly read as" ("(lost)" where it was mostly not read; "" where never wrong). Characters that were read
    but are not there belong to no character of the transcription: see `frequent_errors`.
    """
    times = Counter("".join(map(normalize, words_judged(frame)["label"])))
    read_as = _read_as(frame)
    wrong = {character: sum(read_as[character].values()) for character in times}
    rows = []
    for character in sorted(times, key=lambda c: (-wrong[c], -times[c], c))[:n]:
        mostly = next((visible(c) or LOST for c, _ in read_as[character].most_common(1)), "")
        share = 100 * wrong[character] / times[character]
        rows.append([visible(character), times[character], wrong[character], share, mostly])
    return pd.DataFrame(rows, columns=["character", "times", "wrong", "wrong %", "mostly read as"])


def confusion_table(frame: pd.DataFrame, n: int = 15) -> pd.DataFrame:
    """Counts of mistakes: a row for each of the n characters most often wrong, a column for what was read instead.

    Columns: "" (lost), then the n characters most often read instead, then "(others)", each only where it has a count,
    so that a row adds up to the times its character was wrong. Characters are made visible; right ones are not counted.
    """
    read_as = _read_as(frame)
    worst = sorted(read_as, key=lambda c: (-sum(read_as[c].values()), c))[:n]
    instead = sum((read_as[c] for c in worst), Counter())
    lost = [""] if instead.pop("", 0) else []
    columns = [*lost, *sorted(instead, key=lambda c: (-instead[c], c))[:n]]
    table = pd.DataFrame([[read_as[c][r] for r in columns] for c in worst], columns=[visible(c) for c in columns])
    table.index = pd.Index([visible(c) for c in worst], name="there")
    others = [sum(read_as[c].values()) - sum(read_as[c][r] for r in columns) for c in worst]
    if any(others):
        table[OTHERS] = others
    return table.astype(int).rename_axis(columns="read")


def _read_as(frame: pd.DataFrame) -> defaultdict[str, Counter[str]]:
    """For each character that went wrong, how often it was read as which other ("": lost), the most frequent first."""
    words = words_judged(frame)
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for operation in edit_operations(words["label"].tolist(), words["prediction"].tolist()):
        if operation.truth:
            found[operation.truth][operation.reading] = operation.count
    return found
