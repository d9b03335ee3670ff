"""A backup's file gives back what was written, or nothing: damaged, cut off, or another passphrase."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from workers.backup import BackupError, loading, sealed
from workers.backup.catalogue import File, Manifest
from workers.backup.making import pour
from workers.backup.sealed import HEADER, PIECE, TAG, SealedReader, SealedWriter

PASSPHRASE = "correct horse battery"
WHOLE = bytes(range(256)) * 12_288  # three mebibytes
LATER = HEADER + PIECE + TAG


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key in no time: what is tested here is not how slow a guess is."""
    make = sealed.Scrypt
    monkeypatch.setattr(sealed, "Scrypt", lambda **given: make(**given | {"n": 2}))


def write(path: Path, data: bytes) -> Path:
    with path.open("wb") as out:
        writer = SealedWriter(out, PASSPHRASE)
        for begin in range(0, len(data), 700_001):
            writer.write(data[begin : begin + 700_001])
        writer.finish()
    return path


@pytest.mark.parametrize("size", [0, 1, PIECE - 1, PIECE, PIECE + 1, len(WHOLE)])
def test_what_was_written_is_read_and_stands_nowhere_in_the_clear(tmp_path: Path, size: int) -> None:
    path = write(tmp_path / "file", WHOLE[:size])

    with io.BufferedReader(SealedReader(path, PASSPHRASE)) as reader:
        assert reader.read() == WHOLE[:size]
        reader.seek(size // 2)
        assert reader.read(10) == WHOLE[:size][size // 2 : size // 2 + 10]
    assert size < 64 or WHOLE[:64] not in path.read_bytes()


def swap(data: bytes) -> bytes:
    first, second = data[HEADER:LATER], data[LATER : LATER + PIECE + TAG]
    return data[:HEADER] + second + first + data[LATER + PIECE + TAG :]


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "one bit in the middle": lambda d: d[: LATER + 9] + bytes([d[LATER + 9] ^ 1]) + d[LATER + 10 :],
    "one bit of the salt": lambda d: d[:9] + bytes([d[9] ^ 1]) + d[10:],
    "cut off": lambda d: d[:-1],
    "cut off after a piece": lambda d: d[:LATER],
    "cut off after the header": lambda d: d[:HEADER],
    "something added": lambda d: d + b"x",
    "pieces changed round": swap,
    "another file": lambda _: b"PK\x03\x04 and so on, for long enough to be a header of a backup",
    "nothing": lambda _: b"",
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_damage_is_refused(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    path = write(tmp_path / "file", WHOLE)
    path.write_bytes(damage(path.read_bytes()))

    with pytest.raises(BackupError) as refused, SealedReader(path, PASSPHRASE) as reader:
        reader.read()

    assert refused.value.detail in ("backup_unreadable", "not_a_backup")


@pytest.mark.parametrize(
    ("passphrase", "detail"),
    [("another horse battery", "backup_unreadable"), ("too short", "passphrase_short")],
)
def test_another_passphrase_is_refused(tmp_path: Path, passphrase: str, detail: str) -> None:
    with pytest.raises(BackupError) as refused:
        SealedReader(write(tmp_path / "file", b"x"), passphrase)

    assert refused.value.detail == detail


def pack(path: Path, file: bytes, *, named: bool = True, **changes: object) -> Path:
    """A backup with one file in it, whose manifest may tell something else."""
    size, digest = pour([b"file"])
    listed = [File(bucket="media", name="a", mime_type="text/plain", size=size, sha256=digest)]
    manifest = Manifest(
        made_at="2026-11-29T00:00:00Z", release="1", migrations=["1"], tables=[], partitions=[], sequences=[],
        secrets_sha256=pour([b"[]"])[1], files=listed if named else [],
    ).model_copy(update=changes)  # fmt: skip
    with path.open("wb") as out:
        writer = SealedWriter(out, PASSPHRASE)
        with zipfile.ZipFile(writer, "w") as archive:
            archive.writestr("files/media/a", file)
            archive.writestr("vault.json", "[]")
            archive.writestr("manifest.json", manifest.model_dump_json())
        writer.finish()
    return path


def test_a_whole_backup_opens(tmp_path: Path) -> None:
    with loading.opened(pack(tmp_path / "b", b"file"), PASSPHRASE) as (archive, manifest):
        assert archive.read(manifest.files[0].member) == b"file"


@pytest.mark.parametrize(
    ("file", "changes", "detail"),
    [
        (b"other", {}, "backup_damaged"),
        (b"file", {"named": False}, "backup_damaged"),
        (b"file", {"secrets_sha256": "0"}, "backup_damaged"),
        (b"file", {"format": 2}, "backup_newer"),
    ],
)
def test_a_backup_that_is_not_what_its_manifest_says_is_refused(
    tmp_path: Path, file: bytes, changes: dict[str, object], detail: str
) -> None:
    path = pack(tmp_path / "b", file, **changes)  # type: ignore[arg-type]

    with pytest.raises(BackupError) as refused, loading.opened(path, PASSPHRASE):
        pytest.fail("it was opened")

    assert refused.value.detail == detail
