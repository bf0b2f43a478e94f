"""Listing and reading buckets: Google's client puts and says what is there; hocket is killed, and reads each object as often as it must."""
import json
import random
import time
import urllib.parse

import far
import pytest
from buckets import Road, bucket, way  # noqa: F401

N = 1200


LIST = """from: {{objects: '{where}'}}
to: {{jsonl: out.jsonl}}
"""
READ = """from: {{objects: '{where}'}}
steps:
  - download: {bucket}/\\(.name)
    concurrency: 8
{options}
    into: .data
to: {{jsonl: out.jsonl}}
"""


def fill(hocket, bucket, n, folder="o"):
    """By hocket, which test_upload.py judges; Google's client takes a minute for a thousand."""
    hocket.write_jsonl("fill.jsonl", [{"name": f"{folder}/{i:05}.json", "n": i} for i in range(n)])
    result = hocket.run(f"from: {{jsonl: fill.jsonl}}\nto: {{upload: '{bucket.url}/\\(.name)', concurrency: 32}}\n", "--fresh", name="fill.yaml")
    assert result.code == 0, result.err


def read(hocket, bucket, where, *options):
    hocket.write("pipe.yaml", READ.format(where=where, bucket=bucket.url, options="\n".join("    " + line for line in options)))


def test_a_listing_is_as_googles_client_has_it(hocket, bucket):
    for name, data in {"a/1.json": b"{}", "a/2.txt": b"two", "a/b/3.json": b"[3]", "ä/ü?#.json": b"4", "z.json": b"5"}.items():
        bucket.put(name, data, type="text/x-test")
    result = hocket.run(LIST.format(where=f"{bucket.url}/"))
    assert result.code == 0, result.err
    found = hocket.read_jsonl("out.jsonl")
    assert [r["name"] for r in found] == bucket.names()
    for r in found:
        there = bucket.get(r["name"])
        assert (r["url"], r["bucket"], r["bytes"]) == (f"{bucket.url}/{r['name']}", bucket.name, there["size"])
        assert r["updated"].endswith("Z")
        if bucket.url.startswith("gs:"):
            assert (r["type"], r["generation"]) == ("text/x-test", str(there["generation"]))
        else:
            assert r["etag"] == there["etag"]


@pytest.mark.parametrize("pattern, names", [
    ("a/", ["a/1.json", "a/2.txt", "a/b/3.json"]),
    ("a/*.json", ["a/1.json"]),
    ("**/*.json", ["a/1.json", "a/b/3.json", "z.json"]),
    ("a/[2-3]*", ["a/2.txt"]),
    ("none/**", []),
])
def test_patterns(hocket, bucket, pattern, names):
    for name in ("a/1.json", "a/2.txt", "a/b/3.json", "z.json"):
        bucket.put(name, b"x")
    result = hocket.run(LIST.format(where=f"{bucket.url}/{pattern}"))
    assert result.code == 0, result.err
    assert [r["name"] for r in hocket.read_jsonl("out.jsonl")] == names


def test_contents_are_read(hocket, bucket):
    bucket.put("a.json", b'{"n": 1.10}', type="application/json")
    bucket.put("b.txt", "zwölf\n".encode(), type="text/plain")
    bucket.put("c.bin", bytes(range(256)))
    read(hocket, bucket, f"{bucket.url}/", "name: read")
    result = hocket("run", "pipe.yaml")
    assert result.code == 0, result.err
    a, b, c = (json.loads(line)["data"] for line in (hocket.folder / "out.jsonl").read_text().splitlines())
    assert '"data":{"n":1.10}' in (hocket.folder / "out.jsonl").read_text()
    assert a == {"n": 1.1} and b == "zwölf\n"
    assert c["type"] == "application/octet-stream" and c["bytes"] == 256


def test_many_pages_and_kills(hocket, bucket):
    chance = random.Random(7)
    fill(hocket, bucket, N)
    read(hocket, bucket, f"{bucket.url}/o/", "as: json", "rate: 1000/s burst 1")
    part = hocket.folder / "out.jsonl.part"
    for _ in range(4):
        before = part.stat().st_size if part.exists() else 0
        process = hocket.start("run", "pipe.yaml", "-q")
        while process.poll() is None and (not part.exists() or part.stat().st_size <= before):
            time.sleep(0.01)
        time.sleep(chance.random() * 0.1)
        assert process.poll() is None, "it has written some, and not all"
        process.kill()
        process.communicate()
        bucket.put("o/00000-new.json", b'{"n": -1}')  # on a page that was kept: for another run
    result = hocket("run", "pipe.yaml")
    assert result.code == 0, result.err
    assert [r["data"]["n"] for r in hocket.read_jsonl("out.jsonl")] == list(range(N))
    assert hocket("verify", "pipe.yaml").code == 0
    # two pages, and none of them twice: what a crash left unasked is all that is asked again
    if bucket.url.startswith("gs:"):
        listings = sum(1 for line in bucket.server.log.splitlines() if f"/b/{bucket.name}/o?" in line and '\\"GET' in line)
    else:
        listings = sum(1 for operation, _ in bucket.asked if operation.startswith("List"))
    assert 2 <= listings <= 2 + 4


