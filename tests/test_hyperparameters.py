"""The table of hyperparameters: reading values, defaults, grids, names."""

from dataclasses import asdict, fields, replace

import pytest

from utilities.hyperparameters import (
    ARCHITECTURES,
    DEFAULT_ARCHITECTURE,
    DEFAULTS,
    FIELDS,
    TUNED,
    Hyperparameters,
    as_settings,
    combination_name,
    parse_value,
    resolve,
)


def test_one_table_covers_every_hyperparameter():
    assert list(FIELDS) == [f.name for f in fields(Hyperparameters)]
    assert TUNED == ("batch_size", "kernel_size", "num_units_dense", "dropout", "num_units_lstm1", "learning_rate")
    assert DEFAULT_ARCHITECTURE in ARCHITECTURES
    assert all(field.help and field.allowed for field in FIELDS.values())


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_defaults_are_allowed_and_round_trip(architecture):
    defaults = DEFAULTS[architecture]
    settings = as_settings(defaults)
    assert list(settings) == [field.key for field in FIELDS.values()]
    assert {name: parse_value(name, settings[field.key]) for name, field in FIELDS.items()} == asdict(defaults)
    assert all(type(getattr(defaults, name)) is field.kind for name, field in FIELDS.items())


def test_published_values_are_the_defaults_of_classic():
    assert DEFAULTS["classic"] == Hyperparameters(105, 5, "relu", 128, 0.12489316869910207, 512, 1024, 0.0005)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("batch_size", " 105 ", 105),
        ("kernel_size", "4", 4),
        ("kernel_size", "15", 15),
        ("activation", "'relu'", "relu"),
        ("activation", ' "gelu"', "gelu"),
        ("dropout", "0", 0.0),
        ("dropout", "0.12489316869910207", 0.12489316869910207),
        ("learning_rate", "1e-3", 0.001),
        ("learning_rate", "1", 1.0),
        ("num_units_lstm2", "8192", 8192),
    ],
)
def test_values_that_are_allowed(name, text, value):
    assert parse_value(name, text) == value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("batch_size", "0"),
        ("batch_size", "4097"),
        ("batch_size", "32.5"),
        ("batch_size", ""),
        ("kernel_size", "16"),
        ("activation", "rleu"),
        ("activation", ""),
        ("dropout", "1"),
        ("dropout", "-0.1"),
        ("dropout", "nan"),
        ("learning_rate", "0"),
        ("learning_rate", "1.1"),
        ("learning_rate", "inf"),
        ("num_units_dense", "8193"),
    ],
)
def test_values_that_are_refused_with_what_is_allowed(name, text):
    with pytest.raises(ValueError) as refused:
        parse_value(name, text)
    assert f"{FIELDS[name].key} = {text}" in str(refused.value)
    assert FIELDS[name].allowed in str(refused.value)


def test_later_overrides_win():
    chosen = resolve("compact", {"dropout": 0.5, "batch_size": 8}, {}, {"dropout": 0.0})
    assert chosen == replace(DEFAULTS["compact"], dropout=0.0, batch_size=8)


def test_names_of_combinations_are_short_safe_and_distinct():
    h = DEFAULTS["compact"]
    assert combination_name(h) == "batch16-kernel3-dense128-dropout0.2-lstm128-lr0.002"
    near = combination_name(replace(h, dropout=0.20000001))
    assert near != combination_name(h)
    assert not set("/\\: ") & set(combination_name(replace(h, learning_rate=1e-7)))
