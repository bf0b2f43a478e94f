"""What bad input gets: a message that names the place, the right exit code, nothing lost, nothing that looks whole and is not."""
import contextlib
import os
import sqlite3
import subprocess
import time

import far
import pytest


def pipeline(url, more="", to="{jsonl: out.jsonl}"):
    return f"from: {{jsonl: in.jsonl}}\nsteps:\n  - http: {url}\n    into: .answer\n{more}to: {to}\ndead: dead.jsonl\n"


def some(hocket, n=3):
    hocket.write_jsonl("in.jsonl", [{"id": i} for i in range(1, n + 1)])


# ---- the pipeline file ----


def test_bad_yaml_reports_every_mistake_with_its_place(hocket):
    result = hocket.run("from: {jsonl: users.jsonl}\nsteps:\n  - http: http://127.0.0.1/\\(.id)\n    concurency: 20\n"
                        "    timeout: soon\nto: {sqlte: users.db}\n", name="enrich.yaml")
    assert result.code == 78
    assert "enrich.yaml:4:5: error: unknown option 'concurency' for step 'http'" in result.err
    assert "did you mean 'concurrency'?" in result.err
    assert "enrich.yaml:5:" in result.err and "soon" in result.err
    assert "enrich.yaml:6:" in result.err and "did you mean 'sqlite'" in result.err
    assert not (hocket.folder / ".hocket").exists()


def test_yaml_syntax_error_has_line_and_column(hocket):
    result = hocket.run("from: {jsonl: users.jsonl\nsteps: []\n")
    assert result.code == 78
    assert "pipe.yaml:" in result.err and "error:" in result.err


def test_jq_error_is_placed_inside_the_yaml(hocket):
    result = hocket.run("from: {jsonl: in.jsonl}\nsteps:\n  - map: '{id, x: .a |}'\nto: {jsonl: out.jsonl}\n")
    assert result.code == 78
    assert "pipe.yaml:3:" in result.err and "^" in result.err


def test_pipeline_that_is_not_there(hocket):
    result = hocket("run", "nowhere.yaml")
    assert result.code == 78
    assert "nowhere.yaml" in result.err and "no such file" in result.err.lower()


def test_missing_secret(hocket):
    some(hocket)
    result = hocket.run(pipeline("http://127.0.0.1:1/x", "    auth: {bearer: $secret.NO_SUCH_TOKEN}\n"))
    assert result.code == 78
    assert "NO_SUCH_TOKEN" in result.err


# ---- the input ----


def test_missing_input_file(hocket):
    result = hocket.run("from: {jsonl: nowhere.jsonl}\nto: {jsonl: out.jsonl}\n")
    assert result.code == 1
    assert "nowhere.jsonl" in result.err and "no such file" in result.err.lower()
    assert not (hocket.folder / "out.jsonl").exists()


def test_the_account_shows_the_first_of_many_alike(hocket):
    hocket.write("in.jsonl", "".join('{"id": 1}\n' if i < 9 else "{broken\n" for i in range(1, 13)))
    result = hocket.run("from: {jsonl: in.jsonl}\nto: {jsonl: out.jsonl}\n")
    assert result.account["dead"] == 4
    assert "in.jsonl:9" in result.err and "in.jsonl:10" not in result.err


def test_invalid_json_in_line_3(hocket):
    hocket.write("in.jsonl", '{"id": 1}\n{"id": 2}\n{"id": 3,\n{"id": 4}\n')
    result = hocket.run("from: {jsonl: in.jsonl}\nto: {jsonl: out.jsonl}\ndead: dead.jsonl\n")
    assert result.code == 3
    assert result.account == {"in": 4, "delivered": 3, "filtered": 0, "duplicate": 0, "dead": 1}
    assert "invalid_json" in result.err
    assert "in.jsonl:3" in result.err
    assert [r["id"] for r in hocket.read_jsonl("out.jsonl")] == [1, 2, 4]
    letter = (hocket.folder / "dead.jsonl").read_text()
    assert '{\\"id\\": 3,' in letter  # what could not be read is kept as it was


