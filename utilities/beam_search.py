"""The likeliest texts of many images at once: CTC prefix search with a beam, by a language model if there is one."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from utilities.alphabet import BLANK
from utilities.decoding import IMPOSSIBLE
from utilities.language_model import END, WEIGHT, Language

BEAM_WIDTH = 16  # texts kept at each time step
TRIED = 7  # characters tried at each time step, the likeliest; 16 * (1 + 7) numbers are sorted in a third of 144's time
LEAST_LIKELY = 1e-4  # of a time step's probability: characters below this are not tried there
IDLE = 1e-3  # probability of all that is no blank below which a time step does not matter after one like it
BONUS = 0.5  # for each character, beside a language of WEIGHT: it finds every longer text less likely
FACTOR = np.uint64(0x9E3779B97F4A7C15)  # of the hash that tells one prefix from another


@dataclass(frozen=True)
class Hypothesis:
    """A text as class ids, its score (nats) by which the beam ranks, and log P(text | image)."""

    ids: tuple[int, ...]
    score: float
    log_probability: float


@dataclass(frozen=True, eq=False)
class Beam(Sequence[Hypothesis]):
    """What an image may say, the best first: scores (N,) and log_probabilities (N,) as of a hypothesis, and `letters`
    (N, T), class ids with blanks among them. A hypothesis is made when it is asked for: of most only the figures count.
    """

    scores: np.ndarray
    log_probabilities: np.ndarray
    letters: np.ndarray

    @classmethod
    def of(cls, hypotheses: Iterable[Hypothesis]) -> "Beam":
        """The beam of these, in their order."""
        found = list(hypotheses)
        letters = np.full((len(found), max((len(h.ids) for h in found), default=0)), BLANK)
        for row, hypothesis in zip(letters, found, strict=True):
            row[: len(hypothesis.ids)] = hypothesis.ids
        return cls(np.array([h.score for h in found]), np.array([h.log_probability for h in found]), letters)

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(self, place):
        letters = self.letters[place]
        ids = tuple(letters[letters != BLANK].tolist())
        return Hypothesis(ids, float(self.scores[place]), float(self.log_probabilities[place]))


def beam_search(
    scores: np.ndarray, frames: np.ndarray, language: Language | None = None, width: int = BEAM_WIDTH
) -> list[Beam]:
    """For each image up to `width` hypotheses, the best first; an image's do not depend on the others.

    scores (B, T, C) log probabilities, frames (B,) true time steps. Graves 2012, "Supervised sequence labelling",
    section 7.5.2, with a beam; the language model as in Hannun et al. 2014, "First-pass large vocabulary continuous
    speech recognition using bi-directional recurrent DNNs", by characters: score = log P(text | image) + weight * log
    P(text) + BONUS * characters, the bonus in proportion to the weight.
    """
    scores, counts = _without_idle_steps(scores, frames)
    longest_first = np.argsort(-counts, kind="stable")
    scores, counts = scores[longest_first], counts[longest_first]
    beams = _Beams(len(scores), width, language)
    tried = min(TRIED, scores.shape[2] - 1)
    likely = 1 + np.argpartition(-scores[:, :, 1:], tried - 1, axis=-1)[:, :, :tried]
    likely_scores = np.take_along_axis(scores, likely, axis=-1)
    likely_scores[likely_scores < math.log(LEAST_LIKELY)] = IMPOSSIBLE
    for step in range(scores.shape[1]):
        going = np.count_nonzero(counts > step)
        beams.advance(scores[:going, step], likely[:going, step], likely_scores[:going, step])
    found = beams.hypotheses()
    return [found[place] for place in np.argsort(longest_first)]


def _without_idle_steps(scores: np.ndarray, frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scores (B, T', C) of the time steps that matter, of each run of sure blanks the first alone; and how many
    they are, (B,). What stands behind them means nothing.
    """
    steps = np.arange(scores.shape[1])[None]
    blank = scores[:, :, BLANK] > math.log1p(-IDLE)
    matters = (steps < np.asarray(frames)[:, None]) & ~(blank & np.pad(blank, ((0, 0), (1, 0)))[:, :-1])
    counts = matters.sum(axis=1)
    order = np.argsort(~matters, axis=1, kind="stable")[:, : counts.max(initial=0)]
    return np.take_along_axis(scores, order[:, :, None], axis=1), counts


def _join(character: np.ndarray, grows: np.ndarray, repeated: np.ndarray) -> None:
    """Where a prefix and one character more is another prefix of the beam, make both one, in place.

    character (n, W, 1 + K) log probabilities of what ends in a character; grows (n, W, W): whether the second prefix is
    the first and one character more; repeated (n, W, K): which of the characters is a prefix's last.
    """
    image, prefix, longer = np.unravel_index(np.flatnonzero(grows), grows.shape)
    which, by = np.nonzero(repeated[image, longer])
    one, other = (image[which], longer[which], 0), (image[which], prefix[which], 1 + by)
    character[one] = np.logaddexp(character[one], character[other])
    character[other] = IMPOSSIBLE


