"""The state of an interrupted training run, kept on disk so that `--resume` ends with the same result."""

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from utilities.errors import UserError, differences
from utilities.safe_files import make_folder, whole_file


class ResumeError(UserError):
    """A kept state that does not belong to this run; the text says what differs."""


@dataclass(frozen=True)
class KeptState:
    """What was read back: the progress, and the variables of model (with dropout's seeds) and optimizer."""

    progress: dict
    variables: list[np.ndarray]

    def restore(self, full: keras.Model) -> None:
        """Put the variables into a compiled full model of the same layers."""
        for variable, value in zip([*full.variables, *full.optimizer.variables], self.variables, strict=True):
            variable.assign(value)


class ResumePoint:
    """One file of kept state. `belongs_to`: JSON-ready values that must be the same when the run goes on.

    `replaces`: the state that the step before has kept until this one has its own.
    """

    def __init__(self, path: Path, belongs_to: dict, replaces: Path | None = None):
        self.path, self._replaces = path, replaces
        self.belongs_to = json.loads(json.dumps(belongs_to))

    @classmethod
    def open(
        cls, path: Path, belongs_to: dict, resume: bool, overwrite: bool, replaces: Path | None = None
    ) -> "ResumePoint":
        """The resume point of a run that is about to start. Kept state is only thrown away when the user says so.

        Raises ResumeError when there is kept state and neither `resume` nor `overwrite` is asked for.
        """
        point = cls(path, belongs_to, replaces)
        if resume and not path.exists() and not replaces:  # else the step before has said so, or gone on
            print("There is no interrupted run to resume: starting afresh.")
        elif not resume and path.exists():
            if not overwrite:
                raise ResumeError(
                    f"An interrupted run of this name was kept in {path}."
                    " Add --resume to go on with it, or --overwrite to throw it away."
                )
            point.discard()
        return point

    def write(self, full: keras.Model, progress: dict) -> None:
        """Keep the state, whole or not at all."""
        arrays = [keras.ops.convert_to_numpy(v) for v in [*full.variables, *full.optimizer.variables]]
        best = progress["best_weights"] or []
        note = progress | {"best_weights": None}
        named = {f"variable_{i:04d}": a for i, a in enumerate(arrays)} | {
            f"best_{i:04d}": a for i, a in enumerate(best)
        }
        text = json.dumps({"progress": note, "belongs_to": self.belongs_to})
        make_folder(self.path.parent)
        with whole_file(self.path) as temporary, temporary.open("wb") as file:
            np.savez(file, note=np.array(text), **named)
        if self._replaces:
            self._replaces.unlink(missing_ok=True)

    def read(self) -> KeptState | None:
        """The kept state, or None when there is none. Raises ResumeError when it belongs to other settings."""
        if not self.path.exists():
            return None
        try:
            with np.load(self.path, allow_pickle=False) as file:
                note = json.loads(str(file["note"]))
                arrays = {name: file[name] for name in sorted(file.files) if name != "note"}
        # the last but one: zipfile's, where an error of the disk makes it look encrypted, or packed in another way
        except (OSError, ValueError, KeyError, EOFError, RuntimeError, zipfile.BadZipFile) as error:
            raise ResumeError(f"{self.path} is damaged ({error}). Delete it and train without --resume.") from None
        self.require_same(note["belongs_to"])
        progress = note["progress"]
        progress["best_weights"] = [a for name, a in arrays.items() if name.startswith("best_")] or None
        return KeptState(progress, [a for name, a in arrays.items() if name.startswith("variable_")])

    def require_same(self, kept: dict) -> None:
        """Raise ResumeError where what a run of this name belonged to is not what this one belongs to."""
        if changed := differences(kept, self.belongs_to):
            raise ResumeError(
                "The interrupted run had other settings or images:\n"
                + "\n".join(changed)
                + "\nRestore them to go on, or add --overwrite (without --resume) to throw that run away."
            )

    def discard(self) -> None:
        """Remove the state of a run that has ended well, or is not wanted."""
        self.path.unlink(missing_ok=True)
