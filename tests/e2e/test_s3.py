"""S3, the store itself (src/io/object/s3_*.c): put by hocket and read by boto3, and the other way round."""
import hashlib
import json
import os
import pathlib
import subprocess

import conftest
import pytest

TOOL = pathlib.Path(conftest.PROGRAM).resolve().parent / "tests/unit/io/object_tool"


if not TOOL.exists():
    pytest.skip(f"{TOOL} is not built", allow_module_level=True)


@pytest.fixture
def call(s3, tmp_path):
    def run(verb, name, *words, env=None):
        done = subprocess.run([TOOL, verb, f"{s3.url}/{name}", *map(str, words)], capture_output=True, text=True, cwd=tmp_path,
                              timeout=120 * conftest.SLOW, env={**os.environ, **s3.env, **(env or {})})
        assert done.stdout and done.returncode in (0, 1) and not done.stderr, done.stderr
        lines = [json.loads(line) if line.startswith("{") else line for line in done.stdout.splitlines()]
        return lines if verb == "list" else lines[-1]
    return run


def test_boto3_reads_what_is_put(s3, call, tmp_path):
    data = bytes(range(256)) * 4000
    (tmp_path / "in").write_bytes(data)
    name = "notes/a b+c%20/ü?&#.pdf"
    said = call("put", name, "in", "type=application/pdf", "cache=public, max-age=60", "meta:topic=a  b \"x\"")
    there = s3.get(name)
    assert there["data"] == data and there["size"] == said["bytes"] == len(data)
    assert there["type"] == "application/pdf" and there["cache_control"] == "public, max-age=60"
    assert there["metadata"] == {"topic": "a  b \"x\""}
    assert there["etag"] == said["etag"] == said["md5"] == hashlib.md5(data).hexdigest()
    assert s3.names() == [name] and s3.asked == [("PutObject", 200)]


def test_what_boto3_put_is_read(s3, call, tmp_path):
    data = os.urandom(300_000)
    name = "x/y z/ä"
    there = s3.put(name, data, type="image/x-thing", cache_control="no-store", encoding="gzip")
    said = call("get", name, "out")
    assert (tmp_path / "out").read_bytes() == data, "what is stored as gzip is given as it is stored"
    assert said["etag"] == there["etag"] and said["bytes"] == len(data) and said["type"] == "image/x-thing"
    assert call("stat", name)["md5"] == hashlib.md5(data).hexdigest()


def test_pieces(s3, call, tmp_path):
    data = os.urandom((12 << 20) + 5)
    (tmp_path / "in").write_bytes(data)
    said = call("put", "large", "in", "piece=5242880", "when=new", "type=application/zip")
    pieces = [hashlib.md5(data[at:at + (5 << 20)]).digest() for at in range(0, len(data), 5 << 20)]
    assert said["etag"] == f"{hashlib.md5(b''.join(pieces)).hexdigest()}-3"
    there = s3.get("large")
    assert there["data"] == data and there["type"] == "application/zip" and s3.uploads() == []
    assert [name for name, _ in s3.asked if name == "UploadPart"] == ["UploadPart"] * 3
    assert call("put", "large", "in", "piece=5242880", "when=new")["already"]
    assert [name for name, _ in s3.asked].count("CreateMultipartUpload") == 1, "what stands there is not sent again"
    (tmp_path / "in").write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    refused = call("put", "large", "in", "piece=5242880", "when=new")
    assert refused["class"] == "status(412)" and "stands there" in refused["error"]
    assert s3.get("large")["data"] == data and s3.uploads() == []


def test_conditions(s3, call, tmp_path):
    (tmp_path / "one").write_bytes(b"one")
    (tmp_path / "two").write_bytes(b"two")
    first = call("put", "a", "one", "when=new")
    assert not first["already"]
    assert call("put", "a", "one", "when=new")["already"]
    refused = call("put", "a", "two", "when=new")
    assert refused["class"] == "status(412)" and s3.get("a")["data"] == b"one"
    assert call("put", "a", "two", f"when=match:{first['etag']}")["etag"] == s3.get("a")["etag"]
    assert call("put", "a", "one", f"when=match:{first['etag']}")["class"] == "status(412)"


def test_a_listing_is_boto3s(s3, call, tmp_path):
    names = [f"n/{i:03}" for i in range(25)] + ["n/a b", "n/ü", "n/a+b", "m", "n/%41"]
    for name in names:
        s3.put(name, b"x")
    ours = call("list", "n/", 7)
    assert [line["name"] for line in ours if isinstance(line, dict) and "name" in line] == s3.names("n/") == sorted(n for n in names if n.startswith("n/"))


def test_keys_come_from_a_file(s3, call, tmp_path):
    (tmp_path / "one").write_bytes(b"one")
    (tmp_path / "credentials").write_text(
        f"# ours\n[default]\naws_access_key_id = AKIDNOBODY\naws_secret_access_key=no\n\n[ notes ]\naws_access_key_id={s3.access_key}\n"
        f"aws_secret_access_key = {s3.secret_key}\n")
    env = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"), "AWS_PROFILE": "notes"}
    assert call("put", "a", "one", env=env)["bytes"] == 3
    missing = call("put", "a", "one", env={**env, "AWS_PROFILE": "nobody"})
    assert missing["class"] == "config" and "[nobody]" in missing["error"]
    none = call("put", "a", "one", env={**env, "AWS_PROFILE": "", "AWS_SHARED_CREDENTIALS_FILE": "", "HOME": str(tmp_path)})
    assert "no S3 credentials" in none["error"]
