"""A settings file as text: sections and keys, checked against the table of keys; every problem at once.

The only importer of configparser.
"""

import configparser
import difflib
import io
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from utilities.errors import UserError
from utilities.setting_keys import KEYS, Key, Refusal

DECIMAL_COMMA = re.compile(r"(?<=\d),(?=\d)")  # of a German, French or Spanish number
GIVE = "Give the path of your settings file, such as setup.cfg."


class SettingsError(UserError, ValueError):
    """A settings file that cannot be used; the text lists every problem."""


def read_settings(path: Path, give: str = "") -> tuple[dict[str, dict[str, str]], list[str]]:
    """Section -> key (upper case) -> text of a file; and the problems of lines that are left out, as they are neither.

    Raises SettingsError for a file that cannot be read as settings at all; `give`: which file is wanted, if not the
    user's settings.
    """
    lines, by_line = _text_of(path, give or GIVE).split("\n"), {}
    while True:
        parser = configparser.ConfigParser(interpolation=None, default_section="\0", empty_lines_in_values=False)
        parser.optionxform = str.upper
        try:
            parser.read_string("\n".join(lines))
        except configparser.Error as error:
            found = _syntax_problems(error, lines)
            by_line |= found
            if isinstance(error, configparser.MissingSectionHeaderError | configparser.DuplicateSectionError):
                # nobody knows where the lines below belong
                raise settings_error(path, list(by_line.values()), give) from None
            for number in found:
                lines[number - 1] = "#"
        else:
            given = {section: dict(parser[section]) for section in parser.sections()}
            return given, [by_line[number] for number in sorted(by_line)]


def _text_of(path: Path, give: str) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise SettingsError(f"There is no settings file {path}. {give}") from None
    except IsADirectoryError:
        raise SettingsError(f"{path} is a folder, not a settings file. {give}") from None
    except UnicodeDecodeError:
        raise SettingsError(
            f"{path} is not a text file in UTF-8. If it is your settings file, save it in your editor with the encoding"
            f" UTF-8. {give}"
        ) from None
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}. {give}") from None


def _syntax_problems(error: configparser.Error, lines: Sequence[str]) -> dict[int, str]:
    """What is wrong with lines, by their numbers."""
    if isinstance(error, configparser.ParsingError) and not isinstance(error, configparser.MissingSectionHeaderError):
        said = "is neither KEY = VALUE nor [section] nor a comment"
        # the line itself is there as Python writes it, or as it stands, by version
        return {number: f"line {number}: {lines[number - 1].strip()[:60]!r} {said}" for number, _ in error.errors}
    if isinstance(error, configparser.DuplicateOptionError):
        said = f"[{error.section}] {error.option} is given a second time; allowed is once"
    elif isinstance(error, configparser.DuplicateSectionError):
        said = f"section [{error.section}] begins a second time; allowed is once"
    else:
        before, sections = repr(error.line.strip()[:60]), " ".join(f"[{s}]" for s in KEYS)
        said = f"{before} stands before the first section; allowed are the sections {sections}"
    return {error.lineno: f"line {error.lineno}: {said}"}


def checked_settings(
    path: Path, keys: dict[str, dict[str, Key]], give: str = ""
) -> tuple[dict[str, dict[str, str]], dict[str, dict], list[str]]:
    """What `read_settings` finds in a file; the values of every known key (given or default); and all problems."""
    given, problems = read_settings(path, give)
    values, found = _check(given, keys)
    return given, values, problems + found


def _check(given: dict[str, dict[str, str]], keys: dict[str, dict[str, Key]]) -> tuple[dict[str, dict], list[str]]:
    """Values of every known key, and the problems."""
    problems = []
    values = {section: {key: k.default for key, k in known.items()} for section, known in keys.items()}
    for section, items in given.items():
        if section not in keys:
            allowed = " ".join(f"[{s}]" for s in keys)
            problems.append(
                f"[{section}]: no such section; did you mean [{_nearest(section.lower(), keys)}]? Allowed: {allowed}"
            )
            continue
        for key, text in items.items():
            known, shown = keys[section].get(key), f"[{section}] {key} = {text}".replace("\n", " ")
            if known is None:
                problems.append(f"{shown}: no such key; {_suggestion(section, key, keys)}")
            elif text or not known.may_be_empty:
                try:
                    values[section][key] = _convert(known, text)
                except (ValueError, KeyError) as error:
                    detail = f"{error}; " if isinstance(error, Refusal) else ""
                    problems.append(f"{shown}: {detail}allowed is {known.allowed}")
    return values, problems


def _convert(known: Key, text: str) -> object:
    if "\n" in text and not known.may_have_lines:
        raise Refusal("the next line begins with a space, so it goes on there; begin each line at the left margin")
    try:
        return known.convert(text)
    except ValueError:
        with_points = DECIMAL_COMMA.sub(".", text)
        if with_points == text or not _is_allowed(known, with_points):
            raise
    raise Refusal(f"decimals follow a point, not a comma: {with_points}")


def _is_allowed(known: Key, text: str) -> bool:
    try:
        known.convert(text)
    except ValueError:
        return False
    return True


def _suggestion(section: str, key: str, keys: dict[str, dict[str, Key]]) -> str:
    elsewhere = [f"[{s}]" for s, known in keys.items() if key in known]
    return (
        f"it belongs under {' or '.join(elsewhere)}" if elsewhere else f"did you mean {_nearest(key, keys[section])}?"
    )


def _nearest(word: str, known: Mapping[str, object]) -> str:
    return difflib.get_close_matches(word, known, 1, 0.0)[0]


def settings_error(path: Path, problems: Sequence[str], give: str = "") -> SettingsError:
    """The error that lists all problems of a settings file; `give`: see `read_settings`."""
    count = "a problem" if len(problems) == 1 else f"{len(problems)} problems"
    lines = [f"{path} has {count}:", *(f"  {p}" for p in problems), "Correct the file and run the command again."]
    return SettingsError("\n".join([*lines, f"Is it another file than you meant? {give}"] if give else lines))


def settings_text(sections: Mapping[str, Mapping[str, str]], notes: Sequence[str]) -> str:
    """The text of a settings file, with the notes as comments on top."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str.upper
    parser.read_dict(sections)
    text = io.StringIO()
    parser.write(text)
    return "".join(f"# {line}\n" for note in notes for line in note.splitlines()) + text.getvalue()
