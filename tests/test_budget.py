import pytest

from utilities.budget import halve_until_it_fits, part_size


class ResourceExhaustedError(Exception):
    """Called like TensorFlow's."""


@pytest.mark.parametrize("error", [ResourceExhaustedError("OOM"), MemoryError(), RuntimeError("RESOURCE_EXHAUSTED: x")])
def test_batches_are_halved_until_they_fit(error):
    tried = []

    def step(size):
        tried.append(size)
        if size > 10:
            raise error

    assert halve_until_it_fits(step, 50) == 8
    assert tried == [50, 25, 13, 7]
    assert part_size(50, 8) == 7


def test_other_errors_and_an_image_that_does_not_fit_alone_are_not_hidden():
    def broken(size):
        raise ValueError("something else")

    def never(size):
        raise MemoryError(size)

    with pytest.raises(ValueError, match="something else"):
        halve_until_it_fits(broken, 8)
    with pytest.raises(MemoryError, match="1"):
        halve_until_it_fits(never, 8)
