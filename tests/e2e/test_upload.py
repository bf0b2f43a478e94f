"""Uploads: Google's client and the disk say what is there. Killed, cut off, refused, full; never half an object, never one too many."""
import hashlib
import json
import os
import random
import subprocess
import time

import far
import pytest
from buckets import Road, bucket, puts, way  # noqa: F401
from gcs_strict import Google, Lost, Say


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

def test_notes_are_uploaded_and_the_url_comes_back(hocket, bucket):
    topics(hocket, 40)
    write(hocket, bucket.url, "cache_control: public, max-age=60", "metadata: {topic: '\\(.slug)'}")
    result = hocket("run", "pipe.yaml")
    assert result.code == 0, result.err
    assert bucket.names() == [f"n{i:04}.txt" for i in range(40)]
    assert hocket.read_jsonl("done.jsonl") == [{"slug": f"n{i:04}", "url": f"{bucket.url}/n{i:04}.txt"} for i in range(40)]
    there = bucket.get("n0007.txt")
    assert there["data"].decode() == text(7)
    assert (there["type"], there["cache_control"], there["metadata"]) == ("text/plain; charset=utf-8", "public, max-age=60", {"topic": "n0007"})
    assert puts(bucket) == 40


def test_a_sink_puts_the_record(hocket, bucket):
    topics(hocket, 12)
    result = hocket.run(f"""from: {{jsonl: in.jsonl}}
to: {{upload: '{bucket.url}/x/\\(.id).json'}}
""")
    assert result.code == 0 and result.account["delivered"] == 12, result.err
    assert sorted(bucket.names()) == sorted(f"x/{i}.json" for i in range(12))
    there = bucket.get("x/3.json")
    assert json.loads(there["data"]) == {"id": 3, "slug": "n0003", "text": text(3)} and there["type"] == "application/json"


def test_what_is_known_of_the_object_is_in_the_headers(hocket, google):
    topics(hocket, 1)
    write(hocket, google.url, "result: .about = $res.headers")
    hocket.write("pipe.yaml", (hocket.folder / "pipe.yaml").read_text().replace("fields: [slug, url]", "fields: [about]"))
    assert hocket("run", "pipe.yaml").code == 0
    about, there = hocket.read_jsonl("done.jsonl")[0]["about"], google.get("n0000.txt")
    assert about["md5"] == hashlib.md5(text(0).encode()).hexdigest()
    assert (about["bytes"], about["generation"], about["already"]) == (len(text(0)), str(there["generation"]), False)


def test_a_blob_goes_through_untouched(hocket, bucket):
    body = random.Random(3).randbytes(300_000)
    with far.far(lambda path, attempt: (200, {"Content-Type": "application/pdf"}, body)) as server:
        topics(hocket, 3)
        result = hocket.run(f"""from: {{jsonl: in.jsonl}}
steps:
  - http: {server.base}/\\(.id)
    into: .pdf
  - upload: {bucket.url}/\\(.slug)
    data: .pdf
    into: .url
to: {{jsonl: done.jsonl}}
""")
    assert result.code == 0, result.err
    for i in range(3):
        there = bucket.get(f"n{i:04}")
        assert there["data"] == body and there["type"] == "application/pdf"


def test_a_large_object_goes_in_pieces(hocket, bucket):
    body = random.Random(4).randbytes(50 << 20)
    with far.far(lambda path, attempt: (200, {"Content-Type": "application/octet-stream"}, body)) as server:
        hocket.write_jsonl("in.jsonl", [{"id": 1}])
        result = hocket.run(f"""from: {{jsonl: in.jsonl}}
steps:
  - http: {server.base}/big
    max_body: 60MB
    into: .data
  - upload: {bucket.url}/big.bin
    data: .data
    piece: 8MB
to: null
""", timeout=120)
    assert result.code == 0, result.err
    assert bucket.get("big.bin")["data"] == body
    assert puts(bucket) >= 7


# ---- again ----

def test_the_same_again_changes_nothing(hocket, google):
    topics(hocket, 5)
    write(hocket, google.url, "mode: new")
    assert hocket("run", "pipe.yaml").code == 0
    before = [google.get(name)["generation"] for name in google.names()]
    result = hocket("run", "pipe.yaml", "--fresh")
    assert result.code == 0 and result.account["delivered"] == 5, result.err
    assert [google.get(name)["generation"] for name in google.names()] == before


def test_another_object_under_a_new_name_is_refused(hocket, bucket):
    bucket.put("n0002.txt", b"somebody else's")
    topics(hocket, 5)
    write(hocket, bucket.url, "mode: new")
    result = hocket("run", "pipe.yaml")
    assert result.code == 3 and result.account == {"in": 5, "delivered": 4, "filtered": 0, "duplicate": 0, "dead": 1}, result.err
    assert bucket.get("n0002.txt")["data"] == b"somebody else's"
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


