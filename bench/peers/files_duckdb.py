"""files_duckdb FROM TO: the job of bench/side/files.py in DuckDB's SQL, on one thread and in order; each word is csv or jsonl."""
import sys

import duckdb

READ = {"csv": "read_csv('in.csv')", "jsonl": "read_json('in.jsonl', format = 'newline_delimited')"}
WRITE = {"csv": "(FORMAT csv, HEADER)", "jsonl": "(FORMAT json)"}

source, sink = sys.argv[1:]
db = duckdb.connect()
db.execute("SET threads = 1")
db.execute(f"COPY (SELECT id, name, total FROM {READ[source]} WHERE total >= 50) TO 'out.{sink}' {WRITE[sink]}")
