"""shapes.py - pipelines to break, and what must be there when they are done

A shape writes its input, says what the far side answers, and compares what is there with what must be: rows and lines are
multisets, so that what is missing is *lost*, what is there once too often is *duplicated*, and everything else is *wrong*.
"""
import collections
import contextlib
import functools
import gzip
import json
import pathlib
import sqlite3
import subprocess
import tempfile

import shim

RECORDS = 120


class Findings:
    def __init__(self):
        self.lost = self.duplicated = self.wrong = 0
        self.words = []

    def compare(self, what, expected, found, ordered=False):
        want, have = collections.Counter(expected), collections.Counter(found)
        missing, extra = want - have, have - want
        twice = sum(n for item, n in extra.items() if item in want)
        strange = sum(extra.values()) - twice
        self.lost += sum(missing.values())
        self.duplicated += twice
        self.wrong += strange
        if missing or extra:
            self.words.append(f"{what}: {sum(missing.values())} lost, {twice} duplicated, {strange} strange; "
                              f"for example {str(next(iter(missing or extra)))[:120]}")
        elif ordered and list(expected) != list(found):
            self.say(f"{what}: not in the input's order")

    def say(self, words):
        self.wrong += 1
        self.words.append(words)

    def demand(self, good, words):
        if not good:
            self.say(words)

    @property
    def good(self):
        return not (self.lost or self.duplicated or self.wrong)


def lines_of(path):
    """The lines of a file; a missing file has none."""
    return path.read_text().splitlines() if path.exists() else []


def rows_of(path, query):
    if not path.exists():
        return []
    with contextlib.closing(sqlite3.connect(path)) as db:
        try:
            if db.execute("PRAGMA integrity_check").fetchone() != ("ok",):
                return [("the database is corrupt",)]
            return db.execute(query).fetchall()
        except sqlite3.OperationalError as missing:
            return [] if "no such table" in str(missing) else [(str(missing),)]
        except sqlite3.DatabaseError as broken:
            return [(str(broken),)]


