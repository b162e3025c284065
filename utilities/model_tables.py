"""Tables with a row a model, or a pair of models: how right each is, on how many images, and which is better."""

from collections import Counter
from collections.abc import Mapping
from itertools import combinations

import numpy as np
import pandas as pd

from utilities.counts import number_of, percent
from utilities.headline_figures import VARIANTS, Estimate, Summary, summarize
from utilities.paired_test import FEW_GROUPS, PairedResult, compare_pairs, significant_among
from utilities.predictions_table import judged_models, unread, words_judged, words_read
from utilities.rows import first_finding
from utilities.texts import normalize


def rows_left_out(frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """One row a model: how many images, how many are judged, and why the others are not."""
    rows = {}
    for name, frame in frames.items():
        not_read = unread(frame)
        read = words_read(frame)
        findings = Counter(map(first_finding, frame["problem"][not_read]))
        rows[name] = {
            "images": len(frame),
            "judged": int(read["edits"].notna().sum()),
            "not read": int(not_read.sum()),
            "repeated": len(frame) - int(not_read.sum()) - len(read),
            "read, but without transcription": int(read["edits"].isna().sum()),
            "why not read": ", ".join(f"{finding}: {n}" for finding, n in findings.most_common()),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("model")


def model_table(frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """One row a model: counts, then each figure of `figures` as "F %", "F low %", "F high %" (95 % interval).

    Figures are of the judged images, NaN where there are none; `mean confidence` is then of all that were read.
    `resampled` counts what the intervals resample: groups where the CSV has them, else images.
    """
    rows = {}
    for name, frame in frames.items():
        judged = words_judged(frame)
        summary = summarize(judged["label"].tolist(), judged["prediction"].tolist(), judged["group"].tolist())
        rows[name] = {
            "images": len(frame),
            "judged": summary.texts,
            "characters": summary.characters,
            "words": summary.words,
            "resampled": summary.units,
            "mean confidence": (judged if summary.texts else words_read(frame))["confidence"].mean(),
        }
        for figure, estimate in figures(summary).items():
            values = (estimate.value, estimate.low, estimate.high)
            rows[name] |= {f"{figure}{end} %": 100 * v for end, v in zip(("", " low", " high"), values, strict=True)}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("model")


def figures(summary: Summary) -> dict[str, Estimate]:
    """The figures of a summary by the names they have in tables."""
    found = {"CER": summary.cer, "WER": summary.wer, "exact": summary.exact, "off by one": summary.off_by_one}
    for name, scores in summary.variants.items():
        found |= {f"CER {name}": scores.cer, f"exact {name}": scores.exact}
    return found


def headline_table(table: pd.DataFrame) -> pd.DataFrame:
    """`model_table` to be read: the four headline figures in % with their 95 % intervals, and the mean confidence."""
    shown = _readable(table, ["CER", "WER", "exact", "off by one"])
    confidence = ["–" if np.isnan(value) else f"{value:.2f}" for value in table["mean confidence"]]
    return shown.assign(**{"mean confidence": confidence})


def variant_table(table: pd.DataFrame) -> pd.DataFrame:
    """`model_table` to be read: CER and exact words as written, and when some differences are not counted."""
    variants = ["", *(f" {name}" for name in VARIANTS)]
    return _readable(table, [f"{figure}{variant}" for figure in ("CER", "exact") for variant in variants])


def _readable(table: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    judged = [f"{j:,} of {number_of(i, 'image')}" for j, i in zip(table["judged"], table["images"], strict=True)]
    shown = pd.DataFrame({"judged": judged}, index=table.index)
    for name in names:
        columns = [table[f"{name}{end} %"] for end in ("", " low", " high")]
        shown[f"{name} %"] = [
            ("–" if np.isnan(v) else percent(v)) + ("" if np.isnan(low) else f" ({percent(low)} to {percent(high)})")
            for v, low, high in zip(*columns, strict=True)
        ]
    return shown


def paired_table(frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """One row a pair of models, judged on the images both were judged on with the same transcription.

    Columns: first, second, images, "first CER %", "second CER %", "difference" (second - first, in points: negative
    where the second is better) with its 95 % interval in "difference low" and "difference high", p, and a verdict in
    words, which takes into account how many pairs are compared. Methods: `paired_test`. No rows with fewer than two
    judged models.
    """
    rows, results = [], []
    judged = {name: _once(words_judged(frame)) for name, frame in judged_models(frames).items()}
    for first, second in combinations(judged, 2):
        words = _judged_by_both(judged[first], judged[second])
        found = compare_pairs(*(words[c].tolist() for c in ("label", "prediction", "prediction of second", "group")))
        values = (found.first, found.second, found.difference, found.low, found.high)
        rows.append([first, second, found.texts, *(100 * v for v in values), found.p])
        results.append(found)
    columns = ["first", "second", "images", "first CER %", "second CER %"]
    table = pd.DataFrame(rows, columns=[*columns, "difference", "difference low", "difference high", "p"])
    differ, compared = significant_among(table["p"]), int(table["p"].notna().sum())
    pairs = zip(table["first"], table["second"], results, differ, strict=True)
    return table.assign(verdict=[_verdict(*pair, compared) for pair in pairs])


def readable_pairs(pairs: pd.DataFrame) -> pd.DataFrame:
    """`paired_table` to be read: the difference with its interval in one column, and p as people write it."""
    difference = [
        "–" if np.isnan(value) else f"{value:z.1f}" + ("" if np.isnan(low) else f" ({low:z.1f} to {high:z.1f})")
        for value, low, high in zip(*(pairs[f"difference{end}"] for end in ("", " low", " high")), strict=True)
    ]
    p = ["–" if np.isnan(value) else "< 0.001" if value < 0.001 else f"{value:.3f}" for value in pairs["p"]]
    return pairs.assign(difference=difference, p=p).drop(columns=["difference low", "difference high"])


def _once(judged: pd.DataFrame) -> pd.DataFrame:
    """image, label, prediction and group of judged words, labels in the form that they are compared in."""
    words = judged[["image", "label", "prediction", "group"]].assign(label=judged["label"].map(normalize))
    return words.drop_duplicates(["image", "label"])


def _judged_by_both(first: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    """image, label, prediction, prediction of second, group (of the first, or of the second where it has none)."""
    both = first.merge(second, on=["image", "label"], suffixes=("", " of second"))
    return both.assign(group=both["group"].where(both["group"] != "", both["group of second"]))


def _verdict(first: str, second: str, found: PairedResult, differs: bool, pairs: int) -> str:
    """What the test says, for people who do not know the test; `differs` among so many pairs."""
    if np.isnan(found.p):
        return "nothing to compare: no image has the same transcription in both"
    if differs:
        return f"{second if found.difference < 0 else first} reads better ({_chance(found.p)})"
    if found.units < FEW_GROUPS:
        return (
            f"too few groups to tell: with {found.units}, p is {found.smallest_p:.2g} or more whatever the difference"
        )
    among = f", which is little for one of {pairs} pairs" if found.significant else ""
    return f"this test set cannot tell them apart ({_chance(found.p)}{among})"


def _chance(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.2f}" if p >= 0.1 else f"p = {p:.3f}"
