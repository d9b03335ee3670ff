"""The Storage stand-in keeps to hosted's manners, and asks Postgres for every permission."""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from uuid import uuid4

import httpx
import psycopg
import pytest
from storage3.exceptions import StorageApiError
from supabase import Client, ClientOptions, create_client

JPG, LARGE = os.urandom(5000), os.urandom(3 << 20)
SETUP = """
  create table public.storage_members (folder text, user_id uuid);
  alter table public.storage_members enable row level security;
  grant select on public.storage_members to authenticated;
  create policy "People see their own" on public.storage_members for select to authenticated
    using (user_id = (select auth.uid()));
  insert into storage.buckets (id, name, public, file_size_limit, allowed_mime_types) values
    ('t-media', 't-media', false, 1000000, array['image/*', 'audio/*', 'text/plain']),
    ('t-out', 't-out', false, null, null), ('t-pub', 't-pub', true, null, null);
  create policy "Members read" on storage.objects for select to authenticated using (
    bucket_id in ('t-media', 't-out')
    and (storage.foldername(name))[1] = any (array(select folder from public.storage_members)));
  create policy "Members add" on storage.objects for insert to authenticated with check (
    bucket_id = 't-media'
    and (storage.foldername(name))[1] = any (array(select folder from public.storage_members)));
  create policy "Members change" on storage.objects for update to authenticated using (
    bucket_id = 't-media'
    and (storage.foldername(name))[1] = any (array(select folder from public.storage_members)));
  create policy "Members remove" on storage.objects for delete to authenticated using (
    bucket_id = 't-media'
    and (storage.foldername(name))[1] = any (array(select folder from public.storage_members)));
"""
TIDY = """
  drop policy "Members read" on storage.objects; drop policy "Members add" on storage.objects;
  drop policy "Members change" on storage.objects; drop policy "Members remove" on storage.objects;
  drop table public.storage_members;
"""


@dataclass
class World:
    """A service, two people with a folder each, and nobody."""

    api: str
    key: dict[str, str]
    service: Client
    nobody: Client
    asha: Client
    binod: Client
    token: str
    database: "psycopg.Connection[tuple]"

    def get(self, path: str, **headers: str) -> httpx.Response:
        return httpx.get(
            self.api + path, headers={k.replace("_", "-"): v for k, v in headers.items()}, timeout=30
        )


@pytest.fixture(scope="module")
def world(stack: SimpleNamespace) -> Iterator[World]:
    def client(key: str) -> Client:
        return create_client(
            stack.api_url, key, ClientOptions(auto_refresh_token=False, persist_session=False)
        )

    with psycopg.connect(stack.database_url, autocommit=True) as database:
        database.execute("set session authorization postgres")  # as a migration would
        database.execute(SETUP)
        people, tokens = {}, []
        for name in ("asha", "binod"):
            person = client(stack.publishable_key)
            signed = person.auth.sign_up(
                {"email": f"{name}-{uuid4().hex[:6]}@example.com", "password": "secret-1234"}
            )
            database.execute("insert into public.storage_members values (%s, %s)", (name, signed.user.id))
            people[name] = person
            tokens.append(signed.session.access_token)
        key = {"apikey": stack.secret_key, "Authorization": f"Bearer {stack.secret_key}"}
        service, nobody = client(stack.secret_key), client(stack.publishable_key)
        yield World(
            stack.api_url + "/storage/v1", key, service, nobody, **people, token=tokens[0], database=database
        )
        for bucket in ("t-media", "t-out", "t-pub"):
            rows = database.execute("select name from storage.objects where bucket_id = %s", (bucket,))
            if names := [name for (name,) in rows]:
                service.storage.from_(bucket).remove(names)
        database.execute(TIDY)


def put(
    client: Client,
    name: str,
    data: bytes = JPG,
    kind: str = "image/jpeg",
    bucket: str = "t-media",
    **more: str,
):
    return client.storage.from_(bucket).upload(name, data, {"content-type": kind, **more})


@pytest.fixture
def photo(world: World) -> str:
    """The name of a photo in Asha's folder."""
    name = f"asha/{uuid4()}.jpg"
    put(world.service, name, **{"cache-control": "60"})
    return name


def test_bytes_and_headers_come_back_as_stored(world: World, photo: str) -> None:
    answer = world.get(f"/object/t-media/{photo}", **world.key)

    assert answer.content == JPG
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["cache-control"] == "max-age=60"


