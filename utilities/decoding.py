"""Logits -> text and confidence: greedy CTC decoding, and the model's probability of what it read."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from utilities.alphabet import BLANK, Alphabet

IMPOSSIBLE = -1e30  # log probability of what cannot be; finite, so that differences stay numbers


@dataclass(frozen=True)
class Details:
    """Of one reading: each character's highest probability over its time steps, in [0, 1] and in the order of the
    text; the most probable other text ("" may be one; None where nothing else is likely), and its probability.
    """

    characters: tuple[float, ...]
    runner_up: str | None
    runner_up_confidence: float


@dataclass(frozen=True)
class Reading:
    """What a model read: the text without spaces at its ends (models of the original workflow pad with them), and the
    model's probability of exactly what it read, in [0, 1]. `details` where they were asked for.
    """

    text: str
    confidence: float
    details: Details | None = None


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """Log probabilities over the last axis, in the logits' type."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def greedy_ids(logits: np.ndarray, frames: np.ndarray) -> list[np.ndarray]:
    """Class ids of the best path: repeats merged, blanks dropped. logits (B, T, C), frames (B,) true time steps."""
    best = logits.argmax(axis=-1)
    starts = np.concatenate([np.ones_like(best[:, :1], bool), best[:, 1:] != best[:, :-1]], axis=1)
    inside = np.arange(best.shape[1])[None] < np.asarray(frames)[:, None]
    keep = starts & inside & (best != BLANK)
    return [row[mask].astype(np.int32) for row, mask in zip(best, keep, strict=True)]


def lattice(log_probabilities: np.ndarray, labels: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """CTC's states for labels of class ids without blanks: blank, character, blank, ..., blank; S for the longest.

    Where a path may jump over the blank before a character, (B, S) bool; and what the states emit, (B, T, S), of log
    probabilities (B, T, C).
    """
    batch, steps, _ = log_probabilities.shape
    states = 2 * max(map(len, labels), default=0) + 1
    symbols = np.full((batch, states), BLANK)
    for row, ids in zip(symbols, labels, strict=True):
        row[1 : 2 * len(ids) : 2] = ids
    jump = np.zeros((batch, states), bool)
    jump[:, 3::2] = symbols[:, 3::2] != symbols[:, 1:-2:2]
    return jump, np.take_along_axis(log_probabilities, symbols[:, None, :].repeat(steps, axis=1), axis=2)


def label_log_probability(log_probabilities: np.ndarray, labels: list[np.ndarray], frames: np.ndarray) -> np.ndarray:
    """log P(label | image), (B,) float64: the CTC forward recursion over all alignments (Graves et al. 2006, sec. 4.1).

    log_probabilities (B, T, C), labels of class ids without blanks, frames (B,) true time steps. As there, the sums are
    of probabilities, brought back to 1 at each time step; what cannot be is IMPOSSIBLE.
    """
    batch, steps, _ = log_probabilities.shape
    jump, emitted = lattice(log_probabilities, labels)
    states = jump.shape[1]
    logarithms, emitted = emitted, np.exp(emitted.transpose(1, 0, 2), dtype=np.float64)
    alpha = np.zeros((batch, states + 2))  # two states before the first, where no path is
    stay, one, two = alpha[:, 2:], alpha[:, 1:-1], alpha[:, :-2]
    stay[:, :2] = emitted[0, :, :2]
    inside = np.arange(steps)[:, None, None] < np.asarray(frames)[None, :, None]
    scale = np.ones((steps, batch, 1))
    for t in range(1, steps):
        np.copyto(stay, (two * jump + one + stay) * emitted[t], where=inside[t])
        np.max(stay, axis=1, keepdims=True, out=scale[t])
        np.copyto(scale[t], 1.0, where=scale[t] == 0)
        stay /= scale[t]
    last = 2 * np.array([len(ids) for ids in labels])
    rows = np.arange(batch)
    ends = stay[rows, last] + np.where(last > 0, stay[rows, np.maximum(last - 1, 0)], 0)
    found = np.log(ends, where=ends > 0, out=np.full(batch, IMPOSSIBLE)) + np.log(scale).sum(axis=(0, 2))
    for row in np.flatnonzero(ends <= 0):  # impossible, or too unlikely beside other states
        found[row] = _in_logarithms(logarithms[row, : frames[row]], jump[row], last[row])
    return found


def _in_logarithms(emitted: np.ndarray, jump: np.ndarray, last: int) -> float:
    """The recursion of `label_log_probability` for one label by sums of logarithms: slow, but nothing is too small.

    emitted (T, S) log probabilities, jump (S,) bool, `last` state.
    """
    alpha = np.full(len(jump) + 2, IMPOSSIBLE)
    alpha[2:4] = emitted[0, :2]
    for now in emitted[1:].astype(np.float64):
        two = np.where(jump, alpha[:-2], IMPOSSIBLE)
        alpha[2:] = np.logaddexp(np.logaddexp(alpha[2:], alpha[1:-1]), two) + now
    found = np.logaddexp(alpha[last + 2], alpha[last + 1]) if last else alpha[2]
    return float(found) if found > IMPOSSIBLE / 2 else IMPOSSIBLE


def read(logits: np.ndarray, frames: np.ndarray, alphabet: Alphabet, temperature: float = 1.0) -> list[Reading]:
    """The greedy reading of each image with its confidence. logits (B, T, C), frames (B,) true time steps.

    `temperature` divides the logits before confidences are computed (see `calibration`); readings do not depend on it.
    """
    ids = greedy_ids(logits, frames)
    probability = np.exp(label_log_probability(log_softmax(logits / temperature), ids, frames))
    return [Reading(alphabet.decode(i).strip(), float(min(1.0, p))) for i, p in zip(ids, probability, strict=True)]


def read_texts(logits: np.ndarray, frames: np.ndarray, alphabet: Alphabet) -> list[str]:
    """The greedy texts alone, for validation during training."""
    return [alphabet.decode(ids).strip() for ids in greedy_ids(logits, frames)]
