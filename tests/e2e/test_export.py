"""An owner exports everything: the job builds the archive, a click opens it, then it is gone; in again."""

from __future__ import annotations

import io
import json
from uuid import uuid4

import httpx
import pytest

from tests.database import Database
from tests.e2e.commands import eventually
from tests.e2e.test_deletion import Owner
from workers.rights.archive import Archive
from workers.storage import Bucket

BYTES = b"\x89PNG of a customer"


@pytest.fixture
def owner(stack):
    return Owner(stack, "Exporting Traders")


@pytest.fixture
def lead(stack, flow, owner):
    """A lead, and a file of a message of a number that was theirs."""
    flow.done("lead", "add", "--org", owner.org, "--name", "Ravi", "--phone", "+919812345678")
    path = f"{owner.org}/2026/11/{uuid4()}"
    with Database.connect(stack.database_url, autocommit=True) as db:
        account = db.value(
            "insert into public.whatsapp_accounts (org_id, waba_id, status, disconnected_at)"
            " values (%s, '77001', 'disconnected', now()) returning id",
            owner.org,
        )
        number = db.value(
            "insert into public.whatsapp_numbers"
            " (org_id, account_id, phone_number_id, status, disconnected_at)"
            " values (%s, %s, '88001', 'disconnected', now()) returning id",
            owner.org, account,
        )  # fmt: skip
        db.execute(
            "insert into public.media"
            " (org_id, number_id, direction, kind, path, status, stored_at, mime_type)"
            " values (%s, %s, 'inbound', 'image', %s, 'stored', now(), 'image/png')",
            [owner.org, number, path],
        )
    with httpx.Client(trust_env=False) as http:
        Bucket(http, owner.settings, "media").put(path, io.BytesIO(BYTES), "image/png")
    return path


def link(stack, owner, export_id):
    token = owner.http.headers["Authorization"]
    address = f"{stack.workers_url}/api/exports/{export_id}/link"
    return httpx.post(address, json={"org_id": owner.org}, headers={"Authorization": token}, trust_env=False)


def test_an_owner_gets_everything_by_links_that_expire_and_the_files_go(stack, owner, lead):
    asked = owner.call("request_export", org_id=owner.org)
    assert asked.status_code == 200, asked.text
    export_id = asked.json()["id"]

    def told():
        return owner.call("list_exports", org_id=owner.org).json()["exports"][0]

    assert eventually(lambda: told() if told()["finished_at"] else None, seconds=60)["status"] == "ready", (
        told()
    )
    answer = link(stack, owner, export_id)
    assert answer.status_code == 200, answer.text
    given = answer.json()
    assert given["seconds"] <= 900
    file = httpx.get(given["url"], trust_env=False)
    assert f"filename={given['name']}" in file.headers["content-disposition"].replace('"', "")
    with Archive([io.BytesIO(file.content)]) as archive:
        archive.check()
        assert archive.manifest["organization"] == {"id": owner.org, "name": "Exporting Traders"}
        assert archive.manifest["media"] == {"files": 1, "missing": 0}
        (contact,) = [json.loads(line) for line in archive.lines("data/contacts.jsonl")]
        assert contact["phone"] == "+919812345678"
    token = given["url"].split("token=")[1].split("&")[0]
    logs = {path.name for path in (stack.data / "logs").glob("*") if token in path.read_text()}
    assert logs == set(), "the address is nobody else's"
    stranger = Owner(stack, "Strangers")
    stranger.org = owner.org
    assert link(stack, stranger, export_id).status_code == 404
    object_ = given["url"].split("/object/sign/")[1].split("?")[0]
    for http in (owner.http, httpx.Client(base_url=stack.api_url, trust_env=False)):
        assert http.get(f"/storage/v1/object/{object_}").status_code in (400, 404), "only by a link"

    with Database.connect(stack.database_url, autocommit=True) as db:
        names = "select name from storage.objects where bucket_id = 'exports' and name like %s"
        eventually(lambda: len(db.rows(names, f"{owner.org}/%")) == 1, seconds=30)  # the pieces are gone
        db.execute("update private.organization_exports set expires_at = now() where id = %s", [export_id])
        eventually(lambda: db.rows(names, f"{owner.org}/%") == [], seconds=30)
        audited = "select count(*) from public.audit_log where org_id = %s and action = %s"
        assert db.value(audited, owner.org, "organization.export_opened") == 1
    assert link(stack, owner, export_id).json()["detail"] == "export_not_found"
    assert httpx.get(given["url"], trust_env=False).status_code == 400


def test_an_operator_exports_to_a_file_and_loads_it_into_another_organization(
    stack, flow, owner, lead, tmp_path
):
    folder = tmp_path / "out"
    folder.mkdir()
    to = folder / "all.zip"
    second = Owner(stack, "Second Traders")

    done = flow.done("export", "--org", owner.org, "--to", str(to))

    assert (done["files"], done["tables"]["public.contacts"]) == (1, 1)
    assert [path.name for path in folder.iterdir()] == ["all.zip"], "nothing is left lying about"
    assert flow.refused("export", "--org", owner.org, "--to", str(to))["detail"] == "file_exists"
    loaded = flow.done("import-archive", str(to), "--org", second.org)
    assert (loaded["loaded"]["public.leads"], loaded["files"]) == (1, 1)
    with httpx.Client(trust_env=False) as http, Database.connect(stack.database_url) as db:
        path = db.value("select path from public.media where org_id = %s", second.org)
        held = io.BytesIO()
        Bucket(http, owner.settings, "media").get(path, held)
    assert path == lead.replace(owner.org, second.org)
    assert held.getvalue() == BYTES
    assert flow.refused("import-archive", str(to), "--org", second.org)["detail"] == "organization_not_empty"
