"""What people write for jsonl -> map -> where -> jsonl: json.loads, an if, json.dumps

    records_json.py IN OUT
"""
import json
import sys

with open(sys.argv[1]) as source, open(sys.argv[2], "w") as sink:
    for line in source:
        record = json.loads(line)
        out = {"id": record["id"], "user": record["user"]["name"], "total": record["total"]}
        if out["total"] >= 50:
            sink.write(json.dumps(out) + "\n")