def test_line_that_is_no_object(hocket):
    hocket.write("in.jsonl", '{"id": 1}\n[2]\n')
    result = hocket.run("from: {jsonl: in.jsonl}\nto: {jsonl: out.jsonl}\n")
    assert result.code == 3
    assert "bad_value" in result.err


def test_jq_error_at_run_time_is_a_dead_letter(hocket):
    hocket.write_jsonl("in.jsonl", [{"n": 1}, {"n": "x"}])
    result = hocket.run("from: {jsonl: in.jsonl}\nsteps:\n  - map: '{n: (.n - 1)}'\nto: {jsonl: out.jsonl}\ndead: dead.jsonl\n")
    assert result.code == 3
    assert "1 at map (jq)" in result.err
    assert hocket.read_jsonl("out.jsonl") == [{"n": 0}]


# ---- the far side ----


def test_unreachable_host(hocket):
    some(hocket)
    port = far.closed_port()
    result = hocket.run(pipeline(f"http://127.0.0.1:{port}/x", "    retry: 1\n"))
    assert result.code in (3, 5)
    assert "refused" in result.err and str(port) in result.err
    assert result.balances()


def test_unknown_host_name(hocket):
    some(hocket, 1)
    result = hocket.run(pipeline("http://no-such-host.invalid/x", "    retry: 0\n"))
    assert result.code == 3
    assert "dns" in result.err and "no-such-host.invalid" in result.err


def test_nothing_has_succeeded_stops_the_run(hocket):
    some(hocket, 200)
    result = hocket.run(pipeline(f"http://127.0.0.1:{far.closed_port()}/x", "    retry: 0\n"))
    assert result.code == 5
    assert "nothing has succeeded" in result.err
    assert result.account["in"] < 200
    assert result.balances()
    assert not (hocket.folder / "out.jsonl").exists()


def test_port_that_speaks_another_protocol(hocket):
    some(hocket, 1)
    with far.raw(far.speak_ssh) as port:
        result = hocket.run(pipeline(f"http://127.0.0.1:{port}/x"))
    assert result.code == 3
    assert "protocol" in result.err
    assert result.account["dead"] == 1


def test_server_that_never_answers(hocket):
    some(hocket, 1)
    with far.raw(far.say_nothing) as port:
        started = time.monotonic()
        result = hocket.run(pipeline(f"http://127.0.0.1:{port}/x", "    timeout: 300ms\n    retry: 1\n"))
    assert result.code == 3
    assert "timeout" in result.err and f"127.0.0.1:{port}" in result.err
    assert time.monotonic() - started < 20


def test_endless_body(hocket):
    some(hocket, 1)
    with far.raw(far.never_end) as port:
        result = hocket.run(pipeline(f"http://127.0.0.1:{port}/x", "    max_body: 1MB\n"))
    assert result.code == 3
    assert "too_large" in result.err
    assert result.account["dead"] == 1


def test_truncated_body_is_never_taken_for_whole(hocket):
    some(hocket, 1)

    def half(connection):
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n[1]")

    with far.raw(half) as port:
        result = hocket.run(pipeline(f"http://127.0.0.1:{port}/x", "    retry: 1\n"))
    assert result.code == 3
    assert "truncated" in result.err
    assert (hocket.folder / "out.jsonl").read_text() == ""


def test_answer_that_is_no_json(hocket):
    some(hocket, 1)
    with far.far(lambda path, attempt: (200, {}, b"{not json")) as server:
        result = hocket.run(pipeline(f"{server.base}/x"))
    assert result.code == 3
    assert "invalid_json" in result.err


# ---- our own side ----


@contextlib.contextmanager
def mounted(folder, options):
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder],
                                           capture_output=True).returncode != 0:
        pytest.skip("needs root and the right to mount a tmpfs")
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


def test_read_only_folder(hocket, tmp_path):
    some(hocket)
    folder = tmp_path / "frozen"
    folder.mkdir()
    with mounted(folder, "ro,size=64k"):
        result = hocket.run("from: {jsonl: in.jsonl}\nto: {jsonl: frozen/out.jsonl}\n")
        assert result.code == 1
        assert "frozen/out.jsonl" in result.err and "read-only" in result.err.lower()


