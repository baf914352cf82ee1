"""Any image file: read whole, as it was held, scaled, refused where it does not fit; archives; decoded ones kept."""

import io
import struct
import zipfile
import zlib

import numpy as np
import pytest
from PIL import Image

from lib.data.image_files import archived, cached, decoded, read_archive
from tests.data.pictures import picture


def test_pixels_are_those_that_were_written():
    file, pixels = picture(0, (12, 16))
    assert np.array_equal(decoded(file, "a.png"), pixels)
    assert np.array_equal(decoded(file, "a.png", (12, 16)), pixels)


@pytest.mark.parametrize("notes", [b"garbage!!", b"II*\0\x08"])
@pytest.mark.parametrize("kind", ["eXIf", "tEXt"])
def test_damaged_notes_of_a_camera_are_of_a_file_with_a_name(notes, kind):
    """EXIF as PNG has it, in either of two places; PIL reads it late, and fails in several ways."""
    text = b"Raw profile type exif\0\nexif\n 8\n" + b"Exif\0\0".hex().encode() + notes.hex().encode()
    content = notes if kind == "eXIf" else text
    part = kind.encode() + content
    file = picture(0, (12, 16))[0]
    added = struct.pack(">I", len(content)) + part + struct.pack(">I", zlib.crc32(part))
    with pytest.raises(ValueError, match=r"dog/3.png is no image that can be read"):
        decoded(file[:33] + added + file[33:], "dog/3.png")


@pytest.mark.parametrize(
    ("file", "word"),
    [
        (picture(0, (12, 17))[0], "a.png must have 12 x 16 pixels, got 12 x 17"),
        (picture(0, (12, 16), mode="L")[0], "a.png must be a colour image"),
        (picture(0, (12, 16))[0][:60], "a.png is no image that can be read"),
        (b"text", "a.png is no image that can be read"),
    ],
)
def test_a_file_that_does_not_fit_is_named(file, word):
    with pytest.raises(ValueError, match=word):
        decoded(file, "a.png", (12, 16))


@pytest.mark.parametrize("side", [9_000, 30_000])
def test_more_pixels_than_anybody_has_are_not_read(side, monkeypatch):
    """PIL itself refuses the larger one."""
    file = io.BytesIO()
    Image.new("1", (side, side)).save(file, "PNG")
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda image: pytest.fail("it was read"))
    with pytest.raises(ValueError, match=r"a.png says that it has more than 67,108,864 pixels, so it was not read"):
        decoded(file.getvalue(), "a.png", size=8)


def test_an_image_is_read_as_it_was_held():
    upright = Image.new("RGB", (8, 8))
    upright.putpixel((0, 0), (255, 0, 0))
    file, held = io.BytesIO(), Image.Exif()
    held[0x0112] = 3  # upside down
    upright.save(file, "PNG", exif=held)
    for size in (8, None):
        assert decoded(file.getvalue(), "held", size=size)[7, 7].tolist() == [255, 0, 0]


def test_an_image_is_cropped_to_its_middle_square_and_scaled():
    """White there, and black beside it."""
    pixels = np.zeros((20, 40, 3), np.uint8)
    pixels[:, 10:30] = 255
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    found = decoded(file.getvalue(), "a.png", size=8)
    assert found.shape == (8, 8, 3)
    assert (found > 200).all()  # the edges are mixed with what lies beside them


# --- Archives and caches ---------------------------------------------------------------------------------------------


def test_an_archive_is_read_in_the_order_of_names_all_or_some(tmp_path):
    path, classes = tmp_path / "a.zip", ("cat", "dog")
    with zipfile.ZipFile(path, "w") as archive:
        archive.mkdir("dog")
        for seed in (3, 0, 2, 1):
            archive.writestr(f"{classes[seed // 2]}/{seed}.png", picture(seed, (4, 4))[0])
    assert [name for name, _ in archived(path)] == ["cat/0.png", "cat/1.png", "dog/2.png", "dog/3.png"]
    assert archived(path, [3, 0])[0] == ("dog/3.png", picture(3, (4, 4))[0])
    x, y = read_archive(path, classes, (4, 4))
    assert y.tolist() == [0, 0, 1, 1]
    assert np.array_equal(x, [picture(seed, (4, 4))[1] for seed in range(4)])
    some, own = read_archive(path, classes, (4, 4), rows=np.array([3, 0]))
    assert own.tolist() == [1, 0]
    assert np.array_equal(some, x[[3, 0]])
    with pytest.raises(ValueError, match=r"dog/2.png in a.zip must lie in a class's folder, one of cat, owl"):
        read_archive(path, ("cat", "owl"), (4, 4))


def test_decoded_images_are_made_once_for_a_key_and_again_if_they_changed(tmp_path):
    path, made = tmp_path / "a.npz", []

    def make():
        made.append(1)
        return np.full((2, 4, 4, 3), len(made), np.uint8), np.arange(2)

    first = cached(path, "one", make)
    again = cached(path, "one", make)
    assert len(made) == 1
    assert np.array_equal(first[0], again[0])
    assert first[2] == again[2]
    assert cached(path, "two", make)[0].max() == 2
    with np.load(path) as stored:
        np.savez(path, **dict(stored) | {"x": stored["x"] + 1})
    assert cached(path, "two", make)[0].max() == 3
