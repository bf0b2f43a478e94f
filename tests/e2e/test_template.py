"""template: documents from records, judged by an HTML parser that is not ours; a changed template is a changed pipeline."""
import json
import xml.etree.ElementTree

import pytest

html5lib = pytest.importorskip("html5lib")

PIPE = """from: {jsonl: in.jsonl}
steps:
  - template: mail.html
    into: .html
to: {jsonl: out.jsonl}
"""
MAIL = """<!doctype html>
<title>\\(.who)</title>
<h1 title="\\(.who)" id='\\(.who)'>\\(.who)</h1>
<ul>
\\for .items[] as $item at $n
  <li class="n\\($n)"><a href="\\($item.url)">\\($item.text)</a></li>
\\end
</ul>
\\if .items | length > 1
<p style="width: \\(.items | length)px">many</p>
\\else
<p>few</p>
\\end
<script>var data = \\(.);</script>
"""
EVIL = ["</script><script>x</script>", "\"><img src=x onerror=x>", "' onclick='x", "</title><b>", "&lt;b&gt;", "<!--", "]]>", "\u2028", "a\u0000b",
        "\\(.who)", "\\for .items[] as $x"]


def tags(document):
    root = html5lib.parse(document, namespaceHTMLElements=False)
    return [(e.tag, sorted(e.attrib)) for e in root.iter() if isinstance(e.tag, str)], root


def run(hocket, records, text=PIPE, code=0):
    hocket.write_jsonl("in.jsonl", records)
    hocket.write("pipe.yaml", text)
    result = hocket("run", "pipe.yaml")
    assert result.code == code, result.err
    assert result.balances(), result.err
    return result


def test_data_stays_data_to_an_html_parser(hocket):
    hocket.write("mail.html", MAIL)
    plain = {"who": "x", "items": [{"url": "https://example.com/", "text": "y"}]}
    evil = [{"who": text, "items": [{"url": f"https://example.com/?q={text}", "text": text}]} for text in EVIL]
    run(hocket, [plain] + evil)
    out = [json.loads(line) for line in (hocket.folder / "out.jsonl").read_text().split("\n")[:-1]]
    assert len(out) == 1 + len(EVIL)
    wanted, root = tags(out[0]["html"])
    assert [e.text for e in root.iter("p")] == ["few"]
    for record, text in zip(out[1:], EVIL):
        got, root = tags(record["html"])
        assert got == wanted, text
        shown = text.replace("\0", "\ufffd")
        assert root.find(".//h1").text == shown and root.find(".//h1").get("title") == shown
        assert root.find(".//h1").get("id") == shown and root.find(".//title").text == shown
        assert root.find(".//a").text == shown
        script = root.find(".//script").text
        assert json.loads(script.removeprefix("var data =").strip().removesuffix(";"))["who"] == text


def test_a_link_to_a_script_is_a_dead_letter_that_names_the_line(hocket):
    hocket.write("mail.html", MAIL)
    links = ["javascript:alert(1)", " JavaScript:x", "data:text/html,x", "vbscript:x", "java\nscript:x", "/fine", "mailto:a@example.com", "?q=a:b"]
    result = run(hocket, [{"who": "x", "items": [{"url": url, "text": "t"}]} for url in links], code=3)
    assert result.account["dead"] == 5 and result.account["delivered"] == 3
    assert "mail.html:6: \\($item.url) is no URL to link to: its scheme 'javascript'" in result.err, result.err
    letters = hocket("dead", "show", "pipe.yaml")
    assert "bad_value" in letters.out + letters.err


def test_null_is_never_written_as_the_word(hocket):
    hocket.write("note.md", "# \\(.title)\nby \\(.author.name)\n")
    text = PIPE.replace("mail.html", "note.md").replace("into: .html", "into: .note")
    result = run(hocket, [{"title": "t", "author": None}, {"title": "t", "author": {"name": "n"}}], text, code=3)
    assert "note.md:2: \\(.author.name) is null" in result.err
    assert [r["note"] for r in hocket.read_jsonl("out.jsonl")] == ["# t\nby n\n"]
    hocket.write("blank.yaml", text.replace("into: .note", "into: .note\n    missing: empty").replace("out.jsonl", "blank.jsonl"))
    assert hocket("run", "blank.yaml").code == 0
    assert hocket.read_jsonl("blank.jsonl")[0]["note"] == "# t\nby \n"


