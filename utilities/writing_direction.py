"""In which order characters stand on an image from left to right, which is the order that CTC needs.

Texts are kept as they are read (Unicode's logical order). Hebrew and Arabic run from right to left; numbers and Latin
words among them do not. This is a part of Unicode's bidirectional algorithm (UAX 9) that is its own inverse, so that
what was read from an image becomes a text again. Where that algorithm lets an image mean two texts, one is taken: a
text runs from right to left if its first or its last letter does, a number beside a word is no part of it, and points
beside a Latin word are ("L.").
"""

import re
import unicodedata

# among kinds of characters, what runs from left to right: Latin words with the points of abbreviations, and numbers
LATIN_OR_NUMBER = re.compile(r"P*L(?:[^R]*L)?P*|N(?:[SP]?N)*")
FROM_RIGHT = re.compile(r"R(?:[^L]*R)?")
# Unicode's classes, for these; ET are signs that belong to numbers, such as those of degrees and of percent
KINDS = {"R": "R", "AL": "R", "L": "L", "EN": "N", "AN": "N", "ET": "N", "ES": "S", "CS": "S"}


def runs_from_right(character: str) -> bool:
    """Whether it is a letter of a script that runs from right to left."""
    return unicodedata.bidirectional(character) in ("R", "AL")


def visual_order(text: str) -> list[int]:
    """The places of a text's characters from left to right; of a text in this order, the places as they are read."""
    kinds = "".join("P" if c == "." else KINDS.get(unicodedata.bidirectional(c), " ") for c in text)
    letters = [kind for kind in kinds if kind in "LR"]
    if "R" in (letters[:1] + letters[-1:]):
        return _from_right(kinds, 0, len(text))
    order, end = [], 0
    for run in FROM_RIGHT.finditer(kinds):
        order += [*range(end, run.start()), *_from_right(kinds, run.start(), run.end())]
        end = run.end()
    return [*order, *range(end, len(text))]


def _from_right(kinds: str, start: int, end: int) -> list[int]:
    """The places from `start` to `end` backwards, runs of Latin and numbers forwards."""
    order, place = [], start
    for run in LATIN_OR_NUMBER.finditer(kinds, start, end):
        order += [*range(place, run.start()), *reversed(range(run.start(), run.end()))]
        place = run.end()
    return [*order, *range(place, end)][::-1]