def test_only_over_the_etag_that_was_seen(hocket, s3):
    hocket.env.update(s3.env)
    seen = s3.put("n0000.txt", b"one")["etag"]
    s3.put("n0001.txt", b"one")
    hocket.write_jsonl("in.jsonl", [{"slug": "n0000", "text": "two", "etag": seen}, {"slug": "n0001", "text": "two", "etag": "0" * 32}])
    write(hocket, s3.url, "if_match: \\(.etag)")
    result = hocket("run", "pipe.yaml")
    assert result.code == 3 and result.account["dead"] == 1, result.err
    assert s3.get("n0000.txt")["data"] == b"two" and s3.get("n0001.txt")["data"] == b"one"


def test_an_upload_that_is_given_up_leaves_no_pieces(hocket, s3):
    """Pieces that nobody completes cost their owner: a record that dies tells the service."""
    road = Road(s3.endpoint, lose=1, bytes_=4_000_000)
    hocket.env.update(way(s3, road.endpoint))
    hocket.write_jsonl("in.jsonl", [{"slug": "big", "text": text(1, 30_000_000)}])
    write(hocket, s3.url, "piece: 5MB", "retry: 2")
    result = hocket("run", "pipe.yaml", timeout=120)
    assert result.code == 3 and road.lost > 0, result.err
    assert s3.names() == [] and s3.uploads() == []


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


def test_what_is_remembered_is_not_sent_again(hocket, bucket):
    topics(hocket, 10)
    write(hocket, bucket.url, "remember: 30d")
    assert hocket("run", "pipe.yaml").code == 0
    assert puts(bucket) == 10
    result = hocket("run", "pipe.yaml", "--fresh")
    assert result.code == 0 and puts(bucket) == 10, result.err
    assert len(hocket.read_jsonl("done.jsonl")) == 10
    hocket.write_jsonl("in.jsonl", [{"slug": f"n{i:04}", "text": text(i) if i else "another text"} for i in range(10)])
    result = hocket("run", "pipe.yaml", "--fresh")
    assert result.code == 0 and puts(bucket) == 11, result.err
    assert bucket.get("n0000.txt")["data"] == b"another text"


# ---- killed ----

@pytest.mark.parametrize("seed", [1, 2])
def test_killed_again_and_again(hocket, bucket, seed):
    n, chance = 200, random.Random(seed)
    topics(hocket, n)
    write(hocket, bucket.url, "concurrency: 8")
    for _ in range(5):
        process = hocket.start("run", "pipe.yaml", "-q")
        wanted = puts(bucket) + chance.randrange(5, 40)
        until = time.monotonic() + 20
        while puts(bucket) < wanted and process.poll() is None and time.monotonic() < until:
            time.sleep(0.005)
        process.kill()
        process.communicate()
    result = hocket("run", "pipe.yaml")
    assert result.code == 0, result.err
    assert bucket.names() == [f"n{i:04}.txt" for i in range(n)]
    for i in range(0, n, 20):
        assert bucket.get(f"n{i:04}.txt")["data"].decode() == text(i)
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

def test_a_bucket_that_is_not_there_stops_the_run(hocket, bucket):
    topics(hocket, 60)
    write(hocket, bucket.url.replace(bucket.name, "no-such-bucket-here"))
    result = hocket("run", "pipe.yaml")
    assert result.code == 5, result.err
    assert "nothing has succeeded yet at 'upload'" in result.err and "no-such-bucket-here" in result.err and "404" in result.err, result.err
    assert result.account["dead"] == 0


def test_the_store_is_gone_for_a_while(hocket, bucket):
    """Longer than four attempts last: nobody is dead, nothing is missing."""
    topics(hocket, 300)
    road = Road(bucket.endpoint)
    hocket.env.update(way(bucket, road.endpoint))
    write(hocket, bucket.url, "concurrency: 4", "rate: 100/s")
    process = hocket.start("run", "pipe.yaml")
    until = time.monotonic() + 20
    while puts(bucket) < 20 and time.monotonic() < until:
        time.sleep(0.005)
    road.cut()
    time.sleep(4)  # the time it is gone, not a wait for something
    there = len(bucket.names())
    assert 20 <= there < 300
    road.mend()
    result = hocket.finish(process)
    assert result.code == 0 and result.account["delivered"] == 300, result.err
    assert bucket.names() == [f"n{i:04}.txt" for i in range(300)]


@pytest.mark.parametrize("size, piece", [(200_000, "8MB"), (12_000_000, "5MB")], ids=["whole", "pieces"])
def test_connections_that_are_cut_in_the_middle(hocket, bucket, size, piece):
    hocket.write_jsonl("in.jsonl", [{"slug": f"n{i}", "text": text(i, size)} for i in range(6)])
    road = Road(bucket.endpoint, lose=3, bytes_=150_000)
    hocket.env.update(way(bucket, road.endpoint))
    write(hocket, bucket.url, f"piece: {piece}", "retry: 20", "concurrency: 3")
    result = hocket("run", "pipe.yaml", timeout=120)
    assert result.code == 0, result.err
    assert road.lost >= 1, "nothing was cut: the test says nothing"
    for i in range(6):
        assert bucket.get(f"n{i}.txt")["data"].decode() == text(i, size)


