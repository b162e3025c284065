"""Several models that read the same images together: where one goes wrong by chance, the others seldom do.

Deep ensembles (Lakshminarayanan et al. 2017, "Simple and scalable predictive uncertainty estimation using deep
ensembles"), by whole texts: the models may have other alphabets, time steps and ways to prepare an image.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from utilities.alphabet import BLANK, Alphabet
from utilities.beam_search import Beam
from utilities.decoding import IMPOSSIBLE, Reading
from utilities.reader import Reader
from utilities.sights import Sight, read_together


class Ensemble:
    """Reads from what each of its readers saw of an image; all count alike.

    It has what the predictions CSV needs of a reader: all characters that one of them can read, the images and groups
    that one of them was trained with, and details where all have them.
    """

    def __init__(self, readers: Sequence[Reader]):
        characters = (character for reader in readers for character in reader.alphabet.characters)
        self.alphabet = readers[0].alphabet.extended(characters)
        self.frames = readers[0].frames  # of an image as this one has it, which is the one that stands for all
        self.with_details = all(reader.with_details for reader in readers)
        self.digests = set().union(*(reader.digests for reader in readers))
        self.groups = set().union(*(reader.groups for reader in readers))
        self.untranscribed = set().union(*(reader.untranscribed for reader in readers))
        self._translations = [_Translation.of(reader.alphabet, self.alphabet) for reader in readers]
        known = [reader.beam_temperature for reader in readers if reader.language] or [1.0]
        self._temperature = float(np.exp(np.mean(np.log(known))))

    def read(self, seen: Sequence[Sequence[Sequence[Sight]]]) -> list[Reading]:
        """The reading of each image. `seen` holds for each reader its sights of each image; one must have some."""
        images = (
            [told.sight(sight) for told, sights in zip(self._translations, image, strict=True) for sight in sights]
            for image in zip(*seen, strict=True)
        )
        return read_together(images, self.alphabet, self._temperature, self.with_details)


@dataclass(frozen=True)
class _Translation:
    """From one alphabet's class ids to those of a larger one, spaces at the ends of a text left out.

    Models of the original workflow pad texts with them, which would tell their readings from others'.
    """

    ids: np.ndarray  # (C,) class ids in the larger alphabet
    classes: int  # of the larger alphabet
    space: int | None  # its class id there

    @classmethod
    def of(cls, alphabet: Alphabet, larger: Alphabet) -> "_Translation":
        """From an alphabet to one that has all its characters."""
        place = {character: i for i, character in enumerate(larger.characters, start=1)}
        ids = np.array([BLANK, *(place[character] for character in alphabet.characters)])
        return cls(ids, larger.classes, place.get(" "))

    def sight(self, sight: Sight) -> Sight:
        """The same sight in the larger alphabet; what its model cannot read is impossible there."""
        scores = sight.scores
        if scores is not None:
            scores = np.full((len(sight.scores), self.classes), IMPOSSIBLE, np.float32)
            scores[:, self.ids] = sight.scores
        return Sight(Beam.of(replace(found, ids=self._text(found.ids)) for found in sight.beam), sight.leans, scores)

    def _text(self, ids: tuple[int, ...]) -> tuple[int, ...]:
        text = self.ids[list(ids)].tolist()
        while text and text[-1] == self.space:
            text.pop()
        while text and text[0] == self.space:
            del text[0]
        return tuple(text)
