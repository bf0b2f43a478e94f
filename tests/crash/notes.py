"""notes.py - examples/ai-notes/full.yaml is killed again and again: language model, sections, PDFs, bucket and ledger

The witnesses are not ours to bend: the bucket is asked by Google's own client, the language model counts what it made and billed for each idempotency key.
Each topic has one object, no answer is paid for twice; run again, nobody is asked; of 15 % that changed, only those are.
"""
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time

import shim
from shapes import Findings, lines_of, rows_of
from tally import Tally

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
import gcs
import llm

EXAMPLE = shim.ROOT / "examples/ai-notes"
FAULTS, TOPICS = 3, 40
FAULTS_FULL, TOPICS_FULL = 20, 200
# Slow enough to be killed in the middle of, with the days that real ones have.
MODEL = ["--latency", "80ms", "--per-token", "0ms", "--fault", "500=2%", "--fault", "cut=2%", "--fault", "torn=2%", "--fault", "slow=1%"]


class Case:
    def __init__(self, folder, model, bucket, topics, seed):
        self.folder, self.model, self.bucket = folder, model, bucket
        self.chance, self.found = random.Random(seed), Findings()
        self.env = {**os.environ, "STORAGE_EMULATOR_HOST": bucket.endpoint, "LLM_KEY": "sk-demo"}
        for name in ("style.yml", "document.md"):
            shutil.copy(EXAMPLE / name, folder)
        text = (EXAMPLE / "full.yaml").read_text().replace("gs://notes/", bucket.url + "/").replace("concurrency: 100", "concurrency: 20")
        (folder / "full.yaml").write_text(text)
        self.topics = [json.loads(line) for line in (EXAMPLE / "topics.jsonl").read_text().splitlines()[:topics]]
        self.write()

    def write(self):
        (self.folder / "topics.jsonl").write_text("".join(json.dumps(t) + "\n" for t in self.topics))

    def start(self, *more):
        with open(self.folder / "err", "a") as err:
            return subprocess.Popen([shim.PROGRAM, "run", "full.yaml", "-q", "--set", f"llm={self.model.base}", *more], cwd=self.folder,
                                    env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=err)

    def run(self, *more):
        """To its end; what the model counted meanwhile."""
        before = self.model.account()
        code = self.start(*more).wait()
        self.found.demand(code == 0, f"exit code {code}: {(self.folder / 'err').read_text()[-400:]}")
        after = self.model.account()
        return {name: after[name] - before[name] for name in after}

    def kill(self, faults):
        """kill -9 at random instants; how often."""
        each = 1.3 * (0.08 * 6 * len(self.topics) / 20 + 1) / faults  # a guess of what is left to do
        done = 0
        while done < faults:
            process = self.start()
            time.sleep(self.chance.uniform(0.05, 0.1 + each))  # the moment is what is tested
            if process.poll() is not None:
                return done
            process.kill()
            process.wait()
            done += 1
        return done

    def ledger(self):
        return dict(rows_of(self.folder / "ledger.db", "SELECT slug, calls FROM ledger"))

    def judge(self):
        """All is there once, and was paid for once."""
        found, slugs = self.found, [t["slug"] for t in self.topics]
        found.compare("the bucket", [f"full/{s}.pdf" for s in slugs], self.bucket.names())
        found.compare("full.jsonl", slugs, [json.loads(line)["slug"] for line in lines_of(self.folder / "full.jsonl")], ordered=True)
        found.compare("the ledger", slugs, rows_of(self.folder / "ledger.db", "SELECT slug FROM ledger") and list(self.ledger()))
        for slug in self.chance.sample(slugs, 5):
            data = (self.bucket.get(f"full/{slug}.pdf") or {"data": b""})["data"]
            found.demand(data.startswith(b"%PDF-") and data.rstrip().endswith(b"%%EOF"), f"{slug}.pdf is not whole")
        account = self.model.account()
        found.duplicated += account["paid_again"] + account["key_twice"]
        found.demand(account["effects"] == sum(self.ledger().values()),
                     f"the ledger has {sum(self.ledger().values())} calls, the model made {account['effects']}")
        found.demand(all(k["effects"] <= 1 for k in self.model.keys()), "a key was answered twice with effect")

    def again(self):
        """The same once more: nobody is asked; the share of the answers that were there."""
        self.found, made = Findings(), self.model.account()["effects"]
        asked = self.run("--fresh")
        self.found.demand(asked["requests"] == 0, f"run again, the model was asked {asked['requests']} times")
        self.judge()
        return 1 - asked["effects"] / made if made else 0

    def change(self):
        """15 % of the topics: only those are asked for; the share of the topics that cost nothing."""
        self.found = Findings()
        changed = self.chance.sample(self.topics, len(self.topics) * 15 // 100)
        for t in changed:
            t["topic"] += ", revised"
        self.write()
        asked = self.run()
        wanted = sum(self.ledger().get(t["slug"], 0) for t in changed)
        self.found.demand(asked["effects"] == wanted, f"{len(changed)} topics changed, {wanted} calls; the model made {asked['effects']}")
        self.found.demand(asked["paid_again"] == 0, f"{asked['paid_again']} answers were paid for again")
        slugs = sorted(t["slug"] for t in self.topics)
        self.found.compare("the bucket", [f"full/{s}.pdf" for s in slugs], self.bucket.names())
        return 1 - len(changed) / len(self.topics)


def whole(case, tap, faults):
    tally = Tally(f"full notes of {len(case.topics)} topics into a bucket, hocket killed")
    done = case.kill(faults)
    case.run()
    case.judge()
    tally.add(done, case.found, replay="the moments are drawn, not counted: crash notes --seed N")
    tap.tally(tally)


def figure(tap, case, name, share, bound):
    tap.figure(case.found.good, name, f"{100 * share:.0f} %", bound)
    for words in case.found.words:
        print(f"#   {words[:600]}")


def test(tap, options):
    try:
        server = gcs.Server()
        gcs.tool("--client")
    except gcs.Missing as why:
        tap.skip("notes into a bucket", str(why))
        return
    topics, faults = (TOPICS_FULL, FAULTS_FULL) if options.full else (TOPICS, FAULTS)
    try:
        with tempfile.TemporaryDirectory(prefix="hocket-crash-") as folder, llm.Model(shim.PROGRAM, "--seed", options.seed, *MODEL) as model:
            case = Case(pathlib.Path(folder), model, server.bucket(), topics, options.seed)
            whole(case, tap, faults)
            share = case.again()
            figure(tap, case, "notes run again: answers that were remembered", share, "the model counts no request")
            share = case.change()
            figure(tap, case, "15 % of the topics changed: topics that cost nothing", share, "the model counts the calls of the others alone")
    finally:
        server.stop()


def replay(seed):
    sys.exit(f"the moments are drawn, not counted: run `crash notes --seed {seed}`")