def compact(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def is_bad(i):
    return i % 17 == 3


def name_of(i):
    return f"näme {i}"


class Shape:
    """The base: GET for each line of a jsonl file. The others say what is different."""

    name = ""
    text = ""            # the pipeline; BASE is the far side
    records = RECORDS
    exits = (0,)
    needs_far = True
    rows_before_lines = False  # each record goes to out.db, and then to out.jsonl
    ends = True          # a finished run has nothing new
    cuts = True          # power.py cuts it off, too: its files are small, and its far side need not know when that was
    promise = ""         # `hocket check` prints this word for a pipeline whose promise is tested here

    def write(self, folder, base):
        for name, text in self.files().items():
            (folder / name).write_text(text)
        (folder / "pipe.yaml").write_text(self.text.replace("BASE", base).lstrip())

    @functools.cached_property
    def is_understood(self):
        """This version knows all words of the pipeline, and promises what is tested."""
        with tempfile.TemporaryDirectory() as folder:
            self.write(pathlib.Path(folder), "http://127.0.0.1:1")
            said = subprocess.run([shim.PROGRAM, "check", "pipe.yaml"], cwd=folder, capture_output=True, text=True)
            return said.returncode == 0 and self.promise in said.stdout

    def files(self):
        return {"in.jsonl": "".join(compact({"id": i, "n": i * 7}) + "\n" for i in self.ids())}

    def ids(self):
        return range(self.records)

    def answer(self, method, path, body, nth):
        i = int(path.rsplit("/", 1)[1])
        if path.startswith("/bad/") and is_bad(i):
            return 404, {"error": "no such thing"}
        return 200, {"name": name_of(i), "many": list(range(i % 4))}

    def check(self, folder, far, found):
        raise NotImplementedError

    def counts(self):
        """What the account must say in the end."""
        return {"in": self.records, "delivered": self.records, "dead": 0, "filtered": 0}

    def check_account(self, summary, found):
        """Of the run that came to the end."""
        if summary.get("end") == "nothing_new":
            return
        found.demand(summary.get("balanced") is True, f"the account does not balance: {summary}")
        for key, n in self.counts().items():
            found.demand(summary.get(key) == n, f"{key} should be {n}, the account says {summary.get(key)}")

    def check_asked(self, far, found, kills):
        """Everything was asked for; safe calls may repeat for what was in flight."""
        for name in self.asks():
            n = far.asked[name]
            if n == 0:
                found.lost += 1
                found.words.append(f"{name} was never asked for")
            elif n > 1 + kills:
                found.say(f"{name} was asked for {n} times in {kills + 1} runs")

    def asks(self):
        return [f"GET /item/{i}" for i in self.ids()]


class ToSqlite(Shape):
    name = "jsonl, GET, sqlite"
    text = """
from: {jsonl: in.jsonl}
steps:
  - http: BASE/item/\\(.id)
    concurrency: 10
    result: .name = $res.body.name
to: {sqlite: out.db, table: t, commit: {rows: 7, every: 3ms}}
"""

    def check(self, folder, far, found):
        found.compare("out.db", [(i, i * 7, name_of(i)) for i in self.ids()], rows_of(folder / "out.db", "SELECT id, n, name FROM t"))


class ToFile(Shape):
    name = "csv, GET, jsonl"
    text = """
from: {csv: in.csv, types: {id: int}}
steps:
  - http: BASE/item/\\(.id)
    concurrency: 10
    into: .far
to: {jsonl: out.jsonl, commit: {rows: 7, every: 3ms}}
"""

    def files(self):
        return {"in.csv": "id,n\n" + "".join(f'{i},"a, {i}"\n' for i in self.ids())}

    def check(self, folder, far, found):
        expected = [compact({"id": i, "n": f"a, {i}", "far": {"name": name_of(i), "many": list(range(i % 4))}}) for i in self.ids()]
        found.compare("out.jsonl", expected, [compact(json.loads(s)) for s in lines_of(folder / "out.jsonl")], ordered=True)
        found.demand(not (folder / "out.jsonl.part").exists(), "out.jsonl.part is left over")


class TwoSinks(Shape):
    name = "jsonl, GET, sqlite + jsonl + sqlite"
    rows_before_lines = True
    text = """
from: {jsonl: in.jsonl}
steps:
  - http: BASE/item/\\(.id)
    concurrency: 10
    result: .name = $res.body.name
to:
  - {sqlite: out.db, table: t, commit: {rows: 7, every: 3ms}}
  - {jsonl: out.jsonl}
  - {sqlite: out2.db, table: t, if: .id % 3 == 1}
"""

    def check(self, folder, far, found):
        rows = [(i, name_of(i)) for i in self.ids()]
        found.compare("out.db", rows, rows_of(folder / "out.db", "SELECT id, name FROM t"))
        found.compare("out.jsonl", rows, [(r["id"], r["name"]) for r in map(json.loads, lines_of(folder / "out.jsonl"))], ordered=True)
        found.compare("out2.db", [r for r in rows if r[0] % 3 == 1], rows_of(folder / "out2.db", "SELECT id, name FROM t"))


class Children(Shape):
    name = "jsonl, GET, emit, sqlite"
    text = """
from: {jsonl: in.jsonl}
steps:
  - http: BASE/item/\\(.id)
    concurrency: 10
    emit: '$res.body.many[] as $k | {id, k: $k}'
  - map: {id: .id, k: .k, sum: .id + .k}
to: {sqlite: out.db, table: t, commit: {rows: 7, every: 3ms}}
"""

    def rows(self):
        return [(i, k, i + k) for i in self.ids() for k in range(i % 4)]

    def check(self, folder, far, found):
        found.compare("out.db", self.rows(), rows_of(folder / "out.db", "SELECT id, k, sum FROM t"))

    def counts(self):
        n = len(self.rows())
        return {"in": self.records, "spawned": n, "delivered": n, "dead": 0}


class DeadLetters(Shape):
    name = "jsonl, GET with 404s, sqlite + dead"
    text = """
from: {jsonl: in.jsonl}
steps:
  - http: BASE/bad/\\(.id)
    concurrency: 10
    result: .name = $res.body.name
to: {sqlite: out.db, table: t, commit: {rows: 7, every: 3ms}}
dead: out.dead.jsonl
"""
    exits = (3,)

    def check(self, folder, far, found):
        good = [(i, name_of(i)) for i in self.ids() if not is_bad(i)]
        bad = [(i, "http", "status(404)") for i in self.ids() if is_bad(i)]
        letters = [json.loads(s) for s in lines_of(folder / "out.dead.jsonl")]
        found.compare("out.db", good, rows_of(folder / "out.db", "SELECT id, name FROM t"))
        found.compare("dead letters", bad, [(d["record"]["id"], d["step"], d["class"]) for d in letters], ordered=True)

    def counts(self):
        bad = sum(map(is_bad, self.ids()))
        return {"in": self.records, "delivered": self.records - bad, "dead": bad}

    def asks(self):
        return [f"GET /bad/{i}" for i in self.ids()]


class Refused(Shape):
    """A sink that refuses rows: its batches are halved, and two sinks do not lose sight of each other."""
    name = "jsonl, map, jsonl + sqlite that refuses"
    text = """
from: {jsonl: in.jsonl}
steps:
  - map: {id: .id, v: 'if .id % 29 == 5 then null else .n end'}
to:
  - {jsonl: out.jsonl, commit: {rows: 11, every: 3ms}}
  - {sqlite: out.db, table: t}
dead: out.dead.jsonl
"""
    exits = (3,)
    needs_far = False

    def write(self, folder, base):
        super().write(folder, base)
        with contextlib.closing(sqlite3.connect(folder / "out.db")) as db:
            db.execute("CREATE TABLE t(id INTEGER, v INTEGER NOT NULL)")

    def check(self, folder, far, found):
        refused = [i for i in self.ids() if i % 29 == 5]
        good = [(i, i * 7) for i in self.ids() if i not in refused]
        letters = [json.loads(s)["record"]["id"] for s in lines_of(folder / "out.dead.jsonl")]
        found.compare("out.jsonl", list(self.ids()), [json.loads(s)["id"] for s in lines_of(folder / "out.jsonl")], ordered=True)
        found.compare("out.db", good, rows_of(folder / "out.db", "SELECT id, v FROM t"))
        found.compare("dead letters", refused, letters, ordered=True)

    def counts(self):
        refused = sum(i % 29 == 5 for i in self.ids())
        return {"in": self.records, "delivered": self.records - refused, "dead": refused}


class Filtered(Shape):
    name = "lines, where, map, csv"
    text = """
from: {lines: in.txt}
steps:
  - where: .n % 5 != 0
  - map: {n: .n, text: .line | ascii_upcase}
to: {csv: out.csv, commit: {rows: 7, every: 2ms}}
"""
    records = 900
    needs_far = False

    def files(self):
        return {"in.txt": "".join(f"line {i}\n" for i in range(1, self.records + 1))}

    def check(self, folder, far, found):
        expected = ["n,text"] + [f"{i},LINE {i}" for i in range(1, self.records + 1) if i % 5]
        found.compare("out.csv", expected, [s.rstrip("\r") for s in lines_of(folder / "out.csv")], ordered=True)

    def counts(self):
        kept = sum(i % 5 != 0 for i in range(1, self.records + 1))
        return {"in": self.records, "delivered": kept, "filtered": self.records - kept}


class AnyOrder(ToSqlite):
    name = "jsonl, GET, sqlite + jsonl, order: any"
    rows_before_lines = True
    text = """
order: any
from: {jsonl: in.jsonl}
steps:
  - http: BASE/item/\\(.id)
    concurrency: 20
    result: .name = $res.body.name
to:
  - {sqlite: out.db, table: t, commit: {rows: 5, every: 2ms}}
  - {jsonl: out.jsonl}
"""

    def check(self, folder, far, found):
        super().check(folder, far, found)
        found.compare("out.jsonl", list(self.ids()), [json.loads(s)["id"] for s in lines_of(folder / "out.jsonl")])


class Appended(Shape):
    """Two sources, and a file that had lines already."""
    name = "jsonl + jsonl, set, jsonl (append)"
    text = """
from:
  - {jsonl: in.jsonl}
  - {jsonl: in2.jsonl}
steps:
  - set: {twice: .n * 2}
to: {jsonl: out.jsonl, mode: append, commit: {rows: 9, every: 2ms}}
"""
    records = 600
    needs_far = False

    def files(self):
        half = self.records // 2
        texts = [compact({"id": i, "n": i * 7}) + "\n" for i in self.ids()]
        return {"in.jsonl": "".join(texts[:half]), "in2.jsonl": "".join(texts[half:]), "out.jsonl": '{"old":1}\n{"old":2}'}

    def check(self, folder, far, found):
        expected = ['{"old":1}', '{"old":2}'] + [compact({"id": i, "n": i * 7, "twice": i * 14}) for i in self.ids()]
        found.compare("out.jsonl", expected, lines_of(folder / "out.jsonl"), ordered=True)


class Partitioned(Shape):
    """Each record names its file, and a third of the files has rows already: what is there stays in front."""
    name = "jsonl, map, jsonl by key + csv by key and number (append)"
    text = """
from: {jsonl: in.jsonl}
steps:
  - map: {id: .id, k: '"k\\(.id % 6)"'}
to:
  - {jsonl: 'out/\\(.k)/rows.jsonl', commit: {rows: 9, every: 2ms}}
  - {csv: 'out/\\(.k).csv', rotate: {rows: 8}, mode: append}
  - {jsonl: 'out/\\(.k).all', mode: append}
"""
    records = 300
    needs_far = False

    def files(self):
        return super().files() | {f"out/k{k}.all": '{"old":true}\n' for k in (1, 4)}

    def write(self, folder, base):
        (folder / "out").mkdir()
        super().write(folder, base)

    def check(self, folder, far, found):
        for k in range(6):
            ids = [i for i in self.ids() if i % 6 == k]
            rows = [compact({"id": i, "k": f"k{k}"}) for i in ids]
            old = ['{"old":true}'] if k in (1, 4) else []
            found.compare(f"k{k}/rows.jsonl", rows, lines_of(folder / f"out/k{k}/rows.jsonl"), ordered=True)
            found.compare(f"k{k}.all", old + rows, lines_of(folder / f"out/k{k}.all"), ordered=True)
            for n, first in enumerate(range(0, len(ids), 8), start=1):
                want = ["id,k"] + [f"{i},k{k}" for i in ids[first:first + 8]]
                found.compare(f"k{k}-{n}.csv", want, lines_of(folder / f"out/k{k}-{n:05}.csv"), ordered=True)
        left = [p for p in (folder / "out").rglob("*") if ".part" in p.name and not p.name.startswith(".hocket")]
        found.demand(not left, f"left over: {left}")


class PartitionedLittle(Partitioned):
    """The same in little, to be killed at each of its calls."""
    name = "30 records, by key and number"
    records = 30


class PartitionedGrown(PartitionedLittle):
    """Behind a finished run: files are copied before they are added to."""
    name = "30 records more, by key and number"
    text = """
from: {jsonl: in.jsonl}
steps:
  - map: {id: .id, k: '"k\\(.id % 6)"'}
to:
  - {jsonl: 'out/\\(.k)/rows.jsonl', commit: {rows: 9, every: 2ms}}
  - {csv: 'out/\\(.k).csv', rotate: {rows: 3}}
"""
    first = 14

    def files(self):
        return Shape.files(self)

    def write(self, folder, base):
        super().write(folder, base)
        whole = (folder / "in.jsonl").read_text()
        (folder / "in.jsonl").write_text("".join(whole.splitlines(True)[:self.first]))
        subprocess.run([shim.PROGRAM, "run", "pipe.yaml", "-q"], cwd=folder, check=True)
        (folder / "in.jsonl").write_text(whole)

    @functools.cached_property
    def is_understood(self):
        return PartitionedLittle().is_understood

    def check(self, folder, far, found):
        for k in range(6):
            ids = [i for i in self.ids() if i % 6 == k]
            rows = [compact({"id": i, "k": f"k{k}"}) for i in ids]
            found.compare(f"k{k}/rows.jsonl", rows, lines_of(folder / f"out/k{k}/rows.jsonl"), ordered=True)
            for n, first in enumerate(range(0, len(ids), 3), start=1):
                want = ["id,k"] + [f"{i},k{k}" for i in ids[first:first + 3]]
                found.compare(f"k{k}-{n}.csv", want, lines_of(folder / f"out/k{k}-{n:05}.csv"), ordered=True)
        left = [p for p in (folder / "out").rglob("*") if ".part" in p.name and not p.name.startswith(".hocket")]
        found.demand(not left, f"left over: {left}")

    def counts(self):
        return {"in": self.records - self.first, "delivered": self.records - self.first, "dead": 0, "filtered": 0}


class Tiny(ToFile):
    """Hardly any records: most of the run is its beginning and its end."""
    name = "three records, jsonl + csv + sqlite"
    records = 3
    text = """
from: {csv: in.csv, types: {id: int}}
to:
  - {jsonl: out.jsonl}
  - {csv: out.csv}
  - {sqlite: out.db, table: t}
"""
    needs_far = False

    def check(self, folder, far, found):
        expected = [(i, f"a, {i}") for i in self.ids()]
        found.compare("out.jsonl", [compact({"id": i, "n": n}) for i, n in expected], lines_of(folder / "out.jsonl"), ordered=True)
        found.compare("out.csv", ["id,n"] + [f'{i},"{n}"' for i, n in expected], lines_of(folder / "out.csv"), ordered=True)
        found.compare("out.db", expected, rows_of(folder / "out.db", "SELECT id, n FROM t"))


class Small(Shape):
    """Everything that hocket writes, in little: two kinds of sinks, dead letters and their copy."""
    name = "20 records, sqlite + jsonl + dead"
    rows_before_lines = True
    text = """
from: {jsonl: in.jsonl}
steps:
  - map: {id: .id, v: 10 / (.id % 7)}
to:
  - {sqlite: out.db, table: t, commit: {rows: 4, every: 2ms}}
  - {jsonl: out.jsonl}
dead: out.dead.jsonl
"""
    records = 20
    exits = (3,)
    needs_far = False

    def check(self, folder, far, found):
        good = [i for i in self.ids() if i % 7]
        letters = [json.loads(s)["record"]["id"] for s in lines_of(folder / "out.dead.jsonl")]
        found.compare("out.db", [(i,) for i in good], rows_of(folder / "out.db", "SELECT id FROM t"))
        found.compare("out.jsonl", good, [json.loads(s)["id"] for s in lines_of(folder / "out.jsonl")], ordered=True)
        found.compare("dead letters", [i for i in self.ids() if i % 7 == 0], letters, ordered=True)

    def counts(self):
        dead = sum(i % 7 == 0 for i in self.ids())
        return {"in": self.records, "delivered": self.records - dead, "dead": dead}


class Single(Tiny):
    """The database alone knows how far the run is; the state may be behind it."""
    name = "three records, sqlite"
    text = """
from: {csv: in.csv, types: {id: int}}
to: {sqlite: out.db, table: t}
dead: out.dead.jsonl
"""

    def check(self, folder, far, found):
        found.compare("out.db", [(i, f"a, {i}") for i in self.ids()], rows_of(folder / "out.db", "SELECT id, n FROM t"))


class Grown(Tiny):
    """A run has finished, and then the input has grown: the next one adds to what is there."""
    name = "three records more, jsonl + csv.gz (new) + sqlite"
    records = 6
    first = 3
    text = """
from: {jsonl: in.jsonl}
to:
  - {jsonl: out.jsonl}
  - {csv: out.csv.gz, mode: new}
  - {sqlite: out.db, table: t}
"""

    def files(self):
        return {"in.jsonl": "".join(compact({"id": i, "n": f"a, {i}"}) + "\n" for i in self.ids())}

    def write(self, folder, base):
        super().write(folder, base)
        whole = (folder / "in.jsonl").read_text()
        (folder / "in.jsonl").write_text("".join(whole.splitlines(True)[:self.first]))
        subprocess.run([shim.PROGRAM, "run", "pipe.yaml", "-q"], cwd=folder, check=True)
        (folder / "in.jsonl").write_text(whole)

    @functools.cached_property
    def is_understood(self):
        return Tiny().is_understood

    def check(self, folder, far, found):
        expected = [(i, f"a, {i}") for i in self.ids()]
        with gzip.open(folder / "out.csv.gz", "rt") as f:
            found.compare("out.csv.gz", ["id,n"] + [f'{i},"{n}"' for i, n in expected], f.read().splitlines(), ordered=True)
        found.compare("out.jsonl", [compact({"id": i, "n": n}) for i, n in expected], lines_of(folder / "out.jsonl"), ordered=True)
        found.compare("out.db", expected, rows_of(folder / "out.db", "SELECT id, n FROM t"))

    def counts(self):
        """Of the new part."""
        return {"in": self.records - self.first, "delivered": self.records - self.first, "dead": 0, "filtered": 0}


class Pages(Shape):
    """Page after page from an API that gives the same page again."""
    name = "pages of http, map, sqlite + jsonl"
    text = """
from:
  http: BASE/page/0
  pages: {next: .next}
  each: .items[]
steps:
  - map: {id: .id}
to:
  - {sqlite: out.db, table: t, commit: {rows: 7, every: 3ms}}
  - {jsonl: out.jsonl}
"""
    rows_before_lines = True
    ends = False
    pages = 12

    def answer(self, method, path, body, nth):
        page = int(path.rsplit("/", 1)[1])
        size = self.records // self.pages
        items = [{"id": i} for i in range(page * size, (page + 1) * size)]
        return 200, {"items": self.order(items, nth), "next": f"/page/{page + 1}" if page + 1 < self.pages else None}

    def order(self, items, nth):
        return items

    def check(self, folder, far, found):
        found.compare("out.db", [(i,) for i in self.ids()], rows_of(folder / "out.db", "SELECT id FROM t"))
        found.compare("out.jsonl", list(self.ids()), [json.loads(s)["id"] for s in lines_of(folder / "out.jsonl")])

    def asks(self):
        return [f"GET /page/{i}" for i in range(self.pages)]


class PagesThatChange(Pages):
    """What was read is in the inbox before its records have numbers: the next answer may have another order."""
    name = "pages of http that change, map, sqlite + jsonl"
    promise = "each page is kept"

    def order(self, items, nth):
        return items if nth % 2 else items[::-1]

    def check_asked(self, far, found, kills):
        """Only the page that was on its way when the run was killed is asked for again."""
        super().check_asked(far, found, kills)
        again = far.asked.total() - self.pages
        found.demand(again <= kills, f"{again} pages were asked for again after {kills} kills")


class Spilled(Shape):
    """Little memory, large answers, and the first comes late: the others wait in files."""
    name = "jsonl, GET of much, jsonl, memory: 16MB"
    text = """
memory: 16MB
from: {jsonl: in.jsonl}
steps:
  - http: BASE/much/\\(.id)
    concurrency: 20
    into: .far
to: {jsonl: out.jsonl, commit: {rows: 4, every: 3ms}}
"""
    records = 40
    cuts = False
    much = "much " * 100_000

    def answer(self, method, path, body, nth):
        if path == "/much/0" and nth == 1:
            return 503, {"error": "not yet"}
        return 200, {"text": self.much}

    def check(self, folder, far, found):
        got = [json.loads(s) for s in lines_of(folder / "out.jsonl")]
        found.compare("out.jsonl", [(i, i * 7, hash(self.much)) for i in self.ids()], [(r["id"], r["n"], hash(r["far"]["text"])) for r in got],
                      ordered=True)

    def asks(self):
        return [f"GET /much/{i}" for i in self.ids() if i]


class Paid(Shape):
    """A call that costs something, with a key: whatever happens, it has its effect once."""
    name = "jsonl, POST with a key, sqlite"
    text = """
from: {jsonl: in.jsonl}
steps:
  - http: POST BASE/pay/\\(.id)
    body: {n: '\\(.n)'}
    idempotency_key: auto
    concurrency: 10
    result: .name = $res.body.name
to: {sqlite: out.db, table: t, commit: {rows: 7, every: 3ms}}
"""

    def check(self, folder, far, found):
        found.compare("out.db", [(i, i * 7, name_of(i)) for i in self.ids()], rows_of(folder / "out.db", "SELECT id, n, name FROM t"))
        for name in self.asks():
            if far.effects[name] != 1:
                found.lost += far.effects[name] == 0
                found.duplicated += max(0, far.effects[name] - 1)
                found.words.append(f"{name} had {far.effects[name]} effects")
            found.demand(len(far.keys[name]) <= 1, f"{name} had several keys: {far.keys[name]}")

    def asks(self):
        return [f"POST /pay/{i}" for i in self.ids()]


class Remembered(Paid):
    """The next step is slow: the answers that were paid for are kept for the records that wait before it."""
    name = "jsonl, POST with a key, GET, jsonl"
    text = Paid.text.replace("to: {sqlite: out.db, table: t, commit", """  - http: BASE/item/\\(.id)
    concurrency: 1
to: {sqlite: out.db, table: t, commit""")

    def check_asked(self, far, found, kills):
        """What waits there is some hundred records; asked for again is what was in flight or not yet on the disk."""
        super().check_asked(far, found, kills)
        again = sum(max(0, far.asked[name] - 1) for name in self.asks())
        found.demand(again <= 70 * kills, f"{again} paid calls were made again after {kills} kills, ten at a time")


class Unkeyed(Shape):
    """Nothing says whether a call that was in flight has had its effect: it is made at most once, and counted."""
    name = "jsonl, POST without a key, sqlite + dead"
    text = """
from: {jsonl: in.jsonl}
steps:
  - http: POST BASE/send/\\(.id)
    body: {n: '\\(.n)'}
    on_unknown: dead
    concurrency: 10
    result: .name = $res.body.name
to: {sqlite: out.db, table: t, commit: {rows: 7, every: 3ms}}
dead: out.dead.jsonl
"""
    exits = (0, 3)
    cuts = False

    def check(self, folder, far, found):
        letters = [json.loads(s) for s in lines_of(folder / "out.dead.jsonl")]
        done = [i for i, in rows_of(folder / "out.db", "SELECT id FROM t")]
        found.compare("rows and dead letters", list(self.ids()), done + [d["record"]["id"] for d in letters])
        found.demand(all(d["class"] == "unknown_outcome" for d in letters), f"classes: {sorted({d['class'] for d in letters})}")
        for i in self.ids():
            n = far.effects[f"POST /send/{i}"]
            found.duplicated += max(0, n - 1)
            found.lost += i in done and n == 0
            if n > 1:
                found.words.append(f"POST /send/{i} was sent {n} times")

    def counts(self):
        return {"in": self.records}

    def check_asked(self, far, found, kills):
        """In check(): at most once."""


class Zipped(Shape):
    name = "jsonl, map, jsonl.gz"
    text = """
from: {jsonl: in.jsonl}
steps:
  - map: {id: .id, text: '"some text \\(.n)"'}
to: {jsonl: out.jsonl.gz, compress: gzip, commit: {rows: 9, every: 2ms}}
"""
    records = 600
    needs_far = False

    def check(self, folder, far, found):
        path = folder / "out.jsonl.gz"
        expected = [compact({"id": i, "text": f"some text {i * 7}"}) for i in self.ids()]
        try:
            got = gzip.decompress(path.read_bytes()).decode().splitlines() if path.exists() else []
        except (OSError, EOFError) as broken:
            found.say(f"out.jsonl.gz: {broken}")
            got = []
        found.compare("out.jsonl.gz", expected, got, ordered=True)


class Batched(Shape):
    """What a fold holds is in the state, and the sink's mark may be ahead of it: every window is the same, however often it is made."""
    name = "jsonl, GET, batch, sqlite"
    text = """
from: {jsonl: in.jsonl}
steps:
  - http: BASE/item/\\(.id)
    concurrency: 10
    result: .name = $res.body.name
  - where: .id % 9 != 4
  - batch: 7
  - map: {first: '.items[0].id', ids: '[.items[].id] | tostring', last: '.items[-1].name'}
to: {sqlite: out.db, table: t, commit: {rows: 7, every: 3ms}}
"""

    def windows(self):
        kept = [i for i in self.ids() if i % 9 != 4]
        return [kept[at:at + 7] for at in range(0, len(kept), 7)]

    def check(self, folder, far, found):
        expected = [(w[0], compact(w), name_of(w[-1])) for w in self.windows()]
        found.compare("out.db", expected, rows_of(folder / "out.db", "SELECT first, ids, last FROM t ORDER BY rowid"), ordered=True)
        found.compare("what is held", [(0,)], rows_of(folder / ".hocket/pipe.db", "SELECT count(*) FROM held"))

    def counts(self):
        n, gone = len(self.windows()), sum(i % 9 == 4 for i in self.ids())
        return {"in": self.records, "spawned": n, "delivered": n, "merged": self.records - gone, "filtered": gone, "dead": 0}


class Sorted(Shape):
    """Two folds, one behind the other, before two sinks that cannot commit together."""
    name = "jsonl, sort, batch, sqlite + jsonl"
    rows_before_lines = True
    text = """
from: {jsonl: in.jsonl}
steps:
  - sort: .n * 13 % 101
    window: 32
    desc: true
  - batch: 5
  - map: {id: '.items[0].id', ids: '[.items[].id] | tostring'}
to:
  - {sqlite: out.db, table: t, commit: {rows: 3, every: 2ms}}
  - {jsonl: out.jsonl}
"""
    records = 400
    needs_far = False

    def batches(self):
        ids = []
        for at in range(0, self.records, 32):
            ids += sorted(list(self.ids())[at:at + 32], key=lambda i: -(i * 7 * 13 % 101))
        return [compact(ids[at:at + 5]) for at in range(0, len(ids), 5)]

    def check(self, folder, far, found):
        found.compare("out.db", self.batches(), [row[0] for row in rows_of(folder / "out.db", "SELECT ids FROM t ORDER BY rowid")], ordered=True)
        found.compare("out.jsonl", self.batches(), [json.loads(s)["ids"] for s in lines_of(folder / "out.jsonl")], ordered=True)

    def counts(self):
        n = len(self.batches())
        return {"in": self.records, "spawned": self.records + n, "delivered": n, "merged": 2 * self.records, "dead": 0}


class Grouped(Batched):
    """Many windows are open, and close in another order than they open, by number and by size; two sinks."""
    name = "jsonl, GET, group, sqlite + jsonl"
    rows_before_lines = True
    text = """
from: {jsonl: in.jsonl}
steps:
  - http: BASE/item/\\(.id)
    concurrency: 10
    result: .name = $res.body.name
  - group: .n * 31 % 11
    max: 5
    max_bytes: 190
  - map: {key: .key, ids: '[.items[].id] | tostring', last: '.items[-1].name'}
to:
  - {sqlite: out.db, table: t, commit: {rows: 7, every: 3ms}}
  - {jsonl: out.jsonl}
"""

    def digests(self):
        opened, done = {}, []
        for i in self.ids():
            key = i * 7 * 31 % 11
            size = len(json.dumps({"id": i, "n": i * 7, "name": name_of(i)}, separators=(",", ":")))  # as the far side writes it
            if key in opened and sum(n for _, n in opened[key]) + size > 190:
                done.append((key, opened.pop(key)))
            opened.setdefault(key, []).append((i, size))
            if len(opened[key]) == 5:
                done.append((key, opened.pop(key)))
        return [(key, compact([i for i, _ in w]), name_of(w[-1][0])) for key, w in [*done, *opened.items()]]

    def check(self, folder, far, found):
        found.compare("out.db", self.digests(), rows_of(folder / "out.db", "SELECT key, ids, last FROM t ORDER BY rowid"), ordered=True)
        lines = [json.loads(line) for line in lines_of(folder / "out.jsonl")]
        found.compare("out.jsonl", self.digests(), [(d["key"], d["ids"], d["last"]) for d in lines], ordered=True)
        found.compare("what is held", [(0,)], rows_of(folder / ".hocket/pipe.db", "SELECT count(*) FROM held"))

    def counts(self):
        n = len(self.digests())
        return {"in": self.records, "spawned": n, "delivered": n, "merged": self.records, "filtered": 0, "dead": 0}


class BatchesPaid(Batched):
    """A call that must not be made twice, for what a fold has made."""
    name = "jsonl, batch, POST with a key, sqlite"
    text = """
from: {jsonl: in.jsonl}
steps:
  - batch: 7
  - map: {first: '.items[0].id', ids: '[.items[].id]'}
  - http: POST BASE/batch/\\(.first)
    body: {ids: \\(.ids)}
    idempotency_key: auto
    concurrency: 3
    result: .name = $res.body.name
  - set: {ids: '.ids | tostring'}
to: {sqlite: out.db, table: t, commit: {rows: 4, every: 3ms}}
"""
    cuts = False

    def windows(self):
        return [list(self.ids())[at:at + 7] for at in range(0, self.records, 7)]

    def check(self, folder, far, found):
        expected = [(w[0], compact(w), name_of(w[0])) for w in self.windows()]
        found.compare("out.db", expected, rows_of(folder / "out.db", "SELECT first, ids, name FROM t ORDER BY rowid"), ordered=True)
        for name in self.asks():
            found.demand(far.effects[name] == 1, f"{name} had {far.effects[name]} effects")
            found.demand(len(far.keys[name]) <= 1, f"{name} had several keys: {far.keys[name]}")

    def counts(self):
        n = len(self.windows())
        return {"in": self.records, "spawned": n, "delivered": n, "merged": self.records, "dead": 0}

    def asks(self):
        return [f"POST /batch/{w[0]}" for w in self.windows()]


class Joined(Shape):
    """Children that come back: nothing of it is in the state, and the record is whole or not there."""
    name = "jsonl, emit, GET, join, sqlite"
    text = """
from: {jsonl: in.jsonl}
steps:
  - emit: '. as $r | range(.id % 4) | {id: $r.id, k: .}'
  - http: BASE/item/\\(.id)
    concurrency: 10
    result: .name = $res.body.name
  - where: .k != 1
  - join: .parts
  - map: {id: .id, parts: '[.parts[] | "\\(.k) \\(.name)"] | join(", ")'}
to: {sqlite: out.db, table: t, commit: {rows: 7, every: 3ms}}
"""

    def check(self, folder, far, found):
        expected = [(i, ", ".join(f"{k} {name_of(i)}" for k in range(i % 4) if k != 1)) for i in self.ids()]
        found.compare("out.db", expected, rows_of(folder / "out.db", "SELECT id, parts FROM t ORDER BY rowid"), ordered=True)

    def counts(self):
        parts = [k for i in self.ids() for k in range(i % 4)]
        return {"in": self.records, "spawned": len(parts), "delivered": self.records, "merged": sum(k != 1 for k in parts),
                "filtered": sum(k == 1 for k in parts), "dead": 0}

    def check_asked(self, far, found, kills):
        pass  # several children ask the same


ALL = [ToSqlite(), ToFile(), TwoSinks(), Children(), DeadLetters(), Refused(), Filtered(), AnyOrder(), Appended(), Tiny(), Grown(), Pages(),
       Partitioned(), PartitionedLittle(), PartitionedGrown(),
       PagesThatChange(), Spilled(), Paid(), Remembered(), Unkeyed(), Zipped(),
       Batched(), Grouped(), Sorted(), BatchesPaid(), Joined()]
SHAPES = [shape for shape in ALL if shape.is_understood]
