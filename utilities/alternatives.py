"""What else an image may say: how sure each character is, and the runner-up among the readings."""

import math

import numpy as np

from utilities.alphabet import BLANK, Alphabet
from utilities.beam_search import beam_search
from utilities.decoding import IMPOSSIBLE, Details, greedy_ids, label_log_probability, log_softmax

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

    scores (T, C) log probabilities, ids (L,) of a text that T steps can spell; outer spaces are left out.
    """
    text = alphabet.decode(ids)
    first, end = len(text) - len(text.lstrip()), len(text.rstrip())
    steps = _likeliest_alignment(scores, ids)
    highest = (math.exp(scores[steps == place, i].max()) for place, i in enumerate(ids))
    return tuple(highest)[first:end]


def _likeliest_alignment(scores: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """For each time step the place in `ids` of the character that it spells, -1 for a blank: (T,) (Viterbi)."""
    symbols = np.full(2 * len(ids) + 1, BLANK)
    symbols[1::2] = ids
    jump = np.zeros(len(symbols), bool)  # where a path may jump over the blank before a character
    jump[3::2] = symbols[3::2] != symbols[1:-2:2]
    emitted = scores[:, symbols]
    best, came = np.full(len(symbols) + 2, IMPOSSIBLE), np.zeros(emitted.shape, int)
    best[2:4] = emitted[0, :2]  # two states before the first, where no path is
    for step in range(1, len(scores)):
        ways = np.stack([best[2:], best[1:-1], np.where(jump, best[:-2], IMPOSSIBLE)])
        came[step] = ways.argmax(axis=0)
        best[2:] = ways.max(axis=0) + emitted[step]
    state = len(symbols) - 1
    if state and best[2 + state - 1] > best[2 + state]:
        state -= 1
    path = np.empty(len(scores), int)
    for step in range(len(scores) - 1, -1, -1):
        path[step] = state
        state -= came[step, state]
    return np.where(path % 2, path // 2, -1)
