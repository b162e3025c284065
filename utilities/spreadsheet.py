"""Texts in a table that a person opens in a spreadsheet, which runs formulas and makes numbers and dates of texts."""

import re

FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")  # a cell that begins so is run, or taken for an escape
NUMBER = re.compile(r"[\W_]*\d[\d\W_eE]*")  # 007, 3.10, 24.1.54, 1/2, 1E5
MONTH = re.compile(  # of a date in words; English, German, French, Spanish, Italian, Dutch
    r"\b(jan|feb|f[eé]v|ene|gen|m[aä]r|mrt|apr|avr|abr|ma[yiegj]|mei|jun|jui|giu|jul|lug|aug|ao[uû]|ago|sep|set|o[ckt]t"
    r"|nov|d[eé]c|de[zs]|dic)",
    re.IGNORECASE,
)
NO = frozenset({"", "no", "n", "nein", "non", "0", "false", "falsch", "faux", "-"})  # marks that say that it is not so


def escaped(text: str) -> str:
    """The text as a spreadsheet leaves it: with an apostrophe before what it would run or change."""
    return f"'{text}" if text.startswith(FORMULA) or _is_changed(text) else text


def unescaped(text: str) -> str:
    """What `escaped` was given; also what a person wrote with the apostrophe that spreadsheets want."""
    return text[1:] if text.startswith("'") and escaped(text[1:]) != text[1:] else text


def is_marked(cell: str) -> bool:
    """Whether a person has put a mark into a cell, such as an x."""
    return cell.strip().casefold() not in NO


def _is_changed(text: str) -> bool:
    """Whether a spreadsheet takes a text for a number or a date."""
    return bool(NUMBER.fullmatch(text) or (MONTH.search(text) and re.search(r"\d", text)))
