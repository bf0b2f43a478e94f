"""Outputs of many files: each record names its file, files of a size. Judged by what the files hold."""
import csv
import gzip
import json
import os
import signal
import stat
import time

import pytest

DAYS = "from: {jsonl: in.jsonl}\nto: {jsonl: 'out/\\(.day).jsonl'%s}\n"


def records(n, days=5, first=0):
    return [{"id": i, "day": f"2024-05-{i % days + 1:02}"} for i in range(first, n)]


def files(hocket, folder="out"):
    """What people see of a folder."""
    top = hocket.folder / folder
    return sorted(str(p.relative_to(top)) for p in top.rglob("*") if p.is_file() and not p.name.startswith(".hocket"))


def by_day(hocket, wanted, suffix=".jsonl"):
    days = sorted({r["day"] for r in wanted})
    assert files(hocket) == [day + suffix for day in days]
    for day in days:
        assert hocket.read_jsonl(f"out/{day}{suffix}") == [r for r in wanted if r["day"] == day]


def test_each_record_goes_to_the_file_that_it_names(hocket):
    hocket.write_jsonl("in.jsonl", records(1000))
    r = hocket.run(DAYS % "")
    assert r.code == 0 and r.account["delivered"] == 1000
    by_day(hocket, records(1000))
    assert "nothing new" in hocket("run", "pipe.yaml").err


def test_what_comes_in_addition_is_added(hocket):
    hocket.write_jsonl("in.jsonl", records(100))
    hocket.run(DAYS % "")
    first = (hocket.folder / "out/2024-05-01.jsonl").stat().st_ino
    with open(hocket.folder / "in.jsonl", "a") as f:
        f.write(json.dumps({"id": 100, "day": "2024-05-03"}) + "\n" + json.dumps({"id": 101, "day": "2024-06-01"}) + "\n")
    r = hocket("run", "pipe.yaml")
    assert r.code == 0 and r.account["in"] == 2
    by_day(hocket, [*records(100), {"id": 100, "day": "2024-05-03"}, {"id": 101, "day": "2024-06-01"}])
    assert (hocket.folder / "out/2024-05-01.jsonl").stat().st_ino == first, "what nothing was added to was not written again"


@pytest.mark.parametrize("change", ["gone", "longer"])
def test_an_output_that_was_changed_is_made_again(hocket, change):
    hocket.write_jsonl("in.jsonl", records(50))
    hocket.run(DAYS % "")
    one = hocket.folder / "out/2024-05-02.jsonl"
    one.unlink() if change == "gone" else one.write_text(one.read_text() + "{}\n")
    r = hocket("run", "pipe.yaml")
    assert r.code == 0 and "starting over" in r.err and "2024-05-02.jsonl" in r.err
    by_day(hocket, records(50))


def test_names_that_lead_away_are_dead_letters(hocket):
    bad = ["../evil", "/etc/evil", "a/../../b", "..", "", "x" * 300, "a//b", "nul\u0000", "new\nline", "a.part", ".hocket-x"]
    hocket.write_jsonl("in.jsonl", [{"id": i, "n": name} for i, name in enumerate(["good", *bad, "also/good"])])
    r = hocket.run("from: {jsonl: in.jsonl}\nto: {jsonl: 'out/here/\\(.n)'}\ndead: dead.jsonl\n")
    assert r.code == 3 and r.balances()
    assert files(hocket) == ["here/also/good", "here/good"]
    letters = hocket.read_jsonl("dead.jsonl")
    assert [letter["record"]["n"] for letter in letters] == bad
    assert {letter["class"] for letter in letters} == {"bad_value"}
    assert not (hocket.folder.parent / "evil").exists() and not (hocket.folder / "out/b").exists()


def test_a_link_in_the_folder_is_not_followed(hocket):
    outside = hocket.folder / "outside"
    outside.mkdir()
    (hocket.folder / "out").mkdir()
    (hocket.folder / "out/link").symlink_to(outside)
    hocket.write_jsonl("in.jsonl", [{"n": "link/x"}, {"n": "fine"}])
    r = hocket.run("from: {jsonl: in.jsonl}\nto: {jsonl: 'out/\\(.n)'}\n")
    assert r.code == 3 and r.account["dead"] == 1
    assert not list(outside.iterdir()) and files(hocket) == ["fine"]


