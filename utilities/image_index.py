"""The images of a folder, found by what a metadata row calls them."""

import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from utilities.counts import number_of
from utilities.image_file import IMAGE_ENDINGS, USUAL_ENDINGS
from utilities.metadata import ImageSetError
from utilities.texts import normalize

TABLE_ENDINGS = (".csv", ".tsv", ".xlsx", ".xls", ".ods")
OTHER_PICTURES = (".heic", ".heif", ".avif", ".dng", ".cr2", ".nef", ".arw", ".psd", ".svg", ".pdf", ".djvu", ".jpe")
# in a disk's top folder, closed to its users
SYSTEM_FOLDERS = frozenset({"lost+found", "System Volume Information", "$RECYCLE.BIN", "#recycle", "@Recycle"})
ENDING = re.compile(r"\.[A-Za-z][A-Za-z0-9]{2,3}$")  # of a row's name, which may be another than the file's
# how well named folders fit: all of them are there; they end as the file's do, or lie above it; nothing tells
SURE, ELSEWHERE, GUESSED = 2, 1, 0


class ImageIndex:
    """All images under a folder, found by relative path or by base name, with or without an ending.

    Names are compared in Unicode's composed form (NFC): a file copied from a Mac has its accents apart. Where no name
    fits otherwise, capitals make no difference, as they make none in Windows.
    """

    def __init__(self, folder: Path, preferred_format: str = "png"):
        if not folder.is_dir():
            raise ImageSetError(f"The image set {folder} is not a folder. Correct its name in setup.cfg.")
        self._folder = folder
        self._preferred = "." + preferred_format.lower().lstrip(".")
        self._files = sorted(_file_paths(folder))
        self._found = [f for f in self._files if f.lower().endswith(IMAGE_ENDINGS)]
        self._made: dict[str, Path] = {}
        self._paths = self._by(normalize)

    @cached_property
    def _names(self) -> dict[str, list[str]]:
        """Images by base name, with and without its ending: seldom needed."""
        return self._by(lambda relative: normalize(relative.rpartition("/")[2]))

    @cached_property
    def _folded_paths(self) -> dict[str, list[str]]:
        return self._by(lambda relative: normalize(relative).casefold())

    @cached_property
    def _folded_names(self) -> dict[str, list[str]]:
        return self._by(lambda relative: normalize(relative.rpartition("/")[2]).casefold())

    @cached_property
    def _file_names(self) -> set[str]:
        """Names of files of any kind, for what is no image: seldom needed."""
        return {normalize(f.rpartition("/")[2]) for f in self._files}

    def _by(self, key: Callable[[str], str]) -> dict[str, list[str]]:
        """Images by what `key` makes of their relative paths, with and without an ending."""
        index = defaultdict(list)
        for relative in self._found:
            name = key(relative)
            index[name].append(relative)
            index[name.rpartition(".")[0]].append(relative)
        return index

    @property
    def others(self) -> list[str]:
        """Relative paths of pictures of kinds that cannot be read."""
        return [f for f in self._files if f.lower().endswith(OTHER_PICTURES)]

    @property
    def all_paths(self) -> list[Path]:
        """Every image, in the order of its relative path. Raises ImageSetError for names that are not text."""
        broken = [name for name in self._found if not _is_text(name)]
        if broken:
            listed = "\n".join(f"  {printable(name)}"[:200] for name in broken[:50])
            raise ImageSetError(
                f"{number_of(len(broken), 'image file')} under {self._folder} with a name that is not UTF-8 text:\n"
                f"{listed}\nRename them; names without accents are safest."
            )
        return [self._folder / relative for relative in self._found]

    def find(self, name: str) -> tuple[Path | None, tuple[str, str] | None]:
        """The image a metadata row names, or None and (finding, detail).

        A row's folders need not be those of the file, the table may come from another machine; but where they tell
        images of one name apart, they do.
        """
        key = _key(name)
        exact = self._paths.get(key, ())
        if len(exact) == 1:  # nearly always
            return self._path(exact[0]), None
        for found in self._candidates(key):
            if len(found) > 1:
                for endings in (self._preferred, USUAL_ENDINGS):
                    found = [f for f in found if f.lower().endswith(endings)] or found
            if len(found) == 1:
                return self._path(found[0]), None
            if found:
                return None, ("several images have this name", ", ".join(map(printable, found[:5])))
        if key.rpartition("/")[2] in self._file_names:
            return None, (
                "image missing",
                "there is such a file, but of a kind that cannot be read: save it as png or jpg",
            )
        return None, ("image missing", f"no such file under {self._folder}")

    def _path(self, relative: str) -> Path:
        """The same object for the same image each time: paths are slow to make and to compare."""
        if relative not in self._made:
            self._made[relative] = self._folder / relative
        return self._made[relative]

    def _candidates(self, key: str) -> Iterator[Sequence[str]]:
        """Images that a row may mean, the likeliest first."""
        if not key:
            return
        yield [f for f in self._paths.get(key, ()) if normalize(f) == key]
        yield self._paths.get(key, ())
        yield from _of_name(key, self._names)
        folded = key.casefold()
        yield self._folded_paths.get(folded, ())
        yield from _of_name(folded, self._folded_names)

    def likeness(self, name: str, path: Path) -> tuple[int, int]:
        """How well the folders that a row names fit those of an image: the greater, the better."""
        key = _key(name)
        if key in self._paths:  # nearly always, and path objects are slow
            return SURE, 0
        folders, _, called = key.rpartition("/")
        fit = _likeness(folders, path.relative_to(self._folder).as_posix())
        is_exact = called in self._names or ENDING.sub("", called) in self._names
        return fit if is_exact else (fit[0], -1)  # capitals differ: it is the image of a row that has its very name


