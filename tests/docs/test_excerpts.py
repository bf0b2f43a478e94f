"""C on a page that begins with the path of a file stands in that file, word for word"""
import pathlib
import re

import page
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
FIRST_LINE = re.compile(r"/\* ((?:tests|examples|src|include)/[\w./-]+) \*/\n")
EXCERPTS = [(path, block, FIRST_LINE.match(block.text)) for path in sorted((ROOT / "docs").rglob("*.md"))
            for block in page.blocks(path) if block.language == "c" and FIRST_LINE.match(block.text)]


@pytest.mark.parametrize("path, block, named", EXCERPTS, ids=lambda v: getattr(v, "name", None))
def test_an_excerpt_is_the_files_own(path, block, named):
    text = block.text[named.end():]
    assert text in (ROOT / named[1]).read_text(), f"{path.name}, line {block.line}: not in {named[1]}"


def test_there_are_excerpts():
    assert EXCERPTS
