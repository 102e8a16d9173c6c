"""Texts for models, in files of their own: the overview of the server, and the prompts."""

from functools import cache
from importlib.resources import files


@cache
def text(name: str) -> str:
    """The text of a file of this folder."""
    return (files(__name__) / name).read_text(encoding="utf-8").strip()