def test_a_record_is_dead_of_its_name_alone(hocket, bucket):
    hocket.write_jsonl("in.jsonl", [{"slug": slug, "text": "x"} for slug in ("a", "../b", "c//d", "", "e/../../f", "g/h", None, ["i"])])
    write(hocket, f"{bucket.url}/notes")
    result = hocket("run", "pipe.yaml")
    assert result.code == 3, result.err
    assert bucket.names() == ["notes/.txt", "notes/a.txt", "notes/g/h.txt"]
    assert result.account["dead"] == 5
    shown = hocket("dead", "ls", "pipe.yaml").out
    assert "bad_value" in shown, shown


def test_nothing_to_upload_is_dead(hocket, bucket):
    hocket.write_jsonl("in.jsonl", [{"slug": "a", "text": "x"}, {"slug": "b"}, {"slug": "c", "text": None}])
    write(hocket, bucket.url)
    result = hocket("run", "pipe.yaml")
    assert result.code == 3 and result.account["dead"] == 2, result.err
    assert bucket.names() == ["a.txt"]


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


# ---- a Google of our own, which does as it is told ----

CANARIES = ("canary-key-id-77", "canary-secret-of-s3-77")


@pytest.fixture
def strict(hocket):
    server = Google()
    hocket.env["STORAGE_EMULATOR_HOST"] = server.base
    yield server
    server.shutdown()
    server.server_close()
    assert not server.strangers


def test_a_refusal_for_lack_of_quota_pauses_all(hocket, strict):
    strict.plan("multipart", *[Say(429, {"error": {"code": 429, "message": "slow down"}}, Retry_After="1")] * 3)
    topics(hocket, 40)
    write(hocket, "gs://my-notes", "retry: 1", "concurrency: 1")  # one record hears all three, and that is not its failure
    began = time.monotonic()
    result = hocket("run", "pipe.yaml")
    assert result.code == 0 and result.account["delivered"] == 40, result.err
    assert len(strict.objects) == 40 and time.monotonic() - began >= 3


def test_a_rate_holds_at_an_endpoint_of_the_file(hocket, strict):
    """With credentials and without: the lane has the endpoint's name, however it is written."""
    del hocket.env["STORAGE_EMULATOR_HOST"]
    topics(hocket, 30)
    write(hocket, "gs://my-notes", f"endpoint: {strict.base}/", "anonymous: true", "rate: 20/s burst 1", "concurrency: 20")
    began = time.monotonic()
    result = hocket("run", "pipe.yaml")
    assert result.code == 0 and len(strict.objects) == 30, result.err
    assert time.monotonic() - began >= 1.3


def test_an_answer_that_is_lost_was_a_new_object_all_the_same(hocket, strict):
    strict.plan("multipart", Lost(), Lost(), Lost())
    topics(hocket, 10)
    write(hocket, "gs://my-notes", "mode: new")
    result = hocket("run", "pipe.yaml")
    assert result.code == 0 and result.account["delivered"] == 10, result.err
    assert len(strict.objects) == 10
    generations = [o["generation"] for o in strict.objects.values()]
    assert len(set(generations)) == 10, "none was written twice"


def test_what_the_service_says_is_said(hocket, strict):
    sentence = "robot@p does not have storage.objects.create access to the Google Cloud Storage object."
    strict.plan("multipart", *[Say(403, {"error": {"code": 403, "message": sentence}})] * 30)
    topics(hocket, 60)
    write(hocket, "gs://my-notes")
    result = hocket("run", "pipe.yaml")
    assert result.code == 5 and sentence in result.err and "403" in result.err, result.err
    assert result.account["dead"] == 0 and not strict.objects
    strict.plans.clear()
    assert hocket("run", "pipe.yaml").account["delivered"] == 60


def test_no_secret_is_told(hocket, s3):
    hocket.env.update({**s3.env, "KEY": CANARIES[0], "SECRET": CANARIES[1]})
    topics(hocket, 25)
    write(hocket, s3.url, "access_key: $secret.KEY", "secret_key: $secret.SECRET", "retry: 0")
    result = hocket("run", "pipe.yaml", "-v")
    assert result.code == 5, result.err
    said = result.out + result.err + hocket("dead", "ls", "pipe.yaml").out + hocket("graph", "pipe.yaml").out
    state = b"".join(p.read_bytes() for p in (hocket.folder / ".hocket").iterdir())
    for canary in CANARIES:
        assert canary not in said and canary.encode() not in state
    assert s3.names() == []


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


def test_a_try_uploads_nothing(hocket, bucket):
    topics(hocket, 3)
    write(hocket, bucket.url)
    result = hocket("try", "pipe.yaml")
    assert result.code == 0 and "not called" in result.out and bucket.url in result.out, result.out + result.err
    assert puts(bucket) == 0

