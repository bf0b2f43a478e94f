"""CSV in the dialects that people have, against Python's csv module: generated rows, written by it, come out as they went in."""
import csv
import io
import json
import random

import pytest

LETTERS = "ab1 ,;|\t'\"\\\n#é€ß"


def dialect(rng):
    """Options of ours, and those of csv.writer for the same."""
    delimiter, quote = rng.choice(",;|\t"), rng.choice("\"'")
    line_end = rng.choice(["\n", "\r\n", "\r"])
    escaped = rng.random() < 0.4
    ours = {"delimiter": "tab" if delimiter == "\t" else delimiter, "quote": quote}
    theirs = {"delimiter": delimiter, "quotechar": quote, "lineterminator": line_end}
    if escaped:
        ours["escape"] = "\\"
        theirs |= {"escapechar": "\\", "doublequote": rng.random() < 0.5}
    theirs["quoting"] = rng.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])
    if line_end == "\r":
        ours["line_end"] = "cr"
    ours["encoding"] = rng.choice(["utf-8", "windows-1252", "iso-8859-15"])
    return ours, theirs


def rows_of(rng, n):
    names = ["id", "größe"] + [f"x {i}" for i in range(rng.randrange(4))]
    cells = [["".join(rng.choice(LETTERS) for _ in range(rng.choice([0, 1, 3, 8, 40]))) for _ in names] for _ in range(n)]
    return names, cells


@pytest.mark.parametrize("seed", range(40))
def test_generated_dialects_come_out_as_they_went_in(hocket, seed):
    rng = random.Random(seed)
    ours, theirs = dialect(rng)
    names, cells = rows_of(rng, 200)
    text = io.StringIO(newline="")
    writer = csv.writer(text, **theirs)
    writer.writerow(names)
    writer.writerows(cells)
    (hocket.folder / "in.csv").write_bytes(text.getvalue().encode(ours["encoding"]))
    hocket.write("pipe.yaml", json.dumps({"from": {"csv": "in.csv", **ours}, "to": {"jsonl": "out.jsonl"}}))
    r = hocket("run", "pipe.yaml")
    assert r.code == 0, (ours, theirs, r.err)
    assert [list(row.values()) for row in hocket.read_jsonl("out.jsonl")] == cells, (ours, theirs)
    assert list(hocket.read_jsonl("out.jsonl")[0]) == names
    piped = json.dumps({"from": {"stdin": "csv", **ours}, "to": {"jsonl": "piped.jsonl"}})
    hocket.write("piped.yaml", piped)
    with open(hocket.folder / "in.csv") as stdin:
        assert hocket.finish(hocket.start("run", "piped.yaml", stdin=stdin)).code == 0
    assert (hocket.folder / "piped.jsonl").read_text() == (hocket.folder / "out.jsonl").read_text()


