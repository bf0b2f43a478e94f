"""A finished pipeline is run again: nothing, the new part, or everything, and always said which. Judged by what the outputs hold."""
import gzip
import json
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import threading

import far
import pytest

COPY = "from: {jsonl: in.jsonl}\nto: {jsonl: out.jsonl%s}\n"


def numbers(hocket, name="out.jsonl"):
    return [r["n"] for r in hocket.read_jsonl(name)]


def put(hocket, *range_, name="in.jsonl", mode="w"):
    with open(hocket.folder / name, mode) as f:
        f.writelines(f'{{"n":{n}}}\n' for n in range(*range_))


def rows(hocket, sql="SELECT n FROM t ORDER BY n"):
    with sqlite3.connect(hocket.folder / "t.db") as db:
        return [row[0] for row in db.execute(sql)]


def runs(hocket, name="pipe"):
    """(kind, status, continues) of each run in the state, the first one first."""
    with sqlite3.connect(hocket.folder / f".hocket/{name}.db") as db:
        return db.execute("SELECT id, status, continues FROM run ORDER BY rowid").fetchall()


def test_unchanged_is_nothing_new(hocket):
    put(hocket, 3)
    assert hocket.run(COPY % "").code == 0
    again = hocket("run", "pipe.yaml")
    assert again.code == 0
    assert again.err.startswith("nothing new since 20") and "--fresh runs it again" in again.err
    assert len(runs(hocket)) == 1


@pytest.mark.parametrize("mode", ["", ", mode: replace", ", mode: new", ", mode: append"])
def test_grown_gives_the_new_part_only(hocket, mode):
    for day in range(4):
        put(hocket, day * 3, day * 3 + 3, mode="a")
        r = hocket.run(COPY % mode)
        assert r.code == 0 and r.account["in"] == 3
        assert numbers(hocket) == list(range(day * 3 + 3)), "the output is that of the whole input"
        if day:
            assert "going on behind the run of 20" in r.err
    ids = [id for id, _, _ in runs(hocket)]
    assert [continues for _, _, continues in runs(hocket)] == ["", *ids[:-1]]
    assert not (hocket.folder / "out.jsonl.part").exists()


def test_sqlite_gets_the_new_rows_only(hocket):
    text = "from: {jsonl: in.jsonl}\nto: {sqlite: t.db, table: t}\n"
    for day in range(3):
        put(hocket, day * 3, day * 3 + 3, mode="a")
        assert hocket.run(text).code == 0
        assert rows(hocket) == list(range(day * 3 + 3))
    assert "nothing new" in hocket("run", "pipe.yaml").err


def test_two_sinks_go_on_together(hocket):
    text = "from: {jsonl: in.jsonl}\nto: [{sqlite: t.db, table: t}, {jsonl: out.jsonl}, {csv: out.csv}]\n"
    for day in range(3):
        put(hocket, day * 3, day * 3 + 3, mode="a")
        assert hocket.run(text).code == 0
    assert rows(hocket) == numbers(hocket) == list(range(9))
    assert (hocket.folder / "out.csv").read_text() == "n\n" + "".join(f"{n}\n" for n in range(9))


def test_several_sources_each_go_on_by_themselves(hocket):
    text = "from: [{jsonl: a.jsonl}, {jsonl: b.jsonl}]\nto: {jsonl: out.jsonl}\n"
    put(hocket, 3, name="a.jsonl")
    put(hocket, 0, name="b.jsonl")
    assert hocket.run(text).code == 0
    put(hocket, 10, 12, name="b.jsonl", mode="a")
    assert hocket.run(text).account["in"] == 2
    put(hocket, 3, 4, name="a.jsonl", mode="a")
    put(hocket, 12, 13, name="b.jsonl", mode="a")
    assert hocket.run(text).account["in"] == 2
    assert numbers(hocket) == [0, 1, 2, 10, 11, 3, 12]
    assert "nothing new" in hocket.run(text).err
    put(hocket, 7, name="b.jsonl")
    r = hocket.run(text)
    assert "'b.jsonl' has other content than for the run of 20" in r.err and "starting over" in r.err
    assert r.account["in"] == 11


