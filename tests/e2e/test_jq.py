"""hocket jq: expressions and templates on files. The oracle is jq itself."""
import gzip
import json
import shutil
import subprocess

import pytest

RECORDS = [{"id": n, "name": f"user \u00e9 {n}", "price": n * 1.25, "tags": ["a", "b"][: n % 3], "deep": {"ok": n % 2 == 0, "x": None}}
           for n in range(1, 200)]
PROGRAMS = [
    ".", ".id", ".name", ".tags[]", ".deep.ok", "{id, t: .tags}", "select(.deep.ok) | .id", ".price * 2 + 1", '"\\(.id)-\\(.name)"',
    ".tags | length", ".deep.x // \"none\"", "[.tags[] | ascii_upcase]", "if .id > 100 then .id else empty end", "to_entries | map(.key)",
    ".name | test(\"9$\")", "[limit(2; .tags[])]", "keys", ".name | split(\" \")", "reduce .tags[] as $t (\"\"; . + $t)", "@base64 \"\\(.name)\"",
    ".price | floor", "path(..)", "[paths]", ".id as $i | range($i % 3)",
]
needs_jq = pytest.mark.skipif(not shutil.which("jq"), reason="jq is not installed")


def oracle(folder, *arguments):
    return subprocess.run(["jq", *arguments], cwd=folder, capture_output=True, text=True, check=True).stdout


@needs_jq
@pytest.mark.parametrize("program", PROGRAMS)
def test_gives_what_jq_gives(hocket, program):
    hocket.write_jsonl("in.jsonl", RECORDS)
    r = hocket("jq", program, "in.jsonl")
    assert r.code == 0, r.err
    ours, theirs = r.out.splitlines(), oracle(hocket.folder, "-c", program, "in.jsonl").splitlines()
    assert [json.loads(x) for x in ours] == [json.loads(x) for x in theirs]


@needs_jq
@pytest.mark.parametrize("text", ['1 2 3\n', '[1,\n2]\n{"a":\n"}{"}\n"x"\n', '{"a":1}{"a":2}\n', ' \n\n{"a":1}\n\n\n{"a":2}', '"a\\"b" null\ntrue', '{"a":1}\n{"a":2}\n'])
def test_any_sequence_of_values_is_read(hocket, text):
    hocket.write("in.json", text)
    assert hocket("jq", ".", "in.json").out == oracle(hocket.folder, "-c", ".", "in.json")
    assert hocket("jq", ".", stdin=text).out == oracle(hocket.folder, "-c", ".", "in.json")


@needs_jq
def test_raw_output(hocket):
    hocket.write_jsonl("in.jsonl", RECORDS)
    ours = hocket("jq", "-r", ".name, .tags", "in.jsonl").out.replace('", "', '","')  # a value that is passed on stands as it was written
    assert ours == oracle(hocket.folder, "-r", "-c", ".name, .tags", "in.jsonl")


@needs_jq
def test_values_larger_than_the_window(hocket):
    big = [{"id": n, "text": "x\\\"" * 200_000} for n in range(4)]
    hocket.write("in.jsonl", "".join(json.dumps(r) + "\n" for r in big))
    hocket.write("in.json", json.dumps(big, indent=1))
    assert hocket("jq", ".text | length", "in.jsonl").out == oracle(hocket.folder, ".text | length", "in.jsonl")
    assert hocket("jq", ".[].text | length", "in.json").out == oracle(hocket.folder, ".[].text | length", "in.json")


def test_numbers_keep_their_digits(hocket):
    assert hocket("jq", ".a", stdin='{"a":12345678901234567890}\n{"a":1.10}\n').out == "12345678901234567890\n1.10\n"


def test_csv_is_what_the_source_gives(hocket):
    text = 'id,name,note\n1,"Ana ""A"", x",\n2,Bo,"two\nlines"\n'
    hocket.write("in.csv", text)
    (hocket.folder / "zipped.csv.gz").write_bytes(gzip.compress(text.encode()))
    theirs = hocket.run("from: {csv: in.csv}\nto: stdout\n").out
    assert hocket("jq", ".", "in.csv").out == theirs
    assert hocket("jq", ".", "zipped.csv.gz").out == theirs
    assert hocket("jq", ".", "--from", "csv", stdin=text).out == theirs


def test_lines_are_what_the_source_gives(hocket):
    hocket.write("in.txt", "a\n\nb \"q\"\r\nlast")
    assert hocket("jq", ".", "in.txt").out == hocket.run("from: {lines: in.txt}\nto: stdout\n").out


def test_meta_is_what_a_run_gives(hocket):
    hocket.write_jsonl("in.jsonl", RECORDS[:3])
    program = "{id: $meta.id, source: $meta.source, position: $meta.position, attempt: $meta.attempt}"
    assert hocket("jq", program, "in.jsonl").out == hocket.run(f"from: {{jsonl: in.jsonl}}\nsteps: [{{map: '{program}'}}]\nto: stdout\n").out