def test_a_changed_template_is_a_changed_pipeline(hocket):
    hocket.write("mail.html", MAIL)
    records = [{"who": "x", "items": []}]
    run(hocket, records)
    again = hocket("run", "pipe.yaml")
    assert again.code == 0 and "nothing new" in again.err, again.err
    hocket.write("mail.html", MAIL.replace("few", "none"))
    changed = hocket("run", "pipe.yaml")
    assert changed.code == 0 and "was changed" in changed.err and "(step 'template'): starting over" in changed.err, changed.err
    assert "none" in hocket.read_jsonl("out.jsonl")[0]["html"]


def test_mistakes_have_a_place_in_the_template(hocket):
    hocket.write_jsonl("in.jsonl", [])
    hocket.write("sub/pipe.yaml", PIPE.replace("in.jsonl", "../in.jsonl"))
    hocket.write("sub/mail.html", "<p class=\\(.x)>\n\\for .a[] as $i\n\\($i.b |)\n\\end\n\\($j)\n\\end\n")
    result = hocket("check", "sub/pipe.yaml")
    assert result.code == 78, result.err
    for line in ["sub/mail.html:1:10: error: put the attribute's value in quotes", "sub/mail.html:3:9: error: expected a value, found ')'",
                 "sub/mail.html:5:3: error: unknown name $j", "sub/mail.html:6:1: error: \\end closes nothing"]:
        assert line in result.out + result.err, result.out + result.err
    hocket.write("none.yaml", PIPE.replace("mail.html", "none.html"))
    result = hocket("check", "none.yaml")
    assert "none.yaml:3:15: error: 'none.html' cannot be read" in result.out + result.err, result.err


def test_inline_text_and_blobs(hocket):
    text = """from: {jsonl: in.jsonl}
steps:
  - template:
      text: |
        <rss>
        \\for .items[] as $x
        <item>\\($x)</item>
        \\end
        </rss>
      escape: xml
    into: .feed.xml
    as: blob
to: {jsonl: out.jsonl}
"""
    run(hocket, [{"items": ["a<b", "c&d\u0001"]}], text)
    blob = hocket.read_jsonl("out.jsonl")[0]["feed"]["xml"]
    assert blob["$blob"] == "xml" and blob["type"] == "application/xml"
    size = len("<rss>\n<item>a&lt;b</item>\n<item>c&amp;d\ufffd</item>\n</rss>\n".encode())
    assert blob["bytes"] == size
    run(hocket, [{"items": ["a<b", "c&d\u0001"]}], text.replace("    as: blob\n", "").replace("out.jsonl", "text.jsonl"))
    root = xml.etree.ElementTree.fromstring(hocket.read_jsonl("text.jsonl")[0]["feed"]["xml"])
    assert [e.text for e in root] == ["a<b", "c&d\ufffd"]


def test_big_records_are_written_whole_and_off_the_loop(hocket):
    hocket.write("big.txt", "\\for .items[] as $x at $n\n\\($n) \\($x.t | ascii_upcase)\n\\end\n\\(.items | length)\n")
    items = [{"t": f"item {i}"} for i in range(40000)]
    text = PIPE.replace("mail.html", "big.txt").replace(".html", ".text")
    run(hocket, [{"items": items}] * 3, text)
    for record in hocket.read_jsonl("out.jsonl"):
        lines = record["text"].splitlines()
        assert lines[-1] == "40000" and lines[:-1] == [f"{i} ITEM {i}" for i in range(40000)]


def test_a_document_has_a_limit(hocket):
    hocket.write("endless.txt", "\\for range(1000000000) as $n\n0123456789012345678901234567890123456789\n\\end\n")
    result = run(hocket, [{"id": 1}], PIPE.replace("mail.html", "endless.txt"), code=3)
    assert "too_large" in result.err and "100 MB" in result.err, result.err
