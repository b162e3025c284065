"""Readings that lean towards what is likely to be written: the beam's best, and how sure it is among the beam."""

from collections.abc import Sequence

import numpy as np

from utilities.alphabet import Alphabet
from utilities.alternatives import LEAST_SHOWN, character_confidences
from utilities.beam_search import BEAM_WIDTH, Beam, beam_search
from utilities.decoding import IMPOSSIBLE, Details, Reading, log_softmax
from utilities.language_model import Language


def read_leaning(
    logits: np.ndarray,
    frames: np.ndarray,
    alphabet: Alphabet,
    language: Language,
    temperature: float = 1.0,
    with_details: bool = False,
) -> list[Reading]:
    """The best reading of each image by a language model. logits (B, T, C), frames (B,) true time steps.

    `temperature` divides the scores of the beam's texts before they become confidences (see `calibration`).
    """
    scores = log_softmax(logits)
    rows = [row[:count] for row, count in zip(scores, frames, strict=True)] if with_details else None
    return readings_of(beam_search(scores, frames, language), alphabet, temperature, rows)


def readings_of(
    beams: Sequence[Beam],
    alphabet: Alphabet,
    temperature: float = 1.0,
    scores: Sequence[np.ndarray] | None = None,
) -> list[Reading]:
    """The best reading of each beam; with its details where the log probabilities (T, C) of the images are given."""
    readings = []
    for i, (hypotheses, shares) in enumerate(zip(beams, shares_of_beams(beams, temperature), strict=True)):
        text = alphabet.decode(hypotheses[0].ids).strip()
        details = None
        if scores:
            others = ((alphabet.decode(h.ids).strip(), float(shares[k])) for k, h in enumerate(hypotheses))
            runner_up = next((other for other in others if other[0] != text and other[1] > LEAST_SHOWN), (None, 0.0))
            known = character_confidences(scores[i], np.array(hypotheses[0].ids, int), alphabet)
            details = Details(known, *runner_up)
        readings.append(Reading(text, float(shares[0]), details))
    return readings


def texts_of(beams: Sequence[Beam], alphabet: Alphabet, temperature: float) -> list[list[tuple[str, float]]]:
    """The texts of each beam, the likeliest first, and how probable each is."""
    return [
        [(alphabet.decode(h.ids).strip(), float(share)) for h, share in zip(hypotheses, shares, strict=False)]
        for hypotheses, shares in zip(beams, shares_of_beams(beams, temperature), strict=True)
    ]


def shares_of_beams(beams: Sequence[Beam], temperature: float) -> np.ndarray:
    """How probable each text of each beam is, (B, W), the best first: softmax of scores / temperature.

    All texts that are not in the beam count as one more: of the image's probability they have what is left, and they
    lean as the unlikeliest of the beam. Without them words that nobody could read looked as if they could be.
    """
    scores, probabilities = np.full((2, len(beams), BEAM_WIDTH), IMPOSSIBLE)
    lean = np.zeros(len(beams))
    for i, beam in enumerate(beams):
        scores[i, : len(beam)] = beam.scores
        probabilities[i, : len(beam)] = beam.log_probabilities
        lean[i] = (beam.scores - beam.log_probabilities).min()
    left = np.maximum(1.0 - np.exp(probabilities).sum(axis=1), np.finfo(float).eps)
    scores = np.concatenate([scores, (np.log(left) + lean)[:, None]], axis=1)
    return np.exp(log_softmax(scores / temperature))[:, :-1]