def test_several_fields_and_a_missing_one(hocket):
    hocket.write_jsonl("in.jsonl", [{"a": {"b": 1}, "c": "é"}, {"c": "x y"}])
    assert hocket.run("from: {jsonl: in.jsonl}\nto: {csv: 'out/b=\\(.a.b // \"none\")/\\(.c).csv', fields: [c]}\n").code == 0
    assert files(hocket) == ["b=1/é.csv", "b=none/x y.csv"]
    assert (hocket.folder / "out/b=1/é.csv").read_text() == "c\né\n"


def test_a_template_without_records_in_it_is_one_file(hocket):
    hocket.write_jsonl("in.jsonl", records(3))
    assert hocket.run("vars: {env: test}\nfrom: {jsonl: in.jsonl}\nto: {jsonl: 'out-\\($vars.env).jsonl'}\n").code == 0
    assert hocket.read_jsonl("out-test.jsonl") == records(3)


def test_meta_is_refused_where_it_is_not_known(hocket):
    hocket.write("pipe.yaml", "from: {jsonl: in.jsonl}\nto: {jsonl: 'out/\\($meta.id).jsonl'}\n")
    r = hocket("check", "pipe.yaml")
    assert r.code == 78 and "$meta is not known" in r.err


def test_two_thousand_files(hocket):
    hocket.write_jsonl("in.jsonl", [{"id": i, "k": i * 7919 % 2000} for i in range(10000)])
    r = hocket.run("from: {jsonl: in.jsonl}\nto: {jsonl: 'out/\\(.k % 40)/\\(.k).jsonl', commit: {rows: 3000}}\n")
    assert r.code == 0 and len(files(hocket)) == 2000
    for k in (0, 17, 1999):
        assert hocket.read_jsonl(f"out/{k % 40}/{k}.jsonl") == [r for r in ({"id": i, "k": i * 7919 % 2000} for i in range(10000)) if r["k"] == k]


# ---- rotation ------------------------------------------------------------------------------------


def test_files_of_so_many_rows(hocket):
    hocket.write_jsonl("in.jsonl", records(25))
    assert hocket.run("from: {jsonl: in.jsonl}\nto: {csv: out/a.csv.gz, rotate: {rows: 10}, commit: {rows: 7}}\n").code == 0
    assert files(hocket) == ["a-00001.csv.gz", "a-00002.csv.gz", "a-00003.csv.gz"]
    read = []
    for name in files(hocket):
        with gzip.open(hocket.folder / "out" / name, "rt") as f:
            read.append(list(csv.DictReader(f)))
    assert [len(rows) for rows in read] == [10, 10, 5]
    assert [int(r["id"]) for rows in read for r in rows] == list(range(25))


def test_files_do_not_depend_on_commits(hocket):
    hocket.write_jsonl("in.jsonl", records(500))
    seen = set()
    for rows in (1, 13, 500):
        r = hocket.run("from: {jsonl: in.jsonl}\nto: {jsonl: 'out/\\(.day).jsonl', rotate: {bytes: 700B}, commit: {rows: %d}}\n" % rows, "--fresh")
        assert r.code == 0
        seen.add(tuple((name, (hocket.folder / "out" / name).read_text()) for name in files(hocket)))
    assert len(seen) == 1
    assert all(700 <= len(text) < 740 for name, text in next(iter(seen)) if "-00001" in name)


def test_a_shorter_run_leaves_no_numbers_of_a_longer_one(hocket):
    text = "from: {jsonl: in.jsonl}\nto: {jsonl: out/a.jsonl, rotate: {rows: 10}}\n"
    hocket.write_jsonl("in.jsonl", records(45))
    hocket.run(text)
    assert len(files(hocket)) == 5
    hocket.write_jsonl("in.jsonl", records(200, first=185))
    assert hocket.run(text, "--fresh").code == 0
    assert files(hocket) == ["a-00001.jsonl", "a-00002.jsonl"]


