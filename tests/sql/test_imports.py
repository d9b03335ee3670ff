"""Imports of leads: from upload to undo, as the database decides it."""

import hashlib
import json
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.business import Business, call
from tests.database import Database, Person
from tests.sql.retaining import retain

Row = dict[str, Any]
COLUMNS = {"columns": {"0": "name", "1": "phone", "2": "city"}}
READING = {
    "preview": [["Asha", "9800012345", "Pune"]], "fingerprint": "a" * 64, "rows": 5, "header_row": 1,
    "columns": [{"name": n, "field": n, "date_order": "dmy"} for n in ("name", "phone", "city")],
}  # fmt: skip


class Imports:
    """An organization's imports, asked for as an operator and worked as a worker."""

    def __init__(self, db: Database, org_id: UUID) -> None:
        self.db, self.org_id, self.files = db, org_id, 0

    def begin(self, sha256: str | None = None, **more: object) -> str:
        sha256 = sha256 or hashlib.sha256(uuid4().bytes).hexdigest()
        made = call(
            self.db, "begin_import", org_id=self.org_id, filename="a.csv", bytes=9, sha256=sha256, **more
        )
        return str(made["import_id"])

    def read(self, **more: object) -> str:
        """An import whose columns wait to be confirmed."""
        one = self.begin(**more)
        call(self.db, "import_uploaded", org_id=self.org_id, import_id=one)
        lease = self.claim(one)["lease"]
        call(
            self.db, "record_import_reading", org_id=self.org_id, import_id=one, lease=lease, reading=READING
        )
        return one

    def claim(self, one: str | None = None) -> Row:
        found: Row = call(self.db, "claim_import", org_id=self.org_id, import_id=one)["import"]
        return found

    def ask(self, one: str, wish: str, **given: object) -> Row:
        answer: Row = call(self.db, "ask_import", org_id=self.org_id, import_id=one, wish=wish, given=given)
        return answer

    def confirm(self, one: str, *, is_check: bool = False, greet: bool = False, **given: object) -> Row:
        return self.ask(one, "confirm", **{"mapping": COLUMNS, "is_check": is_check, "greet": greet, **given})

    def store(
        self,
        one: str,
        lease: str,
        items: list[Row],
        number: int = 0,
        errors: tuple[Row, ...] = (),
        blank: int = 0,
    ) -> Row:
        rows = [item["row"] for item in items] + [error["row"] for error in errors]
        batch = {
            "number": number,
            "from": min(rows),
            "to": max(rows) + blank,
            "items": items,
            "errors": errors,
            "blank": blank,
        }
        answer: Row = call(
            self.db, "record_import_rows", org_id=self.org_id, import_id=one, lease=lease,
            batch=json.loads(json.dumps(batch)),
        )  # fmt: skip
        return answer

    def finish(self, one: str, lease: str, **outcome: object) -> Row:
        answer: Row = call(
            self.db, "finish_import", org_id=self.org_id, import_id=one, lease=lease,
            outcome=outcome or {"outcome": "done"},
        )  # fmt: skip
        return answer

    def run(self, *items: Row, **confirmed: Any) -> Row:
        """A whole import of these rows."""
        one = self.read()
        self.db.execute("update public.lead_imports set rows_total = %s where id = %s", [len(items), one])
        self.confirm(one, **confirmed)
        lease = self.claim(one)["lease"]
        self.store(one, lease, list(items))
        return self.finish(one, lease)

    def undo(self, one: str) -> Row:
        self.ask(one, "undo")
        lease = self.claim(one)["lease"]
        while call(self.db, "undo_import_rows", org_id=self.org_id, import_id=one, lease=lease, batch=2)[
            "more"
        ]:
            pass
        return self.status(one)

    def status(self, one: str) -> Row:
        found: Row = call(self.db, "import_status", org_id=self.org_id, import_id=one)
        return found

    def count(self, table: str) -> int:
        found: int = self.db.value(f"select count(*) from {table} where org_id = %s", self.org_id)
        return found

    def person(self, phone: str) -> Row:
        found: Row = self.db.value(
            "select to_jsonb(c) || jsonb_build_object('lead_id', l.id, 'version', l.version) from public.contacts c"
            " left join public.leads l on (l.org_id, l.contact_id) = (c.org_id, c.id) where c.org_id = %s and c.phone = %s",
            self.org_id, phone,
        )  # fmt: skip
        return found