def test_grown_by_half_a_line(hocket):
    """What stood without an end was taken as it was; when it gets more text, it was something else."""
    put(hocket, 2)
    with open(hocket.folder / "in.jsonl", "a") as f:
        f.write('{"n":2}')
    assert hocket.run(COPY % "").code == 0
    with open(hocket.folder / "in.jsonl", "a") as f:
        f.write('\n{"n":3}')
    assert hocket.run(COPY % "").account["in"] == 1
    assert numbers(hocket) == [0, 1, 2, 3]
    with open(hocket.folder / "in.jsonl", "a") as f:
        f.write('4}\n')
    r = hocket.run(COPY % "")
    assert r.code == 3 and "other content" in r.err
    assert numbers(hocket) == [0, 1, 2]


@pytest.mark.parametrize("change", ["head", "tail", "middle", "shorter", "rotated"])
def test_other_content_starts_over(hocket, change):
    put(hocket, 1000, 1400)
    assert hocket.run(COPY % "").code == 0
    want = list(range(1000, 1400))
    if change == "head":
        want[0] = 9999
    elif change == "tail":
        want[-2] = 9999
    elif change == "middle":
        want[300:] = range(5000, 5200)
    elif change == "shorter":
        want = want[:100]
    elif change == "rotated":  # begins alike for more than 4 KiB, goes on otherwise
        want = want[:390] + list(range(7000, 7300))
    (hocket.folder / "in.jsonl").write_text("".join(f'{{"n":{n}}}\n' for n in want))
    r = hocket("run", "pipe.yaml")
    assert r.code == 0 and "'in.jsonl' has other content" in r.err
    assert numbers(hocket) == want


@pytest.mark.parametrize("what", ["gone", "longer", "edited"])
def test_an_output_that_does_not_stand_is_made_anew(hocket, what):
    put(hocket, 3)
    assert hocket.run(COPY % "").code == 0
    out = hocket.folder / "out.jsonl"
    if what == "gone":
        out.unlink()
    elif what == "longer":
        out.write_text(out.read_text() + "mine\n")
    else:
        out.write_text(out.read_text().replace("1", "7"))
    r = hocket("run", "pipe.yaml")
    assert r.code == 0 and "starting over" in r.err
    assert ("'out.jsonl' is gone" if what == "gone" else "'out.jsonl' is not as the last run left it") in r.err
    assert numbers(hocket) == [0, 1, 2]


POST = "  - http: POST {base}/\\(.n)\n    into: .got\n"


@pytest.mark.parametrize("what", ["gone", "longer", "edited"])
@pytest.mark.parametrize("every, step, harm", [
    ("", POST, True),
    ("", POST + "    idempotency_key: auto\n", False),
    ("", POST + "    remember: 1h\n", False),
    ("", POST.replace("POST", "GET"), False),
    (", every: 1h", POST, True),
    (", every: 1h", POST.replace("POST", "GET"), True),
])
def test_an_output_that_does_not_stand_is_not_paid_for_again_unasked(hocket, every, step, harm, what):
    """Nor is that of a source without end made anew from what it still has. Put back, it is gone on with."""
    once = ["--once"] if every else []
    out = hocket.folder / "out.jsonl"
    with far.far(lambda path, attempt: {}) as server:
        put(hocket, 3)
        hocket.write("pipe.yaml", f"from: {{jsonl: in.jsonl{every}}}\nsteps:\n{step.format(base=server.base)}to: {{jsonl: out.jsonl}}\n")
        assert hocket("run", "pipe.yaml", *once).code == 0
        as_left, asked = out.read_text(), sum(server.asked.values())
        put(hocket, 3, 5, mode="a")
        told = "'out.jsonl' is not as the last run left it (as long as it was, with another end)"
        if what == "gone":
            out.unlink()
            told = "'out.jsonl' is gone"
        elif what == "longer":
            out.write_text(as_left + "mine\n")
            told = f"'out.jsonl' is not as the last run left it ({len(as_left) + 5} bytes, and it had {len(as_left)})"
        else:
            out.write_text(as_left.replace("1", "7"))
        damaged = out.read_text() if out.exists() else None
        r = hocket("run", "pipe.yaml", *once)
        assert told in r.err
        if not harm:
            assert r.code == 0 and "starting over" in r.err and numbers(hocket) == [0, 1, 2, 3, 4]
            return
        assert r.code == 1 and "put it back as it was, or start over with --fresh" in r.err
        assert ("'http' is paid for again" in r.err) == ("POST" in step)
        assert sum(server.asked.values()) == asked and (out.read_text() if out.exists() else None) == damaged
        if what == "edited":
            assert hocket("run", "pipe.yaml", "--fresh", *once).code == 0
            assert sum(server.asked.values()) == asked + 5
        else:
            out.write_text(as_left)
            assert hocket("run", "pipe.yaml", *once).code == 0
            assert sum(server.asked.values()) == asked + 2
        assert numbers(hocket) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("what", ["file", "table", "mark"])
