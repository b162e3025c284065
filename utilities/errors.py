"""The one kind of error that is shown to a user without a traceback."""

from collections.abc import Mapping


class UserError(Exception):
    """Something the user can mend. Its text names the offender, what was received, what is allowed, and what to do."""


def differences(kept: Mapping, now: Mapping) -> list[str]:
    """A line for each key whose value is not what it was."""
    keys = sorted(kept.keys() | now.keys())
    return [f"  {key}: was {kept.get(key)}, now {now.get(key)}" for key in keys if kept.get(key) != now.get(key)]
