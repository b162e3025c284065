"""What must be known before the figures of different models are compared, as sentences."""

from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from utilities.bootstrap import known_groups, units_of
from utilities.counts import number_of
from utilities.predictions_table import judged_models, rows_read, words_judged
from utilities.reliability import upper_bound

FEW_GROUPS = 10  # below which a percentile bootstrap is clearly too narrow
FEW_WORDS = 100  # judged images below which one more wrong word moves the share of right ones by a whole point


def notes(frames: Mapping[str, pd.DataFrame]) -> list[str]:
    """What must be known before the figures of different models are compared, as sentences."""
    return [*_notes_between(frames), *(note for name, frame in frames.items() for note in _notes_on(name, frame))]


def _notes_between(frames: Mapping[str, pd.DataFrame]) -> Iterator[str]:
    judged = {name: words_judged(frame) for name, frame in judged_models(frames).items()}
    images = {name: set(words["image"]) for name, words in judged.items()}
    if len(set(map(frozenset, images.values()))) > 1:
        counts = ", ".join(f"{name} {len(words):,}" for name, words in judged.items())
        common = len(set.intersection(*images.values()))
        yield (
            f"The models were not judged on the same images ({counts}; {common:,} in common), and each figure is of the"
            " model's own images. Predict the same image set with all of them before you call one better."
        )
    changed = len(_said_otherwise([words[["image", "label"]] for words in judged.values()]))
    if changed:
        yield (
            f"{number_of(changed, 'image has', 'images have')} different transcriptions in different files: corrected"
            " in between, or images of different sets share a name. Predict again with all models."
        )


def _said_otherwise(said: Sequence[pd.DataFrame]) -> set[str]:
    """Images of which not all tables (columns image and label) that have them say the same."""
    pairs = pd.concat([table.drop_duplicates() for table in said] or [pd.DataFrame(columns=["image", "label"])])
    tables = pairs.drop_duplicates().groupby("image").size()
    several = set(tables.index[tables > 1])  # labels, in one table or in different ones: few
    texts = [table[table["image"].isin(several)].groupby("image")["label"].agg(frozenset) for table in said]
    return {image for image in several if len({t[image] for t in texts if image in t.index}) > 1}


def _notes_on(name: str, frame: pd.DataFrame) -> Iterator[str]:
    words = words_judged(frame)
    n, groups = len(words), known_groups(words["group"])
    if not n:
        yield f"{name}: no image that could be read has a transcription, so there are no error rates."
        return
    contradicted = int((words.groupby("image")["label"].nunique() > 1).sum())
    if contradicted:
        yield (
            f"{name}: {number_of(contradicted, 'image has', 'images have')} two different transcriptions in this one"
            " file, of which at least one counts as read wrong. Correct the table of the image set and predict again."
        )
    most = 100 * upper_bound(0, n, 0.95)
    has_interval = units_of(words["group"].tolist()) > 1
    if words["edits"].all():
        whatever = ", whatever an interval of 0 to 0 says" if has_interval else ""
        yield (
            f"{name}: no word in {n:,} was read exactly. Up to {most:.1f} % of new words may still be (at 95 %"
            f" confidence, if words go right independently){whatever}."
        )
    if not words["edits"].any():
        but = "Its interval of 0 to 0 promises too much: up" if has_interval else "Up"
        yield (
            f"{name}: no mistake in {number_of(n, 'word')}. {but} to {most:.1f} % of new words may still be wrong (at"
            " 95 % confidence, if words go wrong independently)."
        )
    repeated = int(rows_read(frame)["edits"].notna().sum()) - n
    if repeated:
        rows = number_of(repeated, "row repeats", "rows repeat")
        yield f"{name}: {rows} an image with the same transcription: counted once."
    if 0 < groups < FEW_GROUPS:
        reason = "so there is nothing to resample and no interval" if groups < 2 else "so the intervals are rough"
        judged = f"the {number_of(n, 'judged word')}"
        told = f"those of {judged} whose group is known" if (words["group"] == "").any() else judged
        yield f"{name}: {told} are of only {number_of(groups, 'group')}, {reason}."
    elif n < FEW_WORDS:
        yield f"{name}: only {number_of(n, 'word is', 'words are')} judged; differences of a few points mean nothing."