def test_a_failing_record_is_named_and_the_others_go_on(hocket):
    hocket.write("in.jsonl", '{"a":1}\n{"a":"x"}\n{"a":\n{"a":4}\n')
    r = hocket("jq", ".a, .a + 1", "in.jsonl")
    assert r.out == "1\n2\n4\n5\n" and r.code == 3  # of the one that failed nothing is left
    assert "in.jsonl:2: " in r.err and "cannot be added" in r.err and "in.jsonl:3: not JSON" in r.err


def test_many_failures_are_counted(hocket):
    hocket.write_jsonl("in.jsonl", RECORDS)
    r = hocket("jq", ".name + 1", "in.jsonl")
    assert r.code == 3 and len(r.err.splitlines()) < 30 and "199 records failed" in r.err


def test_ragged_rows_are_named(hocket):
    hocket.write("in.csv", "a,b\n1,2\n3\n5,6\n")
    r = hocket("jq", ".b", "in.csv")
    assert r.out == '"2"\n"6"\n' and r.code == 3 and "in.csv:3: 1 fields, but the header has 2" in r.err


def test_what_a_pipeline_refuses_is_refused_with_its_words(hocket):
    for program in ("env", "$ENV.HOME", "input", "debug", '.a | foo', "$secret.KEY", "$res.status", ".a |", "halt"):
        r = hocket("jq", program, stdin="{}")
        hocket.write("pipe.yaml", f"from: stdin\nsteps: [{{where: '{program}'}}]\nto: stdout\n")
        theirs = hocket("check", "pipe.yaml").err.splitlines()[0].split("error: ")[1]
        assert r.code == 78 and r.err.splitlines()[0].split("error: ")[1] == theirs and "^" in r.err, program


def test_names_that_a_pipeline_has(hocket):
    hocket.write("res.json", '{"status": 404, "headers": {"etag": "x"}, "body": {"items": [1, 2]}}')
    hocket.write("rows.json", '[{"id": 7}]')
    r = hocket("jq", "-n", "$vars.n + 1, $vars.t, $res.status, $res.headers.etag, $res.body.items[1], $rows[0].id",
               "--set", "n=41", "--set", "t=text", "--res", "res.json", "--rows", "rows.json")
    assert r.code == 0 and r.out == '42\n"text"\n404\n"x"\n2\n7\n', r.err


def test_a_bad_res_is_named(hocket):
    hocket.write("res.json", "{bad")
    r = hocket("jq", "-n", "$res", "--res", "res.json")
    assert r.code == 78 and "res.json" in r.err and "not JSON" in r.err


def test_templates(hocket):
    text = '{"id":7,"name":"a/b \u00e9"}\n'
    assert hocket("jq", "-t", "user-\\(.id): \\(.name)", stdin=text).out == "user-7: a/b \u00e9\n"
    assert hocket("jq", "-u", "https://x.org/u/\\(.name)?q=\\(.id)", stdin=text).out == "https://x.org/u/a%2Fb%20%C3%A9?q=7\n"
    assert hocket("jq", "-u", "POST \\(.name)/x", stdin='{"name":"https://y.org/a"}').out == "POST https://y.org/a/x\n"
    r = hocket("jq", "-t", "user-\\(.id", stdin=text)
    assert r.code == 78 and "^" in r.err


def test_v_says_what_evaluates_it(hocket):
    assert "hocket itself" in hocket("jq", "-v", ".a", stdin="{}").err
    assert "libjq" in hocket("jq", "-v", "strptime(\"%Y\")", stdin="").err


def test_limit_and_a_closed_pipe(hocket):
    hocket.write_jsonl("in.jsonl", RECORDS * 500)
    assert len(hocket("jq", ".", "in.jsonl", "--limit", 5).out.splitlines()) == 5
    process = hocket.start("jq", ".", "in.jsonl")
    process.stdout.readline()
    process.stdout.close()
    process.stdout = None
    assert hocket.finish(process).code == 1


def test_a_missing_file_and_a_folder(hocket):
    r = hocket("jq", ".", "nothing.jsonl")
    assert r.code == 1 and "nothing.jsonl" in r.err
    (hocket.folder / "d").mkdir()
    assert "folder" in hocket("jq", ".", "d").err


def test_a_truncated_gzip_is_told(hocket):
    (hocket.folder / "in.jsonl.gz").write_bytes(gzip.compress(b'{"a":1}\n' * 100_000)[:-50])
    r = hocket("jq", ".a", "in.jsonl.gz")
    assert r.code == 1 and "in.jsonl.gz" in r.err
