"""group.py - hocket is killed again and again while records wait in windows by key, which close by time and by number

The windows are short, so that each kill falls into some, and each start finds some that came due meanwhile. The witnesses are two
sinks that cannot commit together: every record is in exactly one digest of each, and both have the same digests.
"""
import collections
import datetime
import json
import os
import pathlib
import random
import subprocess
import tempfile
import time

import shim
from shapes import Findings, compact, lines_of, rows_of
from tally import Tally
from witness import Witness

RECORDS, KILLS = 700, 5
RECORDS_FULL, KILLS_FULL = 5000, 30
EVERY, MOST, KEYS = 0.12, 9, 13
PATIENCE = 60  # seconds: nothing here takes so long

PIPE = f"""\
from: {{jsonl: in.jsonl}}
steps:
  - http: BASE/item/\\(.id)
    concurrency: 8
    into: .answer
  - group: .id % {KEYS}
    every: {int(EVERY * 1000)}ms
    max: {MOST}
  - map: {{id: $meta.id, key: .key, ids: '[.items[].id] | tostring', first: .first, last: .last}}
to:
  - {{sqlite: out.db, table: digests, commit: {{rows: 5, every: 4ms}}}}
  - {{jsonl: out.jsonl}}
"""


class Case:
    def __init__(self, folder, far, records, seed):
        self.folder, self.far, self.records = folder, far, records
        self.chance, self.found = random.Random(seed), Findings()
        (folder / "pipe.yaml").write_text(PIPE.replace("BASE", far.base))
        (folder / "in.jsonl").write_text("".join(compact({"id": i}) + "\n" for i in range(records)))

    def start(self):
        with open(self.folder / "err", "a") as err:
            return subprocess.Popen([shim.PROGRAM, "run", "pipe.yaml", "-q"], cwd=self.folder, env={**os.environ, "TERM": "dumb"},
                                    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=err)

    def asked(self):
        return sum(self.far.asked.values())

    def kill(self, kills):
        """Each when the far side has been asked for so many more; how often it came to that."""
        done = 0
        for n in range(kills):
            wanted = self.asked() + self.chance.randrange(5, self.records // kills)
            process = self.start()
            until = time.monotonic() + PATIENCE
            while self.asked() < wanted and process.poll() is None and time.monotonic() < until:
                time.sleep(0.001)
            if process.poll() is None:
                process.kill()
                done += 1
            process.wait()
            if n % 2:
                time.sleep(1.5 * EVERY)  # windows come due and nobody is there: that is what is tested
        return done

    def finish(self):
        code = self.start().wait(PATIENCE)
        said = (self.folder / "err").read_text()[-400:]
        self.found.demand(code == 0, f"exit code {code}: {said}")
        verified = subprocess.run([shim.PROGRAM, "verify", "pipe.yaml"], cwd=self.folder, capture_output=True, text=True)
        self.found.demand(verified.returncode == 0, f"verify: {verified.stderr}")

    def judge(self):
        digests = rows_of(self.folder / "out.db", "SELECT id, key, ids, first, last FROM digests ORDER BY rowid")
        lines = [json.loads(line) for line in lines_of(self.folder / "out.jsonl")]
        found = self.found
        found.compare("records in out.db", range(self.records), [i for d in digests for i in json.loads(d[2])])
        found.compare("out.jsonl", digests, [(d["id"], d["key"], d["ids"], d["first"], d["last"]) for d in lines], ordered=True)
        twice = [i for i, n in collections.Counter(d[0] for d in digests).items() if n > 1]
        found.demand(not twice, f"digests there twice: {twice}")
        for _, key, ids, first, last in digests:
            ids = json.loads(ids)
            found.demand(all(i % KEYS == key for i in ids) and len(ids) <= MOST, f"a digest of {key} has {ids}")
            long = (datetime.datetime.fromisoformat(last) - datetime.datetime.fromisoformat(first)).total_seconds()
            found.demand(0 <= long <= EVERY + 0.001, f"a digest has records that came within {long} s")


def whole(options, kills, records, seed):
    tally = Tally("windows by key, by time and number, into SQLite and a file, hocket killed")
    with tempfile.TemporaryDirectory(prefix="hocket-crash-") as folder, \
            Witness(lambda method, path, body, nth: (200, {"n": nth}), slowest=0.02, seed=seed) as far:
        case = Case(pathlib.Path(folder), far, records, seed)
        done = case.kill(kills)
        case.finish()
        case.judge()
        case.found.demand(done >= kills // 2, f"only {done} of {kills} kills fell into a run")
    tally.add(done, case.found, replay=f"the moments are counted, not the same: crash group --seed {seed}")
    return tally


def test(tap, options):
    kills, records = (KILLS_FULL, RECORDS_FULL) if options.full else (KILLS, RECORDS)
    tap.tally(whole(options, kills, records, options.seed))


def replay(seed):
    tally = whole(None, KILLS, RECORDS, int(seed))
    print(tally.row(), tally.failures)
