"""Text <-> class ids. Class 0 is the CTC blank, class i the i-th character of the alphabet (from 1).

Ids come as characters stand on an image, from left to right; texts as they are read (see `writing_direction`).
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from utilities.texts import normalize
from utilities.writing_direction import runs_from_right, visual_order

BLANK = 0  # class id of the CTC blank


class UnknownCharacterError(ValueError):
    """A text holds characters that the alphabet lacks."""


def frames_needed(text: str) -> int:
    """Time steps that CTC needs to spell the text: one a character, and a blank between equal neighbours."""
    return len(text) + sum(a == b for a, b in pairwise(text))


@dataclass(frozen=True)
class Alphabet:
    """The characters a model can read, in the order of its classes 1..n."""

    characters: tuple[str, ...]

    def __post_init__(self):
        twice = sorted(c for c, times in Counter(self.characters).items() if times > 1)
        if twice:
            raise ValueError(
                f"The alphabet holds {' '.join(map(repr, twice))} more than once; each may stand there once."
            )

    @classmethod
    def from_labels(cls, labels: Iterable[str]) -> "Alphabet":
        """The alphabet of all characters found in the labels, sorted by code point."""
        return cls(tuple(sorted(set().union(*map(normalize, labels)))))

    @property
    def classes(self) -> int:
        """Number of model outputs: the characters and the blank."""
        return len(self.characters) + 1

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {character: i for i, character in enumerate(self.characters, start=1)}

    @cached_property
    def _from_right(self) -> bool:
        return any(map(runs_from_right, self.characters))

    def order(self, text: str) -> Sequence[int]:
        """The places of a text's characters from left to right; of a text in that order, as they are read."""
        return visual_order(text) if self._from_right else range(len(text))

    def unknown(self, text: str) -> list[str]:
        """The characters of the text that the alphabet lacks, sorted."""
        return sorted(set(normalize(text)) - self._ids.keys())

    def encode(self, text: str) -> np.ndarray:
        """Class ids of the text from left to right, (L,) int32; UnknownCharacterError names what the alphabet lacks."""
        missing = self.unknown(text)
        if missing:
            raise UnknownCharacterError(
                f"{text!r} holds {' '.join(map(repr, missing))}, which the alphabet {''.join(self.characters)!r} lacks."
            )
        text = normalize(text)
        return np.array([self._ids[text[i]] for i in self.order(text)], np.int32)

    def decode(self, ids: Iterable[int]) -> str:
        """The text of class ids 1..n (no blanks) from left to right."""
        seen = self.seen(ids)
        return "".join(seen[i] for i in self.order(seen))

    def seen(self, ids: Iterable[int]) -> str:
        """The characters of class ids 1..n as they stand on an image, from left to right."""
        return "".join(self.characters[i - 1] for i in ids)

    def extended(self, characters: Iterable[str]) -> "Alphabet":
        """This alphabet with new characters appended in sorted order, so that known ids keep their meaning."""
        return Alphabet(self.characters + tuple(sorted(set(characters) - self._ids.keys())))
