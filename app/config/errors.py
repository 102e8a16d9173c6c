"""Why a start cannot go on."""


class StartupError(Exception):
    """The process cannot start or go on; `str()` is one sentence that says what to do next."""
