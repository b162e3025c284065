"""Confidence that means what it says: one temperature, fitted on the validation words.

Temperature scaling (Guo et al. 2017, "On calibration of modern neural networks"), here for the probability of the whole
word; the reading itself does not depend on it. It divides the logits, or with a language model the scores of the beam.

It is the most probable one given the words and what is usual (its logarithm normally distributed): without the latter a
model of a few hard words, none of which it read exactly, could only keep 1 or take the highest of all.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import keras
import numpy as np
from scipy.optimize import minimize_scalar

from utilities.alphabet import Alphabet
from utilities.batches import WordBatches
from utilities.beam_search import beam_search
from utilities.decoding import greedy_ids, label_log_probability, log_softmax
from utilities.language_model import Language, language_of
from utilities.language_reading import shares_of_beams
from utilities.metrics import edit_distances
from utilities.reliability import calibration_error_by_chance, expected_calibration_error
from utilities.validation import Predicted, predicted

SEARCHED = (0.5, 5.0)  # temperatures: below 1 the model was too modest, above 1 too sure
USUAL, USUAL_LEANING = 1.1, 1.5  # what models that were validated on hundreds of words have, see benchmarks/README.md
SPREAD = 0.3  # of its logarithm from model to model: the few words of a small set are weighed against what is usual
MOST_BYTES = 500_000_000  # of logits that are kept for the search of a temperature
SURE = 1e-6  # a probability is never taken for 0 or 1: one surprise would outweigh all else


@dataclass(frozen=True)
class Calibration:
    """The temperature; the expected calibration error on the words it was fitted to, before and after, and what chance
    alone makes of the latter (0 in files of earlier versions, which do not say).
    """

    temperature: float
    words: int
    ece_before: float
    ece_after: float
    ece_by_chance: float = 0.0


def calibrations(
    network: keras.Model, validation: WordBatches, alphabet: Alphabet, data_record: Mapping
) -> dict[str, Calibration]:
    """What a model's record says of its confidence, by the names there: without a language, and with its own."""
    words, language = _as_many_as_fit(network, validation), language_of({"data": data_record}, alphabet)
    return {
        "calibration": calibrate(words, alphabet),
        "language_calibration": calibrate_leaning(words, alphabet, language),
    }


def _as_many_as_fit(network: keras.Model, validation: WordBatches) -> list[Predicted]:
    """What a model makes of the validation words; of thousands of long lines or characters so many, by chance, as
    MOST_BYTES hold.
    """
    words, held = [], 0
    for batch in predicted(network, validation, np.random.default_rng(0).permutation(len(validation))):
        words.append(batch)
        held += batch[0].nbytes
        if held > MOST_BYTES:
            break
    return words


def calibrate(words: Iterable[Predicted], alphabet: Alphabet) -> Calibration:
    """Fit the temperature by the log likelihood of "this word is right" on the validation words."""
    batches, texts, truths = [], [], []
    for logits, frames, labels in words:
        ids = greedy_ids(logits, frames)
        batches.append((logits, ids, frames))
        texts += map(alphabet.decode, ids)
        truths += map(alphabet.decode, labels)

    def confidences(temperature):
        probabilities = [label_log_probability(log_softmax(x / temperature), i, f) for x, i, f in batches]
        return np.minimum(1.0, np.exp(np.concatenate(probabilities)))

    return _fitted(confidences, texts, truths, USUAL)


def calibrate_leaning(words: Iterable[Predicted], alphabet: Alphabet, language: Language) -> Calibration:
    """The same for readings by a language model, which must not know the validation words."""
    beams, truths = [], []
    for logits, frames, labels in words:
        beams += beam_search(log_softmax(logits), frames, language)
        truths += map(alphabet.decode, labels)
    texts = [alphabet.decode(hypotheses[0].ids) for hypotheses in beams]
    return _fitted(lambda temperature: shares_of_beams(beams, temperature)[:, 0], texts, truths, USUAL_LEANING)


def _fitted(
    confidences: Callable[[float], np.ndarray], texts: Sequence[str], truths: Sequence[str], usual: float
) -> Calibration:
    right = edit_distances([t.strip() for t in truths], [t.strip() for t in texts]) == 0

    def improbability(temperature):
        unusual = np.log(temperature / usual) / SPREAD
        return len(right) * log_loss(confidences(temperature), right) + unusual**2 / 2

    temperature = _best_temperature(improbability)
    before, after = (expected_calibration_error(confidences(t), right) for t in (1.0, temperature))
    by_chance = calibration_error_by_chance(confidences(temperature))
    return Calibration(round(temperature, 4), len(right), *(round(error, 4) for error in (before, after, by_chance)))


def log_loss(confidences: np.ndarray, right: Sequence[bool]) -> float:
    """Mean negative log likelihood of right and wrong, in nats."""
    p = np.clip(confidences, SURE, 1 - SURE)
    return float(-np.mean(np.where(right, np.log(p), np.log1p(-p))))


def _best_temperature(loss: Callable[[float], float]) -> float:
    """The temperature of the lowest loss, by its logarithm."""
    found = minimize_scalar(
        lambda x: loss(np.exp(x)), bounds=np.log(SEARCHED), method="bounded", options={"xatol": 1e-3}
    )
    return float(np.exp(found.x))
