"""What several views of one image, by one model or by several, make of it together.

By probabilities of whole texts: the views' time steps do not lie over each other, and a text that is likely in one of
them alone is not the likeliest in the mean.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from utilities.alphabet import Alphabet
from utilities.beam_search import BEAM_WIDTH, Beam, Hypothesis
from utilities.decoding import Reading
from utilities.language_reading import readings_of


@dataclass(frozen=True)
class Sight:
    """What one view of an image may say, the likeliest first, and whether its model knows a language to lean towards.

    `scores` are its log probabilities (T, C) where details are asked for.
    """

    beam: Beam
    leans: bool
    scores: np.ndarray | None = None


def merged(sights: Sequence[Sight]) -> Beam:
    """The hypotheses of one image's sights as one beam, the best first: probabilities are means over the sights.

    A sight in whose beam a text is not gives it nothing. What a language adds is the mean of those that know: the same
    from all views by one model, seldom much else from models of the same words. A text that only models without a
    language find leans as the least of the others.
    """
    probability: dict[tuple[int, ...], float] = {}
    added = defaultdict(list)
    for sight in sights:
        for found in sight.beam:
            probability[found.ids] = np.logaddexp(probability.get(found.ids, -np.inf), found.log_probability)
            if sight.leans:
                added[found.ids].append(found.score - found.log_probability)
    leaning = {ids: sum(each) / len(each) for ids, each in added.items()}
    least = min(leaning.values(), default=0.0)
    mean = {ids: float(p - np.log(len(sights))) for ids, p in probability.items()}
    best = sorted(mean, key=lambda ids: -(mean[ids] + leaning.get(ids, least)))[:BEAM_WIDTH]
    return Beam.of(Hypothesis(ids, mean[ids] + leaning.get(ids, least), mean[ids]) for ids in best)


def read_together(
    images: Iterable[Sequence[Sight]], alphabet: Alphabet, temperature: float, with_details: bool
) -> list[Reading]:
    """The reading of each image from all its sights; `temperature` as of `readings_of`."""
    beams, scores = [], []
    for sights in images:
        beams.append(merged(sights))
        if with_details:
            scores.append(_clearest(sights, beams[-1][0]).scores)
    return readings_of(beams, alphabet, temperature, scores if with_details else None)


def _clearest(sights: Sequence[Sight], text: Hypothesis) -> Sight:
    """The sight in which a text is likeliest."""

    def clearness(sight):
        return max((h.log_probability for h in sight.beam if h.ids == text.ids), default=-np.inf)

    return max(sights, key=clearness)