def csv_of(hocket, text, options, code=0):
    (hocket.folder / "in.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    r = hocket.run(f"from: {{csv: in.csv{options}}}\nto: {{jsonl: out.jsonl}}\n", "--fresh")
    assert r.code == code, r.err
    return r


def read(hocket, text, options="", code=0):
    csv_of(hocket, text, options, code)
    return hocket.read_jsonl("out.jsonl")


def test_options_as_they_are_written(hocket):
    assert read(hocket, "a,b\n,NA\n", ", null: ['', NA]") == [{"a": None, "b": None}]
    assert read(hocket, "x\na;b\n1,5;2\n", r", skip: 1, delimiter: ';', decimal: ',', types: {a: float}") == [{"a": 1.5, "b": "2"}]
    assert read(hocket, "1,2\n", ", header: false, infer: true") == [{"c1": 1, "c2": 2}]
    assert read(hocket, "1,2\n", ", header: [a, b]") == [{"a": "1", "b": "2"}]
    assert read(hocket, "a\t b\n\\N\t\\\\\n", r", delimiter: tab, trim: true, escape: '\', null: '\N'") == [{"a": None, "b": "\\"}]
    assert read(hocket, "a,b\n1\n1,2,3\n", ", ragged: rest") == [{"a": "1", "b": None}, {"a": "1", "b": "2", "_rest": ["3"]}]
    assert read(hocket, "a\n# no\n1\n", ", comment: '#'") == [{"a": "1"}]


def test_a_guess_damages_nothing(hocket):
    text = "zip,phone,id,big,x,y,b,e,date,blank\n007,+4930,12,12345678901234567890123,1.50,1.,true,,2026-01-31, 5\n"
    csv_of(hocket, text, ", infer: true")
    assert (hocket.folder / "out.jsonl").read_text() == (
        '{"zip":"007","phone":"+4930","id":12,"big":12345678901234567890123,"x":1.50,"y":"1.","b":true,"e":null,'
        '"date":"2026-01-31","blank":" 5"}\n')


def test_a_ragged_line_names_file_line_and_what_was_expected(hocket):
    text = "a,b,c\n" + "1,2,3\n" * 15 + "1,2\n" + "1,2,3\n"
    csv_of(hocket, text, "", 3)
    said = hocket("dead", "show", "pipe.yaml").out
    assert "in.csv:17: 2 fields, but the header has 3" in said and '"1,2"' in said.replace("\\", "")
    assert len(hocket.read_jsonl("out.jsonl")) == 16


@pytest.mark.parametrize("text, options, said", [
    ("a,a\n1,2\n", "", "columns 1 and 2 of 'in.csv' are both called 'a'"),
    ("a,,c\n1,2,3\n", "", "column 2 of 'in.csv' has no name in the header"),
    ("a,b\n1,2\n", ", types: {c: int}", "`types` names the column 'c', which 'in.csv' does not have"),
    (b"a,b\r1,2\r", "", "end with CR alone; say so: `line_end: cr`"),
    ("a,b\n".encode("utf-16"), "", "'in.csv' is UTF-16"),
    (b"\xe9,b\n1,2\n", "", "say which `encoding` it has"),
])
def test_a_header_of_which_no_record_can_be_made(hocket, text, options, said):
    r = csv_of(hocket, text, options, 1)
    assert said in r.err and not (hocket.folder / "out.jsonl").exists()


@pytest.mark.parametrize("options, said", [
    ("delimiter: ;;", "one plain character"), ("quote: ab", "nor `none`"), ("escape: ab", "nor `doubled`"),
    ("delimiter: '#', comment: '#'", "'#' is the delimiter already"), ("encoding: klingon", "`iconv -l` lists what is"),
    ("encoding: utf-16", "convert the file first"), ("decimal: x", "neither '.' nor ','"), ("ragged: maybe", "dead, fill, rest"),
    ("header: [a, a]", "named twice"), ("types: {a: number}", "string, int, float"),
])
def test_options_that_make_no_sense_are_told_at_their_place(hocket, options, said):
    hocket.write("in.csv", "a,b\n1,2\n")
    r = hocket.run(f"from:\n  csv: in.csv\n  {options.replace(', comment', chr(10) + '  comment')}\nto: {{jsonl: out.jsonl}}\n")
    assert r.code == 78 and said in r.err and "pipe.yaml:" in r.err, r.err


def test_lines_of_another_encoding(hocket):
    (hocket.folder / "in.txt").write_bytes("Grüße\nok\n".encode("latin1"))
    assert hocket.run("from: {lines: in.txt, encoding: latin1}\nto: {jsonl: out.jsonl}\n").code == 0
    assert [r["line"] for r in hocket.read_jsonl("out.jsonl")] == ["Grüße", "ok"]
    assert hocket.run("from: {lines: in.txt}\nto: {jsonl: out.jsonl}\n").code == 3
    assert "encoding" in hocket("dead", "show", "pipe.yaml").out