def test_a_database_that_does_not_stand_is_filled_anew(hocket, what):
    put(hocket, 3)
    hocket.run("from: {jsonl: in.jsonl}\nto: {sqlite: t.db, table: t, key: n}\n")
    if what == "file":
        (hocket.folder / "t.db").unlink()
    else:
        with sqlite3.connect(hocket.folder / "t.db") as db:
            db.execute("DROP TABLE t" if what == "table" else "DELETE FROM hocket_mark")
    r = hocket("run", "pipe.yaml")
    assert r.code == 0 and "starting over" in r.err
    assert rows(hocket) == [0, 1, 2]


@pytest.mark.parametrize("mode", ["", ", mode: new", ", mode: append"])
def test_a_limited_run_is_gone_on_behind(hocket, mode):
    put(hocket, 10)
    r = hocket.run(COPY % mode, "--limit", 4)
    assert r.code == 0 and numbers(hocket) == [0, 1, 2, 3]
    r = hocket.run(COPY % mode, "--limit", 4)
    assert r.code == 0 and numbers(hocket) == list(range(8))
    r = hocket.run(COPY % mode)
    assert r.code == 0 and r.account["in"] == 2 and numbers(hocket) == list(range(10))
    assert "nothing new" in hocket.run(COPY % mode).err
    assert [status for _, status, _ in runs(hocket)] == ["limited", "limited", "finished"]


def test_the_summary_says_what_was_decided(hocket):
    put(hocket, 3)
    assert hocket.run(COPY % "", "--summary", "json", "-q").summary["notice"] == ""
    put(hocket, 3, 4, mode="a")
    r = hocket.run(COPY % "", "--summary", "json", "-q")
    assert r.summary["notice"].startswith("going on behind the run of 20") and r.err.count("\n") == 1
    (hocket.folder / "out.jsonl").unlink()
    assert hocket.run(COPY % "", "--summary", "json", "-q").summary["notice"] == "'out.jsonl' is gone: starting over"


def test_fresh_starts_over(hocket):
    put(hocket, 3)
    hocket.run(COPY % "")
    r = hocket.run(COPY % "", "--fresh")
    assert r.account["in"] == 3 and numbers(hocket) == [0, 1, 2]
    assert "nothing new" in hocket.run(COPY % "").err


def test_a_changed_pipeline_says_what_was_changed(hocket):
    text = "from: {jsonl: in.jsonl}\nsteps:\n  - set: {a: %s}\n    queue: %d\nto: {jsonl: out.jsonl}\n"
    put(hocket, 3)
    hocket.run(text % (1, 10))
    assert "nothing new" in hocket.run(text % (1, 20)).err, "tuning is no change"
    r = hocket.run(text % (2, 20))
    assert r.code == 0 and "(step 'set'): starting over" in r.err
    assert [r["a"] for r in hocket.read_jsonl("out.jsonl")] == [2, 2, 2]
    r = hocket.run(COPY % ", fields: [n]")
    assert "(step 'set' is gone, to 'jsonl'): starting over" in r.err


def test_an_unfinished_run_of_a_changed_pipeline_is_refused(hocket):
    put(hocket, 1000)
    text = "from: {jsonl: in.jsonl}\nsteps:\n  - where: if .n == 700 then error(\"no\") else %s end\nto: {jsonl: out.jsonl}\n"
    assert hocket.run(text % "true", "--fail-fast").code == 5
    r = hocket.run(text % "false")
    assert r.code == 1 and "was changed since its unfinished run" in r.err
    assert "(step 'where'); --fresh starts over, or undo the change" in r.err
    assert hocket.run(text % "true").code == 3
    assert len(numbers(hocket)) == 999


