"""Every promise of the privacy policy, as promises.md lists them, has a test that is named after it."""

import ast
import re
from pathlib import Path

HERE = Path(__file__).parent


def promised() -> dict[str, str]:
    rows = re.findall(r"^\| (P\d\d) \| (.+) \|$", (HERE / "promises.md").read_text(), re.MULTILINE)
    return dict(rows)


def kept() -> set[str]:
    names = [
        node.name
        for path in HERE.glob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef)
    ]
    return {found[1] for name in names if (found := re.match(r"test_(P\d\d)_\w+", name))}


def test_every_promise_has_a_test_named_after_it() -> None:
    assert len(promised()) == 31
    assert promised().keys() - kept() == set()


def test_every_test_is_of_a_promise_that_was_made() -> None:
    assert kept() <= promised().keys()
