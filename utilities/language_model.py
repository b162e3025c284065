"""What the writing is likely to say: how probable a character is after those before it, from texts known beforehand."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from utilities.alphabet import BLANK, Alphabet
from utilities.chance import in_seeded_order
from utilities.counts import number_of

ORDER = 8  # characters that are looked at together: one, and up to seven before it
MOST_CELLS = 50_000_000  # of each table, states times classes, before what was met is forgotten: 400 MB for both
MOST_TEXTS = 20_000  # different ones, the most frequent: with 49 characters each they take four seconds and 150 MB
WEIGHT = 0.3  # of a language's log probabilities beside those of the image
START, END = -1, BLANK  # stand before and after a text; no character has these ids


class LanguageModel:
    """An n-gram model of characters with Witten-Bell smoothing, interpolated down to an even share of all classes.

    Witten & Bell 1991, "The zero-frequency problem"; formula as in Chen & Goodman 1999, "An empirical study
    of smoothing techniques for language modeling", section 2.4. A state is what the model remembers of a text's end, as
    an int. Rows of the tables are made when a state is first met: most never are.
    """

    def __init__(self, texts: Mapping[str, int], alphabet: Alphabet, own: Collection[str] = ()):
        """`texts`: how often each was seen; there must be one, and the alphabet must have all their characters.

        Of more than MOST_TEXTS, those that are `own` have the room that others leave, or half of it.
        """
        self._alphabet = alphabet
        self._counts: dict[tuple[int, ...], dict[int, int]] = {(): {}}
        known = most_frequent(texts, own)
        for text, count in known:
            self._learn([START] * (ORDER - 1) + alphabet.encode(text).tolist() + [END], count)
        self.texts, self.texts_given = len(known), len(texts)  # different ones
        self._forget()

    def _forget(self) -> None:
        """Drop the rows that were made; no state of before means anything then."""
        self._places: dict[tuple[int, ...], int] = {}
        self._contexts: list[tuple[int, ...]] = []
        self._log_probabilities = np.empty((0, self._alphabet.classes), np.float32)
        self._followers = np.empty((0, self._alphabet.classes), np.int32)
        self.start = self._place((START,) * (ORDER - 1))

    def first_state(self) -> int:
        """The state before a text. Where too many rows were made, of thousands of characters, it is the only one."""
        if self._followers.size > MOST_CELLS:
            self._forget()
        return self.start

    def _learn(self, ids: list[int], count: int) -> None:
        for end in range(ORDER - 1, len(ids)):
            for length in range(ORDER):
                seen = self._counts.setdefault(tuple(ids[end - length : end]), {})
                seen[ids[end]] = seen.get(ids[end], 0) + count

    def log_probabilities(self, states: np.ndarray, ids: np.ndarray) -> np.ndarray:
        """log P(class | state), both of one shape or broadcast; class END is the end of the text."""
        return self._log_probabilities.take(states * self._log_probabilities.shape[1] + ids)

    def log_probability(self, text: str) -> float:
        """log P(text) with its end, in nats; the alphabet must have its characters."""
        ids, state, total = self._alphabet.encode(text), np.array([self.first_state()]), 0.0
        for i in ids:
            total += float(self.log_probabilities(state, i)[0])
            state = self.follow(state, np.array([i]))
        return total + float(self.log_probabilities(state, END)[0])

    def follow(self, states: np.ndarray, ids: np.ndarray) -> np.ndarray:
        """The states after one character more, arrays of one shape."""
        found = self._followers[states, ids]
        for where in zip(*np.nonzero(found < 0), strict=True):
            state, character = int(states[where]), int(ids[where])
            place = self._place((*self._contexts[state], character)[1 - ORDER :])
            self._followers[state, character] = found[where] = place
        return found

    def _place(self, context: tuple[int, ...]) -> int:
        """The row of the longest end of a context that was seen."""
        while context not in self._counts:
            context = context[1:]
        place = self._places.get(context)
        if place is None:
            log_probabilities = np.log(self._smoothed(context))
            place = self._places[context] = len(self._contexts)
            self._contexts.append(context)
            if place == len(self._followers):
                more = max(256, place)
                self._log_probabilities = np.pad(self._log_probabilities, ((0, more), (0, 0)))
                self._followers = np.pad(self._followers, ((0, more), (0, 0)), constant_values=-1)
            self._log_probabilities[place] = log_probabilities
        return place

    def _smoothed(self, context: tuple[int, ...]) -> np.ndarray:
        classes = self._followers.shape[1]
        if context:
            place = self._place(context[1:])  # makes that row first
            shorter = np.exp(self._log_probabilities[place], dtype=np.float64)
        else:
            shorter = np.full(classes, 1 / classes)
        seen = self._counts[context]
        if not seen:
            return shorter
        found = len(seen) * shorter
        found[list(seen)] += list(seen.values())
        return found / (len(seen) + sum(seen.values()))


def most_frequent(texts: Mapping[str, int], own: Collection[str], most: int | None = None) -> list[tuple[str, int]]:
    """At most so many (MOST_TEXTS), and how often each was seen; of equally frequent ones some by chance, not all from
    A to H. The `own` ones have half of the room at least.
    """
    most = MOST_TEXTS if most is None else most
    if len(texts) <= most:
        return list(texts.items())
    by_chance = {text: place for place, text in enumerate(in_seeded_order(texts, 0))}
    ordered = sorted(texts.items(), key=lambda known: (-known[1], by_chance[known[0]]))
    mine, others = ([known for known in ordered if (known[0] in own) is side] for side in (True, False))
    mine = mine[: max(most // 2, most - len(others))]
    return mine + others[: most - len(mine)]


@dataclass(frozen=True)
class Language:
    """A language model and the weight of its log probabilities beside those of the image."""

    model: LanguageModel
    weight: float = WEIGHT

    def __str__(self) -> str:
        known, given = self.model.texts, self.model.texts_given
        all_known = number_of(given, "known text")
        texts = all_known if known == given else f"the {known:,} most frequent of {all_known}"
        return f"lean towards {texts} (LANGUAGE_WEIGHT = {self.weight:g})"


def language_of(
    record: Mapping, alphabet: Alphabet, weight: float | None = None, lexicon: Mapping[str, int] | None = None
) -> Language | None:
    """The language of the texts that a model was trained with, by its record, and of a lexicon's; weight: or WEIGHT.

    Of too many texts the record's and the lexicon's have half each. Texts with a character that the alphabet lacks are
    left out, as the model cannot read it. None where the weight is 0, or where there are no texts, as in files of
    earlier versions.
    """
    weight = WEIGHT if weight is None else weight
    own = record.get("data", {}).get("texts", {})
    texts = _readable(Counter(own) + Counter(lexicon or {}), alphabet)
    return Language(LanguageModel(texts, alphabet, own.keys()), weight) if weight and texts else None


def cross_entropy(texts: Mapping[str, int], others: Iterable[str], alphabet: Alphabet) -> float:
    """How unlikely a model of `texts` finds other texts, in nats a character of these, ends counted; inf without any.

    The alphabet must have all characters of `others`; of `texts` those are left out that it cannot spell.
    """
    model, others = LanguageModel(_readable(texts, alphabet), alphabet), list(others)
    characters = sum(len(text) + 1 for text in others)
    return -sum(map(model.log_probability, others)) / characters if characters else np.inf


def _readable(texts: Mapping[str, int], alphabet: Alphabet) -> dict[str, int]:
    return {text: count for text, count in texts.items() if not alphabet.unknown(text)}
