"""docs/scorecard.md keeps its form: what it says is complete, adds up, and tells nothing of the machine but its size. Its numbers are
those of one run of tools/scorecard, and are not judged here."""
import importlib.machinery
import importlib.util
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PAGE = (ROOT / "docs/scorecard.md").read_text()
PICTURE = (ROOT / "docs/img/scorecard.svg").read_text()


def scorecard():
    loader = importlib.machinery.SourceFileLoader("scorecard", str(ROOT / "tools/scorecard"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("scorecard", loader))
    loader.exec_module(module)
    return module


SUITES = scorecard().SUITES


def cells(text):
    rows = [[c.strip() for c in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| ")]
    return [row for row in rows if len(row) > 1 and row[1].replace(",", "").isdigit()]


def section(title):
    return PAGE.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def total(rows):
    return [sum(int(row[i].replace(",", "")) for row in rows) for i in (1, 2, 3, 4)]


@pytest.mark.parametrize("suite", SUITES, ids=lambda s: s[0])
def test_each_suite_says_what_was_done_and_how_to_repeat_it(suite):
    text = section(suite[1])
    assert suite[2] in text
    assert cells(text), "no table"
    assert re.search(r"```sh\n(tests/crash/crash |make |HOCKET_\S+ |build-test/)", text), "no command that repeats it"


def test_the_headline_is_the_sum_of_all_tables():
    said = re.search(r"^\*\*([\d,]+) faults on purpose and ([\d,]+) simulated ones: (\d+) records lost, (\d+) there twice, (\d+) wrong\.\*\*", PAGE, re.M)
    assert said, "no headline"
    summary = cells(PAGE.split("\n## ", 1)[0])
    real, simulated, *rest = [int(n.replace(",", "")) for n in said.groups()]
    assert [real + simulated, *rest] == total(summary)
    for row in summary:
        title = re.match(r"\[(.*?)\]", row[0])[1]
        detail = [r for r in cells(section(title)) if len(r) in (5, 7)]
        assert total([row]) == total(detail), title


def test_it_says_when_and_on_what_but_not_where():
    assert re.search(r"Made by `make scorecard` in \d+ minutes, \d{4}-\d\d-\d\d.*at commit [0-9a-f]{7,}.*: \d+ cores, \d+ GiB, Linux \d+\.\d+, \w+", PAGE)
    assert not re.search(r"/(tmp|home|work|root|dev/shm)/", PAGE + PICTURE)


def test_the_picture_is_there_and_linked():
    assert "(img/scorecard.svg)" in PAGE
    assert PICTURE.startswith("<svg") and PICTURE.rstrip().endswith("</svg>")
    for suite in SUITES:
        assert suite[1] in PICTURE or not [r for r in cells(section(suite[1])) if len(r) in (5, 7)]


def test_it_is_linked_from_the_front():
    assert "docs/scorecard.md" in (ROOT / "README.md").read_text()
    assert "scorecard.md" in (ROOT / "docs/explanation/guarantees.md").read_text()
