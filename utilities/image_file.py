"""Image file -> grey values, (h, w) uint8."""

import io
from contextlib import suppress
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

USUAL_ENDINGS = (".png", ".jpg", ".jpeg", ".tif", ".tiff")  # where a name has several images, thumbnails have others
IMAGE_ENDINGS = (*USUAL_ENDINGS, ".jfif", ".jp2", ".bmp", ".gif", ".webp")
MOST_PIXELS = 100_000_000  # a word crop beyond this is a mistake or an attack
WHITES = (1.0, 255.0, 1023.0, 4095.0, 16383.0, 65535.0)  # of images deeper than 8 bits: they seldom say which


class ImageError(ValueError):
    """A file that cannot be read as an image, or not as one of a word; the text says why."""


def read_grey(file: Path | io.BytesIO) -> np.ndarray:
    """The image as grey values, (h, w) uint8; transparency becomes white, EXIF rotation is applied.

    Raises ImageError for a file that is missing, truncated, no image, or several pages.
    """
    try:
        with Image.open(file) as image:
            if image.width * image.height > MOST_PIXELS:
                raise ImageError(
                    f"has {image.width} x {image.height} pixels; crop it to the word (at most {MOST_PIXELS})"
                )
            if image.format == "TIFF":
                _require_one_page(image)
            ImageOps.exif_transpose(image, in_place=True)
            return np.asarray(_flatten(image))
    except UnidentifiedImageError:
        raise ImageError(f"is not a picture in a format that can be read ({', '.join(IMAGE_ENDINGS)})") from None
    except Image.DecompressionBombError:
        raise ImageError("has too many pixels for a word; crop it") from None
    except FileNotFoundError:
        raise ImageError("does not exist") from None
    except (ImageError, MemoryError):
        raise
    except Exception as error:  # Pillow's readers raise what their parts do: struct.error, TypeError, ...
        raise ImageError(f"cannot be decoded ({error}); save it again from its source") from None


def _require_one_page(image: Image.Image) -> None:
    """Raise ImageError for a TIFF of several pages; one of half the first's size or less is the same page, smaller."""
    (width, height), second = image.size, (0, 0)
    with suppress(Exception):  # there is none, or none that Pillow can open
        image.seek(1)
        second = image.size
    image.seek(0)
    if second[0] * 2 > width + 1 and second[1] * 2 > height + 1:
        raise ImageError(f"has {image.n_frames} pages; save each as an image of its own")


def _flatten(image: Image.Image) -> Image.Image:
    """Any mode -> mode L, transparency on white, deeper than 8 bits scaled by the least white that they can have."""
    if image.mode.startswith("I") or image.mode == "F":
        values = np.asarray(image, np.float32)
        most = values.max(initial=0)
        full = next((white for white in WHITES if most <= white), most)
        return Image.fromarray(np.clip(values * (255.0 / full), 0, 255).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image if image.mode == "L" else image.convert("L")
