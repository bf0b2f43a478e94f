"""Uploads: Google's client and the disk say what is there. Killed, cut off, refused, full; never half an object, never one too many."""
import contextlib
import hashlib
import json
import os
import random
import socket
import subprocess
import threading
import time

import far
import pytest


def text(i, size=2000):
    return f"note {i} " * (size // 8)


def topics(hocket, n, **more):
    hocket.write_jsonl("in.jsonl", [{"id": i, "slug": f"n{i:04}", "text": text(i), **more} for i in range(n)])


STEP = """from: {{jsonl: in.jsonl}}
steps:
  - upload: {where}/\\(.slug).txt
    data: .text
    into: .url
{options}
to: {{jsonl: done.jsonl, fields: [slug, url]}}
"""


@pytest.fixture
def google(hocket, gcs):
    hocket.env["STORAGE_EMULATOR_HOST"] = gcs.endpoint
    return gcs


def write(hocket, where, *options):
    hocket.write("pipe.yaml", STEP.format(where=where, options="\n".join("    " + line for line in options)))


# ---- what is there ----

def test_notes_are_uploaded_and_the_url_comes_back(hocket, google):
    topics(hocket, 40)
    write(hocket, google.url, "cache_control: public, max-age=60", "metadata: {topic: '\\(.slug)'}")
    result = hocket("run", "pipe.yaml")
    assert result.code == 0, result.err
    assert google.names() == [f"n{i:04}.txt" for i in range(40)]
    assert hocket.read_jsonl("done.jsonl") == [{"slug": f"n{i:04}", "url": f"{google.url}/n{i:04}.txt"} for i in range(40)]
    there = google.get("n0007.txt")
    assert there["data"].decode() == text(7)
    assert (there["type"], there["cache_control"], there["metadata"]) == ("text/plain; charset=utf-8", "public, max-age=60", {"topic": "n0007"})
    assert len(google.writes) == 40


def test_a_sink_puts_the_record(hocket, google):
    topics(hocket, 12)
    result = hocket.run(f"""from: {{jsonl: in.jsonl}}
to: {{upload: '{google.url}/x/\\(.id).json'}}
""")
    assert result.code == 0 and result.account["delivered"] == 12, result.err
    assert sorted(google.names()) == sorted(f"x/{i}.json" for i in range(12))
    there = google.get("x/3.json")
    assert json.loads(there["data"]) == {"id": 3, "slug": "n0003", "text": text(3)} and there["type"] == "application/json"


def test_what_is_known_of_the_object_is_in_the_headers(hocket, google):
    topics(hocket, 1)
    write(hocket, google.url, "result: .about = $res.headers")
    hocket.write("pipe.yaml", (hocket.folder / "pipe.yaml").read_text().replace("fields: [slug, url]", "fields: [about]"))
    assert hocket("run", "pipe.yaml").code == 0
    about, there = hocket.read_jsonl("done.jsonl")[0]["about"], google.get("n0000.txt")
    assert about["md5"] == hashlib.md5(text(0).encode()).hexdigest()
    assert (about["bytes"], about["generation"], about["already"]) == (len(text(0)), str(there["generation"]), False)


def test_a_blob_goes_through_untouched(hocket, google):
    body = random.Random(3).randbytes(300_000)
    with far.far(lambda path, attempt: (200, {"Content-Type": "application/pdf"}, body)) as server:
        topics(hocket, 3)
        result = hocket.run(f"""from: {{jsonl: in.jsonl}}
steps:
  - http: {server.base}/\\(.id)
    into: .pdf
  - upload: {google.url}/\\(.slug)
    data: .pdf
    into: .url
to: {{jsonl: done.jsonl}}
""")
    assert result.code == 0, result.err
    for i in range(3):
        there = google.get(f"n{i:04}")
        assert there["data"] == body and there["type"] == "application/pdf"


def test_a_large_object_goes_in_pieces(hocket, google):
    body = random.Random(4).randbytes(50 << 20)
    with far.far(lambda path, attempt: (200, {"Content-Type": "application/octet-stream"}, body)) as server:
        hocket.write_jsonl("in.jsonl", [{"id": 1}])
        result = hocket.run(f"""from: {{jsonl: in.jsonl}}
steps:
  - http: {server.base}/big
    max_body: 60MB
    into: .data
  - upload: {google.url}/big.bin
    data: .data
    piece: 8MB
to: null
""", timeout=120)
    assert result.code == 0, result.err
    assert google.get("big.bin")["data"] == body
    assert len(google.writes) >= 7, google.writes


# ---- again ----

def test_the_same_again_changes_nothing(hocket, google):
    topics(hocket, 5)
    write(hocket, google.url, "mode: new")
    assert hocket("run", "pipe.yaml").code == 0
    before = [google.get(name)["generation"] for name in google.names()]
    result = hocket("run", "pipe.yaml", "--fresh")
    assert result.code == 0 and result.account["delivered"] == 5, result.err
    assert [google.get(name)["generation"] for name in google.names()] == before


def test_another_object_under_a_new_name_is_refused(hocket, google):
    google.put("n0002.txt", b"somebody else's")
    topics(hocket, 5)
    write(hocket, google.url, "mode: new")
    result = hocket("run", "pipe.yaml")
    assert result.code == 3 and result.account == {"in": 5, "delivered": 4, "filtered": 0, "duplicate": 0, "dead": 1}, result.err
    assert google.get("n0002.txt")["data"] == b"somebody else's"
    shown = hocket("dead", "ls", "pipe.yaml")
    assert "status(412)" in shown.out, shown.out


def test_only_over_the_generation_that_was_seen(hocket, google):
    seen = google.put("n0000.txt", b"one")["generation"]
    google.put("n0001.txt", b"one")
    hocket.write_jsonl("in.jsonl", [{"slug": "n0000", "text": "two", "generation": seen}, {"slug": "n0001", "text": "two", "generation": 1}])
    write(hocket, google.url, "if_generation: \\(.generation)")
    result = hocket("run", "pipe.yaml")
    assert result.code == 3 and result.account["dead"] == 1, result.err
    assert google.get("n0000.txt")["data"] == b"two" and google.get("n0001.txt")["data"] == b"one"


def test_one_name_is_written_in_order_and_once_a_second(hocket, google):
    hocket.write_jsonl("in.jsonl", [{"slug": "same", "text": f"version {i}"} for i in range(4)] +
                       [{"slug": f"o{i}", "text": "x"} for i in range(30)])
    write(hocket, google.url)
    began = time.monotonic()
    result = hocket("run", "pipe.yaml")
    assert result.code == 0, result.err
    assert time.monotonic() - began >= 3
    assert google.get("same.txt")["data"] == b"version 3"
    assert len(google.names()) == 31


def test_what_is_remembered_is_not_sent_again(hocket, google):
    topics(hocket, 10)
    write(hocket, google.url, "remember: 30d")
    assert hocket("run", "pipe.yaml").code == 0
    assert len(google.writes) == 10
    result = hocket("run", "pipe.yaml", "--fresh")
    assert result.code == 0 and len(google.writes) == 10, result.err
    assert len(hocket.read_jsonl("done.jsonl")) == 10


# ---- killed ----

@pytest.mark.parametrize("seed", [1, 2])
def test_killed_again_and_again(hocket, google, seed):
    n, chance = 200, random.Random(seed)
    topics(hocket, n)
    write(hocket, google.url, "concurrency: 8")
    for _ in range(5):
        process = hocket.start("run", "pipe.yaml", "-q")
        wanted = len(google.writes) + chance.randrange(5, 40)
        until = time.monotonic() + 20
        while len(google.writes) < wanted and process.poll() is None and time.monotonic() < until:
            time.sleep(0.005)
        process.kill()
        process.communicate()
    result = hocket("run", "pipe.yaml")
    assert result.code == 0, result.err
    assert google.names() == [f"n{i:04}.txt" for i in range(n)]
    for i in range(0, n, 20):
        assert google.get(f"n{i:04}.txt")["data"].decode() == text(i)
    assert [r["slug"] for r in hocket.read_jsonl("done.jsonl")] == [f"n{i:04}" for i in range(n)]
    assert hocket("verify", "pipe.yaml").code == 0


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_files_are_whole_or_not_there(hocket, seed):
    n, chance = 150, random.Random(seed)
    topics(hocket, n)
    write(hocket, "file:out/a", "concurrency: 8")
    for _ in range(5):
        process = hocket.start("run", "pipe.yaml", "-q")
        time.sleep(chance.random() * 0.05)
        process.kill()
        process.communicate()
        for path in (hocket.folder / "out/a").glob("*.txt"):
            assert path.read_text() == text(int(path.stem[1:]))
    assert hocket("run", "pipe.yaml").code in (0,)
    assert sorted(p.name for p in (hocket.folder / "out/a").glob("*.txt")) == [f"n{i:04}.txt" for i in range(n)]
    assert all(p.read_text() == text(int(p.stem[1:])) for p in (hocket.folder / "out/a").glob("*.txt"))


# ---- the far side fails ----

class Road(threading.Thread):
    """A way to a server that can be cut: .cut() ends all connections, and nobody answers until .mend(). `lose`: every so many-th connection
    is cut after `bytes_` of what hocket sends."""

    def __init__(self, endpoint, lose=0, bytes_=0):
        super().__init__(daemon=True)
        self.to = ("127.0.0.1", int(endpoint.rsplit(":", 1)[1]))
        self.lose, self.bytes, self.count, self.lost = lose, bytes_, 0, 0
        self.open, self.lock = [], threading.Lock()
        self.door = socket.create_server(("127.0.0.1", 0))
        self.port = self.door.getsockname()[1]
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.start()

    def run(self):
        while True:
            with contextlib.suppress(OSError):
                here, _ = self.door.accept()
                there = socket.create_connection(self.to)
                with self.lock:
                    self.count += 1
                    most = self.bytes if self.lose and self.count % self.lose == 0 else None
                    self.lost += most is not None
                    self.open += [here, there]
                threading.Thread(target=self.carry, args=(here, there, most), daemon=True).start()
                threading.Thread(target=self.carry, args=(there, here, None), daemon=True).start()
                continue
            time.sleep(0.02)

    def carry(self, here, there, most):
        with contextlib.suppress(OSError):
            while data := here.recv(65536):
                if most is not None:
                    there.sendall(data[:most])
                    most -= len(data)
                    if most < 0:
                        break
                else:
                    there.sendall(data)
        for end in (here, there):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def cut(self):
        self.door.shutdown(socket.SHUT_RDWR)  # ends an accept() that waits, too
        self.door.close()
        with self.lock:
            for end in self.open:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
            self.open.clear()

    def mend(self):
        self.door = socket.create_server(("127.0.0.1", self.port))


def test_a_bucket_that_is_not_there_stops_the_run(hocket, google):
    topics(hocket, 60)
    write(hocket, "gs://no-such-bucket-here")
    result = hocket("run", "pipe.yaml")
    assert result.code == 5, result.err
    assert "nothing has succeeded yet at 'upload'" in result.err and "no-such-bucket-here" in result.err and "404" in result.err, result.err
    assert result.account["dead"] == 0


def test_the_store_is_gone_for_a_while(hocket, gcs):
    """Longer than four attempts last: nobody is dead, nothing is missing."""
    topics(hocket, 300)
    road = Road(gcs.endpoint)
    hocket.env["STORAGE_EMULATOR_HOST"] = road.endpoint
    write(hocket, gcs.url, "concurrency: 4", "rate: 100/s")
    process = hocket.start("run", "pipe.yaml")
    until = time.monotonic() + 20
    while len(gcs.writes) < 20 and time.monotonic() < until:
        time.sleep(0.005)
    road.cut()
    time.sleep(4)  # the time it is gone, not a wait for something
    there = len(gcs.names())
    assert 20 <= there < 300
    road.mend()
    result = hocket.finish(process)
    assert result.code == 0 and result.account["delivered"] == 300, result.err
    assert gcs.names() == [f"n{i:04}.txt" for i in range(300)]


@pytest.mark.parametrize("size, piece", [(200_000, "8MB"), (3_000_000, "256K")], ids=["whole", "pieces"])
def test_connections_that_are_cut_in_the_middle(hocket, gcs, size, piece):
    hocket.write_jsonl("in.jsonl", [{"slug": f"n{i}", "text": text(i, size)} for i in range(12)])
    road = Road(gcs.endpoint, lose=3, bytes_=150_000)
    hocket.env["STORAGE_EMULATOR_HOST"] = road.endpoint
    write(hocket, gcs.url, f"piece: {piece}", "retry: 20", "concurrency: 3")
    result = hocket("run", "pipe.yaml", timeout=120)
    assert result.code == 0, result.err
    assert road.lost >= 1, "nothing was cut: the test says nothing"
    for i in range(12):
        assert gcs.get(f"n{i}.txt")["data"].decode() == text(i, size)


def test_a_record_is_dead_of_its_name_alone(hocket, google):
    hocket.write_jsonl("in.jsonl", [{"slug": slug, "text": "x"} for slug in ("a", "../b", "c//d", "", "e/../../f", "g/h")])
    write(hocket, f"{google.url}/notes")
    result = hocket("run", "pipe.yaml")
    assert result.code == 3, result.err
    assert google.names() == ["notes/.txt", "notes/a.txt", "notes/g/h.txt"]
    assert result.account["dead"] == 3
    shown = hocket("dead", "ls", "pipe.yaml").out
    assert "bad_value" in shown, shown


def test_nothing_to_upload_is_dead(hocket, google):
    hocket.write_jsonl("in.jsonl", [{"slug": "a", "text": "x"}, {"slug": "b"}, {"slug": "c", "text": None}])
    write(hocket, google.url)
    result = hocket("run", "pipe.yaml")
    assert result.code == 3 and result.account["dead"] == 2, result.err
    assert google.names() == ["a.txt"]


@pytest.mark.skipif(os.geteuid() != 0, reason="a small disk needs root")
def test_a_full_disk_leaves_no_half_file(hocket):
    disk = hocket.folder / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "none", disk], capture_output=True).returncode != 0:
        pytest.skip("no tmpfs can be mounted here")
    try:
        topics(hocket, 200)
        write(hocket, f"file://{disk}/out")
        result = hocket("run", "pipe.yaml")
        assert result.code == 1, result.err
        assert "no space left" in result.err.lower(), result.err
        there = sorted((disk / "out").iterdir())
        assert there and all(p.read_text() == text(int(p.stem[1:])) for p in there if p.suffix == ".txt")
        subprocess.run(["mount", "-o", "remount,size=20m", disk], check=True)
        result = hocket("run", "pipe.yaml")
        assert result.code == 0, result.err
        assert len(list((disk / "out").glob("*.txt"))) == 200
    finally:
        subprocess.run(["umount", disk], check=False)


