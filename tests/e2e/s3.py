"""An S3 service that is not ours (tools/s3-server: versitygw), and boto3 as the judge of what is in it."""
import base64
import functools
import json
import pathlib
import subprocess
import tempfile

import servers

# The judge: asked by lines of JSON, answers by lines of JSON. boto3 checks the checksums of what it reads.
JUDGE = r"""
import base64, json, sys
import boto3, botocore.config
endpoint, access, secret = sys.argv[1:]
client = boto3.client("s3", endpoint_url=endpoint, aws_access_key_id=access, aws_secret_access_key=secret, region_name="us-east-1",
                      config=botocore.config.Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}))

def seen(name, a):
    return {"name": name, "size": a["ContentLength"], "type": a.get("ContentType"), "cache_control": a.get("CacheControl"), "etag": a["ETag"].strip('"'),
            "metadata": a.get("Metadata", {}), "encoding": a.get("ContentEncoding"), "disposition": a.get("ContentDisposition"),
            "crc32c": a.get("ChecksumCRC32C")}

def make(bucket):
    client.create_bucket(Bucket=bucket)

def put(bucket, name, data, type=None, cache_control=None, metadata=None, encoding=None):
    more = {"ContentType": type, "CacheControl": cache_control, "Metadata": metadata, "ContentEncoding": encoding}
    client.put_object(Bucket=bucket, Key=name, Body=base64.b64decode(data), **{k: v for k, v in more.items() if v})
    return seen(name, client.head_object(Bucket=bucket, Key=name))

def get(bucket, name):
    try:
        a = client.get_object(Bucket=bucket, Key=name, ChecksumMode="ENABLED")
    except client.exceptions.NoSuchKey:
        return None
    return {**seen(name, a), "data": base64.b64encode(a["Body"].read()).decode()}

def names(bucket, prefix=None):
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix or "")
    return [o["Key"] for page in pages for o in page.get("Contents", [])]

def uploads(bucket):
    return [u["Key"] for u in client.list_multipart_uploads(Bucket=bucket).get("Uploads", [])]

def delete(bucket, name):
    client.delete_object(Bucket=bucket, Key=name)

verbs = {"make": make, "put": put, "get": get, "names": names, "uploads": uploads, "delete": delete}
for line in sys.stdin:
    q = json.loads(line)
    try:
        a = {"ok": verbs[q.pop("verb")](**q)}
    except Exception as e:
        a = {"error": f"{type(e).__name__}: {e}"}
    print(json.dumps(a), flush=True)
"""


tool = functools.partial(servers.tool, "s3-server")
Missing = servers.Missing


class Server:
    """One server for all tests: start it once. .endpoint, .access_key, .secret_key, .env (the same for hocket's environment)."""

    def __init__(self, *options):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="hocket-s3-"))
        self.endpoint = tool("start", self.folder, *options)
        self.access_key, self.secret_key = (self.folder / "keys").read_text().split()
        self.env = {"AWS_ENDPOINT_URL": self.endpoint, "AWS_ACCESS_KEY_ID": self.access_key, "AWS_SECRET_ACCESS_KEY": self.secret_key,
                    "AWS_EC2_METADATA_DISABLED": "true"}
        self.judge_ = None
        self.count = 0

    def bucket(self):
        """A fresh one, for a test of its own."""
        self.count += 1
        name = f"bucket-{self.count}"
        self.ask("make", bucket=name)
        return Bucket(self, name)

    def ask(self, verb, **words):
        """boto3 does it."""
        if not self.judge_:
            self.judge_ = subprocess.Popen([tool("python"), "-c", JUDGE, self.endpoint, self.access_key, self.secret_key], text=True,
                                           stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.judge_.stdin.write(json.dumps({"verb": verb, **words}) + "\n")
        self.judge_.stdin.flush()
        answer = json.loads(self.judge_.stdout.readline())
        if "error" in answer:
            raise AssertionError(answer["error"])
        return answer["ok"]

    @property
    def log(self):
        """What the server itself says it was asked (lines as S3's own access logs have them)."""
        return (self.folder / "log").read_text()

    def stop(self):
        if self.judge_:
            self.judge_.stdin.close()
            self.judge_.wait()
            self.judge_.stdout.close()
        tool("stop", self.folder)


class Bucket:
    """
    bucket.endpoint, bucket.name, bucket.url ("s3://bucket-1"), bucket.access_key, bucket.secret_key, bucket.env
    bucket.names(prefix)             as boto3 lists them
    bucket.get(name)                 {'data': bytes, 'size', 'type', 'cache_control', 'metadata', 'etag', ...}: boto3 has checked the checksum; None:
                                     there is no such object
    bucket.put(name, data, type=, cache_control=, metadata=, encoding=)      by boto3
    bucket.uploads()                 names of multipart uploads that nobody completed or aborted
    bucket.asked                     what reached the bucket, by the server's own log: [(operation, status)], as ("PutObject", 200)
    """

    def __init__(self, server, name):
        self.server, self.name, self.endpoint, self.url = server, name, server.endpoint, f"s3://{name}"
        self.access_key, self.secret_key, self.env = server.access_key, server.secret_key, server.env

    def names(self, prefix=None):
        return self.server.ask("names", bucket=self.name, prefix=prefix)

    def uploads(self):
        return self.server.ask("uploads", bucket=self.name)

    def get(self, name):
        found = self.server.ask("get", bucket=self.name, name=name)
        return found and {**found, "data": base64.b64decode(found["data"])}

    def put(self, name, data, **more):
        return self.server.ask("put", bucket=self.name, name=name, data=base64.b64encode(data).decode(), **more)

    def delete(self, name):
        self.server.ask("delete", bucket=self.name, name=name)

    @property
    def asked(self):
        found = []
        for line in self.server.log.splitlines():
            words = line.split()
            if words[1] != self.name or "Boto3" in line:
                continue
            at = next(i for i, word in enumerate(words) if word.startswith("s3_"))
            # Behind the operation: the object's name, which may have blanks, the path, the status, the error's code.
            found.append((words[at][3:], next(int(w) for w in words[at + 2:] if w.isdigit() and len(w) == 3)))
        return found
