"""Sources of many files: which are read, in which order, what is new, gone or other when they are read again. Judged by the outputs."""
import gzip
import json
import os
import random
import shutil
import signal
import time

import pytest

COPY = """\
from: {jsonl: '%s'}
steps:
  - set: {at: $meta.source}
to: {jsonl: out.jsonl}
"""


def put(hocket, name, *range_, mode="w"):
    path = hocket.folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    opened = gzip.open(path, mode + "t") if name.endswith(".gz") else open(path, mode)
    with opened as f:
        f.writelines(f'{{"n":{n}}}\n' for n in range(*range_))
    return path


def numbers(hocket):
    return [r["n"] for r in hocket.read_jsonl("out.jsonl")]


@pytest.fixture
def days(hocket):
    """Nine records in three files, one of them compressed, and things that are none of them."""
    put(hocket, "logs/2026-02/b.jsonl", 3, 6)
    put(hocket, "logs/2026-01/a.jsonl", 3)
    put(hocket, "logs/2026-02/c.jsonl.gz", 6, 9)
    put(hocket, "logs/2025-12/a.jsonl", 100, 103)
    put(hocket, "logs/2026-02/.hidden.jsonl", 200, 203)
    (hocket.folder / "logs/2026-02/old.jsonl").mkdir()
    (hocket.folder / "empty.jsonl").touch()
    return hocket


def test_files_come_in_the_order_of_their_names(days):
    assert days.run(COPY % "logs/2026-*/?.jsonl*").code == 0
    out = days.read_jsonl("out.jsonl")
    assert [r["n"] for r in out] == list(range(9))
    assert [r["at"] for r in out] == (["logs/2026-01/a.jsonl"] * 3 + ["logs/2026-02/b.jsonl"] * 3 + ["logs/2026-02/c.jsonl.gz"] * 3)


def test_a_list_has_paths_and_patterns(days):
    text = "from: {jsonl: [logs/2026-02/c.jsonl.gz, 'logs/2026-*/[ab].jsonl', empty.jsonl]}\nto: {jsonl: out.jsonl}\n"
    assert days.run(text).code == 0 and numbers(days) == list(range(9))
    assert "logs/2026-02/c.jsonl.gz and 2 more" in days("check", "pipe.yaml").out


def test_any_depth(days):
    assert days.run(COPY % "logs/**/a.jsonl").code == 0 and numbers(days) == [100, 101, 102, 0, 1, 2]
    put(days, "a.jsonl", 300, 301)
    put(days, "logs/x/y/z/a.jsonl", 301, 302)
    assert days.run(COPY % "**/a.jsonl", "--fresh").code == 0
    assert numbers(days) == [300, 100, 101, 102, 0, 1, 2, 301]


@pytest.mark.parametrize("more", ["logs/2026-02/d.jsonl", "logs/2026-01/b.jsonl.gz", "logs/2026-00/a.jsonl"])
def test_a_new_file_is_the_new_part(days, more):
    pipe = COPY % "logs/2026-*/?.jsonl*"
    assert days.run(pipe).code == 0
    assert days.run(pipe).err.startswith("nothing new since 20")
    put(days, more, 50, 53)
    r = days.run(pipe)
    assert r.code == 0 and "going on behind" in r.err and r.account["in"] == 3
    assert numbers(days) == [*range(9), 50, 51, 52]
    assert "nothing new" in days.run(pipe).err


def test_a_file_that_grows_goes_on(days):
    pipe = COPY % "logs/2026-*/?.jsonl*"
    assert days.run(pipe).code == 0
    put(days, "logs/2026-01/a.jsonl", 10, 12, mode="a")
    put(days, "logs/2026-02/c.jsonl.gz", 12, 14, mode="a")
    r = days.run(pipe)
    assert r.account["in"] == 4 and numbers(days) == [*range(9), 10, 11, 12, 13]
    assert "nothing new" in days.run(pipe).err


