"""A Google Cloud Storage that is not ours (tools/gcs-server), and Google's own client as the judge of what is in it."""
import base64
import contextlib
import functools
import json
import pathlib
import subprocess
import tempfile
import urllib.parse
import urllib.request

import servers

# The judge: asked by lines of JSON, answers by lines of JSON.
JUDGE = r"""
import base64, json, os, sys
os.environ["STORAGE_EMULATOR_HOST"] = sys.argv[1]
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
client = storage.Client(credentials=AnonymousCredentials(), project="hocket")

def seen(b):
    return {"name": b.name, "size": b.size, "type": b.content_type, "cache_control": b.cache_control, "md5": b.md5_hash, "crc32c": b.crc32c,
            "generation": b.generation, "metadata": b.metadata or {}, "encoding": b.content_encoding, "disposition": b.content_disposition}

def put(bucket, name, data, type=None, cache_control=None, metadata=None, encoding=None):
    b = client.bucket(bucket).blob(name)
    b.cache_control, b.metadata, b.content_encoding = cache_control, metadata, encoding
    b.upload_from_string(base64.b64decode(data), content_type=type or "application/octet-stream", checksum="crc32c")
    return seen(b)

def get(bucket, name):
    b = client.bucket(bucket).get_blob(name)
    if b is None:
        return None
    data = b.download_as_bytes(raw_download=True, checksum="crc32c")
    return {**seen(b), "data": base64.b64encode(data).decode()}

def names(bucket, prefix=None):
    return [b.name for b in client.list_blobs(bucket, prefix=prefix)]

def delete(bucket, name):
    client.bucket(bucket).blob(name).delete()

for line in sys.stdin:
    q = json.loads(line)
    try:
        a = {"ok": {"put": put, "get": get, "names": names, "delete": delete}[q.pop("verb")](**q)}
    except Exception as e:
        a = {"error": f"{type(e).__name__}: {e}"}
    print(json.dumps(a), flush=True)
"""


tool = functools.partial(servers.tool, "gcs-server")
Missing = servers.Missing


class Server:
    """One server for all tests: start it once. .endpoint is STORAGE_EMULATOR_HOST."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="hocket-gcs-"))
        self.endpoint = tool("start", self.folder)
        self.judge_ = None
        self.count = 0

    def bucket(self):
        """A fresh one, for a test of its own."""
        self.count += 1
        self.make_bucket(f"bucket-{self.count}")
        return Bucket(self, f"bucket-{self.count}")

    def make_bucket(self, name):
        ask = urllib.request.Request(f"{self.endpoint}/storage/v1/b?project=hocket", json.dumps({"name": name}).encode(),
                                     {"Content-Type": "application/json"})
        urllib.request.urlopen(ask, timeout=30).close()

    def ask(self, verb, **words):
        """Google's client does it."""
        if not self.judge_:
            self.judge_ = subprocess.Popen([tool("--client"), "-c", JUDGE, self.endpoint], text=True, stdin=subprocess.PIPE,
                                           stdout=subprocess.PIPE)
        self.judge_.stdin.write(json.dumps({"verb": verb, **words}) + "\n")
        self.judge_.stdin.flush()
        answer = json.loads(self.judge_.stdout.readline())
        if "error" in answer:
            raise AssertionError(answer["error"])
        return answer["ok"]

    @property
    def log(self):
        """What the server itself says it was asked: lines with method, path and status."""
        return (self.folder / "log").read_text()

    def stop(self):
        if self.judge_:
            self.judge_.stdin.close()
            self.judge_.wait()
            self.judge_.stdout.close()
        tool("stop", self.folder)


class Bucket:
    """
    bucket.endpoint, bucket.name, bucket.url ("gs://bucket-1")
    bucket.names(prefix)             as Google's client lists them
    bucket.get(name)                 {'data': bytes, 'size', 'type', 'cache_control', 'metadata', 'crc32c', 'generation', ...}: the client has checked
                                     the checksum; None: there is no such object
    bucket.put(name, data, type=, cache_control=, metadata=)      by Google's client
    bucket.writes                    uploads that reached it, by the server's own log: [(method, path, status)]
    """

    def __init__(self, server, name):
        self.server, self.name, self.endpoint, self.url = server, name, server.endpoint, f"gs://{name}"

    def names(self, prefix=None):
        return self.server.ask("names", bucket=self.name, prefix=prefix)

    def get(self, name):
        found = self.server.ask("get", bucket=self.name, name=name)
        return found and {**found, "data": base64.b64decode(found["data"])}

    def put(self, name, data, **more):
        return self.server.ask("put", bucket=self.name, name=name, data=base64.b64encode(data).decode(), **more)

    def delete(self, name):
        self.server.ask("delete", bucket=self.name, name=name)

    @property
    def writes(self):
        """Uploads that reached the bucket, by the server's own log: [(method, path, status)]."""
        found = []
        for line in self.server.log.splitlines():
            with contextlib.suppress(ValueError, IndexError):
                method, path, rest = line.split('\\"')[1].split()[0], line.split('\\"')[1].split()[1], line.split('\\"')[2]
                if path.startswith("/upload/") and f"/b/{urllib.parse.quote(self.name)}/" in path:
                    found.append((method, path, int(rest.split()[0])))
        return found
