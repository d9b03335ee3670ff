"""The embedded stack: the whole product on one machine, without Docker and without accounts.

Nothing outside this package and `workers.cli` imports it: production runs `workers.wsgi` alone.
"""


class StackError(Exception):
    """The embedded stack could not be started, or could not go on."""

    def __init__(self, message: str | None = None, detail: str = "stack_failed") -> None:
        super().__init__(message or self.__doc__)
        self.message, self.detail = str(self), detail