# ---- what a mistake gets ----

@pytest.mark.parametrize("line, said", [
    ("upload: my-notes/\\(.slug).pdf", "did you mean gs://my-notes/, s3://my-notes/ or file:my-notes/?"),
    ("upload: az://my-notes/\\(.slug).pdf", "'az://' is not a store"),
    ("upload: gs://my-notes/../\\(.slug).pdf", "'.' and '..' would lead elsewhere"),
    ("upload: \\(.url)", "the file has to say which store"),
    ("upload: s3://my-notes/\\($secret.KEY)", "$secret exists only in"),
], ids=["no scheme", "other scheme", "dots", "from data", "secret"])
def test_mistakes(hocket, line, said):
    topics(hocket, 1)
    hocket.write("pipe.yaml", f"from: {{jsonl: in.jsonl}}\nsteps:\n  - {line}\n    data: .text\nto: null\n")
    result = hocket("check", "pipe.yaml")
    assert result.code == 78 and said in result.err, result.err


def test_data_is_missing(hocket):
    topics(hocket, 1)
    result = hocket.run("from: {jsonl: in.jsonl}\nsteps:\n  - upload: gs://bucket/x\nto: null\n")
    assert result.code == 78 and "'data' is missing: step 'upload' needs it" in result.err, result.err


def test_a_try_uploads_nothing(hocket, google):
    topics(hocket, 3)
    write(hocket, google.url)
    result = hocket("try", "pipe.yaml")
    assert result.code == 0 and "not called" in result.out and google.url in result.out, result.out + result.err
    assert google.writes == []

