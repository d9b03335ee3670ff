"""What a file is, by its bytes; and what is kept of what others say about it."""

import io

import pytest

from workers.media import kinds

FILES = [
    pytest.param(b"\x00\x00\x00\x20ftypM4A " + bytes(99), "a.m4a", "audio/mp4", id="sound of an iPhone"),
    pytest.param(b"\x00\x00\x00\x20ftypheic" + bytes(99), "a.jpg", None, id="picture of an iPhone"),
    pytest.param(b"\x00\x00\x00\x14ftypqt  " + bytes(99), "a.mp4", None, id="film of a Mac"),
    pytest.param(b"\xff\xfb\x90" + bytes(99), "a", "audio/mpeg", id="mp3 without a tag"),
    pytest.param(b"GIF89a" + bytes(99), "a.jpg", None, id="a gif"),
    pytest.param(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(99), "a.msi", None, id="an installer"),
    pytest.param(b"PK\x03\x04" + bytes(99), "a.docx", None, id="an archive that says it is a letter"),
    pytest.param(b"a,b\n" * 20_000 + "ü".encode()[:1], "a.csv", "text/plain", id="text"),
    pytest.param("स".encode() * 30_000, "a.txt", "text/plain", id="text whose letters the look cuts through"),
    pytest.param(b"\xfftext", "a.txt", None, id="text of another encoding"),
    pytest.param(b"plain\x00text", "a.txt", None, id="text with a NUL"),
    pytest.param(b"", "a.txt", None, id="nothing"),
]


@pytest.mark.parametrize(("content", "name", "mime_type"), FILES)
def test_a_file_is_what_its_bytes_are(content: bytes, name: str, mime_type: str | None) -> None:
    found = kinds.recognise(io.BytesIO(content), name)

    assert (found.mime_type if found else None) == mime_type


@pytest.mark.parametrize(
    ("kind", "given", "kept"),
    [
        pytest.param("audio", "audio/ogg; codecs=opus", "audio/ogg; codecs=opus", id="as it is"),
        pytest.param("image", "image/svg+xml", "application/octet-stream", id="a picture with a script"),
        pytest.param("image", "text/html", "application/octet-stream", id="a page as a picture"),
        pytest.param("document", "text/html", "application/octet-stream", id="a page"),
        pytest.param("document", "text/csv", "text/csv", id="a table"),
        pytest.param("document", "a/b\r\nX-Evil: 1", "application/octet-stream", id="another header"),
        pytest.param("sticker", "image/webp", "image/webp", id="a sticker"),
        pytest.param("document", None, "application/octet-stream", id="nothing said"),
        pytest.param(
            "document",
            kinds._TYPE_OF["docx"],
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            id="a letter, though its name has xml in it",
        ),
    ],
)
def test_a_file_is_kept_under_a_type_that_no_browser_runs(kind: str, given: str | None, kept: str) -> None:
    assert kinds.safe_type(kind, given) == kept


@pytest.mark.parametrize(
    ("kind", "expected", "given", "differs"),
    [
        pytest.param("audio", "audio/ogg; codecs=opus", "application/ogg", False, id="another name"),
        pytest.param("image", "image/jpeg", None, False, id="not said"),
        pytest.param("image", "image/jpeg", "application/octet-stream", False, id="said nothing"),
        pytest.param("image", "image/jpeg", "image/png", True, id="another"),
        pytest.param("document", "text/csv", "text/plain", False, id="a document by a wider name"),
        pytest.param("document", "application/pdf", "text/html; charset=utf-8", True, id="an error page"),
    ],
)
def test_types_that_contradict_each_other_are_seen(
    kind: str, expected: str, given: str | None, differs: bool
) -> None:
    assert kinds.differ(kind, expected, given) is differs
