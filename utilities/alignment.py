"""Where in an image each character of its label stands, by a model that reads it."""

from collections.abc import Sequence

import numpy as np

from utilities.decoding import IMPOSSIBLE, lattice


def best_alignments(
    log_probabilities: np.ndarray, labels: Sequence[np.ndarray], frames: np.ndarray
) -> list[tuple[np.ndarray, float]]:
    """Of each image the time step at which each character of its label is surest, (L,) int, and log P(alignment).

    log_probabilities (B, T, C), labels of class ids without blanks, frames (B,) true time steps. Both are of the
    likeliest alignment (Viterbi); it is IMPOSSIBLE where the label has too many characters for the time steps.
    """
    batch, steps, _ = log_probabilities.shape
    may_jump, emitted = lattice(log_probabilities, labels)
    jump = np.where(may_jump, 0.0, IMPOSSIBLE)
    states = jump.shape[1]
    best = np.full((batch, states + 2), IMPOSSIBLE)  # two states before the first, where no path is
    best[:, 2:4] = emitted[:, 0, :2]
    came_from = np.zeros((steps, batch, states), np.int8)  # so many states before
    inside = np.arange(steps)[:, None, None] < np.asarray(frames)[None, :, None]
    for t in range(1, steps):
        ways = np.stack([best[:, 2:], best[:, 1:-1], best[:, :-2] + jump])
        np.copyto(came_from[t], ways.argmax(axis=0), where=inside[t], casting="unsafe")
        np.copyto(best[:, 2:], ways.max(axis=0) + emitted[:, t], where=inside[t])
    return [_traced(came_from[: frames[i], i], emitted[i], len(ids), best[i, 2:]) for i, ids in enumerate(labels)]


def _traced(came_from, emitted, length: int, ends) -> tuple[np.ndarray, float]:
    """One image's surest time steps, its alignment's log probability; came_from (T, S), emitted (T, S), ends (S,)."""
    state = 2 * length
    if length and ends[state - 1] > ends[state]:
        state -= 1
    score = float(max(IMPOSSIBLE, ends[state]))
    surest, heights = np.zeros(length, int), np.full(length, -np.inf)
    for t in reversed(range(len(came_from))):
        if state % 2 and emitted[t, state] > heights[state // 2]:
            surest[state // 2], heights[state // 2] = t, emitted[t, state]
        state -= came_from[t, state]
    return surest, score
