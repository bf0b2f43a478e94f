"""Google Cloud Storage, the store itself (src/io/object/gs_*.c): put by hocket and read by Google's client, and the other way round."""
import base64
import json
import pathlib
import subprocess

import conftest
import pytest

TOOL = pathlib.Path(conftest.PROGRAM).resolve().parent / "tests/unit/io/object_tool"


if not TOOL.exists():
    pytest.skip(f"{TOOL} is not built", allow_module_level=True)


def call(verb, url, *words, env=None, folder="."):
    done = subprocess.run([TOOL, verb, url, *map(str, words)], capture_output=True, text=True, timeout=120 * conftest.SLOW, env=env, cwd=folder)
    assert done.stdout and done.returncode in (0, 1) and not done.stderr, done.stderr
    lines = [json.loads(line) if line.startswith("{") else line for line in done.stdout.splitlines()]
    return lines if verb == "list" else lines[-1]


def hexed(base64_text):
    return base64.b64decode(base64_text).hex()


def test_the_official_client_reads_what_is_put(gcs, tmp_path):
    data = bytes(range(256)) * 4000
    (tmp_path / "in").write_bytes(data)
    name = "a/b c/ü%20?x#y&z=1.pdf"
    said = call("put", f"{gcs.url}/{name}", tmp_path / "in", "type=application/pdf", "cache=public, max-age=60", "meta:topic=näme \"x\"",
                f"endpoint={gcs.endpoint}")
    there = gcs.get(name)
    assert there["data"] == data
    assert (there["type"], there["cache_control"], there["metadata"]) == ("application/pdf", "public, max-age=60", {"topic": 'näme "x"'})
    assert said["bytes"] == there["size"] == len(data)
    assert said["crc32c"] == hexed(there["crc32c"]) and said["md5"] == hexed(there["md5"])
    assert gcs.names() == [name]


def test_what_the_official_client_put_is_read(gcs, tmp_path):
    data = b"\0\xff" * 700_000
    name = "déjà/vu+plus.bin"
    there = gcs.put(name, data, type="image/x-ünknown", cache_control="no-store")
    said = call("get", f"{gcs.url}/{name}", tmp_path / "out", f"endpoint={gcs.endpoint}")
    assert (tmp_path / "out").read_bytes() == data
    assert (said["bytes"], said["crc32c"], said["generation"]) == (len(data), hexed(there["crc32c"]), str(there["generation"]))
    stat = call("stat", f"{gcs.url}/{name}", f"endpoint={gcs.endpoint}")
    assert (stat["bytes"], stat["crc32c"], stat["type"]) == (len(data), said["crc32c"], "image/x-ünknown")


def test_pieces(gcs, tmp_path):
    data = bytes(i * 7 % 251 for i in range(1_100_000))
    (tmp_path / "in").write_bytes(data)
    said = call("put", f"{gcs.url}/big", tmp_path / "in", "piece=262144", "type=video/x", f"endpoint={gcs.endpoint}")
    there = gcs.get("big")
    assert there["data"] == data and there["type"] == "video/x"
    assert said["bytes"] == len(data)


def test_nothing_is_nothing(gcs, tmp_path):
    (tmp_path / "in").write_bytes(b"")
    call("put", f"{gcs.url}/empty", tmp_path / "in", f"endpoint={gcs.endpoint}")
    assert gcs.get("empty")["data"] == b""
    assert call("get", f"{gcs.url}/empty", tmp_path / "out", f"endpoint={gcs.endpoint}")["bytes"] == 0


def test_preconditions(gcs, tmp_path):
    (tmp_path / "one").write_bytes(b"one")
    (tmp_path / "two").write_bytes(b"two")
    put = lambda file, *words: call("put", f"{gcs.url}/x", tmp_path / file, f"endpoint={gcs.endpoint}", *words)  # noqa: E731
    first = put("one", "when=new")
    assert not first["already"]
    again = put("one", "when=new")
    assert again["already"] and again["generation"] == first["generation"]
    other = put("two", "when=new")
    assert other["class"] == "status(412)" and first["generation"] in other["error"] and "another object" in other["error"]
    over = put("two", f"when=match:{first['generation']}")
    assert over["generation"] != first["generation"] and gcs.get("x")["data"] == b"two"
    assert put("one", f"when=match:{first['generation']}")["class"] == "status(412)"
    assert gcs.get("x")["data"] == b"two"


def test_a_list_in_pages(gcs):
    names = sorted(["a/1", "a/2", "a/ü", "b", "a/2.5", "a", "a0"])
    for name in names:
        gcs.put(name, name.encode())
    lines = call("list", f"{gcs.url}/", "most=2", f"endpoint={gcs.endpoint}")
    assert [line["name"] for line in lines[:-1]] == sorted(names, key=str.encode) and lines[-1]["pages"] == 4
    lines = call("list", f"{gcs.url}/a/", f"endpoint={gcs.endpoint}")
    assert [line["name"] for line in lines[:-1]] == ["a/1", "a/2", "a/2.5", "a/ü"]


def test_what_is_not_there(gcs, tmp_path):
    (tmp_path / "in").write_bytes(b"x")
    missing = call("put", "gs://no-such-bucket/x", tmp_path / "in", f"endpoint={gcs.endpoint}")
    assert missing["class"] == "status(404)" and "gs://no-such-bucket" in missing["error"]
    assert call("get", f"{gcs.url}/none", tmp_path / "out", f"endpoint={gcs.endpoint}")["class"] == "status(404)"
    assert not (tmp_path / "out").exists()