def test_a_file_with_other_content_is_named(days):
    pipe = COPY % "logs/2026-*/?.jsonl*"
    assert days.run(pipe).code == 0
    put(days, "logs/2026-02/b.jsonl", 30, 33)
    r = days.run(pipe)
    assert r.code == 0 and "'logs/2026-02/b.jsonl' has other content" in r.err and "starting over" in r.err
    assert numbers(days) == [0, 1, 2, 30, 31, 32, 6, 7, 8]


def test_what_was_read_of_a_deleted_file_stays(days):
    """Logs are rotated away: that must neither take their records along nor read the others again."""
    pipe = COPY % "logs/2026-*/?.jsonl*"
    assert days.run(pipe).code == 0
    os.unlink(days.folder / "logs/2026-01/a.jsonl")
    os.unlink(days.folder / "logs/2026-02/c.jsonl.gz")
    r = days.run(pipe)
    assert r.code == 0 and "nothing new" in r.err
    assert "'logs/2026-01/a.jsonl' and 1 more files are gone; what was read of them stays" in r.err
    put(days, "logs/2026-02/d.jsonl", 20, 22)
    r = days.run(pipe)
    assert r.account["in"] == 2 and "gone" in r.err and numbers(days) == [*range(9), 20, 21]
    assert "gone" not in days.run(pipe).err, "once it was said, a run that went on knows"
    put(days, "logs/2026-01/a.jsonl", 3)
    assert "nothing new" in days.run(pipe).err, "put back, it is the same file"


def test_a_file_deleted_before_its_end_is_refused(days):
    pipe = COPY % "logs/2026-*/?.jsonl*"
    assert days.run(pipe, "--limit", 4).code == 0 and numbers(days) == [0, 1, 2, 3]
    gone = days.folder / "logs/2026-02/b.jsonl"
    os.rename(gone, days.folder / "b")
    r = days.run(pipe)
    assert r.code == 1 and "'logs/2026-02/b.jsonl' is gone, and was read up to line 1 only" in r.err and "--fresh" in r.err
    assert numbers(days) == [0, 1, 2, 3]
    os.rename(days.folder / "b", gone)
    assert days.run(pipe).code == 0 and numbers(days) == list(range(9))


@pytest.mark.parametrize("pattern, said", [
    ("logs/2026-*/x*.jsonl", "nothing in '{}/logs/2026-0"),
    ("logs/2026-03/a.jsonl*", "nothing in '{}/logs' is called '2026-03'; did you mean '2026-01'?"),
    ("logz/*.jsonl", "nothing in '{}' is called 'logz'; did you mean 'logs'?"),
    ("logs/2026-02/old*/*", "the folder '{}/logs/2026-02/old.jsonl' is empty"),
    ("logs/*", "finds folders only, such as '{}/logs/2025-12'"),
    ("logs", "is a folder, not a file; '{}/logs/*' reads the files in it"),
])
def test_a_pattern_that_finds_nothing(days, pattern, said):
    r = days.run(COPY % pattern)
    assert r.code == 1 and said.format(days.folder) in r.err and f"{days.folder}/{pattern}" in r.err, r.err
    assert not (days.folder / ".hocket").exists(), "nothing was begun"


@pytest.mark.parametrize("name", ["a[1].jsonl", "what?.jsonl", "a*.jsonl", "[x]/y.jsonl"])
def test_a_name_that_looks_like_a_pattern(hocket, name):
    put(hocket, "a1.jsonl", 9)
    put(hocket, name, 2)
    assert hocket.run(COPY % name).code == 0 and numbers(hocket) == [0, 1]
    assert {r["at"] for r in hocket.read_jsonl("out.jsonl")} == {name}


def test_the_folder_of_the_pipeline_may_look_like_a_pattern(hocket):
    put(hocket, "[x]*/a1.jsonl", 2)
    hocket.write("[x]*/pipe.yaml", COPY % "a?.jsonl")
    assert hocket("run", "[x]*/pipe.yaml").code == 0
    assert [r["n"] for r in hocket.read_jsonl("[x]*/out.jsonl")] == [0, 1]


