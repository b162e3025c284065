"""What else an image may say: how sure each character is, and the runner-up among the readings."""

import math

import numpy as np

from utilities.alignment import best_alignments
from utilities.alphabet import Alphabet
from utilities.beam_search import beam_search
from utilities.decoding import Details, greedy_ids, label_log_probability, log_softmax

LEAST_SHOWN = 1e-4  # probability below which another reading is no alternative


def details(logits: np.ndarray, frames: np.ndarray, alphabet: Alphabet, temperature: float = 1.0) -> list[Details]:
    """The details of the greedy readings. logits (B, T, C), frames (B,) true time steps; `temperature` as of `read`."""
    scores = log_softmax(logits / temperature)
    best, others = greedy_ids(logits, frames), []
    for ids, hypotheses in zip(best, beam_search(scores, frames), strict=True):
        read = alphabet.decode(ids).strip()
        likely = [h.ids for h in hypotheses if h.log_probability > math.log(LEAST_SHOWN)]
        others.append(next((ids for ids in likely if alphabet.decode(ids).strip() != read), None))
    known = [np.array(ids or (), int) for ids in others]
    probabilities = np.exp(label_log_probability(scores, known, frames))
    return [
        Details(
            character_confidences(row[:count], ids, alphabet),
            None if other is None else alphabet.decode(other).strip(),
            0.0 if other is None else float(min(1.0, p)),
        )
        for row, count, ids, other, p in zip(scores, frames, best, others, probabilities, strict=True)
    ]


def character_confidences(scores: np.ndarray, ids: np.ndarray, alphabet: Alphabet) -> tuple[float, ...]:
    """Highest probability of each character over the time steps that the likeliest alignment of the text gives it.

    scores (T, C) log probabilities, ids (L,) of a text that T steps can spell; outer spaces are left out. They
    come in the order of the text.
    """
    text = alphabet.decode(ids)
    first, end = len(text) - len(text.lstrip()), len(text.rstrip())
    ((steps, _),) = best_alignments(scores[None], [ids], np.array([len(scores)]))
    from_left = np.exp(scores[steps, ids]).tolist()
    return tuple(from_left[i] for i in alphabet.order(alphabet.seen(ids)))[first:end]
