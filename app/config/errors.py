"""Errors that prevent a start."""


class StartupError(Exception):
    """The process cannot start or go on; `str()` is one sentence that says what to do next."""