def test_stdin_starts_over_and_says_so(hocket):
    text = "from: stdin\nto: {jsonl: out.jsonl}\n"
    assert hocket.run(text, stdin='{"n":1}\n').code == 0
    r = hocket.run(text, stdin='{"n":2}\n')
    assert "stdin cannot tell what is new" in r.err
    assert numbers(hocket) == [2]


@pytest.mark.parametrize("how", ["shorter", "other", "missing"])
def test_an_unfinished_run_refuses_another_input(hocket, how):
    """Here nothing is started over by itself: half of the records are done."""
    put(hocket, 1000)
    text = "from: {jsonl: in.jsonl}\nsteps:\n  - where: if .n == 700 then error(\"no\") else true end\nto: {jsonl: out.jsonl}\n"
    assert hocket.run(text, "--fail-fast").code == 5
    before = (hocket.folder / "in.jsonl").read_text()
    if how == "shorter":
        put(hocket, 100)
    elif how == "other":
        put(hocket, 5000, 6000)
    else:
        (hocket.folder / "in.jsonl").unlink()
    r = hocket("run", "pipe.yaml")
    assert r.code == 1 and "in.jsonl" in r.err
    assert ("no such file" if how == "missing" else "--fresh starts over") in r.err
    (hocket.folder / "in.jsonl").write_text(before)
    r = hocket.run(text)
    assert r.code == 3 and numbers(hocket) == [n for n in range(1000) if n != 700]


# ---- compressed, and killed ----

