"""partitions.py IN FOLDER FIELD - JSON lines into a file for each value of a field: what people write in Python

Files are kept open, as many as there are (a few hundred), and nothing is synced.
"""
import json
import os
import sys

source, folder, field = sys.argv[1:]
os.makedirs(folder, exist_ok=True)
files = {}
with open(source, "rb") as lines:
    for line in lines:
        key = json.loads(line)[field]
        file = files.get(key)
        if file is None:
            file = files[key] = open(f"{folder}/{key}.jsonl", "wb")
        file.write(line)
for file in files.values():
    file.close()