def item(row: int, number: int, *, key: str | None = None, product: str | None = None, **person: Any) -> Row:
    """A row as the reading child gives it."""
    phone = f"+9198000{number:05d}"
    who = {"phone": phone, "phone_kind": "mobile", "name": f"Buyer {number}", **person}
    lead = {"product": product, "person": who, "problems": [], "raw": {"Mobile": phone}}
    digest = hashlib.sha256(json.dumps([lead], sort_keys=True).encode()).hexdigest()
    return {"row": row, "external_id": key or f"p:{phone}", "row_hash": digest, "item": lead}


def counts(found: Row) -> tuple[int, ...]:
    return tuple(found[f"rows_{name}"] for name in ("new", "known", "updated", "blank", "error"))


@pytest.fixture
def imports(db: Database, business: Business) -> Imports:
    return Imports(db, business.org_id)


def refused(act: Callable[[], object], db: Database) -> str:
    """The slug with which the database says no."""
    with pytest.raises(psycopg.Error) as error, db.transaction():
        act()
    assert (error.value.sqlstate or "").startswith("PT4")
    return error.value.diag.message_detail or ""


# From upload to the confirmed columns


def test_the_same_file_again_asks_first(db: Database, imports: Imports) -> None:
    imports.read(sha256="b" * 64)

    assert refused(lambda: imports.begin(sha256="b" * 64), db) == "same_file"
    assert imports.begin(sha256="b" * 64, is_confirmed=True)


def test_another_organizations_file_is_none_of_ours(
    db: Database, imports: Imports, org: Callable[..., UUID]
) -> None:
    Imports(db, org()).begin(sha256="b" * 64)

    assert imports.begin(sha256="b" * 64)


@pytest.mark.parametrize(
    ("mapping", "slug"),
    [
        pytest.param({"columns": {"0": "name"}}, "mapping_needs_phone", id="nobody to recognize"),
        pytest.param({"columns": {"0": "phone", "1": "phone"}}, "mapping_invalid", id="a field twice"),
        pytest.param({"columns": {"9": "phone"}}, "mapping_invalid", id="a column that is not there"),
        pytest.param({"columns": {"-1": "phone"}}, "mapping_invalid", id="a column before the first"),
        pytest.param({"columns": {"0": "owner_id"}}, "mapping_invalid", id="a field nobody may set"),
        pytest.param({"columns": ["phone"]}, "mapping_invalid", id="a list"),
        pytest.param({}, "mapping_invalid", id="nothing"),
    ],
)
def test_a_mapping_that_cannot_be_is_refused(db: Database, imports: Imports, mapping: Row, slug: str) -> None:
    one = imports.read()

    assert refused(lambda: imports.confirm(one, mapping=mapping), db) == slug


@pytest.mark.parametrize(
    "choices",
    [{"encoding": "rot13"}, {"delimiter": "a"}, {"header_row": -1}, {"path": "/etc/passwd"}, {"sheet": 1}],
)
def test_a_choice_that_cannot_be_is_refused(db: Database, imports: Imports, choices: Row) -> None:
    one = imports.read()

    assert refused(lambda: imports.ask(one, "preview", **choices), db) == "choice_invalid"


def test_a_choice_reads_the_file_again(imports: Imports) -> None:
    one = imports.read()

    imports.ask(one, "preview", encoding="cp1252", header_row=0)

    claimed = imports.claim(one)
    assert (claimed["task"], claimed["choices"]) == ("read", {"encoding": "cp1252", "header_row": 0})


def test_a_confirmed_mapping_is_remembered_by_its_headers(imports: Imports) -> None:
    imports.confirm(imports.read())

    assert imports.status(imports.read())["remembered"]["columns"] == COLUMNS["columns"]


WISHES = {
    "uploaded": {"cancel"}, "read": {"preview", "confirm", "cancel"}, "ready": {"cancel"}, "running": {"cancel"},
    "done": {"undo"}, "failed": {"undo"}, "cancelled": {"undo"}, "undoing": set(), "undone": set(),
}  # fmt: skip


@pytest.mark.parametrize("status", WISHES)
def test_each_state_allows_what_it_allows(db: Database, imports: Imports, status: str) -> None:
    one = imports.read()
    db.execute(
        """
        update public.lead_imports i
           set status = %(status)s, pass = 1, rows_total = 0, next_at = case when %(status)s in ('uploaded', 'ready', 'running', 'undoing') then now() end,
               finished_at = case when %(status)s in ('done', 'failed', 'cancelled', 'undoing', 'undone') then now() end
         where id = %(one)s
        """,
        {"status": status, "one": one},
    )
    given = {"mapping": COLUMNS, "is_check": False, "greet": False}
    answers: dict[str, str] = {}

    for wish in ("preview", "confirm", "cancel", "undo"):
        try:
            with db.transaction(force_rollback=True):
                imports.ask(one, wish, **(given if wish == "confirm" else {}))
                answers[wish] = "allowed"
        except psycopg.Error as error:
            answers[wish] = str(error.diag.message_detail)

    assert answers == {
        wish: "allowed" if wish in WISHES[status] else f"import_is_{status}" for wish in answers
    }


