import re
from pathlib import Path

import pytest

from utilities.counts import number_of

ROOT = Path(__file__).parents[1]


def test_one_is_singular_and_thousands_are_parted():
    assert [number_of(n, "image") for n in (0, 1, 2, 4385)] == ["0 images", "1 image", "2 images", "4,385 images"]
    assert [number_of(n, "row repeats", "rows repeat") for n in (1, 2)] == ["1 row repeats", "2 rows repeat"]


@pytest.mark.parametrize("folder", ["utilities", "*_*"])
def test_no_message_leaves_the_reader_to_choose_the_singular(folder):
    unsure = re.compile(r"\b(image|row|group|model|word|set|picture|problem|epoch|trial)\(s\)")
    files = [path for kind in ("py", "ipynb") for path in ROOT.glob(f"{folder}/*.{kind}")]
    assert files and not [path.name for path in files if unsure.search(path.read_text(encoding="utf-8"))]
