"""Parquet, written through DuckDB's library and judged by pyarrow, which shares nothing with it."""
import json
import os
import pathlib
import signal
import subprocess
import time

import pytest

TOOL = pathlib.Path(__file__).resolve().parent.parent.parent / "tools/duckdb-library"
READ = """
import json, sys, pyarrow.parquet as p
f = p.ParquetFile(sys.argv[1])
t = f.read()
print(json.dumps({"types": {c.name: str(c.type) for c in t.schema}, "rows": t.to_pylist(), "groups": f.metadata.num_row_groups,
                  "codec": f.metadata.row_group(0).column(0).compression if f.metadata.num_row_groups else None}, default=str))
"""


@pytest.fixture(scope="module")
def peers():
    """(library, python with pyarrow); skipped, aloud, where they cannot be had."""
    got = [subprocess.run([TOOL, *words], capture_output=True, text=True) for words in ([], ["--reader"])]
    for one in got:
        if one.returncode:
            pytest.skip(f"no Parquet here: {one.stderr.strip()}")
    return got[0].stdout.strip(), got[1].stdout.strip()


@pytest.fixture
def parquet(hocket, peers):
    hocket.env["HOCKET_DUCKDB"] = peers[0]

    def read(name):
        said = subprocess.run([peers[1], "-c", READ, str(hocket.folder / name)], capture_output=True, text=True)
        assert said.returncode == 0, said.stderr
        return json.loads(said.stdout)
    hocket.read = read
    return hocket


def outputs(hocket, folder="."):
    return sorted(p.name for p in (hocket.folder / folder).iterdir() if p.is_file() and not p.name.startswith(".hocket") and "out" in p.name)


def test_types_and_values_are_what_they_were(parquet):
    rows = [
        {"id": 1, "big": 9007199254740993, "low": -9223372036854775808, "u": 18446744073709551615, "f": 0.1, "s": "näme ☃ 'x' \"y\"\n",
         "ok": True, "tags": ["a", None, "é"], "o": {"x": 1, "y": {"z": [1.5]}}, "day": "2024-05-01"},
        {"id": 2, "big": -1, "low": 0, "u": 0, "f": 3, "s": "", "ok": None, "tags": [], "o": {"y": {"z": []}, "x": None}, "day": None},
        {"id": 3, "extra": "later"},
    ]
    parquet.write_jsonl("in.jsonl", rows)
    assert parquet.run("from: {jsonl: in.jsonl}\nto: {parquet: out.parquet}\n").code == 0
    got = parquet.read("out.parquet")
    assert got["types"] == {
        "id": "int64", "big": "int64", "low": "int64", "u": "uint64", "f": "double", "s": "string", "ok": "bool",
        "tags": "list<element: string>", "o": "struct<x: int64, y: struct<z: list<element: double>>>", "day": "string", "extra": "string"}
    keys = got["types"]
    want = [{k: r.get(k) for k in keys} for r in rows]
    want[1]["o"] = {"x": None, "y": {"z": []}}
    assert got["rows"] == want
    assert got["codec"] == "ZSTD" and outputs(parquet) == ["out.parquet"]


def test_what_no_type_holds_is_text_as_written(parquet):
    parquet.write("in.jsonl", '{"huge":123456789012345678901234567890,"mix":1,"wide":9007199254740993,"deep":[123456789012345678901234567890],"a":1,"A":2}\n'
                              '{"huge":1,"mix":"x","wide":0.5,"deep":[1.10],"a":1,"A":2}\n')
    assert parquet.run("from: {jsonl: in.jsonl}\nto: {parquet: out.parquet}\n").code == 0
    got = parquet.read("out.parquet")
    assert got["rows"] == [
        {"huge": "123456789012345678901234567890", "mix": "1", "wide": "9007199254740993", "deep": "[123456789012345678901234567890]", "a": 1, "A_1": 2},
        {"huge": "1", "mix": '"x"', "wide": "0.5", "deep": "[1.10]", "a": 1, "A_1": 2}]


def test_types_are_kept_and_bad_values_are_dead(parquet):
    parquet.write_jsonl("in.jsonl", [{"id": i, "price": "12345678901234567.89" if i == 7 else i, "at": "2024-05-01T10:00:00", "n": i} for i in range(200)]
                        + [{"id": 200, "price": "much"}, {"id": 201, "n": 3000000000}, {"id": 202, "n": None}])
    r = parquet.run("from: {jsonl: in.jsonl}\nto: {parquet: out.parquet, types: {price: 'DECIMAL(20,2)', at: TIMESTAMP, n: INTEGER, never: DATE}}\n"
                    "dead: dead.jsonl\n")
    assert r.code == 3 and r.balances() and r.account["dead"] == 2
    got = parquet.read("out.parquet")
    assert got["types"] == {"id": "int64", "price": "decimal128(20, 2)", "at": "timestamp[us]", "n": "int32", "never": "date32[day]"}
    assert len(got["rows"]) == 201 and got["rows"][7]["price"] == "12345678901234567.89" and got["rows"][8]["price"] == "8.00"
    letters = parquet.read_jsonl("dead.jsonl")
    assert [(d["record"]["id"], d["class"]) for d in letters] == [(200, "bad_value"), (201, "bad_value")]
    assert "'much' is no DECIMAL(20,2)" in letters[0]["message"]


