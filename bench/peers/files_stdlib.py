"""files_stdlib FROM TO: the job of bench/side/files.py as one writes it with Python's csv and json; each word is csv or jsonl."""
import csv
import json
import sys


def read(kind):
    with open(f"in.{kind}", newline="") as text:
        if kind == "jsonl":
            yield from map(json.loads, text)
            return
        for row in csv.DictReader(text):
            yield {"id": int(row["id"]), "name": row["name"], "total": float(row["total"])}


def main(source, sink):
    with open(f"out.{sink}", "w", newline="") as out:
        rows = csv.DictWriter(out, ["id", "name", "total"], lineterminator="\n") if sink == "csv" else None
        if rows:
            rows.writeheader()
        for record in read(source):
            if record["total"] < 50:
                continue
            record = {"id": record["id"], "name": record["name"], "total": record["total"]}
            if rows:
                rows.writerow(record)
            else:
                out.write(json.dumps(record) + "\n")


main(*sys.argv[1:])
