"""What the tuner may try: a list of values or a range for each of the six hyperparameters."""

from collections.abc import Mapping
from dataclasses import dataclass

from utilities.hyperparameters import FIELDS, parse_value


@dataclass(frozen=True)
class Range:
    """All values from low to high, both included; whole numbers where the hyperparameter is one."""

    low: float
    high: float
    whole: bool
    logarithmic: bool


Values = tuple | Range
SearchSpace = Mapping[str, Values]  # by names of TUNED


def parse_values(name: str, text: str) -> Values:
    """`0.1, 0.2` or `0.1..0.3` of a hyperparameter. Raises ValueError that names the part which is refused."""
    if ".." in text:
        return _parse_range(name, text)
    values = []
    for part in (part.strip() for part in text.split(",")):
        try:
            values.append(parse_value(name, part))
        except ValueError:
            raise ValueError(f"{part!r} cannot be in the list") from None
    return tuple(dict.fromkeys(values))


def _parse_range(name: str, text: str) -> Range:
    parts = [part.strip() for part in text.split("..")]
    try:
        low, high = (parse_value(name, part) for part in parts)
    except ValueError:
        raise ValueError("a range is two allowed values with .. between them") from None
    if not low < high:
        raise ValueError(f"the range's first value {parts[0]} is not below its second, {parts[1]}")
    return Range(low, high, FIELDS[name].kind is int, FIELDS[name].logarithmic)


def number_of_combinations(space: SearchSpace) -> int | None:
    """How many combinations there are; None with a range, which has no end."""
    count = 1
    for values in space.values():
        if isinstance(values, Range):
            return None
        count *= len(values)
    return count