def test_partitions_and_rotation_have_one_schema(parquet):
    rows = [{"id": i, "k": "ab"[i % 2], "v": 1 if i < 50 else 1.5} for i in range(100)]
    parquet.write_jsonl("in.jsonl", rows)
    assert parquet.run("from: {jsonl: in.jsonl}\nto: {parquet: 'o/k=\\(.k)/out.parquet', rotate: {rows: 20}}\n").code == 0
    for k in "ab":
        wanted = [r for r in rows if r["k"] == k]
        assert outputs(parquet, f"o/k={k}") == ["out-00001.parquet", "out-00002.parquet", "out-00003.parquet"]
        parts = [parquet.read(f"o/k={k}/out-0000{n}.parquet") for n in (1, 2, 3)]
        assert [r for part in parts for r in part["rows"]] == wanted
        assert {part["types"]["v"] for part in parts} == {"double"}


@pytest.mark.parametrize("mode", ["replace", "append", "new"])
def test_more_is_added_to_what_is_there(parquet, mode):
    text = "from: {jsonl: in.jsonl}\nto: {parquet: out.parquet, mode: %s}\n" % mode
    parquet.write_jsonl("in.jsonl", [{"id": i} for i in range(10)])
    assert parquet.run(text).code == 0
    assert "nothing new" in parquet("run", "pipe.yaml").err
    with open(parquet.folder / "in.jsonl", "a") as f:
        f.write('{"id":10,"new":"column"}\n')
    r = parquet("run", "pipe.yaml")
    assert r.code == 0 and r.account["in"] == 1
    assert [r["id"] for r in parquet.read("out.parquet")["rows"]] == list(range(11))
    assert parquet.read("out.parquet")["rows"][10] == {"id": 10, "new": "column"}
    r = parquet("run", "pipe.yaml", "--fresh")
    if mode == "new":
        assert r.code != 0 and "exists already" in r.err
    else:
        assert len(parquet.read("out.parquet")["rows"]) == (22 if mode == "append" else 11)
        assert outputs(parquet) == ["out.parquet"]


def test_fields_and_no_rows(parquet):
    parquet.write("in.jsonl", "")
    assert parquet.run("from: {jsonl: in.jsonl}\nto: {parquet: out.parquet, fields: [b, a], types: {a: BIGINT}}\n").code == 0
    assert parquet.read("out.parquet") == {"types": {"b": "string", "a": "int64"}, "rows": [], "groups": 0, "codec": None}


def test_row_groups_and_codec(parquet):
    parquet.write_jsonl("in.jsonl", [{"id": i} for i in range(10000)])
    assert parquet.run("from: {jsonl: in.jsonl}\nto: {parquet: out.parquet, row_group: 2048, compress: snappy}\n").code == 0
    got = parquet.read("out.parquet")
    assert got["groups"] >= 4 and got["codec"] == "SNAPPY" and len(got["rows"]) == 10000


def test_killed_again_and_again_and_exact(parquet):
    rows = [{"id": i, "k": i % 3, "t": "x" * 50} for i in range(150000)]
    parquet.write_jsonl("in.jsonl", rows)
    parquet.write("pipe.yaml", "from: {jsonl: in.jsonl}\nto: {parquet: 'o/out-\\(.k).parquet', commit: {rows: 5000}}\n")
    kills = 0
    for i in range(10):
        process = parquet.start("run", "pipe.yaml", "-q")
        time.sleep(0.03 + 0.03 * i)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.communicate()
    r = parquet("run", "pipe.yaml")
    assert r.code == 0 and kills >= 2
    assert outputs(parquet, "o") == ["out-0.parquet", "out-1.parquet", "out-2.parquet"]
    for k in range(3):
        assert parquet.read(f"o/out-{k}.parquet")["rows"] == [r for r in rows if r["k"] == k]


def test_killed_between_what_finish_does(parquet):
    """The file is made and renamed, and what was staged is still there; or the other way about."""
    text = "from: {jsonl: in.jsonl}\nto: {parquet: 'o/out-\\(.k).parquet'}\n"
    parquet.write_jsonl("in.jsonl", [{"id": i, "k": i % 8} for i in range(4000)])
    parquet.write("pipe.yaml", text)
    (parquet.folder / "o").mkdir()
    met = 0
    for i in range(6):
        process = parquet.start("run", "pipe.yaml", "-q")
        until = time.monotonic() + 20
        while process.poll() is None and time.monotonic() < until:
            if len([p for p in (parquet.folder / "o").iterdir() if p.suffix == ".parquet"]) > i:
                process.send_signal(signal.SIGKILL)
                met += 1
                break
        process.communicate()
    assert parquet("run", "pipe.yaml").code == 0 and met >= 1
    assert sorted(r["id"] for k in range(8) for r in parquet.read(f"o/out-{k}.parquet")["rows"]) == list(range(4000))
    assert len(outputs(parquet, "o")) == 8


def test_a_missing_library_is_told_before_anything_runs(hocket):
    hocket.env["HOCKET_DUCKDB"] = str(hocket.folder / "none.so")
    hocket.write_jsonl("in.jsonl", [{"id": 1}])
    hocket.write("pipe.yaml", "from: {jsonl: in.jsonl}\nto: {parquet: out.parquet}\n")
    for verb in ("check", "run"):
        r = hocket(verb, "pipe.yaml")
        assert r.code == 78 and "libduckdb-linux-amd64.zip" in r.err and "HOCKET_DUCKDB=" in r.err and "none.so" in r.err
    assert os.listdir(hocket.folder / ".hocket") == [] if (hocket.folder / ".hocket").exists() else True


def test_a_type_that_is_none_is_told(parquet):
    parquet.write_jsonl("in.jsonl", [{"id": 1}])
    r = parquet.run("from: {jsonl: in.jsonl}\nto: {parquet: out.parquet, types: {id: 'BIGINT; DROP'}}\n")
    assert r.code == 78 and "is not a type of SQL" in r.err
    r = parquet.run("from: {jsonl: in.jsonl}\nto: {parquet: out.parquet, types: {id: BIGNIT}}\n")
    assert r.code != 0 and "BIGNIT" in r.err
