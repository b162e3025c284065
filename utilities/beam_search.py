"""The likeliest texts of many images at once: CTC prefix search with a beam, by a language model if there is one."""

import math
from dataclasses import dataclass

import numpy as np

from utilities.alphabet import BLANK
from utilities.decoding import IMPOSSIBLE
from utilities.language_model import END, Language

BEAM_WIDTH = 8  # texts kept at each time step
TRIED = 8  # characters tried at each time step: the likeliest
LEAST_LIKELY = 1e-4  # of a time step's probability: characters below this are not tried there
IDLE = 1e-3  # probability of all that is no blank below which a time step does not matter after one like it
BONUS = 0.5  # for each character, beside a language model: it finds every longer text less likely
FACTOR = np.uint64(0x9E3779B97F4A7C15)  # of the hash that tells one prefix from another


@dataclass(frozen=True)
class Hypothesis:
    """A text as class ids, its score (nats) by which the beam ranks, and log P(text | image)."""

    ids: tuple[int, ...]
    score: float
    log_probability: float


def beam_search(
    scores: np.ndarray, frames: np.ndarray, language: Language | None = None, width: int = BEAM_WIDTH
) -> list[list[Hypothesis]]:
    """For each image up to `width` hypotheses, the best first; an image's do not depend on the others.

    scores (B, T, C) log probabilities, frames (B,) true time steps. Graves 2012, "Supervised sequence labelling",
    section 7.5.2, with a beam; the language model as in Hannun et al. 2014, "First-pass large vocabulary continuous
    speech recognition using bi-directional recurrent DNNs", by characters: score = log P(text | image) + weight * log
    P(text) + BONUS * characters.
    """
    scores = _without_idle_steps(scores, frames)
    batch, steps, classes = scores.shape
    beams = _Beams(batch, width, language)
    tried = min(TRIED, classes - 1)
    likely = 1 + np.argpartition(-scores[:, :, 1:], tried - 1, axis=-1)[:, :, :tried]
    likely_scores = np.take_along_axis(scores, likely, axis=-1)
    likely_scores[likely_scores < math.log(LEAST_LIKELY)] = IMPOSSIBLE
    for step in range(steps):
        beams.advance(scores[:, step], likely[:, step], likely_scores[:, step])
    return beams.hypotheses()


