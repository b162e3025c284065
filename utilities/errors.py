"""The one kind of error that is shown to a user without a traceback."""

from collections.abc import Mapping

SHOWN = 60  # characters of a value that differs


class UserError(Exception):
    """Something the user can mend. Its text names the offender, what was received, what is allowed, and what to do."""


def differences(kept: Mapping, now: Mapping) -> list[str]:
    """A line for each key whose value is not what it was, in mappings within these too."""
    kept, now = _flat(kept), _flat(now)
    pairs = ((key, kept.get(key), now.get(key)) for key in sorted(kept.keys() | now.keys()))
    return [f"  {key}: was {_short(before)}, now {_short(after)}" for key, before, after in pairs if before != after]


def _flat(values: Mapping) -> dict:
    """The values with those of mappings among them by both keys."""
    flat = {}
    for key, value in values.items():
        flat |= (
            {f"{key} {inner}": v for inner, v in _flat(value).items()} if isinstance(value, Mapping) else {key: value}
        )
    return flat


def _short(value: object) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]} ..."
