"""How wide writing must be for its strokes to come at the usual pace: narrow and wide hands then look alike.

Hands differ more in the width of their letters than in anything else that can be measured without reading. On the rows
that cross the most strokes, the hands of `dhsd_words` have about 1.5 strokes a letter, whoever writes (the standard
deviation between writers is a tenth, that of the width of a letter three tenths).
"""

import cv2
import numpy as np

from utilities.writing_box import INKED

PACE = 0.3  # of the height: the usual distance of strokes
BUSIEST = 1 / 8  # share of the rows that count: those with the most strokes
DOUBT = 0.25  # of the height, as if so much more had been written at the usual pace: few strokes say little
STRETCH = (0.6, 1.8)  # the least and the most that the width is changed


def even_width(ink: np.ndarray, height: int) -> float:
    """The width in px for ink (h, w) uint8, 255 the darkest, on a canvas of this height (px)."""
    natural = ink.shape[1] * height / ink.shape[0]
    width = max(2, round(natural))  # strokes begin between two columns
    small = cv2.resize(ink, (width, height), interpolation=cv2.INTER_AREA)
    inked = cv2.threshold(small, INKED, 1, cv2.THRESH_BINARY)[1]
    begun = np.greater(inked[:, 1:], inked[:, :-1]).view(np.uint8)
    strokes = np.sort(cv2.reduce(begun, 1, cv2.REDUCE_SUM, dtype=cv2.CV_32S)[:, 0] + inked[:, 0])
    many = strokes[-max(1, round(BUSIEST * height)) :].mean()
    return natural * float(np.clip((PACE * many + DOUBT) / (natural / height + DOUBT), *STRETCH))
