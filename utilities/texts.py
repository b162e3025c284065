"""Texts in the one form in which they are compared and learnt."""

import re
import unicodedata

UNICODE_FORM = "NFC"
SPACES = re.compile(r"[^\S \n\r\v\f\x1c-\x1e\x85\u2028\u2029]")  # of another kind or width than the one between words
# zero-width spaces, hyphens that show only at the end of a line, marks of direction and of encoding; joiners are none
SHAPELESS = re.compile(r"[\x00-\x08\x0e-\x1b\x7f\xad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff]")


def normalize(text: str) -> str:
    """The text in the one Unicode form used everywhere, so that `é` is always the same character."""
    return text if text.isascii() else unicodedata.normalize(UNICODE_FORM, text)


def as_seen(text: str) -> str:
    """A transcription as its image can show it: every space is the same, what has no shape is left out; normalized.

    Spreadsheets and web pages bring such characters along. Line breaks stay: they are no part of a word.
    """
    if text.isascii() and text.isprintable():  # nearly all
        return text.strip()
    return normalize(SPACES.sub(" ", SHAPELESS.sub("", text))).strip()
