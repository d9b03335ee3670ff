"""What people upload as a list of leads, read in the child process: well-meant, careless and hostile."""

import io
import json
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from workers.sheets import child, fields, files, reading, rows, values
from workers.sheets.parent import NotRead, lines

INDIA = "IN"


@pytest.fixture
def given(tmp_path: Path):
    """Writes a file and reads it here, without a child."""

    def read(content: bytes | str, **choices: Any) -> dict[str, Any]:
        path = tmp_path / "file"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return reading.read(files.table_of(path, choices), choices, INDIA)

    return read


@pytest.fixture
def stored(tmp_path: Path, given):
    """Writes a file, takes the suggested mapping, and gives its items and its errors by row."""

    def run(content: bytes | str, **choices: Any) -> tuple[dict[int, Any], dict[int, str], int]:
        found = given(content, **choices)
        mapping = {"columns": {str(i): c["field"] for i, c in enumerate(found["columns"]) if c["field"]}}
        how = {k: found[k] for k in ("sheet", "encoding", "delimiter") if k in found}
        first, last = found["header_row"] + 1, found["header_row"] + found["rows"]
        got = list(rows.batches(
            files.table_of(tmp_path / "file", how).rows, rows.Columns.of(mapping, found), first, last, 0
        ))  # fmt: skip
        items = {item["row"]: item for batch in got for item in batch.items}
        errors = {error["row"]: error["code"] for batch in got for error in batch.errors}
        return items, errors, sum(batch.blank for batch in got)

    return run


def workbook(*table: list[Any], title: str = "Leads") -> bytes:
    book = openpyxl.Workbook()
    book.active.title = title
    for row in table:
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def names(found: dict[str, Any]) -> list[str | None]:
    return [column["field"] for column in found["columns"]]


# What the columns are


HEADERS = [
    pytest.param("Name,Mobile No.,City", ["name", "phone", "city"], id="english"),
    pytest.param("ग्राहक का नाम,मोबाइल नंबर,शहर", ["name", "phone", "city"], id="hindi"),
    pytest.param("CUSTOMER-NAME, WhatsApp  Number ,E-mail", ["name", "phone", "email"], id="careless"),
    pytest.param("Ｎａｍｅ,ｐｈｏｎｅ,पिन कोड", ["name", "phone", "pincode"], id="wide letters"),
    pytest.param("Phone,Mobile,Telephone", ["phone", "phone_2", None], id="three numbers"),
    pytest.param("S.No,Name,Phone", [None, "name", "phone"], id="a serial number is no id"),
    pytest.param("Lead ID,Requirement,दिनांक", ["external_id", "product", "received_at"], id="an id"),
]  # fmt: skip


@pytest.mark.parametrize(("header", "expected"), HEADERS)
def test_headers_are_recognized_in_english_and_hindi(given, header, expected) -> None:
    assert names(given(f"{header}\n1,2,3\n")) == expected


def test_every_name_of_a_field_means_one_field_that_the_database_takes() -> None:
    every = [plain for names in fields._SYNONYMS.values() for plain in map(fields.plain, names)]

    assert set(fields._SYNONYMS) == set(fields.FIELDS)
    assert len(set(every)) == len({(fields._BY_NAME[name], name) for name in every})
    assert all(every)


def test_titles_above_the_header_are_skipped(given) -> None:
    found = given("Pump expo 2026,,\nHall 4,,\n,,\nName,Phone,\nAsha,9800012345,said yes\nRavi,9800012346,\n")

    assert (found["header_row"], found["rows"]) == (4, 2)
    assert [column["name"] for column in found["columns"]] == ["Name", "Phone", "column C"]


def test_blank_and_repeated_names_are_told_apart(given) -> None:
    found = given("Phone,Notes,,Notes,Notes (2)\n9800012345,a,b,c,d\n")

    assert [c["name"] for c in found["columns"]] == [
        "Phone",
        "Notes",
        "column C",
        "Notes (2)",
        "Notes (2) (2)",
    ]


def test_a_file_without_header_shows_its_columns_by_what_is_in_them(given) -> None:
    found = given("Asha,9800012345,a@x.in\nRavi,9800012346,r@x.in\n")

    assert (found["header_row"], found["rows"], names(found)) == (0, 2, [None, "phone", "email"])


def test_the_same_headers_have_the_same_fingerprint_and_others_another(given) -> None:
    headers = ("Name,Phone", "NAME , phone", "Phone,Name")
    one, same, other = (given(f"{h}\n1,9800012345\n")["fingerprint"] for h in headers)

    assert one == same != other


