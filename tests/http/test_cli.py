"""The flow command where no stack is needed: its arguments, its exit status, and what it prints."""

import json
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from click.testing import CliRunner, Result

from workers.cli import flow
from workers.cli.demo.enquiries import invent
from workers.cli.demo.journey import extra, percentile
from workers.cli.message import read_line
from workers.cli.output import Refusal
from workers.cli.project import database, outside, settings

ORG = str(uuid4())
DONE, REFUSED, WRONG_USE = 0, 1, 2


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A directory without a stack, and an environment that names no project."""
    monkeypatch.chdir(tmp_path)
    for name in ("SUPABASE_URL", "FLOW_DATABASE_URL", "FLOW_DATA"):
        monkeypatch.delenv(name, raising=False)
    for cached in (settings, database, outside):
        cached.cache_clear()
    yield
    for cached in (settings, database, outside):
        cached.cache_clear()


def run(*args: str, stdin: str | None = None) -> Result:
    """Run a command as people do."""
    return CliRunner().invoke(flow, args, input=stdin)


WRONG = [
    pytest.param(["org", "create", "Asha Traders"], id="organization without owner"),
    pytest.param(["org", "create", "Asha Traders", "--owner", "asha"], id="owner who is no address"),
    pytest.param(["lead", "add", "--name", "A", "--phone", "9000000001"], id="lead without organization"),
    pytest.param(
        ["lead", "add", "--org", "7", "--name", "A", "--phone", "9000000001"], id="organization no UUID"
    ),
    pytest.param(["message", "send", "--org", ORG, "--text", "Hi"], id="message to nobody"),
    pytest.param(["message", "send", "--org", ORG, "--to", "+919000000001"], id="message without content"),
    pytest.param(
        ["message", "send", "--org", ORG, "--to", "+919000000001", "--text", "Hi", "--template", "t"],
        id="text and template",
    ),
    pytest.param(
        ["message", "send", "--org", ORG, "--to", "+919000000001", "--text", "Hi", "--param", "x"],
        id="text with values",
    ),
    pytest.param(
        ["message", "send", "--org", ORG, "--to", "+919000000001", "--template", "t"],
        id="template without language",
    ),
    pytest.param(["message", "send", "--org", ORG, "--batch-stdin", "--text", "Hi"], id="batch and text"),
    pytest.param(
        ["whatsapp", "connect", "--org", ORG, "--waba-id", "1", "--phone-number-id", "2"],
        id="token on no way",
    ),
    pytest.param(
        ["indiamart", "connect", "--org", ORG, "--key-stdin", "--base-url", "https://example.com"],
        id="base url elsewhere",
    ),
    pytest.param(["replay", "first"], id="event that is no number"),
    pytest.param(["demo", "--leads", "0"], id="demo without leads"),
    pytest.param(["ledger", "close"], id="close of no organization"),
]  # fmt: skip


@pytest.mark.parametrize("args", WRONG)
def test_wrong_use_is_exit_status_2(args: list[str]) -> None:
    result = run(*args)

    assert result.exit_code == WRONG_USE
    assert "Traceback" not in result.output


NEEDS_A_PROJECT = [
    pytest.param(["org", "create", "Asha Traders", "--owner", "asha@example.com"], id="org create"),
    pytest.param(["template", "sync", "--org", ORG], id="template sync"),
    pytest.param(["template", "list", "--org", ORG], id="template list"),
    pytest.param(["template", "delete", "--org", ORG, "--name", "t"], id="template delete"),
    pytest.param(["greeting", "set", "--org", ORG, "--template", "t", "--language", "en"], id="greeting set"),
    pytest.param(["greeting", "show", "--org", ORG], id="greeting show"),
    pytest.param(["greeting", "dry-run", "--org", ORG], id="greeting dry-run"),
    pytest.param(["lead", "add", "--org", ORG, "--name", "A", "--phone", "9000000001"], id="lead add"),
    pytest.param(
        ["message", "send", "--org", ORG, "--to", "+919000000001", "--text", "Hi"], id="message send"
    ),
    pytest.param(["whatsapp", "disconnect", "--org", ORG], id="whatsapp disconnect"),
    pytest.param(["indiamart", "sync", "--org", ORG], id="indiamart sync"),
    pytest.param(["indiamart", "push", "--org", ORG], id="indiamart push"),
    pytest.param(["replay"], id="replay"),
    pytest.param(["keys", "rotate"], id="keys rotate"),
    pytest.param(["migrate"], id="migrate"),
    pytest.param(["demo"], id="demo"),
]


@pytest.mark.parametrize("args", NEEDS_A_PROJECT)
def test_without_a_project_a_command_is_refused_in_one_json_object(args: list[str]) -> None:
    result = run(*args, "--json")

    assert result.exit_code == REFUSED
    assert set(json.loads(result.stdout)) == {"error"}
    assert json.loads(result.stdout)["error"]["detail"] == "no_stack"
    assert "flow up" in result.stderr


@pytest.mark.parametrize(
    "args",
    [
        ["whatsapp", "connect", "--org", ORG, "--waba-id", "1", "--phone-number-id", "2", "--token-stdin"],
        ["indiamart", "connect", "--org", ORG, "--key-stdin"],
        ["org", "create", "Asha Traders", "--owner", "asha@example.com", "--password-stdin"],
    ],
    ids=["token", "key", "password"],
)
def test_an_empty_secret_is_wrong_use(
    args: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUPABASE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("SUPABASE_SECRET_KEY", "sb_secret_of_nobody")

    result = run(*args, stdin="\n")

    assert result.exit_code == WRONG_USE
    assert "Standard input is empty" in result.stderr


@pytest.mark.parametrize(
    ("line", "item"),
    [
        pytest.param(
            {"to": "+919000000001", "text": "Hi", "from": 1234}, {"from": "1234", "text": "Hi"}, id="text"
        ),
        pytest.param(
            {"to": "+919000000001", "template": "t", "language": "en", "param": ["Asha", 5]},
            {"template": "t", "language": "en", "params": ["Asha", "5"]},
            id="values in order",
        ),
        pytest.param(
            {"to": "IN.1", "template": "t", "language": "en", "params": {"name": "Asha"}},
            {"to": "IN.1", "params": {"name": "Asha"}},
            id="named values",
        ),
        pytest.param(
            {"to": "IN.1", "template": "t", "language": "en", "params": ["a=b"]},
            {"params": ["a=b"]},
            id="params are taken as they are",
        ),
        pytest.param(
            {"to": "IN.1", "template": "t", "language": "en", "param": "name=Asha"},
            {"params": ["name=Asha"]},
            id="one value",
        ),
        pytest.param(
            {"to": "IN.1", "message": {"kind": "location", "latitude": 13.1, "longitude": 80.2}},
            {"message": {"kind": "location", "latitude": 13.1, "longitude": 80.2}},
            id="any kind",
        ),
    ],
)
def test_a_line_of_a_batch_becomes_an_item(line: dict[str, object], item: dict[str, object]) -> None:
    made = read_line(1, json.dumps(line).encode()).item()

    assert item.items() <= made.items()
    assert made["client_token"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        pytest.param(b"{", "not a JSON object", id="broken"),
        pytest.param(b"[1]", "", id="list"),
        pytest.param(b'{"to": "\xff", "text": "Hi"}', "not a JSON object", id="not UTF-8"),
        pytest.param(b'{"text": "Hi"}', "to", id="nobody"),
        pytest.param(b'{"to": "+91", "text": "Hi", "txt": "x"}', "txt", id="unknown key"),
        pytest.param(b'{"to": "+91"}', "text or template", id="nothing to send"),
        pytest.param(b'{"to": "+91", "text": "a\\u0000b"}', "NUL", id="NUL"),
        pytest.param(b'{"to": "+91", "text": "a", "message": {}}', "text or template", id="two at once"),
        pytest.param(b'{"to": "+91", "message": {"a": ["\\u0000"]}}', "NUL", id="NUL deep inside"),
        pytest.param(b'{"to": "+91", "text": "\\ud800"}', "text", id="lone surrogate"),
    ],
)
def test_a_wrong_line_is_named_and_nothing_is_queued(line: bytes, words: str) -> None:
    with pytest.raises(Refusal) as refusal:
        read_line(17, line)

    assert refusal.value.message.startswith("Line 17")
    assert refusal.value.message.endswith("Nothing was queued.")
    assert words in refusal.value.message


def test_a_wrong_line_in_the_middle_is_refused_before_any_project_is_asked() -> None:
    lines = '{"to": "+919000000001", "text": "Hi"}\n\n{"to": 5}\n'

    result = run("message", "send", "--org", ORG, "--batch-stdin", "--json", stdin=lines)

    assert result.exit_code == REFUSED
    assert json.loads(result.stdout)["error"]["detail"] == "line_invalid"
    assert "Line 3" in json.loads(result.stdout)["error"]["message"]


def test_invented_buyers_are_new_and_nobody_twice() -> None:
    taken = {f"+9190000{number:05d}" for number in range(99_000)}

    buyers = invent(200, taken.intersection)

    assert len({buyer.phone for buyer in buyers} - taken) == 200
    assert len({buyer.external_id for buyer in buyers}) == 200


@pytest.mark.parametrize(
    ("numbers", "share", "value"),
    [
        ([], 50, None),
        ([7.0], 99, 7.0),
        ([1.0, 2.0, 3.0, 4.0], 50, 2.0),
        ([float(n) for n in range(1, 101)], 95, 95.0),
    ],
)
def test_percentiles_are_measured_values(numbers: list[float], share: int, value: float | None) -> None:
    assert percentile(numbers, share) == value


def test_extra_counts_what_is_beyond_one_of_each() -> None:
    assert extra([1, 1, 3]) == 2