def test_full_disk_fails_whole_and_can_be_resumed(hocket, tmp_path):
    hocket.write_jsonl("in.jsonl", [{"id": i, "text": "x" * 400} for i in range(4000)])
    folder = tmp_path / "small"
    folder.mkdir()
    text = "from: {jsonl: in.jsonl}\nto: {jsonl: small/out.jsonl}\n"
    with mounted(folder, "size=512k"):
        result = hocket.run(text)
        assert result.code == 1
        assert "small/out.jsonl" in result.err and "no space left" in result.err.lower()
        assert not (folder / "out.jsonl").exists()
        assert subprocess.run(["mount", "-o", "remount,size=16m", folder]).returncode == 0
        result = hocket.run(text)
        assert result.code == 0, result.err
        assert [r["id"] for r in hocket.read_jsonl("small/out.jsonl")] == list(range(4000))


def test_full_disk_under_sqlite(hocket, tmp_path):
    hocket.write_jsonl("in.jsonl", [{"id": i, "text": "x" * 400} for i in range(4000)])
    folder = tmp_path / "small"
    folder.mkdir()
    with mounted(folder, "size=512k"):
        result = hocket.run("from: {jsonl: in.jsonl}\nto: {sqlite: small/out.db, table: t, key: id}\n")
        assert result.code == 1
        assert "small/out.db" in result.err and "full" in result.err.lower()


def test_stdout_on_a_full_device(hocket):
    some(hocket, 2000)
    hocket.write("pipe.yaml", "from: {jsonl: in.jsonl}\nto: stdout\n")
    with open("/dev/full", "w") as full:
        process = subprocess.Popen([os.environ.get("HOCKET", "hocket"), "run", "pipe.yaml"], cwd=hocket.folder, stdout=full,
                                   stderr=subprocess.PIPE, text=True)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "stdout" in err and "no space left" in err.lower()


def test_table_with_other_columns(hocket, tmp_path):
    some(hocket)
    with sqlite3.connect(tmp_path / "t.db") as db:
        db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, owner TEXT NOT NULL)")
    result = hocket.run("from: {jsonl: in.jsonl}\nto: {sqlite: t.db, table: t, key: id}\n")
    assert result.code != 0
    assert "owner" in result.err and "t.db" in result.err
    assert sqlite3.connect(tmp_path / "t.db").execute("SELECT count(*) FROM t").fetchone() == (0,)


def test_table_without_the_columns(hocket, tmp_path):
    some(hocket)
    with sqlite3.connect(tmp_path / "t.db") as db:
        db.execute("CREATE TABLE t (name TEXT)")
    result = hocket.run("from: {jsonl: in.jsonl}\nto: {sqlite: t.db, table: t, key: id}\n")
    assert result.code == 1
    assert "'t'" in result.err and "'id'" in result.err and "t.db" in result.err
    assert [row[1] for row in sqlite3.connect(tmp_path / "t.db").execute("PRAGMA table_info(t)")] == ["name"]


def test_output_that_is_no_database(hocket, tmp_path):
    some(hocket)
    hocket.write("t.db", "this is no database, it is a text of some length\n" * 50)
    result = hocket.run("from: {jsonl: in.jsonl}\nto: {sqlite: t.db, table: t, key: id}\n")
    assert result.code == 1
    assert "t.db" in result.err and "not a SQLite database" in result.err
    assert (tmp_path / "t.db").read_text().startswith("this is no database")


@pytest.mark.parametrize("line", ["to: {jsonl: special}", "to: {csv: special}", "to: {jsonl: out.jsonl}\ndead: special"])
def test_devices_and_pipes_are_not_replaced_by_files(hocket, line):
    """As root, a rename over /dev/null would be everybody's bad day."""
    hocket.write_jsonl("in.jsonl", [{"id": 1}])
    os.mkfifo(hocket.folder / "special")
    r = hocket.run("from: {jsonl: in.jsonl}\n" + line + "\n")
    assert r.code != 0 and "is not a regular file" in r.err, r.err
    assert (hocket.folder / "special").is_fifo()