def _without_idle_steps(scores: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """Scores (B, T', C) float64 of the time steps that matter: of each run of sure blanks the first alone.

    After an image's last step all are surely blank, which changes no text's probability.
    """
    steps = np.arange(scores.shape[1])[None]
    blank = scores[:, :, BLANK] > math.log1p(-IDLE)
    matters = (steps < np.asarray(frames)[:, None]) & ~(blank & np.pad(blank, ((0, 0), (1, 0)))[:, :-1])
    count = matters.sum(axis=1)
    order = np.argsort(~matters, axis=1, kind="stable")[:, : count.max(initial=0)]
    scores = np.take_along_axis(scores, order[:, :, None], axis=1).astype(np.float64)
    padding = steps[:, : order.shape[1]] >= count[:, None]
    scores[padding] = IMPOSSIBLE
    scores[padding, BLANK] = 0.0
    return scores


class _Beams:
    """The prefixes kept of each image, arrays (B, W): probabilities of alignments that end in a blank, in the last
    character; what the language adds; and what tells prefixes from each other.
    """

    def __init__(self, batch: int, width: int, language: Language | None):
        shape = batch, width
        self._language = language
        self._blank, self._character = np.full(shape, IMPOSSIBLE), np.full(shape, IMPOSSIBLE)
        self._blank[:, 0] = 0.0  # the empty prefix
        self._leaning = np.zeros(shape)
        self._last = np.full(shape, BLANK)
        self._name, self._parent = np.zeros(shape, np.uint64), np.zeros(shape, np.uint64)
        self._state = np.full(shape, language.model.start if language else 0)
        self._steps: list[tuple[np.ndarray, np.ndarray]] = []  # whose places were taken, and with which new character

    def advance(self, now: np.ndarray, likely: np.ndarray, likely_scores: np.ndarray) -> None:
        """One time step: now (B, C) log probabilities, the likeliest characters (B, K) and theirs."""
        width, tried = self._last.shape[1], likely.shape[1]
        total = np.logaddexp(self._blank, self._character)
        blank = total + now[:, BLANK, None]
        character = self._character + np.take_along_axis(now, self._last, axis=1)
        repeated = likely[:, None, :] == self._last[:, :, None]
        grown = np.where(repeated, self._blank[:, :, None], total[:, :, None]) + likely_scores[:, None, :]
        # where a prefix and one character more is another prefix of the beam, both are one
        alive = total > IMPOSSIBLE / 2
        child = (self._name[:, :, None] == self._parent[:, None, :]) & alive[:, :, None]
        child &= (alive & (self._last != BLANK))[:, None, :]
        image, one = np.nonzero(child.any(axis=1) & repeated.any(axis=2))
        same = image, child.argmax(axis=1)[image, one], repeated.argmax(axis=2)[image, one]
        character[image, one] = np.logaddexp(character[image, one], grown[same])
        grown[same] = IMPOSSIBLE
        leaning = self._leaning[:, :, None] + self._gain(self._state[:, :, None], likely[:, None, :])
        ranks = (grown + leaning).reshape(len(grown), -1)
        ranks = np.concatenate([np.logaddexp(blank, character) + self._leaning, ranks], axis=1)
        chosen = np.argpartition(-ranks, width - 1, axis=1)[:, :width]
        is_new, extension = chosen >= width, np.maximum(chosen - width, 0)
        source = np.where(is_new, extension // tried, chosen)

        def taken(old, new):
            new = np.take_along_axis(new.reshape(len(new), -1), extension, axis=1)
            return np.where(is_new, new, np.take_along_axis(old, source, axis=1))

        letter = np.where(is_new, np.take_along_axis(likely, extension % tried, axis=1), BLANK)
        name = np.take_along_axis(self._name, source, axis=1)
        self._parent = np.where(is_new, name, np.take_along_axis(self._parent, source, axis=1))
        self._name = np.where(is_new, (name + letter.astype(np.uint64)) * FACTOR, name)
        self._blank = np.where(is_new, IMPOSSIBLE, np.take_along_axis(blank, source, axis=1))
        self._character = taken(character, grown)
        self._leaning = taken(self._leaning, np.broadcast_to(leaning, grown.shape))
        self._last = np.where(is_new, letter, np.take_along_axis(self._last, source, axis=1))
        self._state = np.take_along_axis(self._state, source, axis=1)
        if self._language:
            self._state[is_new] = self._language.model.follow(self._state[is_new], letter[is_new])
        self._steps.append((source, letter))

    def _gain(self, states: np.ndarray, ids: np.ndarray) -> np.ndarray | float:
        if not self._language:
            return 0.0
        return self._language.weight * self._language.model.log_probabilities(states, ids) + BONUS

    def hypotheses(self) -> list[list[Hypothesis]]:
        """What is left after the last time step."""
        probabilities = np.logaddexp(self._blank, self._character)
        scores = probabilities + self._leaning
        if self._language:  # the end is no character: no BONUS
            scores += self._gain(self._state, np.full_like(self._state, END)) - BONUS
        letters = self._letters()
        order = np.argsort(-scores, axis=1, kind="stable")
        return [
            [
                Hypothesis(tuple(letters[b, w][letters[b, w] != BLANK].tolist()), float(scores[b, w]), float(p[w]))
                for w in places
                if p[w] > IMPOSSIBLE / 2
            ]
            for b, (places, p) in enumerate(zip(order, probabilities, strict=True))
        ]

    def _letters(self) -> np.ndarray:
        """(B, W, T): the characters of the prefixes by the time step that added them, BLANK between."""
        batch, width = self._last.shape
        letters = np.full((batch, width, len(self._steps)), BLANK)
        place = np.broadcast_to(np.arange(width), (batch, width))
        for step in range(len(self._steps) - 1, -1, -1):
            source, letter = self._steps[step]
            letters[:, :, step] = np.take_along_axis(letter, place, axis=1)
            place = np.take_along_axis(source, place, axis=1)
        return letters
