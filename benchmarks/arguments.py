"""Arguments that more than one benchmark has."""

import argparse

COLUMN_KEYS = {
    "image_column": "METADATA_IMAGE_COLUMN",
    "transcription_column": "METADATA_TRANSCRIPTION_COLUMN",
    "metadata_file": "METADATA_FILE_NAME",
}


def add_columns(parser: argparse.ArgumentParser, keys: dict[str, str]) -> None:
    """A flag for each name of `keys`, which are of setup.cfg."""
    for name, key in keys.items():
        parser.add_argument(f"--{name.replace('_', '-')}", help=f"{key} (default: setup.cfg's)")


def columns_given(args: argparse.Namespace, keys: dict[str, str]) -> dict[str, str]:
    """What was given by these flags, by key of setup.cfg."""
    return {key: getattr(args, name) for name, key in keys.items() if getattr(args, name) is not None}


def canvas_size(text: str) -> tuple[int, int]:
    """(height, width) in px of HEIGHTxWIDTH. Raises ArgumentTypeError."""
    height, _, width = text.partition("x")
    if not (height.isdigit() and width.isdigit()):
        raise argparse.ArgumentTypeError(f"{text}: write HEIGHTxWIDTH in px, such as 40x512")
    return int(height), int(width)