# How it is written


WRITTEN = [
    pytest.param("Name;Phone\nPeña;98000 12345\n".encode("cp1252"), "cp1252", ";", id="cp1252, semicolons"),
    pytest.param("Name,Phone\nआशा,9800012345\n".encode("utf-8-sig"), "utf-8", ",", id="UTF-8 with a mark"),
    pytest.param("Name\tPhone\nआशा\t9800012345\n".encode("utf-16"), "utf-16", "\t", id="UTF-16, tabs"),
    pytest.param("Name|Phone\nA|9800012345\n".encode("utf-16-le"), "utf-16", "|", id="UTF-16 without a mark"),
    pytest.param(b"sep=;\r\nName;Phone\r\nA,b;9800012345\r\n", "utf-8", ";", id="sep="),
    pytest.param("Name,Phone\nआशा,9800012345\n".encode() + b"Pe\xf1a,9800012346\n", "mixed", ",", id="both"),
    pytest.param(b'Name,Phone\n"Sons, ""A"" & Co\nPune",9800012345\n', "utf-8", ",", id="a line break"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "encoding", "delimiter"), WRITTEN)
def test_encoding_and_delimiter_are_detected(given, stored, content, encoding, delimiter) -> None:
    found = given(content)
    items, errors, _ = stored(content)

    assert (found["encoding"], found["delimiter"], errors) == (encoding, delimiter, {})
    assert items[found["header_row"] + 1]["item"]["person"]["phone"] == "+919800012345"
    assert "�" not in json.dumps(found["preview"], ensure_ascii=False)


def test_a_person_can_choose_against_what_was_detected(given) -> None:
    content = "Name;Phone\nPeña;9800012345\n".encode("cp1252")

    found = given(content, encoding="cp1252", delimiter=",", header_row=0)

    assert (found["delimiter"], found["header_row"], len(found["columns"]), found["rows"]) == (",", 0, 1, 2)


def test_a_workbook_shows_its_visible_sheets_and_keeps_row_numbers(given, stored) -> None:
    book = openpyxl.Workbook()
    secret, shown = book.active, book.create_sheet("Leads")
    secret.sheet_state = "hidden"
    shown["B3"], shown["C3"], shown["B5"], shown["C5"] = "Name", "Mobile", "Asha", 9800099999
    shown["B6"], shown["C6"] = "Sum", "=1+1"
    shown["D3"], shown["D5"] = "Date", datetime(2026, 2, 13, 10, 30)  # noqa: DTZ001 (as a spreadsheet has it)
    out = io.BytesIO()
    book.active = 1
    book.save(out)

    found = given(out.getvalue())
    items, errors, blank = stored(out.getvalue())

    assert (found["sheets"], found["header_row"], found["rows"]) == (["Leads"], 3, 3)
    assert items[5]["item"]["person"]["phone"] == "+919800099999"
    assert items[5]["item"]["received_at"] == "2026-02-13T10:30:00+05:30"
    assert (errors, blank) == ({6: "no_phone_or_email"}, 1)


# What is in the cells


PHONES = [
    ("98000 12345", "+919800012345"), ("9800012345.0", "+919800012345"), ("+91-98000-12345", "+919800012345"),
    ("९८०००१२३४५", "+919800012345"), ("n.a. / 9800012345", "+919800012345"),
    ("9800012345, 9800012346", "+919800012345"),
    ("'+919800012345", "+919800012345"), ("9.8E+09", None), ("12345", None), ("00000", None), ("=1+1", None),
    ("9" * 5000, None),
]  # fmt: skip


@pytest.mark.parametrize(("cell", "expected"), PHONES)
def test_numbers_are_read_as_they_are_typed(cell, expected) -> None:
    found = values.phone_of(values.clean(cell), INDIA)

    assert (found.e164 if found else None) == expected


def test_a_whole_float_is_no_longer_number() -> None:
    assert values.text_of(9800099999.0) == "9800099999"
    assert values.text_of(9.5e15) == "9500000000000000"


CELLS = [
    ("\ufeff Asha\u200b ", "Asha"), ("#N/A", ""), (" null ", ""), ("-", ""), ("A\0sha\x07", "Asha"),
    ("'=SUM(A1)", "=SUM(A1)"), ("'quoted'", "'quoted'"), ("=cmd|' /C calc'!A0", "=cmd|' /C calc'!A0"),
    ("e\u0301", "é"), ("क\u094d\u200dष", "क\u094d\u200dष"),
]  # fmt: skip