def unpacked(path):
    """By gzip itself, which also checks that every member is whole."""
    return subprocess.run(["gzip", "-dc", path], check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("packing", ["gz", "zst", "none"])
@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_compressed_in_and_out(hocket, packing, kind):
    source = {"jsonl": "".join(f'{{"n":{n}}}\n' for n in range(5000)), "csv": "n\n" + "".join(f"{n}\n" for n in range(5000))}[kind]
    plain = hocket.write(f"in.{kind}", source)
    name = plain.name if packing == "none" else f"{plain.name}.{packing}"
    if packing == "gz":  # two members, as `cat a.gz b.gz` makes
        (hocket.folder / name).write_bytes(gzip.compress(source[:700].encode()) + gzip.compress(source[700:].encode()))
    elif packing == "zst":
        if not shutil.which("zstd"):
            pytest.skip("no zstd here")
        subprocess.run(["zstd", "-q", plain], check=True)
    r = hocket.run(f"from: {{{kind}: {name}}}\nto: {{{kind}: out.{kind}.gz, level: 1}}\n")
    assert r.code == 0 and r.account["delivered"] == 5000
    out = hocket.folder / f"out.{kind}.gz"
    assert unpacked(out) == source == gzip.open(out, "rt").read()
    assert "nothing new" in hocket("run", "pipe.yaml").err


def test_a_gzip_input_grows_by_members(hocket):
    text = "from: {jsonl: in.jsonl.gz}\nto: {jsonl: out.jsonl.gz}\n"
    want = ""
    for day in range(3):
        part = "".join(f'{{"n":{n}}}\n' for n in range(day * 3, day * 3 + 3))
        want += part
        with open(hocket.folder / "in.jsonl.gz", "ab") as f:
            f.write(gzip.compress(part.encode()))
        assert hocket.run(text).account["in"] == 3
        assert unpacked(hocket.folder / "out.jsonl.gz") == want


@pytest.mark.parametrize("damage", ["cut", "flip", "behind"])
def test_a_damaged_gzip_input_is_told_and_mended(hocket, damage):
    text = "from: {jsonl: in.jsonl.gz}\nto: {jsonl: out.jsonl}\n"
    source = "".join(f'{{"n":{n},"x":"{n * 7919 % 100003}"}}\n' for n in range(50000))
    whole = gzip.compress(source.encode())
    bad = bytearray(whole)
    if damage == "cut":
        bad = bad[:-1000]
    elif damage == "flip":
        bad[len(bad) - 2000] ^= 0xFF
    else:
        bad += b"garbage"
    path = hocket.folder / "in.jsonl.gz"
    path.write_bytes(bad)
    r = hocket.run(text)
    assert r.code == 1 and "in.jsonl.gz' " in r.err and re.search(r"byte \d+", r.err)
    assert not (hocket.folder / "out.jsonl").exists()
    path.write_bytes(whole)
    r = hocket.run(text)
    assert r.code == 0 and (hocket.folder / "out.jsonl").read_text() == source


@pytest.mark.parametrize("source,out,mode", [("in.jsonl.gz", "out.jsonl.gz", ""), ("in.jsonl", "out.jsonl", ""), ("in.jsonl", "out.jsonl.gz", ", mode: append"),
                                             ("in.jsonl.gz", "out.jsonl", ", mode: new")])
def test_killed_at_random_while_the_input_grows(hocket, source, out, mode):
    """Each day the input grows, and runs are killed until one ends; what stands then is the whole input, once, in order."""
    rnd = random.Random(f"{source}{out}{mode}")
    text = "from: {jsonl: %s}\nto: {jsonl: %s%s, commit: {rows: 2000}}\n" % (source, out, mode)
    hocket.write("pipe.yaml", text)
    path, want, kills = hocket.folder / source, "", 0
    for day in range(3):
        part = "".join(f'{{"n":{day * 30000 + n},"x":{rnd.random()}}}\n' for n in range(30000))
        want += part
        with open(path, "ab") as f:
            f.write(gzip.compress(part.encode(), 1) if source.endswith(".gz") else part.encode())
        for attempt in range(12):
            process = hocket.start("run", "pipe.yaml", "-q")
            if attempt < 11:
                try:
                    process.wait(rnd.uniform(0.003, 0.03 * (attempt + 1)))  # the first is too early for any machine
                except subprocess.TimeoutExpired:
                    process.kill()
            r = hocket.finish(process)
            assert r.code in (0, -signal.SIGKILL), r.err
            kills += r.code != 0
            if r.code == 0:
                break
        assert r.code == 0
        got = hocket.folder / out
        assert (unpacked(got) if out.endswith(".gz") else got.read_text()) == want
    assert kills > 0, "nobody was killed: the moments are badly chosen"


# ---- with a far side, and after a replay ----

def test_a_limited_list_of_pages_is_gone_on_behind(hocket):
    """Pages are not asked for twice, though the API could say something else by now; after the last one everything begins anew."""
    def answer(path, attempt):
        page = int(path.rsplit("=")[-1])
        return {"items": [{"n": page * 4 + i} for i in range(4)], "next": f"{base}/list?page={page + 1}" if page < 2 else None}

    with far.far(answer) as server:
        base = server.base
        text = f"from: {{http: '{base}/list?page=0', each: '.items[]', pages: {{next: .next}}}}\nto: {{jsonl: out.jsonl}}\n"
        assert hocket.run(text, "--limit", 6).code == 0
        assert numbers(hocket) == list(range(6))
        r = hocket.run(text)
        assert r.code == 0 and "going on behind" in r.err
        assert numbers(hocket) == list(range(12))
        assert max(server.asked.values()) == 1
        r = hocket.run(text)
        assert r.code == 0 and "http cannot tell what is new since the run of 20" in r.err
        assert numbers(hocket) == list(range(12)) and min(server.asked.values()) == 2


def test_calls_are_paid_for_once_a_record(hocket):
    with far.far(lambda path, attempt: {"ok": path}) as server:
        text = f"from: {{jsonl: in.jsonl}}\nsteps:\n  - http: {server.base}/\\(.n)\n    into: .got\nto: [{{jsonl: out.jsonl}}, {{sqlite: t.db, table: t}}]\n"
        for day in range(3):
            put(hocket, day * 5, day * 5 + 5, mode="a")
            assert hocket.run(text).code == 0
            assert hocket.run(text).code == 0
        assert sum(server.asked.values()) == 15 and max(server.asked.values()) == 1
        assert numbers(hocket) == rows(hocket) == list(range(15))


def test_what_is_paid_for_again_is_said_when_there_is_something(hocket):
    """A query that finds what has not been done yet mostly finds nothing the second time."""
    said = "sqlite: 'http' is paid for again, for every record"
    with sqlite3.connect(hocket.folder / "in.db") as db:
        db.execute("CREATE TABLE t(n INTEGER)")
    pipe = "from: {sqlite: in.db, query: SELECT n FROM t}\nsteps:\n  - {http: POST %s/\\(.n), into: .a}\nto: {jsonl: out.jsonl}\n"
    with far.far(lambda path, attempt: (200, {}, b"{}")) as server:
        assert said not in hocket.run(pipe % server.base).err
        r = hocket("run", "pipe.yaml")
        assert r.code == 0 and "starting over" in r.err and "paid" not in r.err
        with sqlite3.connect(hocket.folder / "in.db") as db:
            db.executemany("INSERT INTO t VALUES (?)", [(1,), (2,)])
        r = hocket("run", "pipe.yaml")
        assert r.code == 0 and r.err.count(said) == 1 and numbers(hocket) == [1, 2]


def test_killed_with_two_sinks_while_the_input_grows(hocket):
    """A database without a key and a file: nobody may get a row twice, in any part of any run."""
    rnd = random.Random(11)
    hocket.write("pipe.yaml", "from: {jsonl: in.jsonl}\nto: [{sqlite: t.db, table: t, commit: {rows: 1000}}, {jsonl: out.jsonl}]\n")
    kills = 0
    for day in range(3):
        put(hocket, day * 20000, day * 20000 + 20000, mode="a")
        for attempt in range(12):
            process = hocket.start("run", "pipe.yaml", "-q")
            if attempt < 11:
                try:
                    process.wait(rnd.uniform(0.003, 0.03 * (attempt + 1)))  # the first is too early for any machine
                except subprocess.TimeoutExpired:
                    process.kill()
            r = hocket.finish(process)
            assert r.code in (0, -signal.SIGKILL), r.err
            kills += r.code != 0
            if r.code == 0:
                break
        want = list(range(day * 20000 + 20000))
        assert numbers(hocket) == want and rows(hocket) == want
    assert kills > 0


@pytest.mark.parametrize("to", ["{jsonl: out.jsonl}", "{jsonl: out.jsonl, mode: append}", "[{jsonl: out.jsonl}, {sqlite: t.db, table: t}]"])
def test_what_a_replay_has_added_stays(hocket, to):
    bad = {3}
    with far.far(lambda path, attempt: (400, {}, b"no") if int(path[1:]) in bad else {"ok": True}) as server:
        text = f"from: {{jsonl: in.jsonl}}\nsteps:\n  - http: {server.base}/\\(.n)\n    into: .got\nto: {to}\n"
        put(hocket, 5)
        assert hocket.run(text).code == 3
        bad.clear()
        assert hocket("dead", "replay", "pipe.yaml").code == 0
        assert numbers(hocket) == [0, 1, 2, 4, 3]
        assert "nothing new" in hocket.run(text).err
        put(hocket, 5, 7, mode="a")
        r = hocket.run(text)
        assert r.code == 0 and "going on behind" in r.err
        assert numbers(hocket) == [0, 1, 2, 4, 3, 5, 6]
        if "sqlite" in to:
            assert rows(hocket) == list(range(7))


@pytest.mark.parametrize("name", ["out.jsonl", "out.jsonl.gz"])
def test_what_others_appended_after_a_stop_stays(hocket, name):
    """`mode: append`: a run that was stopped has left nothing behind its receipt, so that is not cut away as its own."""
    gate = threading.Event()

    def answer(path, attempt):
        if path == "/1":
            gate.wait(20)
        return {}

    def opened(mode):
        return (gzip.open if name.endswith(".gz") else open)(hocket.folder / name, mode)

    with far.far(answer) as server:
        hocket.write_jsonl("in.jsonl", [{"id": 0}, {"id": 1}])
        hocket.write("pipe.yaml", f"from: {{jsonl: in.jsonl}}\nsteps:\n  - http: {server.base}/\\(.id)\n    concurrency: 1\n"
                     f"to: {{jsonl: {name}, mode: append}}\n")
        process = hocket.start("run", "pipe.yaml", "--grace", "200ms")
        server.wait_for(2)
        process.send_signal(signal.SIGINT)
        assert hocket.finish(process).code == 75
        gate.set()
        with opened("ab") as out:
            out.write(b'{"theirs":1}\n')
        assert hocket("run", "pipe.yaml").code == 0
        with opened("rb") as out:
            assert [json.loads(line) for line in out] == [{"id": 0}, {"theirs": 1}, {"id": 1}]
