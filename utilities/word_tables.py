"""Tables of single words: how their figures are spread, by length, and which to look at first."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from utilities.headline_figures import summarize
from utilities.metrics import character_counts
from utilities.predictions_table import words_judged, words_read

LENGTHS = (1, 4, 7, 10, 13, 16, 21)  # characters: where each band begins


def per_word_statistics(frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Mean, standard deviation (of a sample), min, median and max of single words' figures, by model and measure."""
    rows = {}
    for name, frame in frames.items():
        words = words_read(frame)
        measures = {"edits (characters)": "edits", "CER of the word (%)": "CER %", "confidence (0 to 1)": "confidence"}
        for measure, column in measures.items():
            values = words[column].dropna()
            rows[name, measure] = {
                "images": len(values),
                "mean": values.mean(),
                "standard deviation": values.std(),
                "min": values.min(),
                "median": values.median(),
                "max": values.max(),
            }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(["model", "measure"])


def confident_errors(frame: pd.DataFrame, n: int = 15) -> pd.DataFrame:
    """The n judged words that are wrong with the highest confidence."""
    words = words_judged(frame)
    wrong = words[words["edits"] > 0].sort_values("confidence", ascending=False, kind="stable").head(n)
    return wrong[["image", "label", "prediction", "confidence", "edits"]].astype({"edits": int})


def least_certain(frame: pd.DataFrame, n: int = 15) -> pd.DataFrame:
    """The n words that were read with the lowest confidence, whether or not they have a transcription."""
    words = words_read(frame).sort_values("confidence", kind="stable").head(n)
    return words[["image", "label", "prediction", "confidence"]]


def by_length(frame: pd.DataFrame) -> pd.DataFrame:
    """How right words of different length are, one row a band of LENGTHS that has judged words.

    Columns: length (characters of the transcription), words, "CER %" (micro), "exact %" (of the words), and the 95 %
    bootstrap intervals over groups, "CER low %" to "exact high %" (NaN with fewer than two groups).
    """
    words = words_judged(frame)
    bands = np.searchsorted(LENGTHS, character_counts(words["label"].tolist()), side="right") - 1
    rows = []
    for band in np.unique(bands):
        label, prediction, group = (words[bands == band][c].tolist() for c in ("label", "prediction", "group"))
        found = summarize(label, prediction, group)
        intervals = [found.cer.low, found.cer.high, found.exact.low, found.exact.high]
        shares = [100 * v for v in (found.cer.value, found.exact.value, *intervals)]
        rows.append([_band_name(band), len(label), *shares])
    columns = ["length", "words", "CER %", "exact %", "CER low %", "CER high %", "exact low %", "exact high %"]
    return pd.DataFrame(rows, columns=columns)


def _band_name(band: int) -> str:
    first = LENGTHS[band]
    return f"{first}–{LENGTHS[band + 1] - 1}" if band + 1 < len(LENGTHS) else f"{first} or more"
