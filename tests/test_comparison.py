from utilities import comparison


def test_every_table_has_this_one_address():
    assert all(callable(getattr(comparison, name)) for name in comparison.__all__ if name.islower())
    assert comparison.FOLDER_VARIABLE == "HANDWRITING_PREDICTIONS"
