import io
import struct

import numpy as np
import pytest
from conftest import draw
from PIL import Image

from utilities import image_file
from utilities.image_file import ImageError, read_grey


def saved(image, format="PNG", **options):
    file = io.BytesIO()
    image.save(file, format, **options)
    return io.BytesIO(file.getvalue())


def test_every_mode_reads_as_the_same_grey():
    grey = draw("Carex")
    expected = np.asarray(grey, float)
    rgba = grey.convert("RGBA")
    sixteen = Image.fromarray((np.asarray(grey, np.uint32) * 257).astype(np.uint16))
    for image in (grey, grey.convert("RGB"), rgba, sixteen, grey.convert("P")):
        assert np.abs(read_grey(saved(image)) - expected).max() <= 2, image.mode
    assert np.abs(read_grey(saved(grey, "TIFF")) - expected).max() == 0
    assert np.abs(read_grey(saved(grey.convert("CMYK"), "JPEG", quality=95)) - expected).max() < 40


@pytest.mark.parametrize("white", [1023, 4095, 65535])
def test_deep_images_are_as_light_as_their_camera_can_make_them(white):
    grey = np.asarray(draw("Carex"), float)
    deep = Image.fromarray(np.rint(grey / 255 * white).astype(np.uint16))
    assert np.abs(read_grey(saved(deep, "TIFF")) - grey).max() <= 2
    shares = Image.fromarray((grey / 255).astype(np.float32))
    assert np.abs(read_grey(saved(shares, "TIFF")) - grey).max() <= 2


def test_transparency_is_paper_not_ink():
    word = np.zeros((20, 40, 4), np.uint8)
    word[5:10, 5:30, 3] = 255  # black, opaque ink on transparent black
    grey = read_grey(saved(Image.fromarray(word, "RGBA")))
    assert grey[0, 0] == 255
    assert grey[7, 10] == 0


def test_rotation_noted_by_a_camera_is_applied():
    image = draw("Carex")
    exif = Image.Exif()
    exif[0x0112] = 6
    assert read_grey(saved(image, "JPEG", exif=exif)).shape == image.size


def test_metadata_of_a_camera_that_cannot_be_written_again_is_a_problem_of_its_image():
    width_as_text = struct.pack("<HHI4s", 0x0100, 2, 4, b"abc")  # Pillow raises struct.error when it turns the image
    rotated = struct.pack("<HHIHH", 0x0112, 3, 1, 6, 0)
    exif = b"Exif\0\0" + struct.pack("<2sHIH", b"II", 42, 8, 2) + width_as_text + rotated + struct.pack("<I", 0)
    with pytest.raises(ImageError, match="cannot be decoded"):
        read_grey(saved(draw("Carex"), "JPEG", exif=exif))


def test_a_truncated_file_and_a_text_file_say_why(tmp_path):
    whole = saved(draw("Carex")).getvalue()
    with pytest.raises(ImageError, match="cannot be decoded"):
        read_grey(io.BytesIO(whole[: len(whole) // 2]))
    with pytest.raises(ImageError, match="not a picture"):
        read_grey(io.BytesIO(b"hello"))
    with pytest.raises(ImageError, match="does not exist"):
        read_grey(tmp_path / "none.png")


def test_a_tiff_of_several_pages_is_none_of_a_word():
    pages = [draw("Carex"), draw("Poa"), draw("Rosa")]
    file = io.BytesIO()
    pages[0].save(file, "TIFF", save_all=True, append_images=pages[1:])
    with pytest.raises(ImageError, match="has 3 pages; save each"):
        read_grey(io.BytesIO(file.getvalue()))
    file = io.BytesIO()
    pages[0].save(file, "TIFF", save_all=True, append_images=[pages[0].reduce(2), pages[0].reduce(4)])  # a pyramid
    assert np.array_equal(read_grey(io.BytesIO(file.getvalue())), np.asarray(pages[0]))


def test_transparent_colours_of_a_palette_and_of_grey_are_paper():
    grey = draw("Carex")
    palette = grey.convert("P")
    palette.info["transparency"] = palette.getpixel((0, 0))
    palette.putpalette([0, 0, 0] * 256)  # all is black that is not transparent
    assert read_grey(saved(palette, transparency=palette.getpixel((0, 0)))).max() == 255
    clear = Image.merge("LA", (Image.new("L", grey.size), Image.new("L", grey.size)))
    assert read_grey(saved(clear)).min() == 255


def test_a_whole_page_is_no_word(monkeypatch):
    monkeypatch.setattr(image_file, "MOST_PIXELS", 1000)
    with pytest.raises(ImageError, match=r"has 60 x 40 pixels; crop it to the word \(at most 1000\)"):
        read_grey(saved(Image.new("L", (60, 40), 255)))
