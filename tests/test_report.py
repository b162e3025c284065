"""The report page: whole in one file, safe whatever the texts say, and with the figures of the tables."""

import base64
import datetime
import hashlib
import io
import json
import re
import time
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from conftest import WORDS, predictions_frame, write_image_set
from PIL import Image

from utilities import comparison
from utilities.image_set import read_image_set
from utilities.metadata import Columns
from utilities.prediction_summary import ReadingCounts
from utilities.report import PARTS, REPORT, Reported, report_page, write_report
from utilities.report_html import marked, table, words_table
from utilities.report_words import differing, pictured_images, script_json, thumbnail, word_columns

VOID = {"meta", "img", "input", "br", "link", "hr"}
NASTY = '</script><img src=x onerror=alert(1)> & "quoted" \'s $title \u2028 <!--'
NOW = datetime.datetime(2024, 5, 6, 7, 8)
COLUMNS = ("image", "label", "prediction", "confidence", "group", "problem")


class Page(HTMLParser):
    """A page as a tree's essentials; fails where an element is not closed as it was opened."""

    def __init__(self, text):
        super().__init__()
        self.source = text
        self.elements, self.texts, self._open = [], {}, []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        for tag in self._open:
            self.texts[tag] = self.texts.get(tag, "") + data

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def words(self):
        """The page's data, as its script reads it."""
        data = json.loads(re.search(r'id="words-data">(.*?)</script>', self.source, re.DOTALL)[1])
        models = [{name: data["columns"][n] for name, n in model.items()} for model in data["models"]]
        return models, data["pictures"]


def frame(*rows):
    return pd.DataFrame([dict(zip(COLUMNS, row, strict=True)) for row in rows]).astype({"confidence": float})


@pytest.fixture(scope="module")
def image_set(tmp_path_factory):
    folder = write_image_set(tmp_path_factory.mktemp("set") / "herbarium" / "test", WORDS, groups=list("aabbccddeeff"))
    return read_image_set(
        folder, Columns("words_metadata.csv", "image_location", "transcription", "writer"), "png", True
    )


@pytest.fixture(scope="module")
def frames(image_set):
    good = [(s.name, s.label, s.label, 0.9 - i / 50, s.group, "") for i, s in enumerate(image_set.samples)]
    bad = [(s.name, s.label, f"x{s.label[1:]}", 0.3 + i / 50, s.group, "") for i, s in enumerate(image_set.samples)]
    bad[3] = (*bad[3][:2], "", np.nan, bad[3][4], "image unreadable (truncated)")
    return {"good": frame(*good), "bad": frame(*bad)}


def reported(frames, image_set=None, seen=None):
    paths = {s.name: s.path for s in image_set.samples} if image_set else {}
    return Reported("herbarium/test", frames, paths, seen or {}, 0.05)


@pytest.fixture(scope="module")
def page(frames, image_set):
    return Page(report_page(reported(frames, image_set, {"bad": {"images/w000.png"}}), NOW))


