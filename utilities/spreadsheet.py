"""Texts in a table that a person opens in a spreadsheet, which runs formulas and makes numbers and dates of texts."""

import re

FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")  # a cell that begins so is run, or taken for an escape
NUMBER = re.compile(r"[\W_]*\d[\d\W_eE]*([ap]\.?(m\.?)?\s*)?", re.IGNORECASE)  # 007, 3.10, 24.1.54, 1/2, 1E5, 10 AM
MONTHS = (  # as dates in words begin in English, German, French, Spanish, Italian and Dutch
    "j[aä]n|feb|f[eé]v|ene|gen|m[aä]r|mrt|apr|avr|abr|ma[iygja]|mei|mrz|jun|jui|giu|jul|lug|aug|ao[uû]|ago|sep|set|o[ckt]t|nov"
    "|d[eé]c|de[zs]|dic"
)
# what a cell shows whose text was taken for a formula (#NAME?, #WERT!, #¿NOMBRE?, #N/A, Err:509) or is wider than it
ERROR = re.compile(r"#[¡¿]?[A-ZÄÖÜ/0]{3,}[!?]|#N/?[ABDV]|#{3,}|(Err|Fehler) ?:\d{3}")
DATE = re.compile(rf"(?:[\d\W_]|(?:{MONTHS})[^\W\d_]*)+", re.IGNORECASE)
TRUE = frozenset({"true", "wahr", "vrai", "verdadero", "vero", "waar"})
FALSE = frozenset({"false", "falsch", "faux", "falso", "onwaar"})
YES = TRUE | {"x", "✓", "✔", "1", "yes", "y", "ja", "j", "oui", "o", "si", "sí", "sì", "ok", "right", "richtig"}
NO = FALSE | {"", "no", "n", "nein", "non", "nee", "0", "-"}


def escaped(text: str) -> str:
    """The text as a spreadsheet leaves it: with an apostrophe before what it would run or change."""
    return f"'{text}" if text.startswith(FORMULA) or _is_changed(text) else text


def unescaped(text: str) -> str:
    """What `escaped` was given; also what a person wrote with the apostrophe that spreadsheets want."""
    return text[1:] if text.startswith("'") and escaped(text[1:]) != text[1:] else text


def is_error(text: str) -> bool:
    """Whether a spreadsheet has put its error in the place of a text."""
    return bool(ERROR.fullmatch(text))


def is_marked(cell: str) -> bool | None:
    """Whether a person has put a mark into a cell, such as an x; None where nobody can tell."""
    mark = cell.strip().casefold()
    return mark in YES if mark in YES | NO else None


def _is_changed(text: str) -> bool:
    """Whether a spreadsheet takes a text for a number, a date or a truth value."""
    is_date = bool(DATE.fullmatch(text)) and any(c.isdigit() for c in text)
    return is_date or bool(NUMBER.fullmatch(text)) or text.strip().casefold() in TRUE | FALSE