def test_an_appending_stream_hands_over_full_files(hocket):
    """The first file is there, whole, while the run goes on."""
    hocket.write("pipe.yaml", "from: stdin\nto: {jsonl: out/a.jsonl, mode: append, rotate: {rows: 2}, commit: {rows: 1, every: 10ms}}\n")
    import subprocess
    process = hocket.start("run", "pipe.yaml", stdin=subprocess.PIPE)
    first, n, until = hocket.folder / "out/a-00001.jsonl", 0, time.monotonic() + 30
    while not first.exists() and time.monotonic() < until:
        process.stdin.write('{"n":%d}\n' % n)
        process.stdin.flush()
        n += 1
        time.sleep(0.05)
    assert first.read_text() == '{"n":0}\n{"n":1}\n'
    first.unlink()  # taken away by who waited for it
    r = hocket.finish(process)
    assert r.code == 0
    rest = [json.loads(line)["n"] for name in files(hocket) for line in (hocket.folder / "out" / name).read_text().splitlines()]
    assert rest == list(range(2, n))


def test_age_ends_a_file(hocket):
    hocket.write("pipe.yaml", "from: stdin\nto: {jsonl: out/a.jsonl, rotate: {every: 1s}, commit: {rows: 1}}\n")
    import subprocess
    process = hocket.start("run", "pipe.yaml", stdin=subprocess.PIPE)
    until = time.monotonic() + 30
    n = 0
    while not (hocket.folder / "out/a-00002.jsonl.part").exists() and time.monotonic() < until:
        process.stdin.write('{"n":%d}\n' % n)
        process.stdin.flush()
        n += 1
        time.sleep(0.1)
    assert hocket.finish(process).code == 0
    assert files(hocket)[:2] == ["a-00001.jsonl", "a-00002.jsonl"]
    assert [r["n"] for name in files(hocket) for r in hocket.read_jsonl(f"out/{name}")] == list(range(n))


# ---- faults --------------------------------------------------------------------------------------


@pytest.mark.parametrize("option", ["", ", mode: append", ", rotate: {rows: 700}", ", compress: gzip"])
def test_killed_again_and_again_and_exact(hocket, option):
    wanted = records(60000, days=30)
    hocket.write_jsonl("in.jsonl", wanted)
    hocket.write("pipe.yaml", "from: {jsonl: in.jsonl}\nto: {jsonl: 'out/\\(.day)/rows.jsonl'%s, commit: {rows: 2000}}\n" % option)
    kills = 0
    for i in range(12):
        process = hocket.start("run", "pipe.yaml", "-q")
        time.sleep(0.05 + 0.03 * i)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.communicate()
    r = hocket("run", "pipe.yaml")
    assert r.code == 0 and kills >= 2
    assert not [name for name in files(hocket) if ".part" in name]
    found = {}
    for name in files(hocket):
        text = (hocket.folder / "out" / name).read_bytes()
        text = gzip.decompress(text) if "gzip" in option else text
        found.setdefault(name.split("/")[0], []).extend(map(json.loads, text.splitlines()))
    assert found == {day: [r for r in wanted if r["day"] == day] for day in {r["day"] for r in wanted}}


def test_a_folder_that_cannot_be_written_stops_the_run(hocket):
    if os.geteuid() == 0:
        pytest.skip("root writes everywhere")
    hocket.write_jsonl("in.jsonl", records(10))
    (hocket.folder / "out").mkdir()
    (hocket.folder / "out").chmod(stat.S_IRUSR | stat.S_IXUSR)
    r = hocket.run(DAYS % "")
    assert r.code == 1 and "out" in r.err and "ermission denied" in r.err
    (hocket.folder / "out").chmod(0o755)
    assert hocket("run", "pipe.yaml").code == 0
    by_day(hocket, records(10))


def test_a_name_for_each_record_is_told(hocket):
    hocket.write("in.jsonl", "".join(f'{{"n":{i}}}\n' for i in range(100001)))
    r = hocket.run("from: {jsonl: in.jsonl}\nto: {jsonl: 'out/\\(.n).jsonl', commit: {rows: 1000000, bytes: 64MB, every: 60s}}\nmemory: 2GB\n", timeout=180)
    assert r.code != 0 and "more than 100000 files" in r.err