def test_everything_is_inside_the_page(page):
    addresses = [a[k] for _, a in page.elements for k in ("src", "href", "data", "action", "srcset") if k in a]
    assert addresses
    assert all(address.startswith(("data:image/", "#")) for address in addresses)
    assert "@import" not in page.texts["style"]
    assert "url(" not in page.texts["style"]
    assert not {"link", "iframe", "object", "base"} & {tag for tag, _ in page.elements}
    policy = next(m["content"] for m in page.all("meta") if m.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'sha256-")
    assert not [a for _, a in page.elements if "style" in a or any(name.startswith("on") for name in a)]


def test_the_caption_of_a_narrow_table_is_not_as_narrow_as_it(page):
    (caption,) = re.findall(r"^caption \{(.*)\}$", page.texts["style"], re.MULTILINE)
    assert "min-width: min(20rem, " in caption  # a table of two letters' mistakes is 3rem wide


def test_words_of_texts_stay_whole_where_they_can(page):
    (texts,) = re.findall(r"^\.words td\[dir\]:nth-child\(-n\+3\), .* \{(.*?)\}", page.texts["style"], re.MULTILINE)
    assert "overflow-wrap: break-word" in texts and "max-width" in texts  # a word of 200 letters still breaks


def test_links_lead_somewhere_and_pictures_and_controls_have_names(page):
    targets = [a["id"] for _, a in page.elements if "id" in a]
    assert len(targets) == len(set(targets))
    assert {a["href"].removeprefix("#") for a in page.all("a")} <= set(targets)
    assert page.all("html") == [{"lang": "en"}]
    assert all("alt" in a for a in page.all("img"))
    charts = [a["alt"] for a in page.all("img") if "width" in a]
    assert all(len(alt) > 20 for alt in charts)
    columns = [a["data-column"] for a in page.all("th") if "data-column" in a]
    assert columns[:6] == ["image", "label", "prediction", "confidence", "edits", "group"]
    assert columns[-1] == "problem"  # the second model could not read one
    assert "2024-05-06" in page.texts["dd"]


def test_figures_are_those_of_the_tables(page, frames):
    shown = comparison.headline_table(comparison.model_table(frames))
    for value in shown.to_numpy().ravel():
        assert value in page.texts["td"]
    assert "0.0 (0.0 to 0.0)" in page.texts["td"]
    assert "bad: 11 judged words of 12 images" in page.texts["figcaption"]
    assert "bootstrap over 6 groups" in page.texts["figcaption"]
    for note in comparison.notes(frames):
        assert note in page.texts["li"]
    assert "with 1 of 12 images" in page.texts["p"]
    assert "from 10 transcribed words" in page.texts["p"]  # 12 less the unread and the one seen in training
    assert "image unreadable: 1" in page.texts["td"]
    assert "have their picture in this page" not in page.texts["p"]  # all have


def test_confidence_mistakes_and_pairs_are_those_of_the_tables(page, frames):
    error = 100 * comparison.calibration_error(frames["bad"])
    assert f"differ by {error:.1f} points" in page.texts["figcaption"]
    (pair,) = comparison.paired_table(frames).to_dict("records")
    shown = f"{pair['difference']:.1f} ({pair['difference low']:.1f} to {pair['difference high']:.1f})"
    assert shown in page.texts["td"]
    assert pair["verdict"] in page.texts["td"]
    for row in comparison.by_length(frames["bad"]).to_dict("records"):
        assert f"{row['length']} characters: {row['CER %']:.1f} % of them wrong" in " ".join(
            a["alt"] for a in page.all("img")
        )
    captions = page.texts["caption"] + page.texts["figcaption"]
    assert captions.count("bad: 11 judged words of 12 images") >= 8
    worst = comparison.by_character(frames["bad"], 1)["character"][0]
    assert worst in page.texts["th"]


def test_every_figure_says_of_which_words_it_is(page):
    captions = re.findall(r"<(?:figcaption|caption)>(.*?)</", page.source)
    assert len(captions) > 20
    for caption in captions:
        assert re.search(
            r"\d+ (judged )?(words|images)|Which images count|Figures of the judged|Of the|Each pair", caption
        )


def test_the_words_are_all_there_with_edits_marks_and_pictures(page, frames):
    (good, bad), pictures = page.words
    assert good["image"] == bad["image"] == frames["good"]["image"].tolist()
    assert good["edits"] == [0] * 12
    assert not any(good["marks"])
    assert (bad["edits"][3], bad["confidence"][3], bad["problem"][3]) == (None, None, "image unreadable (truncated)")
    assert bad["marks"][0] == [["", "C", "arex"], ["", "x", "", "arex"]]
    assert set(pictures) == set(good["image"])
    for address in pictures.values():
        picture = Image.open(io.BytesIO(base64.b64decode(address.removeprefix("data:image/webp;base64,"))))
        assert picture.height <= 64
        assert np.ptp(np.asarray(picture.convert("L"))) > 50  # ink on paper


def test_no_text_of_the_data_can_become_part_of_the_page(frames):
    rows = [(NASTY, NASTY, "a", 0.5, NASTY, NASTY), ("__proto__", NASTY, NASTY, 0.6, NASTY, "")]
    text = report_page(reported({NASTY: frame(*rows)}), NOW)
    page = Page(text)
    ((words,), _) = page.words
    assert words["label"] == [NASTY, NASTY]
    assert not [a for a in page.all("img") if "onerror" in a]
    assert len(page.all("script")) == 2
    assert text.count("</script>") == 2
    assert NASTY in page.texts["h2"]
    assert NASTY.strip() in page.texts["mark"] + page.texts["td"]
    assert "\u2028" not in text.split('id="words-data">')[1].split("</script>")[0]


@pytest.mark.parametrize("text", [NASTY, "\u2029", "<!--<script>", "]]>", "שלום", "\\u003c"])
def test_json_in_the_page_comes_back(text):
    assert json.loads(script_json([text])) == [text]
    assert not re.search("[<>&\u2028\u2029]", script_json([text]))


@pytest.mark.parametrize(
    ("truth", "reading", "pieces"),
    [
        ("Carex", "Corex", (["C", "a", "rex"], ["C", "o", "", "rex"])),
        ("Carex", "Crex", (["C", "a", "rex"], ["C", "", "a", "rex"])),
        ("Crex", "Carex", (["Crex"], ["C", "a", "", "rex"])),
        ("a b", "ab", (["a", "␣", "b"], ["a", "", "␣", "b"])),
        ("Poa", "", (["", "Poa", ""], ["", "", "Poa", ""])),
        ("e\u0301", "é", (["é"], ["é"])),
        ("q\u0323a", "qa", (["", "q\u0323", "a"], ["", "q", "", "a"])),  # the accent stays on its letter
    ],
)
def test_letters_that_differ_are_cut_out(truth, reading, pieces):
    assert differing(truth, reading) == pieces


def test_pieces_join_to_the_texts_again_on_random_words():
    rng = np.random.default_rng(2)
    for _ in range(300):
        truth, reading = ("".join(rng.choice(list("abc<"), rng.integers(1, 9))) for _ in range(2))
        there, read = differing(truth, reading)
        assert "".join(there) == truth
        assert "".join(piece for turn, piece in enumerate(read) if turn % 3 != 2) == reading
        missing = sum(map(len, read[2::3])) + sum(map(len, read[1::3]))
        assert missing >= len(reading) - len(truth)


def test_marks_are_elements_and_texts_are_escaped():
    assert marked("a<b", "a>b") == ("a<mark>&lt;</mark>b", "a<ins>&gt;</ins>b")
    assert marked("ab", "a") == ("a<mark>b</mark>", "a<del>b</del>")


def test_a_table_rounds_numbers_and_keeps_texts():
    cells = {"model": ["m<1>"], "n": [12345], "x %": [1.25], "confidence": [0.01234], "y": [np.nan]}
    html = table(pd.DataFrame(cells), "of 3 words")
    texts = Page(f"<body>{html}</body>").texts
    assert "m<1>" in texts["tr"]
    assert texts["caption"] == "of 3 words"
    assert all(text in texts["td"] for text in ("12,345", "1.2", "0.0123", "–"))


def test_images_without_labels_get_what_needs_none(frames, image_set):
    page = Page(report_page(reported({"good": frames["good"].assign(label="")}, image_set), NOW))
    assert "nothing can be promised" in page.texts["p"]
    assert "no image that could be read has a transcription" in page.texts["li"]
    assert "median confidence" in "".join(a["alt"] for a in page.all("img"))
    assert "go wrong?" not in page.texts["h3"]
    ((words,), pictures) = page.words
    assert words["edits"] == [None] * 12
    assert len(pictures) == 12
    assert [a["data-column"] for a in page.all("th") if "data-column" in a] == [
        "image",
        "prediction",
        "confidence",
        "group",
    ]
    assert "Sure but wrong" not in page.texts["button"]


def test_nothing_read_at_all_still_gives_a_page(frames):
    unread = frames["good"].assign(prediction="", confidence=np.nan, problem="image missing (no such file)")
    page = Page(report_page(reported({"good": unread}), NOW))
    assert "image missing: 12" in page.texts["td"]


def test_an_image_that_cannot_be_read_has_no_picture(tmp_path):
    (tmp_path / "a.png").write_bytes(b"no image")
    assert thumbnail(tmp_path / "a.png") is None
    assert thumbnail(tmp_path / "b.png") is None


def test_pictures_are_of_the_least_certain_the_surest_wrong_and_the_most_wrong():
    rows = [(f"{i}.png", "abcde", "abcdx", i / 100, "", "") for i in range(100)]
    rows[50] = ("50.png", "abcde", "xxxxx", 0.5, "", "")
    assert set(pictured_images(frame(*rows), 2)) == {"0.png", "1.png", "98.png", "99.png", "50.png"}


def test_twenty_thousand_words_make_a_page_of_a_few_megabytes_in_seconds():
    rng = np.random.default_rng(2)
    labels = [WORDS[i] for i in rng.integers(len(WORDS), size=20_000)]
    rows = [(f"images/page-{i:05d}.png", t, t if i % 3 else t[:-1], i / 20_000, "", "") for i, t in enumerate(labels)]
    one = frame(*rows)
    started = time.perf_counter()
    text = report_page(reported({"one": one, "two": one.assign(prediction=one["label"])}), NOW)
    assert time.perf_counter() - started < 60  # about 10 s on two cores
    assert len(text) < 5_000_000
    assert text.count("<tr>") < 400  # the script shows a page of rows at a time
    assert text.count("images/page-00500.png") == 1  # both models share the names


def test_the_report_is_written_whole_beside_the_predictions(frames, image_set, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "good-predictions.csv"
    frames["good"].to_csv(path, index=False)
    for _ in range(2):  # it is made anew each time
        assert write_report({path: ReadingCounts(learnt_untranscribed=7)}, image_set, 0.05) == REPORT
    page = Page(REPORT.read_text(encoding="utf-8"))
    assert "herbarium/test, 12 images" in page.texts["dd"]
    assert str(tmp_path) not in REPORT.read_text(encoding="utf-8")
    assert [p.name for p in REPORT.parent.iterdir()] == ["report.html"]


def test_columns_of_words_hold_plain_values(frames):
    columns = word_columns(frames["bad"])
    assert {type(e) for e in columns["edits"]} == {int, type(None)}
    assert {len(values) for values in columns.values()} == {12}
    assert columns["confidence"][:2] == [0.3, 0.32]


def test_the_page_has_what_its_script_looks_for(page):
    script = (PARTS / "script.js").read_text(encoding="utf-8")

    def keys(name):
        body = re.search(rf"const {name} = {{\n(.*?)\n  }};", script, re.DOTALL)[1]
        return set(re.findall(r"^    (\w+)[:(,]", body, re.MULTILINE))

    classes = {kind for _, attributes in page.elements for kind in attributes.get("class", "").split()}
    assert {"words", *re.findall(r'find\("\.(\w+)"\)', script)} <= classes
    assert {attributes["value"] for attributes in page.all("option")} == keys("FILTERS")
    assert {a["data-column"] for a in page.all("th") if "data-column" in a} <= keys("CELLS")
    moves = re.findall(r"(\w+): \(\)", re.search(r"const moves = (.*)", script)[1])
    assert {a["data-page"] for a in page.all("button") if "data-page" in a} == set(moves)


def test_the_page_allows_its_own_style_and_script_to_run():
    page = report_page(
        Reported("a/b", {"m": predictions_frame(("Poa", "Poa", 0.9))}, {}, {}, 0.05), datetime.datetime(2024, 5, 6)
    )
    for tag, kind in (("style", "style-src"), ("script", "script-src")):
        (text,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert re.search(rf"{kind} [^;\"]*(?:'|&#x27;)sha256-{re.escape(digest)}", page)


def test_a_report_says_what_a_model_has_seen_of_its_images(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["Poa", "Carex", "Rosa"]
    write_image_set(tmp_path / "set", words)
    image_set = read_image_set(
        tmp_path / "set", Columns("words_metadata.csv", "image_location", "transcription", None), "png", True
    )
    frame = predictions_frame(*[(word, word, 0.9) for word in words]).assign(image=[s.name for s in image_set.samples])
    frame.to_csv(tmp_path / "m-predictions.csv", index=False)
    counts = ReadingCounts(seen_in_training={"images/w000.png"}, learnt_untranscribed=2)
    write_report({tmp_path / "m-predictions.csv": counts}, image_set, 0.05)
    page = REPORT.read_text(encoding="utf-8")
    assert "It was trained with 1 of 3 images here, or others of their group" in page
    assert "It has learnt from 2 of these images without their transcriptions" in page


def test_what_only_one_of_two_models_has_seen_is_said_of_that_one_and_both_have_their_pictures(frames, image_set):
    two = frames["good"]
    page = report_page(reported({"one": two.head(2), "two": two}, image_set, {"two": {"images/w000.png"}}), NOW)
    first, second = page.split('id="model-1"')
    assert "It was trained with" in second and "It was trained with" not in first.split('id="model-0"')[1]
    assert len(Page(page).words[1]) == len(two)


@pytest.fixture(scope="module")
def few():
    """Words of all kinds, and the text of their page."""
    frame = predictions_frame(
        ("Poa", "Poa", 0.9, "g"), ("Poa", "Pox", 0.8, "h"), ("Poa", "Xxx", 0.3), ("", "Acer", 0.1), ("Zea", "", None)
    )
    frame.loc[4, "problem"] = "image missing"
    return frame, report_page(reported({"m": frame}), NOW)


def test_the_filters_say_how_many_words_they_show(few):
    for option in ("all (5)", "only wrong (2)", "only right (1)", "no transcription (1)", "not read (1)"):
        assert f">{option}</option>" in few[1]


def test_charts_and_tables_say_what_there_is_of_each_kind(few):
    frame, page = few
    said = "".join(a["alt"] for a in Page(page).all("img"))
    assert "read right: 1 word, median confidence 0.90; read wrong: 2 words, median confidence 0.55" in said
    assert "The most frequent mistakes: a read as x, 2 times; " in said
    assert "m: median 33 %, mean 44.4 %, worst 100 %" in said
    assert "bootstrap over 2 groups and 1 single image)" in page
    assert f"chance alone makes {100 * comparison.calibration_error_by_chance(frame):.1f}." in page
    for low in comparison.calibration_table(frame)["right low"]:
        assert f'<td class="number">{low:.2f}</td>' in page
    for threshold in ("0.9000", "0.8000", "0.3000"):
        assert f'<th scope="row"><bdi>{threshold}</bdi></th>' in page
    assert '<td class="number">0.5250</td>' in page  # the mean confidence of single words
    confusions = page.split("What was there (rows)")[2].split("</table>")[0]
    assert ">2</td>" in confusions and ">0</td>" not in confusions
    assert "0 of 5 images have their picture in this page" in page
    assert page.count('class="name"') == 4  # of the words on paper: one was not read


def test_captions_speak_of_intervals_only_where_there_are_some():
    of_one_page = predictions_frame(*[("Poa", "Pox", 0.5, "page")] * 3, ("Poa", "Poa", 0.5))
    page = report_page(reported({"m": of_one_page}), NOW)
    assert "No intervals: all judged words are of one group." in page and "bootstrap over" not in page
    of_two = predictions_frame(("Poa", "Pox", 0.5, "page"), ("Poa", "Poa", 0.5, "other"))
    page = report_page(reported({"m": of_one_page, "n": of_two}), NOW)
    assert "(bootstrap over 2 groups)." in page


def test_words_with_several_mistakes_are_marked_too():
    columns = word_columns(predictions_frame(("Carex", "Coxex", 0.5), ("Poa", "Poa", 0.5), ("", "Poa", 0.5)))
    assert columns["edits"] == [2, 0, None]
    assert columns["marks"] == [(["C", "ar", "ex"], ["C", "ox", "", "ex"]), 0, 0]


def test_words_on_paper_have_their_pictures_and_marks():
    html = words_table(
        predictions_frame(("Poa", "Pox", 0.5), ("", "Zea", 0.25)), {"0.png": "data:image/webp;base64,AA"}, "2 words"
    )
    assert (
        html.count("<img") == 1 and '<img src="data:image/webp;base64,AA" alt=""><bdi class="name">0.png</bdi>' in html
    )
    assert "Po<mark>a</mark>" in html and "Po<ins>x</ins>" in html and "0.2500" in html
    assert '<td dir="auto">–</td><td dir="auto">Zea</td>' in html


def test_a_difference_that_is_no_chance_is_said_to_be_none():
    rng = np.random.default_rng(1)
    half = [("Poa", "Poa" if r > 0.5 else "Pox", 0.5) for r in rng.random(200)]
    frames = {"a": predictions_frame(*half), "b": predictions_frame(*[("Poa", "Poa", 0.9)] * 200)}
    page = report_page(Reported("a/b", frames, {}, {}, 0.05), datetime.datetime(2024, 5, 6))
    assert "b reads better (p &lt; 0.001)" in page and ">&lt; 0.001</td>" in page


def test_a_difference_of_nearly_nothing_has_no_sign():
    text = "Carex stricta Lam., wet meadow"
    right = [(text, text, 0.9)] * 2000
    frames = {"a": predictions_frame(*right[1:], (text, text[:-1], 0.9)), "b": predictions_frame(*right)}
    page = report_page(Reported("a/b", frames, {}, {}, 0.05), datetime.datetime(2024, 5, 6))
    assert "0.0 (0.0 to 0.0)" in page and "-0.0" not in page
