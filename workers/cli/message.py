"""`flow message`: send one message, or thousands from standard input."""

import json
import re
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Annotated, NoReturn
from uuid import UUID, uuid4

import click
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from workers.cli.output import Refusal, Result, progress, reports
from workers.cli.project import database, org_option
from workers.errors import FlowError, Unavailable

CHUNK = 500  # messages in one call: a second or so, within the API's eight
WAITS = (0.5, 2, 5)
PLACE = re.compile(r"Message (\d+) of \d+: ")


def _sendable(value: str) -> str:
    if "\0" in value or any("\ud800" <= letter <= "\udfff" for letter in value):
        raise ValueError("holds a NUL or half a character, which no message can carry")
    return value


def _all_sendable(value: object) -> object:
    if isinstance(value, dict):
        return {_sendable(str(key)): _all_sendable(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_all_sendable(part) for part in value]
    return _sendable(value) if isinstance(value, str) else value


Text = Annotated[str, AfterValidator(_sendable)]
Params = list[Text] | dict[Text, Text]


class Message(BaseModel):
    """One message as a line of --batch-stdin gives it."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True, coerce_numbers_to_str=True)

    to: Text
    sender: Text | None = Field(default=None, alias="from")
    text: Text | None = None
    template: Text | None = None
    language: Text | None = None
    param: Params | Text | None = None
    params: Params | None = None
    message: Annotated[dict[str, object] | None, AfterValidator(_all_sendable)] = None
    client_token: UUID = Field(default_factory=uuid4)

    @model_validator(mode="after")
    def is_one_kind(self) -> "Message":
        """Check that it is a text, a template or a message of any kind, and only one of them."""
        if [self.text, self.template, self.message].count(None) != 2:
            raise ValueError("give one of text or template, or message")
        if (self.template is None) != (self.language is None):
            raise ValueError("language belongs to template, and a template needs one")
        if self.template is None and (self.param is not None or self.params is not None):
            raise ValueError("param belongs to template")
        if self.param is not None and self.params is not None:
            raise ValueError("give param or params, not both")
        return self

    def item(self) -> dict[str, object]:
        """Give the message as worker.send_messages takes it."""
        item: dict[str, object] = {"to": self.to, "client_token": str(self.client_token)}
        if self.sender is not None:
            item["from"] = self.sender
        if self.message is not None:
            return item | {"message": self.message}
        if self.text is not None:
            return item | {"text": self.text}
        return item | {"template": self.template, "language": self.language, "params": self._values()}

    def _values(self) -> Params:
        if self.params is not None:
            return self.params
        if isinstance(self.param, dict):
            return self.param
        return [self.param] if isinstance(self.param, str) else self.param or []


def _human(done: Result) -> str:
    ids = done.get("message_ids")
    return (
        f"Queued: {len(ids)} messages" if isinstance(ids, list) else f"Queued: message {done['message_id']}"
    )


@click.group()
def message() -> None:
    """Send WhatsApp messages."""


@message.command()
@org_option
@click.option("--to", metavar="E164|USER_ID", help="Who gets it: +919810000011, or a WhatsApp user id.")
@click.option("--from", "sender", metavar="PHONE_NUMBER_ID", help="Which number sends; the first without it.")
@click.option("--text", help="Free text; the customer's 24-hour window must be open.")
@click.option("--template", metavar="NAME", help="An approved template.")
@click.option("--language", help="The template's language, for instance en.")
@click.option(
    "--param", multiple=True, metavar="VALUE", help="Body values in order; NAME=VALUE for named templates."
)
@click.option(
    "--batch-stdin", is_flag=True, help="Read messages from standard input, one JSON object a line."
)
@reports(_human)
def send(
    org_id: UUID, to: str | None, sender: str | None, text: str | None, template: str | None,
    language: str | None, param: tuple[str, ...], *, batch_stdin: bool,
) -> Result:  # fmt: skip
    """Queue a message, or with --batch-stdin many: to, from, text, template, language, param on each line,
    or message: an object of any kind, as public.send_message takes it.

    A line may name a client_token (a UUID): the same token again is the same message, so a batch that
    stopped half way can be sent again.
    """
    if batch_stdin:
        if to or sender or text or template or language or param:
            raise click.UsageError("--batch-stdin takes everything else from its lines.")
        return {"message_ids": send_batch(org_id, sys.stdin.buffer)}
    if to is None:
        raise click.UsageError("Give --to, or --batch-stdin.")
    try:
        one = Message.model_validate(
            {"to": to, "from": sender, "text": text, "template": template, "language": language,
             "param": list(param) or None}
        )  # fmt: skip
    except ValidationError as error:
        raise click.UsageError(f"{_words(error)}.") from error
    return {"message_id": _queue(org_id, [one])[0]}


def send_batch(org_id: UUID, lines: Iterable[bytes]) -> list[int]:
    """Queue one message a line; give their ids in order. A wrong line is refused before any is queued."""
    messages = [(number, read_line(number, line)) for number, line in enumerate(lines, 1) if line.strip()]
    ids: list[int] = []
    for chunk in _chunks(messages):
        try:
            ids += _queue(org_id, [one for _, one in chunk])
        except FlowError as error:
            _refuse(error, [number for number, _ in chunk], len(ids))
        if len(messages) > CHUNK:
            progress(f"{len(ids)} of {len(messages)} messages queued")
    return ids


def read_line(number: int, line: bytes) -> Message:
    """Read one line of a batch."""
    try:
        return Message.model_validate(json.loads(line))
    except ValidationError as error:
        raise Refusal(f"Line {number}: {_words(error)}. Nothing was queued.", "line_invalid") from error
    except ValueError as error:
        raise Refusal(f"Line {number} is not a JSON object. Nothing was queued.", "line_invalid") from error


def _chunks(messages: list[tuple[int, Message]]) -> Iterator[list[tuple[int, Message]]]:
    rest = iter(messages)
    while chunk := list(islice(rest, CHUNK)):
        yield chunk


def _queue(org_id: UUID, messages: list[Message]) -> list[int]:
    """Queue messages. When no answer comes it is asked again: the client tokens make that harmless."""
    items = [one.item() for one in messages]
    for wait in WAITS:
        try:
            return _ids(database().rpc("send_messages", org_id=str(org_id), items=items))
        except Unavailable:
            progress(f"The database does not answer; once more in {wait} s")
            time.sleep(wait)
    return _ids(database().rpc("send_messages", org_id=str(org_id), items=items))


def _ids(answer: Mapping[str, object]) -> list[int]:
    ids = answer["message_ids"]
    return [int(str(one)) for one in ids] if isinstance(ids, list) else []


def _refuse(error: FlowError, numbers: list[int], queued: int) -> NoReturn:
    """Raise a refusal that names the line, and says what is queued already."""
    place = PLACE.match(error.message)
    sentence = error.message[place.end() :] if place else error.message
    if place:
        sentence = f"Line {numbers[int(place.group(1)) - 1]}: {sentence}"
    elif len(numbers) == 1:
        sentence = f"Line {numbers[0]}: {sentence}"
    if isinstance(error, Unavailable):
        rest = f"Whether the lines from {numbers[0]} on are queued is not known"
    else:
        rest = "Nothing was queued" if not queued else f"The lines before {numbers[0]} are queued"
    raise Refusal(f"{sentence.rstrip('.')}. {rest}.", error.detail, error.retry_at) from error


def _words(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    words = first["msg"].removeprefix("Value error, ")
    return f"{where}: {words}" if where else words


def register(flow: click.Group) -> None:
    """Add the commands of this module."""
    flow.add_command(message)
