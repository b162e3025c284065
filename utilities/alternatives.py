"""What else an image may say: how sure each character is, and the runner-up among the readings."""

import math
from collections.abc import Iterator

import numpy as np

from utilities.alphabet import BLANK, Alphabet
from utilities.decoding import IMPOSSIBLE, Details, greedy_ids, label_log_probability, log_softmax

BEAM_WIDTH = 8  # readings kept at each time step
LEAST_LIKELY = 1e-3  # of a time step's probability: characters below this are not tried there
LEAST_SHOWN = 1e-4  # probability below which another reading is no alternative


def details(logits: np.ndarray, frames: np.ndarray, alphabet: Alphabet, temperature: float = 1.0) -> list[Details]:
    """The details of the greedy readings. logits (B, T, C), frames (B,) true time steps; `temperature` as of `read`."""
    scores = log_softmax(logits / temperature)
    others = []
    for row, ids, count in zip(scores, greedy_ids(logits, frames), frames, strict=True):
        read = alphabet.decode(ids).strip()
        beams = [list(prefix) for prefix, score in beam_search(row[:count]) if score > math.log(LEAST_SHOWN)]
        others.append(next((ids for ids in beams if alphabet.decode(ids).strip() != read), None))
    known = [ids or [] for ids in others]
    probabilities = np.exp(label_log_probability(scores, [np.array(ids, int) for ids in known], frames))
    return [
        Details(
            tuple(_character_confidences(row[:count], alphabet)),
            None if ids is None else alphabet.decode(ids).strip(),
            0.0 if ids is None else float(min(1.0, p)),
        )
        for row, count, ids, p in zip(scores, frames, others, probabilities, strict=True)
    ]


def _character_confidences(scores: np.ndarray, alphabet: Alphabet) -> list[float]:
    """Highest probability of each character of the best path, scores (T, C); outer spaces left out as in readings."""
    best = scores.argmax(axis=-1)
    starts = np.flatnonzero(np.concatenate([[True], best[1:] != best[:-1]]))
    highest = np.exp(np.maximum.reduceat(scores.max(axis=-1), starts))
    written = [(alphabet.decode([i]), float(p)) for i, p in zip(best[starts], highest, strict=True) if i != BLANK]
    while written and not written[0][0].strip():
        written.pop(0)
    while written and not written[-1][0].strip():
        written.pop()
    return [p for _, p in written]


def beam_search(scores: np.ndarray, width: int = BEAM_WIDTH) -> list[tuple[tuple[int, ...], float]]:
    """The likeliest class sequences with their log probabilities, the best first.

    scores (T, C) log probabilities. Prefix search (Graves 2012, "Supervised sequence labelling", sec. 7.5.2) with a
    beam: for each prefix, the probabilities of the alignments that end in a blank and in its last character.
    """
    beams = {(): (0.0, IMPOSSIBLE)}
    for frame in scores:
        grown: dict[tuple[int, ...], list[float]] = {}
        likely = np.flatnonzero(frame > math.log(LEAST_LIKELY)).tolist()
        emitted = {i: float(frame[i]) for i in {*likely, BLANK}}
        for prefix, ends in beams.items():
            for target, place, score in _steps(prefix, ends, emitted, float(frame[prefix[-1]]) if prefix else 0.0):
                sums = grown.setdefault(target, [IMPOSSIBLE, IMPOSSIBLE])
                sums[place] = _log_add(sums[place], score)
        best = sorted(grown.items(), key=lambda item: -_log_add(*item[1]))[:width]
        beams = {prefix: tuple(sums) for prefix, sums in best}
    found = ((prefix, _log_add(*sums)) for prefix, sums in beams.items())
    return [(prefix, score) for prefix, score in found if score > IMPOSSIBLE / 2]


def _steps(
    prefix: tuple[int, ...], ends: tuple[float, float], emitted: dict[int, float], again: float
) -> Iterator[tuple[tuple[int, ...], int, float]]:
    """(prefix, 0 if it ends in a blank, else 1, log probability) after a time step; `again` scores the last class."""
    in_blank, in_character = ends
    total = _log_add(in_blank, in_character)
    yield prefix, 0, total + emitted[BLANK]
    if prefix:
        yield prefix, 1, in_character + again
    for i, score in emitted.items():
        if i != BLANK:
            yield (*prefix, i), 1, (in_blank if prefix and i == prefix[-1] else total) + score


def _log_add(a: float, b: float) -> float:
    """log(exp(a) + exp(b))."""
    high, low = max(a, b), min(a, b)
    return high + math.log1p(math.exp(low - high))