@pytest.mark.parametrize(("cell", "expected"), CELLS)
def test_cells_lose_what_nobody_sees_and_nothing_else(cell, expected) -> None:
    assert values.clean(cell) == expected


@pytest.mark.parametrize("cell", ["=1+1", "+91", "-x", "@x", "\tx", "\0x"])
def test_what_is_exported_guarded_comes_back_the_same(cell) -> None:
    assert values.guarded(cell)[0] == "'"
    assert values.clean(values.guarded(cell)) in (cell, values.clean(cell), "'x", values.guarded(cell))


DATES = [
    ("13/02/2026", "dmy", "2026-02-13T00:00:00+05:30"), ("02/13/26", "mdy", "2026-02-13T00:00:00+05:30"),
    ("3.4.2026 4:05 pm", "dmy", "2026-04-03T16:05:00+05:30"),
    ("2026-02-13 10:00:00", "dmy", "2026-02-13T10:00:00+05:30"),
    ("2026-02-13T10:00:00Z", "dmy", "2026-02-13T10:00:00+00:00"),
    ("5-Mar-2026", "dmy", "2026-03-05T00:00:00+05:30"), ("46066.5", "dmy", "2026-02-13T12:00:00+05:30"),
    ("31/02/2026", "dmy", None), ("soon", "dmy", None), ("1/1/2026 99:99", "dmy", None),
]  # fmt: skip


@pytest.mark.parametrize(("cell", "order", "expected"), DATES)
def test_dates_are_read_as_india_writes_them(cell, order, expected) -> None:
    found = values.instant_of(cell, order)

    assert (found.isoformat() if found else None) == expected


def test_a_column_of_dates_proves_its_own_order(given) -> None:
    found = given("Phone,Date,Created\n9800012345,02/03/2026,2/13/2026\n9800012346,1/2/2026,1/1/2026\n")

    assert [column["date_order"] for column in found["columns"]] == ["dmy", "dmy", "mdy"]


def test_a_row_without_number_or_address_says_which_cell_is_wrong(stored) -> None:
    items, errors, blank = stored(
        "Name,Phone,Email\nA,,\nB,9.8E+09,\nC,12,\nD,,nobody\nE,12,e@x.in\n,,\nF,9800012345,\n"
    )

    assert errors == {2: "no_phone_or_email", 3: "phone_lost_digits", 4: "phone_invalid", 5: "email_invalid"}
    assert (list(items), blank) == ([6, 8], 1)
    assert items[6]["item"]["problems"] == ["phone_invalid"]


def test_identity_is_the_mapped_id_else_the_person_with_product_and_date(stored) -> None:
    items, _, _ = stored(
        "Name,Phone,Product,Date\nA,9800012345,Pump,1/2/2026\nB,+91 98000 12345,PUMP ,1/2/2026\n"
        "A,9800012345,Valve,1/2/2026\nA,9800012345,Pump,2/2/2026\n"
    )
    by_id, _, _ = stored("Lead ID,Phone\n7.0,9800012345\n7,9800012346\n")

    ids = [item["external_id"] for item in items.values()]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 3
    assert {item["external_id"] for item in by_id.values()} == {"id:lead id:7"}


def test_ragged_rows_and_unmapped_columns_keep_what_they_hold(stored) -> None:
    items, errors, _ = stored("Name,Phone,GST No\nA,9800012345\nB,9800012346,27AAA,more,and more\n")

    assert errors == {}
    assert items[2]["item"]["raw"] == {"Name": "A", "Phone": "9800012345"}
    assert items[3]["item"]["raw"]["column E"] == "and more"


# What is not a list of leads


REFUSED = [
    pytest.param(b"<html><table><tr><td>Name</td></tr></table>", "html_file", id="a page named .xls"),
    pytest.param(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "old_excel", id="an old Excel"),
    pytest.param(b"%PDF-1.7\n", "not_a_table", id="a PDF"),
    pytest.param(b"PK\x03\x04" + b"x" * 100, "broken_file", id="half a zip"),
    pytest.param(b"\n\n  \n", "empty", id="nothing"),
    pytest.param(b"Name,Phone\n", "no_rows", id="a header alone"),
    pytest.param(b'Name,Phone\n"A,1\n' + b"x,y\n" * 1_100_000, "quote_not_closed", id="a quote never closed"),
    pytest.param(b"Phone\n" + b"1\n" * 100_001, "too_many_rows", id="a row too many"),
    pytest.param(b",".join(b"c%d" % i for i in range(201)) + b"\n1\n", "too_many_columns", id="201 columns"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "slug"), REFUSED)