# Rows


def test_rows_end_new_known_blank_or_in_error_and_add_up(imports: Imports) -> None:
    one = imports.read()
    imports.confirm(one)
    lease = imports.claim(one)["lease"]

    imports.store(one, lease, [item(2, 1), item(3, 2), item(4, 1)], blank=1,
                  errors=({"row": 5, "column": "Mobile", "code": "phone_invalid", "raw": "12"},))  # fmt: skip

    found = imports.status(one)
    assert counts(found) == (2, 1, 0, 1, 1)
    assert sum(counts(found)) == found["rows_total"]
    assert (imports.count("public.leads"), imports.count("public.contacts")) == (2, 2)
    assert imports.finish(one, lease)["status"] == "done"


def test_an_import_that_lost_a_row_cannot_be_done(db: Database, imports: Imports) -> None:
    one = imports.read()
    imports.confirm(one)
    lease = imports.claim(one)["lease"]
    imports.store(one, lease, [item(2, 1)])

    with pytest.raises(psycopg.errors.CheckViolation), db.transaction():
        imports.finish(one, lease)


def test_the_same_batch_again_changes_nothing(imports: Imports) -> None:
    one = imports.read()
    imports.confirm(one)
    lease = imports.claim(one)["lease"]
    for _ in range(2):
        imports.store(one, lease, [item(2, 1), item(3, 2)])

    assert counts(imports.status(one)) == (2, 0, 0, 0, 0)


def test_the_same_file_finds_everybody_known(imports: Imports) -> None:
    rows = [item(n, n) for n in range(2, 7)]
    imports.run(*rows)

    assert counts(imports.run(*rows)) == (0, 5, 0, 0, 0)
    assert imports.count("public.leads") == 5


def test_the_same_person_with_another_product_enquires_again(imports: Imports) -> None:
    imports.run(item(2, 1), item(3, 1, key="p:other", product="Valve"))

    assert (imports.count("public.leads"), imports.count("public.contacts")) == (2, 1)


def test_a_changed_cell_changes_only_what_nobody_touched(db: Database, imports: Imports) -> None:
    imports.run(item(2, 1, city="Pune", company="Old"), item(3, 2, city="Agra"))
    db.execute(
        "update public.contacts set company = 'Corrected' where org_id = %s and company = 'Old'",
        [imports.org_id],
    )

    found = imports.run(item(2, 1, city="Nagpur", company="New"), item(3, 2))

    assert counts(found) == (0, 1, 1, 0, 0)
    assert [imports.person("+919800000001")[f] for f in ("city", "company")] == ["Nagpur", "Corrected"]
    assert imports.person("+919800000002")["city"] == "Agra"  # an emptied cell empties nothing


def test_an_id_that_means_somebody_else_now_changes_nobody(imports: Imports) -> None:
    imports.run(item(2, 1, key="id:no:1"))

    assert counts(imports.run(item(2, 7, key="id:no:1"))) == (0, 0, 0, 0, 1)
    assert imports.person("+919800000001")["name"] == "Buyer 1"


def test_a_dry_run_counts_and_stores_nothing(imports: Imports) -> None:
    imports.run(item(2, 1, city="Pune"))
    one = imports.read()
    imports.confirm(one, is_check=True)
    lease = imports.claim(one)["lease"]
    imports.store(one, lease, [item(2, 1, city="Agra"), item(3, 2), item(4, 2)])
    imports.store(one, lease, [item(5, 2), item(6, 3)], number=1)

    found = imports.finish(one, lease)

    checked = {k: found["checked"][k] for k in ("new", "known", "updated", "blank", "error", "greetable")}
    assert checked == {"new": 2, "known": 2, "updated": 1, "blank": 0, "error": 0, "greetable": 2}
    assert (found["status"], imports.count("public.leads")) == ("read", 1)
    assert imports.person("+919800000001")["city"] == "Pune"


# Greeting


def greet_on(business: Business) -> None:
    call(
        business.db,
        "set_greeting",
        org_id=business.org_id,
        setting={"template": "receipt", "language": "en", "on": True},
    )


def test_nobody_is_greeted_unless_it_is_ticked(business: Business, imports: Imports) -> None:
    greet_on(business)

    imports.run(item(2, 1), item(3, 2))

    assert imports.count("public.messages") == 0