class _Beams:
    """The prefixes kept of each image, arrays (B, W): probabilities of alignments that end in a blank, in the last
    character; what the language adds; and what tells prefixes from each other.
    """

    def __init__(self, batch: int, width: int, language: Language | None):
        shape = batch, width
        self._language = language
        self._bonus = BONUS * language.weight / WEIGHT if language else 0.0
        self._blank, self._character = np.full(shape, IMPOSSIBLE), np.full(shape, IMPOSSIBLE)
        self._blank[:, 0] = 0.0  # the empty prefix
        self._leaning = np.zeros(shape)
        self._last = np.full(shape, BLANK)
        self._name, self._parent = np.zeros(shape, np.uint64), np.zeros(shape, np.uint64)
        self._state = np.full(shape, language.model.first_state() if language else 0)
        self._steps: list[tuple[np.ndarray, np.ndarray]] = []  # whose places were taken, and with which new character

    def advance(self, now: np.ndarray, likely: np.ndarray, likely_scores: np.ndarray) -> None:
        """One time step of the first n images: now (n, C) log probabilities, likely (n, K) characters and theirs.

        Each prefix may stay as it is (the first of 1 + K choices) or grow by one of these.
        """
        images, tried = likely.shape
        width = self._last.shape[1]
        row = np.arange(images)[:, None]
        old_blank, old_character, last = self._blank[:images], self._character[:images], self._last[:images]
        name, parent, state = self._name[:images], self._parent[:images], self._state[:images]
        total = np.logaddexp(old_blank, old_character)
        blank = total + now[:, BLANK, None]
        repeated = likely[:, None, :] == last[:, :, None]
        character = np.empty((images, width, 1 + tried))
        character[:, :, 0] = old_character + now[row, last]
        grown = np.where(repeated, old_blank[:, :, None], total[:, :, None])
        np.add(grown, likely_scores[:, None, :], out=character[:, :, 1:])
        alive = total > IMPOSSIBLE / 2
        grows = (name[:, :, None] == parent[:, None, :]) & alive[:, :, None] & (alive & (last != BLANK))[:, None, :]
        _join(character, grows, repeated)
        leaning = np.empty_like(character)
        leaning[:, :, 0] = self._leaning[:images]
        leaning[:, :, 1:] = leaning[:, :, :1] + self._gain(state[:, :, None], likely[:, None, :])
        ranks = character + leaning
        ranks[:, :, 0] = np.logaddexp(blank, character[:, :, 0]) + leaning[:, :, 0]
        chosen = np.argpartition(-ranks.reshape(images, -1), width - 1, axis=1)[:, :width]
        source, how = np.divmod(chosen, 1 + tried)
        letter = np.where(how > 0, likely[row, how - 1], BLANK)
        is_new, chosen, taken = how > 0, chosen + row * character[0].size, source + row * width
        name = name.take(taken)
        self._parent[:images] = np.where(is_new, name, parent.take(taken))
        self._name[:images] = np.where(is_new, (name + letter.astype(np.uint64)) * FACTOR, name)
        self._blank[:images] = np.where(is_new, IMPOSSIBLE, blank.take(taken))
        self._character[:images] = character.take(chosen)
        self._leaning[:images] = leaning.take(chosen)
        self._last[:images] = np.where(is_new, letter, last.take(taken))
        state = state.take(taken)
        if self._language:
            state[is_new] = self._language.model.follow(state[is_new], letter[is_new])
        self._state[:images] = state
        self._steps.append((source, letter))

    def _gain(self, states: np.ndarray, ids: np.ndarray) -> np.ndarray | float:
        if not self._language:
            return 0.0
        return self._language.weight * self._language.model.log_probabilities(states, ids) + self._bonus

    def hypotheses(self) -> list[Beam]:
        """What is left after the last time step."""
        probabilities = np.logaddexp(self._blank, self._character)
        scores = probabilities + self._leaning
        if self._language:  # the end is no character: no bonus
            scores += self._gain(self._state, np.full_like(self._state, END)) - self._bonus
        order = np.argsort(-scores, axis=1, kind="stable")
        letters = np.take_along_axis(self._letters(), order[:, :, None], axis=1)
        scores, probabilities = (np.take_along_axis(x, order, axis=1) for x in (scores, probabilities))
        possible = np.count_nonzero(probabilities > IMPOSSIBLE / 2, axis=1)  # the others have the lowest scores
        return [Beam(s[:n], p[:n], x[:n]) for s, p, x, n in zip(scores, probabilities, letters, possible, strict=True)]

    def _letters(self) -> np.ndarray:
        """(B, W, T): the characters of the prefixes by the time step that added them, BLANK between."""
        batch, width = self._last.shape
        letters = np.full((batch, width, len(self._steps)), BLANK, np.int32)
        place = np.tile(np.arange(width), (batch, 1))
        for step in range(len(self._steps) - 1, -1, -1):
            source, letter = self._steps[step]
            going = place[: len(source)]
            letters[: len(source), :, step] = np.take_along_axis(letter, going, axis=1)
            place[: len(source)] = np.take_along_axis(source, going, axis=1)
        return letters