def test_links(hocket):
    put(hocket, "a/1.jsonl", 2)
    put(hocket, "elsewhere/2.jsonl", 2, 4)
    (hocket.folder / "a/latest.jsonl").symlink_to("1.jsonl")
    (hocket.folder / "a/2.jsonl").symlink_to("../elsewhere/2.jsonl")
    (hocket.folder / "b").symlink_to("a")
    assert hocket.run(COPY % "a/*.jsonl").code == 0
    assert numbers(hocket) == [0, 1, 2, 3], "a file and a link to it are one"
    assert hocket.run(COPY % "b/*.jsonl").code == 0 and numbers(hocket) == [0, 1, 2, 3]
    assert hocket.run(COPY % "**/?.jsonl").code == 0
    assert [r["at"] for r in hocket.read_jsonl("out.jsonl")] == ["a/1.jsonl"] * 2 + ["elsewhere/2.jsonl"] * 2
    (hocket.folder / "a/dangling.jsonl").symlink_to("nowhere.jsonl")
    r = hocket.run(COPY % "a/*.jsonl")
    assert r.code == 1 and "a/dangling.jsonl', which is a link" in r.err


def test_a_pipe_among_the_files_is_named(days):
    os.mkfifo(days.folder / "logs/2026-02/p.jsonl")
    r = days.run(COPY % "logs/2026-*/?.jsonl")
    assert r.code == 1 and "logs/2026-02/p.jsonl' is a pipe or a device" in r.err


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_may_not_be_read_is_named(days):
    os.chmod(days.folder / "logs/2026-02/b.jsonl", 0)
    r = days.run(COPY % "logs/2026-*/?.jsonl")
    assert r.code == 1 and "cannot open" in r.err and "b.jsonl" in r.err
    assert not (days.folder / ".hocket").exists()


def test_a_cut_off_file_among_many_stops_there_and_can_be_mended(hocket):
    """What was read before is kept, nothing behind it; the whole file put there, it goes on."""
    for i in range(5):
        put(hocket, f"in/{i}.jsonl.gz", i * 1000, i * 1000 + 1000)
    whole = (hocket.folder / "in/2.jsonl.gz").read_bytes()
    (hocket.folder / "in/2.jsonl.gz").write_bytes(whole[:-100])
    pipe = COPY % "in/*.jsonl.gz"
    r = hocket.run(pipe)
    assert r.code == 1 and "in/2.jsonl.gz' is cut off at byte" in r.err
    assert r.account["in"] >= 2000 and not (hocket.folder / "out.jsonl").exists()
    (hocket.folder / "in/2.jsonl.gz").write_bytes(whole)
    r = hocket.run(pipe)
    assert r.code == 0 and "going on with run" in r.err and numbers(hocket) == list(range(5000))