def test_ticked_greeting_needs_the_number_that_a_dry_run_counted(
    db: Database, business: Business, imports: Imports
) -> None:
    greet_on(business)
    one = imports.read()
    unchecked = refused(lambda: imports.confirm(one, greet=True, greet_count=2), db)
    imports.confirm(one, is_check=True)
    lease = imports.claim(one)["lease"]
    rows = [item(2, 1), item(3, 2), item(4, 3, phone_kind="fixed_line")]
    imports.store(one, lease, rows)
    imports.finish(one, lease)
    wrong = refused(lambda: imports.confirm(one, greet=True, greet_count=3), db)
    other = refused(
        lambda: imports.confirm(one, greet=True, greet_count=2, mapping={"columns": {"1": "phone"}}), db
    )

    imports.confirm(one, greet=True, greet_count=2)
    imports.store(one, imports.claim(one)["lease"], rows)

    assert {unchecked, wrong, other} == {"greet_count_unconfirmed"}
    assert imports.count("public.messages") == 2


# Leases


def test_a_worker_that_lost_its_lease_changes_nothing(db: Database, imports: Imports) -> None:
    one = imports.read()
    imports.confirm(one)
    old = imports.claim(one)["lease"]
    db.execute("update public.lead_imports set next_at = now() where id = %s", [one])
    imports.claim(one)

    assert refused(lambda: imports.store(one, old, [item(2, 1)]), db) == "lease_lost"
    assert refused(lambda: imports.finish(one, old), db) == "lease_lost"
    assert imports.count("public.leads") == 0


def test_a_cancelled_import_takes_no_more_rows(db: Database, imports: Imports) -> None:
    one = imports.read()
    imports.confirm(one)
    lease = imports.claim(one)["lease"]
    imports.store(one, lease, [item(2, 1)])
    imports.ask(one, "cancel")

    assert refused(lambda: imports.store(one, lease, [item(3, 2)], number=1), db) == "lease_lost"
    assert imports.undo(one)["undo"]["removed"] == 1


def test_the_next_worker_goes_on_where_the_last_batch_ended(db: Database, imports: Imports) -> None:
    one = imports.read()
    imports.confirm(one)
    imports.store(one, imports.claim(one)["lease"], [item(2, 1), item(3, 2)])
    db.execute("update public.lead_imports set next_at = now() where id = %s", [one])

    claimed = imports.claim(one)

    assert (claimed["next_row"], claimed["number"]) == (4, 1)


def test_what_kills_five_workers_at_one_place_fails_in_words(db: Database, imports: Imports) -> None:
    one = imports.read()
    imports.confirm(one)
    for _ in range(5):
        assert imports.claim(one)
        db.execute("update public.lead_imports set next_at = now() where id = %s", [one])

    assert imports.claim(one) is None
    assert imports.status(one)["error_slug"] == "worker_died"


def test_an_organization_has_one_import_running_and_others_do_not_wait_for_it(
    db: Database, imports: Imports, org: Callable[..., UUID]
) -> None:
    other = Imports(db, org())
    for who in (imports, imports, other):
        who.confirm(who.read())

    first, second, third = (call(db, "claim_import")["import"] for _ in range(3))

    assert {first["org_id"], second["org_id"]} == {str(imports.org_id), str(other.org_id)}
    assert third is None


# Undo


def test_undo_removes_what_nobody_has_worked_on(imports: Imports) -> None:
    done = imports.run(*(item(n, n) for n in range(2, 7)), item(7, 2, key="p:x", product="Valve"))

    found = imports.undo(done["import_id"])

    assert found["undo"] == {
        "removed": 6,
        "restored": 0,
        "contacts_removed": 5,
        "contacts_stayed": 0,
        "stayed": {},
    }
    assert (found["status"], imports.count("public.leads"), imports.count("public.contacts")) == (
        "undone",
        0,
        0,
    )


def test_undo_keeps_what_somebody_has_worked_on_and_says_why(
    db: Database, business: Business, imports: Imports, member: Callable[..., Person]
) -> None:
    agent = member(imports.org_id)
    done = imports.run(*(item(n, n) for n in range(2, 7)))
    with db.transaction():
        db.as_person(agent)
        db.execute(
            "select public.note_lead(%s, %s, 'called')",
            [imports.org_id, imports.person("+919800000002")["lead_id"]],
        )
        db.execute(
            "select public.assign_lead(%s, %s, %s, 1)",
            [imports.org_id, imports.person("+919800000003")["lead_id"], agent.id],
        )
        db.as_operator()
    business.hear(
        {
            "from": "919800000004",
            "id": "wamid.x",
            "timestamp": str(business.now()),
            "type": "text",
            "text": {"body": "Hi"},
        }
    )
    db.execute(
        "update public.contacts set created_at = created_at - interval '1 minute' where phone = '+919800000005'"
    )

    found = imports.undo(done["import_id"])

    assert found["undo"] == {
        "removed": 3,
        "restored": 0,
        "contacts_removed": 1,
        "contacts_stayed": 4,
        "stayed": {"worked_on": 2},
    }
    db.as_person(agent)
    told = db.value("select public.import_errors(%s, %s)", imports.org_id, done["import_id"])
    assert [(row["row"], row["code"]) for row in told["rows"]] == [(2, "worked_on"), (3, "worked_on")]


