"""The images of a folder, found by what a metadata row calls them."""

import os
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from utilities.images import IMAGE_ENDINGS
from utilities.metadata import ImageSetError


class ImageIndex:
    """All images under a folder, found by relative path or by base name, with or without an ending."""

    def __init__(self, folder: Path, preferred_format: str):
        if not folder.is_dir():
            raise ImageSetError(f"The image set {folder} is not a folder. Correct IMAGE_SET_NAME in setup.cfg.")
        self._folder = folder
        self._preferred = "." + preferred_format.lower().lstrip(".")
        self._by_key: dict[str, list[str]] = defaultdict(list)
        self._found = sorted(_image_paths(folder))
        for relative in self._found:
            stem, name = relative.rpartition(".")[0], relative.rpartition("/")[2]
            for key in dict.fromkeys((relative, stem, name, name.rpartition(".")[0])):
                self._by_key[key].append(relative)

    @property
    def all_paths(self) -> list[Path]:
        """Every image, in the order of its relative path."""
        return [self._folder / relative for relative in self._found]

    def find(self, name: str) -> tuple[Path | None, tuple[str, str] | None]:
        """The image a metadata row names, or None and (finding, detail)."""
        key = name.strip().replace("\\", "/").removeprefix("./")
        for candidate in (key, key.rpartition("/")[2], key.rpartition("/")[2].rpartition(".")[0]):
            found = self._by_key.get(candidate, []) if candidate else []
            if len(found) > 1:
                found = [f for f in found if f.lower().endswith(self._preferred)] or found
            if len(found) == 1:
                return self._folder / found[0], None
            if found:
                return None, ("several images have this name", ", ".join(found[:5]))
        return None, ("image missing", f"no such file under {self._folder}")


def _image_paths(folder: Path) -> Iterable[str]:
    for root, folders, files in os.walk(folder):
        folders[:] = [f for f in folders if not f.startswith(".")]
        prefix = Path(root).relative_to(folder).as_posix()
        prefix = "" if prefix == "." else prefix + "/"
        for file in files:
            if file.lower().endswith(IMAGE_ENDINGS) and not file.startswith("."):
                yield prefix + file
