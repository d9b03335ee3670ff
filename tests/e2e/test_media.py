"""Files both ways on the running stack: from a customer to a member's screen, and from a member to Meta."""

import io
import os
import zipfile
from typing import Any
from uuid import uuid4

import httpx
import pytest
from storage3.exceptions import StorageApiError
from supabase import Client, ClientOptions, create_client

from tests.conftest import RunningStack
from tests.e2e.commands import Business, Commands, Json, eventually

CUSTOMER = "919810000011"
JPEG = b"\xff\xd8\xff\xe0" + os.urandom(9000)
PNG = b"\x89PNG\r\n\x1a\n" + os.urandom(9000)
WEBP = b"RIFF\x00\x00\x00\x00WEBPVP8 " + os.urandom(9000)
MOVING_WEBP = b"RIFF\x00\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x02" + os.urandom(9000)
OPUS = b"OggS" + bytes(24) + b"OpusHead" + os.urandom(9000)
MP4 = b"\x00\x00\x00\x20ftypisom" + os.urandom(9000)
OLD_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(900)
FILE_FIRST = b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\nx\r\n--b--\r\n'
PDF = b"%PDF-1.7\n" + os.urandom(9000)


class Member:
    """Somebody who signed up, as a browser sees the stack."""

    def __init__(self, stack: RunningStack) -> None:
        self.email = f"ravi.{uuid4().hex[:12]}@example.com"
        self.client: Client = create_client(
            stack.api_url,
            stack.publishable_key,
            ClientOptions(auto_refresh_token=False, persist_session=False),
        )
        session = self.client.auth.sign_up({"email": self.email, "password": "correct horse battery"}).session
        assert session
        self.token = session.access_token
        self.http = httpx.Client(base_url=stack.workers_url, timeout=60, trust_env=False)

    def files(self, org: str) -> dict[str, Json]:
        """The rows of an organization's files, by kind."""
        rows = self.client.table("media").select("id,kind,status,error,path,filename,meta_id,direction")
        return {row["kind"]: row for row in rows.eq("org_id", org).execute().data}

    def opened(self, path: str) -> httpx.Response:
        """What a click on a file gives: an address made for it, followed."""
        return httpx.get(
            self.client.storage.from_("media").create_signed_url(path, 60)["signedURL"], trust_env=False
        )

    def upload(self, content: bytes, name: str = "photo.jpg", **form: str) -> httpx.Response:
        """Send a file as the dashboard does."""
        headers = {"Authorization": f"Bearer {self.token}"}
        return self.http.post(
            "/api/media", data=form, files={"file": (name, content, "x/y")}, headers=headers
        )


@pytest.fixture(scope="module")
def owner(stack: RunningStack) -> Member:
    return Member(stack)


@pytest.fixture(scope="module")
def stranger(stack: RunningStack) -> Member:
    return Member(stack)


