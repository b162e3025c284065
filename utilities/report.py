"""One self-contained HTML page about the predictions of models: no network, no other file, for any browser.

Figures come from `comparison`, pictures of them from `charts`; here they are only put in order.
"""

import base64
import datetime
import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from string import Template

import pandas as pd

from utilities.comparison import read_predictions
from utilities.counts import number_of
from utilities.image_set import ImageSet, short_name
from utilities.model_files import name_of
from utilities.prediction_summary import ReadingCounts
from utilities.report_model import model_section
from utilities.report_summary import summary_sections
from utilities.report_words import pictured_images, thumbnails, words_json
from utilities.safe_files import write_text_whole

REPORT = Path("test_set_predictions/report.html")  # under the working directory
PARTS = Path(__file__).with_name("report_page")  # the page's frame, style and script


@dataclass(frozen=True)
class Reported:
    """What a report is of: predictions frames by model, all of one image set.

    `paths`: image -> its file; `seen`: model -> images that it was trained on; `untranscribed`: model -> how many more
    it has learnt from without their transcriptions; `target`: the error rate at which words shall be accepted unseen.
    """

    image_set: str
    frames: Mapping[str, pd.DataFrame]
    paths: Mapping[str, Path | None]
    seen: Mapping[str, Collection[str]]
    target: float
    untranscribed: Mapping[str, int] = field(default_factory=dict)


def write_report(predictions: Mapping[Path, ReadingCounts], image_set: ImageSet, target: float) -> Path:
    """Write the report of predictions CSVs, each with what was counted of it; returns its path."""
    names = {path: name_of(path) for path in predictions}
    reported = Reported(
        image_set=short_name(image_set.folder),
        frames={name: read_predictions(path) for path, name in names.items()},
        paths={sample.name: sample.path for sample in image_set.samples},
        seen={names[path]: summary.seen_in_training for path, summary in predictions.items()},
        untranscribed={names[path]: summary.learnt_untranscribed for path, summary in predictions.items()},
        target=target,
    )
    write_text_whole(REPORT, report_page(reported, datetime.datetime.now()))
    return REPORT


def report_page(reported: Reported, now: datetime.datetime) -> str:
    """The whole page."""
    frames = reported.frames
    wanted = [image for frame in frames.values() for image in pictured_images(frame)]
    pictures = thumbnails(wanted, reported.paths)
    body = summary_sections(frames)
    for number, (name, frame) in enumerate(frames.items()):
        known = reported.seen.get(name, ()), reported.untranscribed.get(name, 0)
        body.append(model_section(number, name, frame, pictures, *known, reported.target))
    style, script = (_part(name) for name in ("style.css", "script.js"))
    return Template(_part("page.html")).substitute(
        title=f"Handwriting predictions: {escape(reported.image_set)}",
        policy=_policy(style, script),
        style=style,
        header=_header(reported, now),
        body="\n".join(body),
        data=words_json(frames, pictures),
        script=script,
    )


def _header(reported: Reported, now: datetime.datetime) -> str:
    images = len(next(iter(reported.frames.values())))
    links = "".join(
        f'<li><a href="#model-{number}">{escape(name)}</a></li>' for number, name in enumerate(reported.frames)
    )
    return (
        "<header>\n<h1>How well was the handwriting read?</h1>\n<dl>"
        f"<dt>Image set</dt><dd>{escape(reported.image_set)}, {number_of(images, 'image')}</dd>"
        f"<dt>Date</dt><dd>{now:%Y-%m-%d %H:%M}</dd>"
        f'<dt>Models</dt><dd><nav aria-label="Models"><ul>{links}</ul></nav></dd></dl>\n</header>'
    )


def _part(name: str) -> str:
    return (PARTS / name).read_text(encoding="utf-8")


def _policy(style: str, script: str) -> str:
    """Let the browser run this style and this script, show pictures that are in the page, and fetch nothing."""

    def digest(text):
        return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"

    return f"default-src 'none'; img-src data:; style-src {digest(style)}; script-src {digest(script)}"
