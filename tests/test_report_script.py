"""The report's script, run by Node on as much of a page as it asks for."""

import json
import shutil
import subprocess

import numpy as np
import pytest
from conftest import predictions_frame

from utilities.report import PARTS
from utilities.report_words import words_json

PAGE = """
class Part {
  constructor(tag, parts = {}, dataset = {}) {
    Object.assign(this, { tag, parts, dataset, children: [], listeners: {}, attributes: {}, value: "", text: "" });
  }
  set textContent(text) { this.text = text; }
  get textContent() { return this.text + this.children.map((c) => c.textContent ?? c).join(""); }
  append(...made) { this.children.push(...made); }
  replaceChildren(...made) { this.children = made; }
  setAttribute(name, value) { this.attributes[name] = value; }
  removeAttribute(name) { delete this.attributes[name]; }
  addEventListener(name, listener) { this.listeners[name] = listener; }
  querySelector(selector) { return this.parts[selector]; }
  querySelectorAll(selector) { return this.parts[selector]; }
}
const heads = ["image", "label", "prediction", "confidence", "edits"].map(
  (column) => new Part("th", { button: new Part("button") }, { column }),
);
const moves = ["first", "previous", "next", "last"].map((page) => new Part("button", {}, { page }));
const names = [".query", ".filter", ".status", ".where", ".least", ".sure", "tbody", "form"];
const parts = Object.fromEntries(names.map((name) => [name, new Part(name)]));
const root = new Part("div", { ...parts, "th[data-column]": heads, "[data-page]": moves }, { model: "0" });
globalThis.document = {
  getElementById: () => ({ textContent: DATA }),
  createElement: (tag) => new Part(tag),
  createTextNode: (text) => ({ textContent: text }),
  querySelectorAll: () => [root],
  documentElement: { classList: { add(name) { root.marked = name; } } },
};
const shown = [];
const see = () => shown.push({
  rows: parts.tbody.children.map((line) => line.children.map((cell) => cell.textContent)),
  tags: parts.tbody.children.map((line) => line.children.map((cell) => cell.children.flatMap((c) => c.tag || []))),
  off: moves.filter((move) => move.attributes["aria-disabled"] === "true").map((move) => move.dataset.page),
  hidden: root.hidden, marked: root.marked,
  status: parts[".status"].textContent, where: parts[".where"].textContent,
});
const click = (part) => { part.listeners.click(); see(); };
const show = (filter, query = "") => {
  Object.assign(parts[".filter"], { value: filter }); Object.assign(parts[".query"], { value: query });
  query ? parts[".query"].listeners.input() : parts[".filter"].listeners.change(); see();
};
const sort = (column) => click(heads.find((head) => head.dataset.column === column).parts.button);
const go = (page) => click(moves.find((move) => move.dataset.page === page));
SCRIPT
see();
"""


def shown(frame, *actions, pictures=None):
    """What the page shows at first and after each action, a line of the script's language."""
    script = (PARTS / "script.js").read_text(encoding="utf-8")
    page = PAGE.replace("DATA", json.dumps(words_json({"one": frame}, pictures or {}))).replace("SCRIPT", script)
    program = "\n".join([page, *actions, "console.log(JSON.stringify(shown));"])
    done = subprocess.run(["node", "-"], input=program, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def column(page, place):
    return [row[place] for row in page["rows"]]


pytestmark = pytest.mark.skipif(not shutil.which("node"), reason="needs Node")


def test_words_are_sorted_filtered_and_found():
    frame = predictions_frame(
        ("Carex", "Carex", 0.9), ("Poa", "Pox", 0.8), ("Rosa", "", 0.3), ("", "Acer", 0.1), ("Zea", "", np.nan)
    )
    frame.loc[4, "problem"] = "image missing"
    frame.loc[0, "group"] = "Ze\u0301"  # e and its accent apart, as some write them
    actions = ['show("wrong")', 'show("right")', 'show("unlabelled")', 'show("unread")', 'show("all", "ZÉ")']
    actions += [
        'click(parts[".sure"])',
        'sort("edits")',
        'sort("edits")',
        'click(parts[".least"])',
        'sort("confidence")',
    ]
    picture = {"1.png": "data:image/webp;base64,AA"}
    first, *filtered, found, sure, edits, again, least, surest = shown(frame, *actions, pictures=picture)
    assert (first["hidden"], first["marked"]) == (False, "scripted")
    assert column(first, 0) == ["3.png", "2.png", "1.png", "0.png", "4.png"]  # what has no confidence comes last
    assert [column(page, 0) for page in filtered] == [["2.png", "1.png"], ["0.png"], ["3.png"], ["4.png"]]
    assert column(found, 0) == ["0.png"] and found["status"] == "Words 1 to 1 of 1 found among 5"
    assert column(sure, 0) == ["1.png", "2.png"]  # the surest of the wrong first
    assert sure["rows"][0][1:] == ["Poa", "Pox", "0.8000", "✗ 1"]
    assert sure["tags"][0][:3] == [["img", "bdi"], ["mark"], ["ins"]]
    assert sure["tags"][1][:3] == [["bdi"], ["mark"], ["del"]]
    assert [column(page, 4) for page in (edits, again)] == [["✗ 4", "✗ 1"], ["✗ 1", "✗ 4"]]
    assert least["rows"] == first["rows"]
    assert column(surest, 0) == ["0.png", "1.png", "2.png", "3.png", "4.png"]  # ... either way


def test_a_page_has_fifty_words_and_the_buttons_lead_to_the_others():
    frame = predictions_frame(*[("Poa", "Poa", n / 200) for n in range(120)])
    actions = ['go("next")', 'go("last")', 'go("previous")', 'go("first")', 'go("last")', 'show("all", "png")']
    actions += ['sort("image")', "parts.form.listeners.submit({ preventDefault() { shown.at(-1).stays = true; } })"]
    first, second, last, before, start, _, found, by_image = shown(frame, *actions)
    assert [column(page, 0)[0] for page in (first, second, last)] == ["0.png", "50.png", "100.png"]
    assert len(first["rows"]) == 50 and len(last["rows"]) == 20 and last["where"] == "Page 3 of 3"
    assert last["status"] == "Words 101 to 120 of 120"
    assert before["rows"] == second["rows"] and start["rows"] == first["rows"]
    assert [page["off"] for page in (first, second, last)] == [["first", "previous"], [], ["next", "last"]]
    assert found["where"] == "Page 1 of 3"  # a search begins at its first page
    assert column(by_image, 0)[:3] == ["0.png", "1.png", "2.png"]
    assert by_image["stays"]  # Enter in the search does not load the page anew