def test_undo_leaves_a_contact_that_was_there_before(db: Database, imports: Imports) -> None:
    call(db, "add_lead", org_id=imports.org_id, lead={"name": "Known", "phone": "+919800000002"})
    db.execute(
        "update public.contacts set created_at = created_at - interval '1 day' where org_id = %s",
        [imports.org_id],
    )
    done = imports.run(item(2, 2))

    found = imports.undo(done["import_id"])

    assert (found["undo"]["removed"], found["undo"]["contacts_removed"]) == (1, 0)
    assert imports.person("+919800000002")["name"] == "Known"


def test_undo_takes_updates_back_unless_they_changed_since(db: Database, imports: Imports) -> None:
    imports.run(item(2, 1, city="Pune"), item(3, 2, city="Pune"))
    second = imports.run(item(2, 1, city="Agra"), item(3, 2, city="Agra"))
    db.execute(
        "update public.contacts set city = 'Surat' where org_id = %s and phone = '+919800000002'",
        [imports.org_id],
    )

    found = imports.undo(second["import_id"])

    assert (found["undo"]["restored"], found["undo"]["stayed"]) == (1, {"changed_since": 1})
    assert [imports.person(f"+91980000000{n}")["city"] for n in (1, 2)] == ["Pune", "Surat"]


def test_undo_leaves_what_a_later_import_changed(imports: Imports) -> None:
    first = imports.run(item(2, 1, city="Pune"), item(3, 2))
    imports.run(item(2, 1, city="Agra"))

    assert imports.undo(first["import_id"])["undo"]["stayed"] == {"in_another_import": 1}


def test_undo_leaves_alone_what_something_unknown_refers_to(db: Database, imports: Imports) -> None:
    done = imports.run(*(item(n, n) for n in range(2, 7)))
    db.execute(

        "create table private.ties (org_id uuid, lead_id uuid, foreign key (org_id, lead_id) references public.leads)"
    )  # fmt: skip
    db.execute(
        "insert into private.ties values (%s, %s)",
        [imports.org_id, imports.person("+919800000003")["lead_id"]],
    )

    found = imports.undo(done["import_id"])

    assert (found["undo"]["removed"], found["undo"]["stayed"]) == (4, {"in_use": 1})
    assert (imports.count("public.leads"), imports.count("public.contacts")) == (1, 1)


def test_undo_is_over_after_seven_days(db: Database, imports: Imports) -> None:
    done = imports.run(item(2, 1))
    db.execute(
        "update public.lead_imports set finished_at = now() - interval '8 days' where id = %s",
        [done["import_id"]],
    )

    assert refused(lambda: imports.ask(done["import_id"], "undo"), db) == "undo_too_late"


def test_a_dry_run_has_nothing_to_undo(db: Database, imports: Imports) -> None:
    one = imports.read()
    imports.confirm(one, is_check=True)
    imports.ask(one, "cancel")

    assert refused(lambda: imports.ask(one, "undo"), db) == "nothing_to_undo"


def test_what_nobody_confirms_ends_and_rows_as_given_are_not_kept_for_ever(
    db: Database, imports: Imports
) -> None:
    forgotten, broken_off = imports.read(), imports.begin()
    done = imports.run(item(2, 1))
    db.execute(
        "update public.lead_imports set created_at = created_at - interval '31 days', finished_at = finished_at - interval '31 days'"
    )

    db.execute("select private.clean_imports()")
    retain(db, "undo")

    assert [imports.status(one)["status"] for one in (forgotten, broken_off)] == ["cancelled", "failed"]
    assert (
        db.value("select count(*) from private.lead_import_rows where import_id = %s", done["import_id"]) == 0
    )
    assert not db.value(
        "select reading ? 'preview' from public.lead_imports where id = %s", done["import_id"]
    )
    paths = call(db, "import_files_to_remove")["paths"]
    assert {str(p).split("/")[1] for p in paths} >= {forgotten, broken_off, done["import_id"]}