def test_ranges_and_etags_are_honoured(world: World, photo: str) -> None:
    path = f"/object/t-media/{photo}"
    etag = world.get(path, **world.key).headers["etag"]

    part = world.get(path, Range="bytes=10-19", **world.key)

    assert (part.status_code, part.content) == (206, JPG[10:20])
    assert world.get(path, Range="bytes=9999-", **world.key).status_code == 416
    assert world.get(path, If_None_Match=etag, **world.key).status_code == 304


def test_upsert_and_update_replace_the_bytes(world: World, photo: str) -> None:
    media = world.service.storage.from_("t-media")
    put(world.service, photo, b"second", upsert="true")
    second = media.download(photo)
    media.update(photo, b"third", {"content-type": "image/jpeg"})

    assert (second, media.download(photo)) == (b"second", b"third")


def test_metadata_of_ones_own_is_kept(world: World) -> None:
    put(world.service, "asha/note.txt", b"n", "text/plain", metadata={"wamid": "w"})

    about = world.service.storage.from_("t-media").info("asha/note.txt")

    assert (about["metadata"], about["size"], about["content_type"]) == ({"wamid": "w"}, 1, "text/plain")


def test_listing_shows_folders_and_pages(world: World) -> None:
    for name in ("list/in/a.jpg", "list/b.jpg", "list/c.jpg"):
        put(world.service, name)
    media = world.service.storage.from_("t-media")

    every = [(row["name"], row["id"] is None) for row in media.list("list")]
    page = media.list("list", {"limit": 1, "offset": 1, "sortBy": {"column": "name", "order": "desc"}})

    assert every == [("in", True), ("b.jpg", False), ("c.jpg", False)] or sorted(every) == [
        ("b.jpg", False), ("c.jpg", False), ("in", True)
    ]  # fmt: skip
    assert [row["name"] for row in page] == ["c.jpg"]


def test_removing_names_what_went(world: World, photo: str) -> None:
    gone = world.service.storage.from_("t-media").remove([photo, "asha/none"])

    assert [row["name"] for row in gone] == [photo]


REFUSED = [
    pytest.param(lambda w, p: put(w.service, p), ("409", "Duplicate"), id="the same name twice"),
    pytest.param(lambda w, _: put(w.service, "asha/x.zip", b"PK", "application/zip"), ("415",), id="type"),
    pytest.param(lambda w, _: put(w.service, "asha/big.jpg", LARGE), ("413", "exceeded"), id="size"),
    pytest.param(lambda w, _: put(w.service, "asha/हिन्दी.jpg"), ("400", "Invalid"), id="another script"),
    pytest.param(
        lambda w, _: put(w.service, "x", bucket="t-none"), ("404", "Bucket not found"), id="no bucket"
    ),
    pytest.param(
        lambda w, _: w.service.storage.from_("t-media").download("asha/none"), ("404",), id="no object"
    ),
    pytest.param(lambda w, _: put(w.asha, "binod/u.jpg"), ("403", "row-level"), id="another's folder"),
    pytest.param(lambda w, _: put(w.asha, "u.jpg"), ("403", "row-level"), id="no folder"),
    pytest.param(
        lambda w, p: w.binod.storage.from_("t-media").download(p), ("404",), id="another's download"
    ),
    pytest.param(
        lambda w, p: w.binod.storage.from_("t-media").create_signed_url(p, 9), ("404",), id="another's link"
    ),
    pytest.param(lambda w, p: put(w.binod, p, b"evil", upsert="true"), ("403",), id="another's upsert"),
    pytest.param(
        lambda w, p: w.binod.storage.from_("t-media").create_signed_upload_url(p + "2"),
        ("403",),
        id="upload link",
    ),
    pytest.param(
        lambda w, _: put(w.asha, "asha/f.zip", b"PK", bucket="t-out"), ("403",), id="read-only bucket"
    ),
    pytest.param(
        lambda w, p: w.nobody.storage.from_("t-media").download(p), ("404",), id="nobody's download"
    ),
    pytest.param(lambda w, _: put(w.nobody, "asha/z.jpg"), ("403",), id="nobody's upload"),
]


@pytest.mark.parametrize(("call", "words"), REFUSED)
def test_refused(
    world: World, photo: str, call: Callable[[World, str], object], words: tuple[str, ...]
) -> None:
    with pytest.raises(StorageApiError) as refusal:
        call(world, photo)

    said = f"{refusal.value.status} {refusal.value}"
    assert all(word in said for word in words), said
    assert world.service.storage.from_("t-media").download(photo) == JPG


