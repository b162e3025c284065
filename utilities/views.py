"""One image seen in several ways (test-time augmentation): what a model makes of all of them is more often right."""

from dataclasses import dataclass

import cv2
import numpy as np

from utilities.augmentation import INKED
from utilities.images import Preprocessing


@dataclass(frozen=True)
class View:
    """A content with its letters leant and widened."""

    shear: float = 0.0  # horizontal px per vertical px
    width: float = 1.0  # times as wide

    def of(self, content: np.ndarray, how: Preprocessing) -> np.ndarray:
        """What the view shows of a content (H, w') uint8: (H, w'') uint8, w'' <= how.width."""
        if self == View():
            return content
        height, old_width = content.shape
        overhang = abs(self.shear) * height * INKED
        width = max(1, min(how.width, round(old_width * self.width + overhang)))
        pace = old_width / max(1.0, width - overhang)  # px of the content for one of the view
        shift = old_width / 2 - pace * width / 2 - self.shear * height / 2
        from_view = np.array([[pace, self.shear, shift], [0, 1, 0]], np.float32)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        if how.ink_is_light:
            return cv2.warpAffine(content, from_view, (width, height), flags=flags)
        seen = cv2.warpAffine(content, from_view, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        return cv2.copyMakeBorder(seen, 0, 0, 0, how.width - width, cv2.BORDER_REPLICATE)  # what pads it would be ink


ONE_VIEW = (View(),)
SEVERAL_VIEWS = (View(), View(shear=0.2), View(shear=-0.2), View(width=0.9), View(width=1.1))