def test_one_that_is_gone_is_dead_and_the_others_are_read(hocket, bucket):
    for i in range(5):
        bucket.put(f"{i}.txt", b"x", type="text/plain")
    names = [{"name": f"{i}.txt"} for i in range(7)]
    hocket.write_jsonl("in.jsonl", names)
    result = hocket.run(f"""from: {{jsonl: in.jsonl}}
steps:
  - download: {bucket.url}/\\(.name)
    into: .data
to: {{jsonl: out.jsonl}}
""")
    assert result.code == 3 and result.account["delivered"] == 5 and result.account["dead"] == 2, result.err
    assert "status(404)" in hocket("dead", "ls", "pipe.yaml").out


def test_the_very_version_that_was_listed(hocket, gcs):
    """A generation that is not there any more is dead; what stands there now is not read instead."""
    hocket.env["STORAGE_EMULATOR_HOST"] = gcs.endpoint
    old = gcs.put("a.json", b'{"n": 1}', type="application/json")["generation"]
    gcs.delete("a.json")
    now = gcs.put("a.json", b'{"n": 2}', type="application/json")["generation"]
    hocket.write_jsonl("in.jsonl", [{"generation": str(old)}, {"generation": str(now)}, {"generation": None}])
    result = hocket.run(f"""from: {{jsonl: in.jsonl}}
steps:
  - download: {gcs.url}/a.json
    generation: \\(.generation)
    into: .data
to: {{jsonl: out.jsonl}}
""")
    assert result.code == 3 and result.account["delivered"] == 2 and result.account["dead"] == 1, result.err
    assert [r["generation"] for r in hocket.read_jsonl("out.jsonl")] == [str(now), None]
    assert all(r["data"] == {"n": 2} for r in hocket.read_jsonl("out.jsonl"))
    assert "status(404)" in hocket("dead", "ls", "pipe.yaml").out


def test_only_what_is_new_or_changed_is_read_again(hocket, bucket):
    fill(hocket, bucket, 20)
    text = READ.format(where=f"{bucket.url}/o/", bucket=bucket.url, options="    as: json").replace(
        "steps:\n", "steps:\n  - unique: '[.url, .etag, .generation]'\n    for: 3650d\n")
    hocket.write("pipe.yaml", text)
    assert hocket("run", "pipe.yaml").account["delivered"] == 20
    bucket.put("o/00003.json", b'{"n": 33}', type="application/json")
    bucket.put("o/new.json", b'{"n": 99}', type="application/json")
    result = hocket("run", "pipe.yaml")
    assert result.code == 0, result.err
    assert result.account["delivered"] == 2 and result.account["duplicate"] == 20 - 1, result.err
    assert [r["data"]["n"] for r in hocket.read_jsonl("out.jsonl")] == [33, 99]


def test_a_bucket_that_is_not_there(hocket, bucket):
    result = hocket.run(LIST.format(where=bucket.url.replace(bucket.name, "no-such-bucket-here/")))
    assert result.code == 1 and "no-such-bucket-here" in result.err and "404" in result.err, result.err


def test_a_folder_is_a_bucket_too(hocket):
    for name in ("a/1.json", "a/b/2.json", "c.json"):
        hocket.write(f"data/{name}", f'{{"name":"{name}"}}')
    result = hocket.run("""from: {objects: 'file:data/**/*.json'}
steps:
  - download: file:data/\\(.name)
    into: .data
to: {jsonl: out.jsonl}
""")
    assert result.code == 0, result.err
    found = hocket.read_jsonl("out.jsonl")
    assert [r["name"] for r in found] == ["a/1.json", "a/b/2.json", "c.json"]
    assert [r["data"]["name"] for r in found] == ["a/1.json", "a/b/2.json", "c.json"]
    assert found[0]["url"] == f"file://{hocket.folder}/data/a/1.json"


def test_a_listing_outlives_its_connection(hocket, bucket):
    fill(hocket, bucket, 100)
    road = Road(bucket.endpoint, lose=2, bytes_=10)
    hocket.env.update(way(bucket, road.endpoint))
    read(hocket, bucket, f"{bucket.url}/o/", "as: json", "retry: 20")
    result = hocket("run", "pipe.yaml")
    assert result.code == 0 and road.lost > 0, result.err
    assert [r["data"]["n"] for r in hocket.read_jsonl("out.jsonl")] == list(range(100))


def test_pages_that_go_in_a_circle(hocket):
    """Token by token, each another than the one before: it ends, and no object is there twice."""
    item = {"bucket": "notes", "size": "1", "crc32c": "AAAAAA=="}
    pages = {"": ("a", "1"), "1": ("b", "2"), "2": ("c", "3"), "3": ("d", "1")}

    def answer(path, _):
        name, token = pages[urllib.parse.parse_qs(path.partition("?")[2]).get("pageToken", [""])[0]]
        return 200, {"Content-Type": "application/json"}, json.dumps({"items": [{**item, "name": name}], "nextPageToken": token}).encode()
    with far.far(answer) as server:
        hocket.env["STORAGE_EMULATOR_HOST"] = server.base
        result = hocket.run(LIST.format(where="gs://notes/"), timeout=20)
    assert result.code == 1 and "circle" in result.err, result.err
    assert [r["name"] for r in hocket.read_jsonl("out.jsonl.part")] == ["a", "b", "c", "d"]
    assert sum(server.asked.values()) == 4