@pytest.fixture(scope="module")
def flow(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Commands:
    return Commands(stack, tmp_path_factory.mktemp("files"))


@pytest.fixture(scope="module")
def org(flow: Commands, owner: Member, stranger: Member) -> str:
    flow.done("org", "create", "Cauvery Pumps", "--owner", stranger.email)
    return str(flow.done("org", "create", "Kaveri Valves", "--owner", owner.email)["org_id"])


@pytest.fixture(scope="module")
def shop(stack: RunningStack, flow: Commands, org: str) -> Business:
    return Business(stack).connected(flow, org)


@pytest.fixture
def form(org: str, shop: Business, owner: Member) -> dict[str, str]:
    """What a form says of a picture."""
    number = owner.client.table("whatsapp_numbers").select("id").eq("org_id", org).execute().data[0]["id"]
    return {"org_id": org, "number_id": number, "kind": "image"}


def test_what_customers_send_opens_for_members_and_for_nobody_else(
    stack: RunningStack, shop: Business, org: str, owner: Member, stranger: Member
) -> None:
    sent = {
        "image": (JPEG, "image/jpeg"),
        "video": (MP4, "video/mp4"),
        "audio": (OPUS, "audio/ogg; codecs=opus"),
        "document": (PDF, "application/pdf"),
        "sticker": (WEBP, "image/webp"),
    }
    for kind, (content, mime_type) in sent.items():
        more = {"filename": "चालान.pdf"} if kind == "document" else {}
        shop.sandbox.inbound_media(shop.phone_number_id, CUSTOMER, kind, content, mime_type, more=more)

    eventually(
        lambda: {f["status"] for f in owner.files(org).values()} == {"stored"} and len(owner.files(org)) == 5
    )

    files = owner.files(org)
    for kind, (content, mime_type) in sent.items():
        answer = owner.opened(files[kind]["path"])
        assert (answer.content, answer.headers["content-type"]) == (content, mime_type)
    path = files["image"]["path"]
    nobody = create_client(stack.api_url, stack.publishable_key)
    for other in (stranger.client, nobody):
        with pytest.raises(StorageApiError):
            other.storage.from_("media").create_signed_url(path, 60)
        with pytest.raises(StorageApiError):
            other.storage.from_("media").download(path)
        assert other.storage.from_("media").list(org) == []
        with pytest.raises(StorageApiError):
            other.storage.from_("media").upload(f"{org}/x", b"x")
    with pytest.raises(StorageApiError):
        owner.client.storage.from_("media").upload(f"{org}/x", b"x")
    assert owner.client.storage.from_("media").remove([path]) == []
    assert stranger.files(org) == {}
    assert (
        httpx.get(f"{stack.api_url}/storage/v1/object/public/media/{path}", trust_env=False).status_code
        == 400
    )
    assert files["document"]["filename"] == "चालान.pdf"


def office(part: str) -> bytes:
    """A small file of an office program."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name in ("[Content_Types].xml", "_rels/.rels", part):
            archive.writestr(name, "<x/>")
    return made.getvalue()


GOOD = [
    pytest.param("image", "a.jpg", JPEG, "image/jpeg", id="photo"),
    pytest.param("image", "shot", PNG, "image/png", id="picture without an ending"),
    pytest.param("sticker", "s.webp", WEBP, "image/webp", id="sticker"),
    pytest.param("sticker", "s.webp", MOVING_WEBP + bytes(200_000), "image/webp", id="one that moves"),
    pytest.param("audio", "v.ogg", OPUS, "audio/ogg", id="voice"),
    pytest.param("audio", "a.mp3", b"ID3\x04" + bytes(500), "audio/mpeg", id="mp3"),
    pytest.param("audio", "a.aac", b"\xff\xf1" + bytes(500), "audio/aac", id="aac"),
    pytest.param("audio", "a.amr", b"#!AMR\n" + bytes(500), "audio/amr", id="amr"),
    pytest.param("video", "v.mp4", MP4, "video/mp4", id="film"),
    pytest.param("video", "v.3gp", b"\x00\x00\x00\x18ftyp3gp5" + bytes(500), "video/3gpp", id="old film"),
    pytest.param("document", "../../Preisliste\x00 2026.pdf", PDF, "application/pdf", id="document"),
    pytest.param("document", "l.txt", "कीमत सूची".encode(), "text/plain", id="text"),
    pytest.param("document", "l.xlsx", office("xl/workbook.xml"),
                 "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", id="table"),
    pytest.param("document", "l.doc", OLD_OFFICE, "application/msword", id="letter"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "name", "content", "mime_type"), GOOD)
def test_what_a_member_uploads_is_in_the_bucket_and_at_meta(
    shop: Business, owner: Member, form: dict[str, str], kind: str, name: str, content: bytes, mime_type: str
) -> None:
    answer = owner.upload(content, name, **form | {"kind": kind})

    told = answer.json()
    assert (answer.status_code, told.get("status")) == (201, "stored"), told
    assert (told["kind"], told["mime_type"], told["bytes"]) == (kind, mime_type, len(content))
    assert "/" not in told["filename"]
    assert "\x00" not in told["filename"]
    row = owner.client.table("media").select("path,meta_id").eq("id", told["media_id"]).execute().data[0]
    at_meta = next(m for m in shop.sandbox.media() if m["id"] == row["meta_id"])
    assert (at_meta["bytes"], at_meta["mime_type"]) == (len(content), mime_type)
    assert owner.opened(row["path"]).content == content


BAD = [
    pytest.param({}, b"MZ\x90" + bytes(500), 422, "media_type", id="a program called a photo"),
    pytest.param({}, PDF, 422, "media_type", id="a document as a picture"),
    pytest.param({}, b"<svg onload=alert(1)>", 422, "media_type", id="a picture that is a page"),
    pytest.param({}, WEBP, 422, "media_type", id="a picture that is a sticker"),
    pytest.param({"kind": "audio"}, b"OggS" + bytes(500), 422, "media_type", id="Ogg without Opus"),
    pytest.param({"kind": "document"}, office("META-INF/x"), 422, "media_type", id="an archive"),
    pytest.param({}, JPEG + bytes(5_000_000), 413, "media_too_large", id="too large a picture"),
    pytest.param({"kind": "sticker"}, WEBP + bytes(100_000), 413, "media_too_large", id="a large sticker"),
    pytest.param({"kind": "video"}, MP4 + bytes(16_000_000), 413, "media_too_large", id="too large a film"),
    pytest.param({}, b"", 422, "media_empty", id="nothing"),
    pytest.param({"kind": "poem"}, JPEG, 422, "media_kind", id="no kind"),
    pytest.param({"org_id": "x"}, JPEG, 422, "body_invalid", id="no organization"),
    pytest.param({"org_id": str(uuid4())}, JPEG, 404, "organization_not_found", id="another organization"),
    pytest.param({"number_id": str(uuid4())}, JPEG, 404, "number_unknown", id="another number"),
    pytest.param({"conversation_id": str(uuid4())}, JPEG, 422, "body_invalid", id="both ways to say where"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "content", "status", "slug"), BAD)
def test_what_whatsapp_would_refuse_is_refused_at_once_and_leaves_nothing(
    org: str,
    owner: Member,
    form: dict[str, str],
    changes: dict[str, str],
    content: bytes,
    status: int,
    slug: str,
) -> None:
    def ids() -> set[str]:
        return {
            row["id"] for row in owner.client.table("media").select("id").eq("org_id", org).execute().data
        }

    before = ids()

    answer = owner.upload(content, **form | changes)

    assert (answer.status_code, answer.json()["detail"]) == (status, slug), answer.text
    assert answer.json()["message"]
    assert ids() == before


def test_nobody_uploads_for_another_organization_or_without_a_session(
    stack: RunningStack, owner: Member, stranger: Member, form: dict[str, str]
) -> None:
    foreign = stranger.upload(JPEG, **form)
    nobody = httpx.post(f"{stack.workers_url}/api/media", data=form, files={"file": JPEG}, trust_env=False)
    forged = httpx.post(
        f"{stack.workers_url}/api/media", data=form, files={"file": JPEG}, trust_env=False,
        headers={"Authorization": "Bearer " + owner.token[:-8] + "AAAAAAAA"},
    )  # fmt: skip

    assert foreign.status_code in (403, 404)
    assert (nobody.status_code, forged.status_code) == (401, 401)


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        pytest.param("application/json", b"{}", id="no form"),
        pytest.param("multipart/form-data; boundary=b", b"--b\r\n\r\nx", id="cut off"),
        pytest.param("multipart/form-data; boundary=b", b"--b--\r\n", id="empty"),
        pytest.param("multipart/form-data; boundary=b", b"x" * 300_000, id="no boundary in it"),
        pytest.param("multipart/form-data; boundary=b", FILE_FIRST, id="the file first"),
    ],
)  # fmt: skip
def test_a_broken_form_is_refused_in_words(owner: Member, content_type: str, body: bytes) -> None:
    headers = {"Authorization": f"Bearer {owner.token}", "Content-Type": content_type}

    answer = owner.http.post("/api/media", content=body, headers=headers)

    assert 400 <= answer.status_code < 500
    assert answer.json()["message"]


def test_a_large_document_passes_in_constant_memory(
    stack: RunningStack, owner: Member, form: dict[str, str], shop: Business
) -> None:
    content = PDF + os.urandom(1 << 20) * 60
    pids = workers_of(stack)
    before = {pid: memory(pid) for pid in pids}

    answer = owner.upload(content, "catalogue.pdf", **form | {"kind": "document"})

    grown = {pid: memory(pid) - before[pid] for pid in pids}
    assert (answer.status_code, answer.json()["bytes"]) == (201, len(content))
    assert len(grown) >= 2
    assert max(grown.values()) < 25_000, grown  # kB


def workers_of(stack: RunningStack) -> list[int]:
    """The processes that serve the workers' port."""
    port = f"127.0.0.1:{stack.workers_url.rsplit(':', 1)[1]}"
    found = []
    for folder in os.scandir("/proc"):
        if folder.name.isdigit():
            try:
                with open(f"/proc/{folder.name}/cmdline", "rb") as file:  # noqa: PTH123
                    words = file.read().decode(errors="replace").split("\0")
            except OSError:
                continue
            if port in words and "workers.wsgi:app" in words:
                found.append(int(folder.name))
    return found


def memory(pid: int) -> int:
    """The most memory that a process ever had, in kB."""
    with open(f"/proc/{pid}/status") as file:  # noqa: PTH123
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))