def test_what_is_no_list_of_leads_is_refused_in_words(given, content, slug) -> None:
    with pytest.raises(files.Unreadable) as refused:
        given(content)

    assert refused.value.slug == slug
    assert refused.value.words.endswith((".", ")"))


def zipped(**parts: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in parts.items():
            made.writestr(name.replace("__", "/") + ".xml", content)
    return out.getvalue()


def test_a_bomb_is_refused_by_its_directory(given) -> None:
    with pytest.raises(files.Unreadable) as refused:
        given(zipped(xl__workbook=b"<workbook/>", xl__sheet=bytes(201_000_000)))

    assert refused.value.slug == "too_large"


def test_another_document_in_a_zip_is_refused(given) -> None:
    with pytest.raises(files.Unreadable) as refused:
        given(zipped(word__document=b"<w/>"))

    assert refused.value.slug == "not_a_table"


def test_200_columns_and_a_cell_of_a_megabyte_are_taken(stored) -> None:
    header = ",".join(["Phone", "Message", *(f"c{i}" for i in range(198))])
    items, errors, _ = stored(f"{header}\n9800012345,{'x' * 1_000_000}\n")

    assert errors == {}
    assert len(items[2]["item"]["message"]) == 20_000
    assert len(json.dumps(items[2])) < 30_000


def test_batches_end_by_their_size_too(stored, tmp_path, given) -> None:
    content = "Phone,Message\n" + "".join(f"98000{n:05d},{'y' * 9000}\n" for n in range(600))
    found = given(content)
    mapping = rows.Columns.of({"columns": {"0": "phone", "1": "message"}}, found)

    got = list(rows.batches(files.table_of(tmp_path / "file", {}).rows, mapping, 2, 601, 3))

    assert [(b.number, b.first) for b in got][:1] == [(3, 2)]
    assert len(got) > 2
    assert [b.first for b in got[1:]] == [b.last + 1 for b in got[:-1]]
    assert sum(len(b.items) for b in got) == 600


# The child


def told(path: Path, **more: Any) -> dict[str, Any]:
    return {"path": str(path), "task": "read", "choices": {}, "country": INDIA, **more}


def test_the_child_reads_and_knows_no_setting_of_the_workers(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("SUPABASE_SECRET_KEY", "sb_secret_planted")
    path = tmp_path / "file"
    path.write_bytes(workbook(["Name", "Mobile"], ["Asha", 9800012345]))

    (answer,) = lines(told(path))

    assert answer["reading"]["rows"] == 1
    assert "planted" not in json.dumps(answer)


def test_a_file_that_wants_too_much_memory_ends_the_child_not_the_worker(tmp_path) -> None:
    """A string of 30,000 letters, told once and shown 380,000 times: 11 GB."""
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006/relationships"
    sheet = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    types = "http://schemas.openxmlformats.org/package/2006/content-types"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{types}"><Override PartName="/xl/workbook.xml" '
        f'ContentType="{sheet}.sheet.main+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{package}">'
        f'<Relationship Id="r1" Type="{kind}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{kind}"><sheets>'
        '<sheet name="A" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}">'
        f'<Relationship Id="r1" Type="{kind}/worksheet" Target="worksheets/sheet1.xml"/>'
        f'<Relationship Id="r2" Type="{kind}/sharedStrings" Target="sharedStrings.xml"/></Relationships>',
        "xl/sharedStrings.xml": f'<sst xmlns="{main}"><si><t>{"y" * 30_000}</t></si></sst>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>'
        + ("<row>" + '<c t="s"><v>0</v></c>' * 190 + "</row>") * 2000 + "</sheetData></worksheet>",
    }  # fmt: skip
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in parts.items():
            made.writestr(name, content)
    path = tmp_path / "file"
    path.write_bytes(out.getvalue())

    with pytest.raises(NotRead) as refused:
        list(lines(told(path)))

    assert refused.value.slug == "too_much_memory"


def test_a_child_that_takes_too_long_is_ended(tmp_path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"Phone\n" + b"9800012345\n" * 90_000)

    with pytest.raises(NotRead) as refused:
        list(lines(told(path), seconds=0.2))

    assert refused.value.slug == "too_slow"


def test_peak_is_told_in_bytes() -> None:
    assert 5_000_000 < child.peak() < 5_000_000_000
