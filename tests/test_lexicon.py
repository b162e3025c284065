import pytest

from utilities.alphabet import Alphabet
from utilities.lexicon import LexiconError, left_out, read_lexicon


def test_a_lexicon_is_a_text_a_line(tmp_path):
    path = tmp_path / "names.txt"
    path.write_bytes("\ufeffCarex stricta\r\n\r\n  Poa e\u0301 \r\nCarex stricta".encode())
    assert read_lexicon(path) == {"Carex stricta": 2, "Poa \u00e9": 1}


@pytest.mark.parametrize(("content", "message"), [(b"Stra\xdfe", "not UTF-8"), (b" \n\n", "no text"), (None, "opened")])
def test_what_is_no_lexicon_says_so(tmp_path, content, message):
    path = tmp_path / "names.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(LexiconError, match=f"names.txt.*{message}"):
        read_lexicon(path)


def test_texts_that_a_model_cannot_read_are_named():
    alphabet = Alphabet(("a", "b"))
    assert left_out(["ab", "b"], alphabet) == left_out([], alphabet) == ""
    said = left_out(["ab", "a\u00e9b", "c\u00e9"], alphabet)
    assert said.startswith("left out of the LEXICON: 2 of 3 texts, such as 'a\u00e9b', since the")
    assert "never learnt 'c', '\u00e9'" in said
