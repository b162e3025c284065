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
        border = {} if how.ink_is_light else {"borderMode": cv2.BORDER_REPLICATE}
        from_view = np.array([[pace, self.shear, shift], [0, 1, 0]], np.float32)
        return cv2.warpAffine(
            content, from_view, (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, **border
        )


ONE_VIEW = (View(),)
SEVERAL_VIEWS = (View(), View(shear=0.2), View(shear=-0.2), View(width=0.9), View(width=1.1))
