"""Words that nobody wrote: what one's own words say and could say, drawn by the computer in hands of all kinds."""

from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from itertools import chain

import numpy as np

from utilities.background import DoneAhead, background
from utilities.handwriting import Hand, Sheet, can_be_drawn, draw_word
from utilities.images import Preprocessing, prepare
from utilities.progress_bar import progress_bar

A_HAND = 20  # words
VERBATIM = 0.5  # share of the words that say what a label says
LONGEST_MEMORY, SHORT_MEMORY = 3, 2  # characters that decide on the next in a text that is made up
FORGETS = 0.25  # how often the shorter memory decides: it makes more that is new
LEAST_DRAWABLE = 0.5  # of the labels: else the writing is another than the fonts'
BEGIN, END = "\2", "\3"  # of a text


def draw_words(labels: Sequence[str], count: int, how: Preprocessing, seed: int) -> list[tuple[np.ndarray, str]]:
    """So many words in hands of all kinds: contents (H, w') uint8 as of image files, and what they say.

    Half of them say what a label says, the others something of the same characters. There are none where the fonts
    cannot draw half of the labels.
    """
    drawable = [label for label in labels if can_be_drawn(label)]
    if not drawable or len(drawable) < LEAST_DRAWABLE * len(labels):
        return []
    texts = _texts(drawable, count, np.random.default_rng(seed))
    sheets = [(number, texts[first : first + A_HAND]) for number, first in enumerate(range(0, count, A_HAND))]
    with background(count, __name__) as pool:
        drawn = chain.from_iterable(DoneAhead(pool, partial(_draw, how=how, seed=seed), sheets))
        return list(progress_bar("Drawing words", "word", count, drawn, stays=False))


def _draw(sheet: tuple[int, Sequence[str]], how: Preprocessing, seed: int) -> list[tuple[np.ndarray, str]]:
    """A sheet's number and texts -> these in one hand."""
    number, texts = sheet
    rng = np.random.default_rng((seed, number))
    hand, paper = Hand.random(rng), Sheet.random(rng)
    return [(prepare(draw_word(text, hand, rng, paper), how), text) for text in texts]


def _texts(labels: Sequence[str], count: int, rng: np.random.Generator) -> list[str]:
    followers, longest = _followers(labels), max(map(len, labels))
    texts = []
    for _ in range(count):
        made_up = "" if rng.random() < VERBATIM else _made_up(followers, longest, rng)
        is_text = made_up and made_up == " ".join(made_up.split())
        texts.append(made_up if is_text else labels[rng.integers(len(labels))])
    return texts


def _followers(labels: Sequence[str]) -> dict[str, list[str]]:
    """What comes after so many characters, as often as it does."""
    followers = defaultdict(list)
    for label in labels:
        text = BEGIN * LONGEST_MEMORY + label + END
        for place in range(LONGEST_MEMORY, len(text)):
            for memory in (SHORT_MEMORY, LONGEST_MEMORY):
                followers[text[place - memory : place]].append(text[place])
    return followers


def _made_up(followers: dict[str, list[str]], longest: int, rng: np.random.Generator) -> str:
    text = BEGIN * LONGEST_MEMORY
    while len(text) < longest + LONGEST_MEMORY:
        memory = SHORT_MEMORY if rng.random() < FORGETS else LONGEST_MEMORY
        possible = followers[text[-memory:]]
        following = possible[rng.integers(len(possible))]
        if following == END:
            break
        text += following
    return text[LONGEST_MEMORY:]
