import os

import numpy as np
import pytest
from conftest import draw, write_image_set

from utilities import decoders, image_cache, stroke_pace
from utilities.decoded_image import decode
from utilities.image_cache import cached_images
from utilities.images import Preprocessing

HOW = Preprocessing(32, 256)


@pytest.fixture
def images(tmp_path):
    folder = write_image_set(tmp_path / "set", ["Carex", "Rosa", "Acer"])
    return folder, sorted((folder / "images").iterdir())


def count_decoding(monkeypatch):
    calls = []
    original = decoders.decode
    monkeypatch.setattr(decoders, "decode", lambda path, how: calls.append(path.name) or original(path, how))
    return calls


def test_the_cache_gives_what_decoding_gives_and_is_used_the_second_time(images, tmp_path, monkeypatch):
    folder, paths = images
    first = cached_images(folder, paths, HOW, tmp_path / "cache")
    calls = count_decoding(monkeypatch)
    second = cached_images(folder, paths, HOW, tmp_path / "cache")
    assert calls == []
    for path in paths:
        expected = decode(path, HOW)
        for found in (first[path], second[path]):
            assert np.array_equal(found.content, expected.content)
            assert found.digest == expected.digest


def test_only_a_changed_image_is_decoded_again(images, tmp_path, monkeypatch):
    folder, paths = images
    cached_images(folder, paths, HOW, tmp_path / "cache")
    draw("Quercus alba").save(paths[1])
    os.utime(paths[1], ns=(1, 1))
    calls = count_decoding(monkeypatch)
    found = cached_images(folder, paths, HOW, tmp_path / "cache")
    assert calls == [paths[1].name]
    assert np.array_equal(found[paths[1]].content, decode(paths[1], HOW).content)
    assert np.array_equal(found[paths[2]].content, decode(paths[2], HOW).content)
    assert len(list((tmp_path / "cache").iterdir())) == 2  # the old pixels are gone


@pytest.mark.skipif(os.name != "posix", reason="elsewhere a file has no time of its last renaming")
def test_two_images_of_one_size_and_time_that_change_places_are_noticed(images, tmp_path):
    folder, (one, two, _) = images
    for path in (one, two):
        path.write_bytes(path.read_bytes().ljust(4000))
        os.utime(path, (1, 1))
    assert one.stat().st_size == two.stat().st_size
    before = cached_images(folder, [one, two], HOW, tmp_path / "cache")
    other = one.rename(folder / "other.png")
    two.rename(one)
    other.rename(two)
    found = cached_images(folder, [one, two], HOW, tmp_path / "cache")
    assert [found[one].digest, found[two].digest] == [before[two].digest, before[one].digest]
    assert np.array_equal(found[one].content, before[two].content)


def test_other_preprocessing_has_a_cache_of_its_own(images, tmp_path):
    folder, paths = images
    cached_images(folder, paths, HOW, tmp_path / "cache")
    taller = cached_images(folder, paths, Preprocessing(48, 256), tmp_path / "cache")
    assert taller[paths[0]].content.shape[0] == 48


def test_what_another_version_of_the_preprocessing_made_is_made_anew(images, tmp_path, monkeypatch):
    folder, paths = images
    cached_images(folder, paths, HOW, tmp_path / "cache")
    other = tmp_path / "stroke_pace.py"
    other.write_text("PACE = 0.4\n")
    monkeypatch.setattr(stroke_pace, "__file__", str(other))
    calls = count_decoding(monkeypatch)
    for _ in range(2):
        cached_images(folder, paths, HOW, tmp_path / "cache")
    assert sorted(calls) == [path.name for path in paths]
    assert len(list((tmp_path / "cache").iterdir())) == 2  # the stale pixels are gone


def test_unreadable_images_say_why_each_time(images, tmp_path):
    folder, paths = images
    paths[0].write_bytes(paths[0].read_bytes()[:100])
    paths[1].write_text("no image")
    (folder / "empty.png").touch()
    for _ in range(2):
        found = cached_images(folder, [*paths, folder / "none.png", folder / "empty.png"], HOW, tmp_path / "cache")
        assert "is an empty file" in found[folder / "empty.png"].problem
        assert "cannot be decoded" in found[paths[0]].problem
        assert "not a picture" in found[paths[1]].problem
        assert "cannot be opened" in found[folder / "none.png"].problem
        assert found[paths[2]].content is not None


def test_a_damaged_cache_is_made_anew(images, tmp_path):
    folder, paths = images
    cached_images(folder, paths, HOW, tmp_path / "cache")
    for file in (tmp_path / "cache").iterdir():
        file.write_bytes(file.read_bytes()[:20])
    assert cached_images(folder, paths, HOW, tmp_path / "cache")[paths[0]].content is not None


def test_what_could_not_be_opened_is_tried_again(images, tmp_path, monkeypatch):
    folder, paths = images
    refused = lambda path: (_ for _ in ()).throw(PermissionError(13, "Permission denied"))  # noqa: E731
    with monkeypatch.context() as patched:
        patched.setattr(decoders.Path, "read_bytes", refused)
        assert "Permission denied" in cached_images(folder, paths, HOW, tmp_path / "cache")[paths[0]].problem
    assert cached_images(folder, paths, HOW, tmp_path / "cache")[paths[0]].content is not None


def test_without_a_place_to_write_images_are_decoded_each_time(images, tmp_path, capsys):
    folder, paths = images
    (tmp_path / "cache").write_text("a file where the folder should be")
    found = cached_images(folder, paths, HOW, tmp_path / "cache")
    assert all(np.array_equal(found[path].content, decode(path, HOW).content) for path in paths)
    assert "cannot be written" in capsys.readouterr().out


def test_two_processes_that_decode_at_once_leave_one_cache(images, tmp_path, monkeypatch):
    folder, paths = images
    cached_images(folder, paths[:1], HOW, tmp_path / "cache")
    original, inner = image_cache._with_progress, []

    def meanwhile(missing, how):
        if not inner:
            inner.append(True)
            cached_images(folder, paths, HOW, tmp_path / "cache")
        return original(missing, how)

    monkeypatch.setattr(image_cache, "_with_progress", meanwhile)
    found = cached_images(folder, paths, HOW, tmp_path / "cache")
    assert all(np.array_equal(found[path].content, decode(path, HOW).content) for path in paths)
    assert len(list((tmp_path / "cache").iterdir())) == 2


@pytest.mark.parametrize("other", ["size", "time"])
def test_an_image_that_changed_in_its_size_or_its_time_alone_is_decoded_again(tmp_path, other):
    path = tmp_path / "w.png"
    image = draw("Carex")
    image.save(path, "BMP")  # of as many bytes whatever it shows
    os.utime(path, ns=(1, 1))
    cached_images(tmp_path, [path], HOW, tmp_path / "cache")
    changed = draw("Quercus alba") if other == "size" else draw("Rosa").resize(image.size)
    changed.save(path, "BMP")
    os.utime(path, ns=(1, 1) if other == "size" else (1, 2))
    found = cached_images(tmp_path, [path], HOW, tmp_path / "cache")
    assert np.array_equal(found[path].content, decode(path, HOW).content)