def test_chunked_body_does_not_escape_the_limit(world: World) -> None:
    url = f"{world.api}/object/t-media/asha/chunked.png"

    answer = httpx.post(url, headers=world.key | {"content-type": "image/png"}, content=iter([LARGE, LARGE]))

    assert "exceeded" in answer.text


def test_others_remove_and_list_nothing(world: World, photo: str) -> None:
    media = world.binod.storage.from_("t-media")

    assert (media.remove([photo]), media.list("asha"), media.list()) == ([], [], [])
    assert world.nobody.storage.from_("t-media").list("asha") == []


def test_owner_is_noted(world: World) -> None:
    name = f"asha/{uuid4()}.jpg"
    put(world.asha, name)

    row = world.database.execute("select owner_id from storage.objects where name = %s", (name,)).fetchone()

    assert row == (world.asha.auth.get_user().user.id,)


def test_signed_link_opens_one_object_until_it_expires(world: World, photo: str) -> None:
    media = world.service.storage.from_("t-media")
    link = media.create_signed_url(photo, 60)["signedURL"]
    named = media.create_signed_url(photo, 60, {"download": "lead photo.jpg"})["signedURL"]
    short = media.create_signed_url(photo, 1)["signedURL"]

    assert httpx.get(link).content == JPG
    assert "attachment" in httpx.get(named).headers["content-disposition"]
    for bad in (link.replace("asha/", "binod/"), link[:-6] + "AAAAAA", link.split("?")[0]):
        assert httpx.get(bad).status_code == 400
    time.sleep(2.1)
    assert "InvalidJWT" in httpx.get(short).text


def test_token_of_a_link_is_no_login_and_no_upload(world: World, photo: str) -> None:
    link = world.service.storage.from_("t-media").create_signed_url(photo, 60)["signedURL"]
    token = link.split("token=")[1]

    login = world.get(f"/object/t-media/{photo}", Authorization=f"Bearer {token}")
    upload = httpx.put(link.replace("/object/sign/", "/object/upload/sign/"), content=b"x")

    assert (login.status_code, upload.status_code) == (400, 400)


def test_signed_upload_stores_once_and_only_there(world: World) -> None:
    name, kind = f"asha/{uuid4()}.jpg", {"content-type": "image/jpeg"}
    token = world.asha.storage.from_("t-media").create_signed_upload_url(name)["token"]
    nobody = world.nobody.storage.from_("t-media")

    nobody.upload_to_signed_url(name, token, b"up", kind)

    for target in (name, "binod/up.jpg"):
        with pytest.raises(StorageApiError):
            nobody.upload_to_signed_url(target, token, b"again", kind)
    assert world.asha.storage.from_("t-media").download(name) == b"up"


def test_public_bucket_never_serves_a_page(world: World) -> None:
    put(world.service, "p/x.html", b"<b>", "text/html", "t-pub", upsert="true")

    answer = httpx.get(world.nobody.storage.from_("t-pub").get_public_url("p/x.html"))

    assert answer.content == b"<b>"
    assert answer.headers["content-type"].startswith("text/plain")


CLOSED = [
    pytest.param("/object/public/t-media/{}", {}, id="public address of a private bucket"),
    pytest.param("/object/t-media/{}", {}, id="no key"),
    pytest.param("/object/t-media/..%2f..%2fetc/passwd", {"service": "yes"}, id="dot segments"),
    pytest.param("/object/t-media/{}", {"Authorization": "Bearer forged"}, id="forged login"),
]


@pytest.mark.parametrize(("path", "headers"), CLOSED)
def test_closed(world: World, photo: str, path: str, headers: dict[str, str]) -> None:
    if headers.get("Authorization"):
        headers = {"Authorization": f"Bearer {world.token[:-6]}AAAAAA"}

    answer = world.get(path.format(photo), **(world.key if headers.get("service") else headers))

    assert answer.status_code == 400


MIGRATIONS_MAY_NOT = [
    "delete from storage.objects where bucket_id like 't-%'",
    "alter table storage.objects enable row level security",
    "comment on policy \"Members read\" on storage.objects is 'x'",
    "create index on storage.objects (owner_id)",
    "drop function storage.extension(text)",
]


@pytest.mark.parametrize("statement", MIGRATIONS_MAY_NOT)
def test_migration_is_refused_what_hosted_refuses(world: World, statement: str) -> None:
    with pytest.raises(psycopg.Error) as refusal:
        world.database.execute(statement)

    assert refusal.value.sqlstate == "42501"