@pytest.mark.parametrize("sink", ["jsonl: out.jsonl", "sqlite: t.db, table: t"])
def test_killed_in_the_middle_of_many_files(hocket, sink):
    """20 files, kill -9 all the time: 0 missing, 0 double. One more file, and only that is read."""
    rng = random.Random(5)
    for i in range(20):
        put(hocket, f"in/{i:02}.jsonl{'.gz' if i % 3 == 0 else ''}", i * 1000, i * 1000 + 1000)
    pipe = f"from: {{jsonl: 'in/*.jsonl*'}}\nsteps:\n  - set: {{at: $meta.source}}\nto: {{{sink}, commit: {{rows: 200, every: 5ms}}}}\n"
    hocket.write("pipe.yaml", pipe)
    kills = 0
    while kills < 100:  # each part may be a little longer: on any machine some are cut off, and one comes to the end
        process = hocket.start("run", "pipe.yaml")
        time.sleep(rng.uniform(0.5, 1) * 0.01 * 1.1 ** kills)
        process.send_signal(signal.SIGKILL)
        code = hocket.finish(process).code
        if code != -signal.SIGKILL:
            break
        kills += 1
    assert code == 0 and kills >= 3

    def written():
        if sink.startswith("jsonl"):
            return [(r["n"], r["at"]) for r in hocket.read_jsonl("out.jsonl")]
        import sqlite3
        with sqlite3.connect(hocket.folder / "t.db") as db:
            return db.execute("SELECT n, at FROM t ORDER BY rowid").fetchall()

    def name(i):
        return f"in/{i:02}.jsonl{'.gz' if i % 3 == 0 else ''}"
    assert written() == [(n, name(n // 1000)) for n in range(20000)]
    put(hocket, "in/20.jsonl", 20000, 20100)
    r = hocket("run", "pipe.yaml")
    assert r.code == 0 and r.account["in"] == 100
    assert [n for n, _ in written()] == list(range(20100))


def test_two_sources_may_read_the_same_files(hocket):
    put(hocket, "in/a", 2)
    put(hocket, "in/b", 2, 4)
    pipe = "from: [{jsonl: 'in/*'}, {jsonl: 'in/*'}]\nto: {jsonl: out.jsonl}\n"
    assert hocket.run(pipe, "--limit", 5).code == 0
    assert hocket.run(pipe).code == 0 and numbers(hocket) == [0, 1, 2, 3] * 2
    put(hocket, "in/c", 4, 5)
    r = hocket.run(pipe)
    assert r.code == 0 and numbers(hocket) == [0, 1, 2, 3] * 2 + [4, 4] and "gone" not in r.err


def test_each_csv_names_its_own_columns(hocket):
    hocket.write("a.csv", "id,name\n1,Ann\n")
    hocket.write("b.csv", "name,id,age\nBo,2,7\n")
    hocket.write("c.csv", "")
    hocket.write("d.csv", "id,name\n3\n")
    r = hocket.run("from: {csv: '?.csv', types: {id: int}}\nto: {jsonl: out.jsonl}\n")
    assert r.code == 3 and hocket.read_jsonl("out.jsonl") == [{"id": 1, "name": "Ann"}, {"name": "Bo", "id": 2, "age": "7"}]
    assert "d.csv:2: 1 field, but the header has 2" in hocket("dead", "ls", "pipe.yaml").out + hocket("dead", "show", "pipe.yaml").out


def test_lines_of_many_files(hocket):
    hocket.write("a.txt", "x\ny\n")
    hocket.write("b.txt", "z")
    assert hocket.run("from: {lines: '*.txt'}\nto: {jsonl: out.jsonl}\n").code == 0
    assert hocket.read_jsonl("out.jsonl") == [{"line": "x", "n": 1}, {"line": "y", "n": 2}, {"line": "z", "n": 1}]


@pytest.mark.parametrize("pipe, at", [
    ("from: {jsonl: '*.jsonl'}\nto: {jsonl: out.jsonl}\n", "2:6"),
    ("from: {jsonl: ['in.jsonl', '**']}\nto: {sqlite: db/t.db, table: t}\n", "2:6"),
    ("from: {jsonl: 'out/*.jsonl'}\nto: {csv: out/x.jsonl, mode: append}\n", "2:6"),
    ("from: {jsonl: '*.jsonl'}\nto: stdout\ndead: dead.jsonl\n", "3:7"),
])
def test_a_pattern_that_would_find_what_the_pipeline_writes(hocket, pipe, at):
    put(hocket, "in.jsonl", 2)
    r = hocket.run(pipe)
    assert r.code == 78 and f"pipe.yaml:{at}: error: the pipeline would read this file, which it writes itself" in r.err, r.err


def test_no_file_at_all(hocket):
    r = hocket.run("from: {jsonl: []}\nto: stdout\n")
    assert r.code == 78 and "name a file" in r.err
