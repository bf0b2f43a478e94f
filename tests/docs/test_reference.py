"""The generated pages are what the program prints now, their examples are good, and the hand-written ones leave nothing out."""
import importlib.machinery
import importlib.util
import pathlib
import re

import pytest
from test_pages import PROGRAM, ROOT, check, find_duckdb, library, shell  # noqa: F401 (a fixture)

REFERENCE = ROOT / "docs/reference"
tool = importlib.util.module_from_spec(importlib.util.spec_from_loader(
    "reference", importlib.machinery.SourceFileLoader("reference", str(ROOT / "tools/reference"))))
tool.__loader__.exec_module(tool)


@pytest.fixture(scope="module")
def printed():
    return tool.pages(PROGRAM)


@pytest.mark.parametrize("name", ["connectors.md", "command-line.md", "hocket.schema.json", "library.md"])
def test_page_is_what_the_program_prints(printed, name):
    assert (REFERENCE / name).read_text() == printed[name], f"docs/reference/{name} is old: run tools/reference BUILD"


def examples(page):
    """The indented blocks; a blank line and a word at the margin begin another one."""
    for block in re.findall(r"(?:^(?:    .*)?\n)+", page, re.M):
        text = re.sub(r"^    ", "", block, flags=re.M).strip("\n")
        yield from (part for part in re.split(r"\n\n(?=\w)", text) if part.strip())


def test_examples_of_connectors_are_good(shell, printed):  # noqa: F811
    found = list(examples(printed["connectors.md"]))
    assert len(found) >= 10
    find_duckdb(shell)
    files = {"digest.html": "", "style.css": "", "classify.py": "def predict(record):\n    return record\n", "score": "#!/bin/sh\n",
             "feeds.txt": "https://example.com/feed\n"}
    for name, content in files.items():  # looked at with the pipeline
        path = pathlib.Path(shell.folder) / name
        path.write_text(content)
        path.chmod(0o755)
    for text in found:
        check(shell, text, "docs/reference/connectors.md")


def test_each_error_class_is_explained():
    table = (ROOT / "src/base/err.c").read_text()
    names = set(re.findall(r'\[FAULT_\w+\] = \{ "(\w+)"', table)) - {"none", "cancelled"}
    told = set(re.findall(r"`(\w+)(?:\(|`)", (REFERENCE / "errors.md").read_text()))
    assert len(names) > 15 and names <= told, f"not in errors.md: {names - told}"


def test_each_exit_code_is_explained():
    codes = set(re.findall(r"EXITS_\w+ = (\d+)", (ROOT / "src/cli/exits.h").read_text()))
    told = set(re.findall(r"^\| (\d+) \|", (REFERENCE / "exit-codes.md").read_text(), re.M))
    assert codes == told


def test_each_table_of_the_state_is_explained():
    schema = (ROOT / "src/engine/state/state.c").read_text()
    page = (ROOT / "docs/explanation/state.md").read_text()
    for table, columns in re.findall(r"CREATE TABLE IF NOT EXISTS (\w+)\((.*?)\)(?: WITHOUT ROWID)?;", re.sub(r'"\s*"', "", schema)):
        row = re.search(rf"^\| `{table}` \|(.*)$", page, re.M)
        assert row, f"no table {table} in state.md"
        for column in re.findall(r"(?:^|,)\s*([a-z_]+) (?:TEXT|INTEGER|BLOB)", columns):
            assert f"`{column}`" in row[1], f"state.md: {table} has a column {column}"
