"""What a command says: one JSON object on standard output with --json, else sentences for people.

Progress and logs always go to standard error. Exit status: 0 done, 1 refused or failed, 2 wrong use.
"""

import functools
import json
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import ParamSpec
from uuid import UUID

import click

P = ParamSpec("P")
Result = Mapping[str, object]


class Refusal(Exception):  # noqa: N818 (said to people, not to the log)
    """A command was refused or failed: one sentence for people, one slug for code."""

    def __init__(self, message: str, detail: str = "failed", retry_at: str | None = None) -> None:
        super().__init__(message)
        self.message, self.detail, self.retry_at = message, detail, retry_at

    def as_json(self) -> dict[str, object]:
        """Gives the object that --json prints."""
        error: dict[str, object] = {"message": self.message, "detail": self.detail}
        if self.retry_at:
            error["retry_at"] = self.retry_at
        return {"error": error}


def progress(sentence: str) -> None:
    """Say on standard error what is happening."""
    click.echo(sentence, err=True)


def _plain(value: object) -> object:
    match value:
        case UUID() | Path():
            return str(value)
        case datetime():
            return value.isoformat()
        case set() | frozenset() | tuple():
            return list(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def print_json(result: Result) -> None:
    """Print one JSON object on standard output."""
    click.echo(json.dumps(result, default=_plain, ensure_ascii=False))


def refusal_from(error: Exception) -> Refusal:
    """Turn any error into one sentence: ours keep their words, `detail` and `retry_at`."""
    if isinstance(error, Refusal):
        return error
    message = getattr(error, "message", None) or str(error) or type(error).__name__
    detail, retry_at = getattr(error, "detail", None), getattr(error, "retry_at", None)
    return Refusal(
        " ".join(str(message).split()),
        str(detail) if detail else "failed",
        str(_plain(retry_at) if isinstance(retry_at, datetime) else retry_at) if retry_at else None,
    )


def reports(
    human: Callable[[Result], str] | None = None,
) -> Callable[[Callable[P, Result]], Callable[..., None]]:
    """Give a command its --json option, print what it returns, and turn errors into exit status 1.

    `human` words the result for people; without it every key gets a line. Put it below @group.command()
    and above the options.
    """

    def wrap(command: Callable[P, Result]) -> Callable[..., None]:
        @click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")
        @functools.wraps(command)
        def run(*args: P.args, **kwargs: P.kwargs) -> None:
            as_json = bool(kwargs.pop("as_json", False))
            try:
                result = command(*args, **kwargs)
            except (click.ClickException, click.exceptions.Exit, click.Abort):
                raise
            except Exception as error:  # noqa: BLE001 (the one place where a command's failure becomes words)
                fail(refusal_from(error), as_json=as_json)
            else:
                if as_json:
                    print_json(result)
                else:
                    click.echo(human(result) if human else _lines(result))

        return run

    return wrap


def fail(refusal: Refusal, *, as_json: bool) -> None:
    """Print a refusal and leave with exit status 1."""
    if as_json:
        print_json(refusal.as_json())
    click.echo(f"flow: {refusal.message}", err=True)
    if refusal.retry_at:
        click.echo(f"It may run at {refusal.retry_at}.", err=True)
    sys.exit(1)


def _lines(result: Result) -> str:
    width = max((len(key) for key in result), default=0)
    return "\n".join(f"{key:<{width}}  {_word(value)}" for key, value in result.items())


def _word(value: object) -> str:
    return (
        json.dumps(value, default=_plain, ensure_ascii=False)
        if isinstance(value, (dict, list))
        else str(value)
    )
