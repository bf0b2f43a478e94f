#!/usr/bin/env python3
"""Each record's text into an object of its own, by Google's client in a pool of threads, as its documentation has it. Arguments: bucket, at once."""
import concurrent.futures
import json
import sys

import requests.adapters
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

bucket_name, most = sys.argv[1], int(sys.argv[2])
client = storage.Client(credentials=AnonymousCredentials(), project="bench")  # STORAGE_EMULATOR_HOST leads it
client._http.mount("http://", requests.adapters.HTTPAdapter(pool_connections=most, pool_maxsize=most))
bucket = client.bucket(bucket_name)


def upload(line):
    record = json.loads(line)
    blob = bucket.blob(f"{record['name']}.txt")
    blob.upload_from_string(record["text"], content_type="text/plain; charset=utf-8", checksum="crc32c")
    return {"name": record["name"], "url": f"gs://{bucket_name}/{blob.name}"}


with open("in.jsonl") as lines, open("out.jsonl", "w") as out, concurrent.futures.ThreadPoolExecutor(most) as pool:
    for done in pool.map(upload, lines):
        out.write(json.dumps(done) + "\n")
