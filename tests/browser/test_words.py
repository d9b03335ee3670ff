"""Every string that people read exists in English and in Hindi, with the same placeholders."""

from __future__ import annotations

import re
from collections.abc import Iterator

from playwright.sync_api import expect

from workers.dashboard.assets import FOLDER

Words = str | dict[str, str]


def placeholders(words: Words) -> set[str]:
    texts = [words] if isinstance(words, str) else list(words.values())
    return {name for text in texts for name in re.findall(r"\{(\w+)\}", text)}


def faults(catalogue: dict[str, dict[str, Words]]) -> Iterator[str]:
    """What is not the same in both languages of a catalogue."""
    english, hindi = catalogue["en"], catalogue["hi"]
    for key in english.keys() ^ hindi.keys():
        yield f"{key} is only in {'English' if key in english else 'Hindi'}"
    for key in english.keys() & hindi.keys():
        if placeholders(english[key]) - {"n"} != placeholders(hindi[key]) - {"n"}:
            yield f"{key}: {english[key]} / {hindi[key]}"
        if type(english[key]) is not type(hindi[key]):
            yield f"{key} has plural forms in one language only"


def test_every_string_is_in_both_languages(window):
    modules = sorted(
        path.relative_to(FOLDER).as_posix()
        for path in FOLDER.rglob("*.js")
        if not {"vendor", "connect"} & set(path.parts) and path.name not in ("app.js", "sw.js")
    )
    opened = window()
    opened.go("/sign-in")
    expect(opened.page.locator("h1")).to_be_visible()

    found = opened.page.evaluate(
        """async (modules) => {
             const base = `/static/${document.documentElement.dataset.version}`
             for (const module of modules) await import(`${base}/${module}`)
             return (await import(`${base}/lib/words.js`)).catalogues
           }""",
        modules,
    )

    assert len(found) >= 5
    assert [fault for catalogue in found for fault in faults(catalogue)] == []


def test_the_comparison_finds_what_is_missing():
    catalogue = {
        "en": {"a": "Hi {name}", "b": "x", "c": {"one": "1", "other": "n"}},
        "hi": {"a": "नमस्ते", "c": "n"},
    }

    assert len(list(faults(catalogue))) == 3


def test_every_key_that_a_module_asks_for_is_in_a_catalogue():
    asked = re.compile(r"""\bt\(\s*["']([A-Za-z0-9_.-]+)["']""")
    unknown = []
    for folder in {path.parent for path in FOLDER.rglob("*.js") if "vendor" not in path.parts}:
        sources = {path.name: path.read_text() for path in folder.glob("*.js")}
        for name, source in sources.items():
            place = source
            for line in re.findall(r'import \{[^}]*\bt\b[^}]*\} from "([^"]+)"', source):
                place += (folder / line).resolve().read_text()
            keys = set(re.findall(r"[{,\s]([A-Za-z0-9_]+|\"[^\"]+\"):\s", place))
            known = {key.strip('"') for key in keys}
            unknown += [f"{folder.name}/{name}: {key}" for key in asked.findall(source) if key not in known]

    assert unknown == []