def _key(name: str) -> str:
    """A row's name for an image, as the names of files are compared with it."""
    return normalize(name.strip()).replace("\\", "/").removeprefix("./")


def _of_name(key: str, names: Mapping[str, Sequence[str]]) -> Iterator[Sequence[str]]:
    """Images by base name that a row may mean, with its ending and without, whose folders fit best."""
    folders, _, name = key.rpartition("/")
    for candidate in dict.fromkeys((name, ENDING.sub("", name))):
        found = names.get(candidate, ())
        likeness = [_likeness(folders, f) for f in found]
        best = max(likeness, default=None)  # once: of a name that stands in every folder there are thousands
        yield [f for f, like in zip(found, likeness, strict=True) if like == best]


def _likeness(named: str, relative: str) -> tuple[int, int]:
    """How well named folders fit those of a file, and in how many of them."""
    named, found = named.casefold(), normalize(relative).rpartition("/")[0].casefold()
    if not named or f"/{found}".endswith(f"/{named}"):
        return SURE, 0
    if found and (f"/{named}".endswith(f"/{found}") or f"/{named}/" in f"/{found}/"):
        return ELSEWHERE, found.count("/")
    return GUESSED, 0


def _is_text(name: str) -> bool:
    """Whether a file's name could be decoded; else Python has put surrogates in it, which cannot be written."""
    return not any("\ud800" <= c <= "\udfff" for c in name)


def printable(name: str) -> str:
    """A file's name; where it is no text, its bytes."""
    return name if _is_text(name) else repr(name.encode(errors="surrogateescape"))


def _raise(error: OSError) -> None:
    """What a folder that may not be read is to `os.walk`, which would pass over it and its images."""
    if Path(error.filename).name not in SYSTEM_FOLDERS:
        raise error


def _file_paths(folder: Path) -> Iterator[str]:
    """Relative paths of all files under a folder, also in folders that are links; hidden ones are left out."""
    walked = set()
    for root, folders, files in os.walk(folder, followlinks=True, onerror=_raise):
        real = os.path.realpath(root)
        if real in walked:  # a link to where we have been
            folders.clear()
            continue
        walked.add(real)
        folders[:] = [f for f in sorted(folders) if not f.startswith(".")]
        prefix = Path(root).relative_to(folder).as_posix()
        prefix = "" if prefix == "." else prefix + "/"
        yield from (prefix + file for file in files if not file.startswith("."))
