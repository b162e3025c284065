"""A user's list of what the images are likely to say: a text file, one text a line."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from utilities.alphabet import Alphabet
from utilities.counts import number_of
from utilities.errors import UserError
from utilities.texts import as_seen


class LexiconError(UserError):
    """A file that is no list of texts; the message says why and what to do."""


def read_lexicon(path: Path) -> Counter[str]:
    """How often each text stands in the file; empty lines, and spaces at the ends of lines, say nothing.

    Raises LexiconError.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise LexiconError(f"LEXICON {path} cannot be opened ({error.strerror}).") from None
    except UnicodeDecodeError:
        raise LexiconError(f"LEXICON {path} is not UTF-8: save it as plain text, UTF-8, one text a line.") from None
    texts = Counter(text for line in lines if (text := as_seen(line)))
    if not texts:
        raise LexiconError(f"LEXICON {path} holds no text: one a line is expected.")
    return texts


def left_out(lexicon: Iterable[str], alphabet: Alphabet) -> str:
    """What to say of a lexicon's texts that a model with this alphabet cannot read; "" where it can read all."""
    unknown = {text: characters for text in lexicon if (characters := alphabet.unknown(text))}
    if not unknown:
        return ""
    which = ", ".join(map(repr, sorted(set().union(*unknown.values()))))
    return (
        f"left out of the LEXICON: {len(unknown):,} of {number_of(len(set(lexicon)), 'text')}, such as"
        f" {next(iter(unknown))!r}, since the model never learnt {which}. Only training with images that hold these"
        " characters teaches it."
    )