def test_what_meta_cannot_take_now_is_handed_over_by_the_job(
    shop: Business, owner: Member, form: dict[str, str], database: Any
) -> None:
    content = JPEG + b"later"
    shop.sandbox.fault("http_500", endpoint="media", phone_number_id=shop.phone_number_id, count=1)

    answer = owner.upload(content, **form)
    told = answer.json()
    database.execute(
        "update public.media set next_at = now() where id = %s and next_at is not null", [told["media_id"]]
    )

    def status() -> Json:
        rows = owner.client.table("media").select("status,error").eq("id", told["media_id"]).execute().data
        return dict(rows[0])

    assert (answer.status_code, told["status"]) == (202, "pending")
    eventually(lambda: status() == {"status": "stored", "error": None})


def test_a_file_that_failed_is_fetched_when_a_member_asks(shop: Business, owner: Member, org: str) -> None:
    shop.sandbox.inbound_media(
        shop.phone_number_id,
        CUSTOMER,
        "image",
        PNG,
        "image/png",
        trick="redirect",
        count=1,
        address="http://127.0.0.1:9/",
    )

    def newest() -> Json:
        rows = owner.client.table("media").select("id,status,error,path").eq("direction", "inbound")
        return dict(rows.order("created_at", desc=True).limit(1).execute().data[0])

    refused = eventually(lambda: newest() if newest()["status"] == "refused" else None)
    assert "another address" in refused["error"]

    owner.client.rpc("retry_media", {"org_id": org, "media_id": refused["id"]}).execute()

    eventually(lambda: newest()["status"] == "stored")
    assert owner.opened(newest()["path"]).content == PNG
