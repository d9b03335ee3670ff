"""What the supervisor says of itself, in a file that outlives it."""

from datetime import datetime

from pydantic import BaseModel, ValidationError

from workers.local.stack import Stack, write_private


class State(BaseModel):
    """`state.json`: the supervisor's last word."""

    phase: str  # starting, ready, repairing, failed, stopped
    supervisor: int
    at: datetime
    processes: list[str] = []
    message: str | None = None
    detail: str | None = None

    def write(self, stack: Stack) -> None:
        """Replace the file."""
        write_private(stack.data / "state.json", self.model_dump_json())

    @classmethod
    def read(cls, stack: Stack) -> "State | None":
        """Read the file, or give None when there is none."""
        try:
            return cls.model_validate_json((stack.data / "state.json").read_text())
        except (OSError, ValidationError):
            return None
