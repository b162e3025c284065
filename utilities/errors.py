"""The one kind of error that is shown to a user without a traceback."""

from collections.abc import Mapping

SHOWN = 60  # characters of a value that differs


class UserError(Exception):
    """Something the user can mend. Its text names the offender, what was received, what is allowed, and what to do."""


def differences(kept: Mapping, now: Mapping) -> list[str]:
    """A line for each key whose value is not what it was."""
    pairs = ((key, kept.get(key), now.get(key)) for key in sorted(kept.keys() | now.keys()))
    return [f"  {key}: was {_short(before)}, now {_short(after)}" for key, before, after in pairs if before != after]


def _short(value: object) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]} ..."
