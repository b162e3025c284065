"""Arguments that more than one benchmark has."""

import argparse


def canvas_size(text: str) -> tuple[int, int]:
    """(height, width) in px of HEIGHTxWIDTH. Raises ArgumentTypeError."""
    height, _, width = text.partition("x")
    if not (height.isdigit() and width.isdigit()):
        raise argparse.ArgumentTypeError(f"{text}: write HEIGHTxWIDTH in px, such as 40x512")
    return int(height), int(width)
