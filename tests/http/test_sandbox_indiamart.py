"""The sandbox's IndiaMART accepts, refuses and tells what the real one does."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import phonenumbers
import pytest

from tests.http.running_sandbox import PHONE, TOKEN, WABA, RunningSandbox, running_sandbox, until
from workers.sandbox.client import SandboxControl
from workers.sandbox.leads import IST

KEY = "mR2/=+a-pull-key"
PATH = "/wservce/crm/crmListing/v2/"
INTERVAL = 0.4


@pytest.fixture(scope="module")
def one_sandbox() -> Iterator[RunningSandbox]:
    with running_sandbox(INTERVAL) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(one_sandbox: RunningSandbox) -> RunningSandbox:
    """A sandbox whose five minutes are 0.4 seconds, with one key that is older than its leads."""
    one_sandbox.control.reset()
    one_sandbox.settle()
    one_sandbox.receiver.bodies.clear()
    one_sandbox.control.put_indiamart_key(KEY, hold_seconds=0)
    return one_sandbox


def ask_time(ago: timedelta, form: str = "%d-%b-%Y%H:%M:%S") -> str:
    return (datetime.now(IST) - ago).strftime(form)


def pull(sandbox: RunningSandbox, key: str = KEY, **times: str | None) -> httpx.Response:
    asked = {"start_time": ask_time(timedelta(days=1)), "end_time": ask_time(timedelta(seconds=-1)), **times}
    query = {name: value for name, value in asked.items() if value is not None}
    return sandbox.http.get(PATH, params={"glusr_crm_key": key, **query})


def wait() -> None:
    """The interval of a key."""
    time.sleep(INTERVAL + 0.05)


REFUSED = [
    pytest.param({"key": "nobody's"}, 401, "incorrect", id="an unknown key"),
    pytest.param({"start_time": None}, 400, "Both", id="one time alone"),
    pytest.param({"start_time": "2026-11-20 10:00:00"}, 400, "Date format", id="the format of answers"),
    pytest.param({"end_time": ask_time(timedelta(days=2))}, 400, "Date format", id="ends before it starts"),
    pytest.param({"start_time": ask_time(timedelta(days=8))}, 400, "7 days", id="over seven days"),
    pytest.param(
        {"start_time": ask_time(timedelta(days=366)), "end_time": ask_time(timedelta(days=365))},
        400,
        "365 days",
        id="over a year ago",
    ),
]


@pytest.mark.parametrize(("asked", "code", "words"), REFUSED)
def test_what_indiamart_refuses_is_refused_inside_a_200(
    sandbox: RunningSandbox, asked: dict[str, Any], code: int, words: str
) -> None:
    answer = pull(sandbox, **asked)

    assert answer.status_code == 200
    assert (answer.json()["CODE"], answer.json()["STATUS"]) == (code, "FAILURE")
    assert words in answer.json()["MESSAGE"]
    assert answer.json()["RESPONSE"] == []


FORMATS = ["%d-%b-%Y%H:%M:%S", "%d-%b-%Y %H:%M:%S", "%d-%m-%Y %H:%M:%S", "%d-%b-%Y"]


@pytest.mark.parametrize("form", FORMATS)
def test_every_known_time_format_is_read(sandbox: RunningSandbox, form: str) -> None:
    times = {"start_time": ask_time(timedelta(days=2), form), "end_time": ask_time(timedelta(days=1), form)}

    assert pull(sandbox, **times).json()["CODE"] == 204


def test_leads_of_the_window_are_told_in_indiamarts_envelope(sandbox: RunningSandbox) -> None:
    made = sandbox.control.invent_leads(KEY, 5, seed=3, types=["W", "B", "P", "WA", "BIZ"])
    sandbox.control.invent_leads(KEY, 5, seed=4, query_time=time.time() - 3 * 86_400)

    answer = pull(sandbox).json()

    assert (answer["CODE"], answer["STATUS"], answer["TOTAL_RECORDS"]) == (200, "SUCCESS", 5)
    assert answer["RESPONSE"] == made
    assert [lead["QUERY_TYPE"] for lead in made] == ["W", "B", "P", "WA", "BIZ"]


def test_invented_leads_repeat_and_their_mobiles_are_valid(sandbox: RunningSandbox) -> None:
    first = sandbox.control.invent_leads(KEY, 200, seed=9, query_time=1_795_000_000)
    again = sandbox.control.invent_leads(KEY, 200, seed=9, query_time=1_795_000_000)

    assert first == again
    numbers = [phonenumbers.parse(lead["SENDER_MOBILE"]) for lead in first]
    assert {phonenumbers.number_type(n) for n in numbers} == {phonenumbers.PhoneNumberType.MOBILE}
    assert (
        len({n.national_number for n in numbers}) == len({lead["UNIQUE_QUERY_ID"] for lead in first}) == 200
    )


def test_a_second_call_within_the_interval_is_told_to_wait_and_one_after_it_is_answered(
    sandbox: RunningSandbox,
) -> None:
    codes = [pull(sandbox).json()["CODE"] for _ in range(2)]
    wait()
    codes.append(pull(sandbox).json()["CODE"])

    assert codes == [204, 429, 204]
    assert [call["code"] for call in sandbox.control.indiamart_calls()] == codes


def test_keys_do_not_share_their_interval(sandbox: RunningSandbox) -> None:
    sandbox.control.put_indiamart_key("another")

    assert [pull(sandbox, key).json()["CODE"] for key in (KEY, "another")] == [204, 204]


def test_six_calls_in_a_minute_block_the_key_for_three_intervals(sandbox: RunningSandbox) -> None:
    answers = [pull(sandbox) for _ in range(6)]
    wait()
    still = pull(sandbox)
    time.sleep(2.2 * INTERVAL)
    free = pull(sandbox)

    assert (answers[-1].status_code, answers[-1].json()["MESSAGE"]) == (429, "Too Many  Requests")
    assert "RESPONSE" not in answers[-1].json()
    assert still.status_code == 429
    assert free.json()["CODE"] == 204


def test_the_format_is_checked_before_the_interval(sandbox: RunningSandbox) -> None:
    pull(sandbox)

    assert pull(sandbox, start_time="yesterday").json()["CODE"] == 400


def test_leads_older_than_the_key_are_held_back(sandbox: RunningSandbox) -> None:
    sandbox.control.put_indiamart_key("fresh", hold_seconds=86_400)
    sandbox.control.invent_leads("fresh", 3, seed=1, query_time=time.time() - 7200)
    early = pull(sandbox, "fresh").json()
    sandbox.control.put_indiamart_key("fresh", hold_seconds=0)
    wait()
    late = pull(sandbox, "fresh").json()

    assert (early["CODE"], "24 hours" in early["MESSAGE"]) == (204, True)
    assert (late["CODE"], late["TOTAL_RECORDS"]) == (200, 3)


def test_a_newer_key_of_the_seller_kills_the_older_and_has_its_leads(sandbox: RunningSandbox) -> None:
    sandbox.control.put_indiamart_key("old", seller="kaveri", hold_seconds=0)
    sandbox.control.invent_leads("old", 2)
    sandbox.control.put_indiamart_key("new", seller="kaveri", hold_seconds=0)
    sandbox.control.put_indiamart_key("unused", state="expired")

    old, new, unused = (pull(sandbox, key).json() for key in ("old", "new", "unused"))

    assert (old["CODE"], "new key has been generated" in old["MESSAGE"]) == (401, True)
    assert (unused["CODE"], "no longer in use" in unused["MESSAGE"]) == (401, True)
    assert (new["CODE"], new["TOTAL_RECORDS"]) == (200, 2)


FAULTS = [
    pytest.param("server_error", 200, 500, id="500 in the envelope"),
    pytest.param("http_500", 500, None, id="500 without a body"),
    pytest.param("html_502", 502, None, id="a gateway's page"),
    pytest.param("html_200", 200, None, id="a page with 200"),
    pytest.param("malformed", 200, None, id="JSON cut off"),
    pytest.param("more_records", 200, 200, id="more records than rows"),
]


@pytest.mark.parametrize(("kind", "status", "code"), FAULTS)
def test_an_ordered_fault_happens_once(
    sandbox: RunningSandbox, kind: str, status: int, code: int | None
) -> None:
    sandbox.control.invent_leads(KEY, 3)
    sandbox.control.indiamart_fault(kind, extra=4)

    answer = pull(sandbox)
    wait()
    after = pull(sandbox).json()

    assert answer.status_code == status
    if code is None:
        with pytest.raises(json.JSONDecodeError):
            json.loads(answer.content)
    else:
        assert answer.json()["CODE"] == code
    if kind == "more_records":
        assert (answer.json()["TOTAL_RECORDS"], len(answer.json()["RESPONSE"])) == (7, 3)
    assert (after["CODE"], after["TOTAL_RECORDS"]) == (200, 3)


@pytest.mark.parametrize("kind", ["dropped", "timeout"])
def test_the_line_can_break(sandbox: RunningSandbox, kind: str) -> None:
    sandbox.control.indiamart_fault(kind, ms=50)

    with pytest.raises(httpx.RemoteProtocolError):
        pull(sandbox)


def test_a_lead_is_pushed_until_it_is_taken(sandbox: RunningSandbox) -> None:
    url = f"{sandbox.receiver.server.url}/push"
    sandbox.receiver.refusals = 1
    sandbox.control.put_indiamart_key(KEY, push_url=url)

    [lead] = sandbox.control.invent_leads(KEY, 1)

    until(sandbox.receiver.posts)
    sandbox.settle()
    assert sandbox.receiver.posts() == [{"CODE": 200, "STATUS": "SUCCESS", "RESPONSE": lead}]
    sandbox.control.push_lead(url, [lead, lead])
    sandbox.settle()
    assert sandbox.receiver.posts()[-1] == [lead, lead]


def test_nothing_is_pushed_outside_this_machine(sandbox: RunningSandbox) -> None:
    answer = sandbox.http.post("/_sandbox/indiamart/push", json={"url": "https://example.com/", "body": {}})

    assert answer.status_code == 400


def start(*arguments: str, **environment: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "workers.sandbox", "--port", "0", *arguments],
        env={"PATH": os.environ["PATH"], **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )


@pytest.mark.parametrize("setting", ["SUPABASE_URL", "SANDBOX_WEBHOOK_URL"])
def test_it_does_not_start_beside_anything_real(setting: str) -> None:
    with start(**{setting: "https://abcd.supabase.co"}) as process:
        _, said = process.communicate(timeout=20)

    assert process.returncode == 1
    assert said.strip().startswith("The sandbox works only with addresses of this machine")
    assert setting in said


def test_what_was_seeded_outlives_a_restart(tmp_path: Path) -> None:
    urls = []
    for turn in range(2):
        with start("--state", str(tmp_path / "sandbox.json")) as process:
            assert process.stdout
            urls.append(process.stdout.readline().split()[-1])
            with SandboxControl(urls[-1]) as control:
                if turn == 0:
                    number = {"phone_number_id": PHONE, "display_phone": "+91 11400 00001"}
                    control.put_account({"waba_id": WABA, "token": TOKEN, "numbers": [number]})
                    control.put_indiamart_key(KEY)
                    control.invent_leads(KEY, 2)
                else:
                    [account] = control.accounts()
                    assert (account["waba_id"], account["tokens"]) == (WABA, [TOKEN])
                    known = httpx.get(f"{urls[-1]}/_sandbox/indiamart/keys", trust_env=False).json()
                    assert [(key["key"], key["leads"]) for key in known["keys"]] == [(KEY, 2)]
            process.terminate()
            process.communicate(timeout=20)
            assert process.returncode == 0
