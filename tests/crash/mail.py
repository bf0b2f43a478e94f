"""mail.py - mails to many readers: the server drops connections, refuses, and hocket is killed; nobody is mailed twice

The witness is the mail server's own log (tests/e2e/smtp.py): what it took, in its order. Behind the `smtp` step stands a ledger of ours in SQLite. In the
end nobody stands in the server's log twice; who stands in the ledger stands in the log; and who stands in the log alone is a dead letter of
the class unknown_outcome, of which there are no more than connections were in flight when something went wrong.
"""
import collections
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time

import shim
from shapes import Findings, rows_of
from tally import Tally

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
import smtp

MAILS, DROP_EVERY = 1_000, 250
MAILS_FULL, DROP_EVERY_FULL = 10_000, 2_500
KILLS, CONNECTIONS = 5, 4
AWAY = 4  # each holds back all connections for some seconds
DELAY = 0.002  # a server that thinks: hocket is killed while it does
DROPS = ["body", "dot", "taken"]  # its beginning is there; all of it, and it is not taken; taken, and nobody is told
PIPELINE = f"""name: digest
from: {{jsonl: readers.jsonl}}
steps:
  - smtp: $secret.SMTP_URL
    from: News <news@example.org>
    to: {{name: .name, email: .email}}
    subject: Your news, \\(.name)
    text: '"Dear \\(.name), nothing has happened."'
    concurrency: {CONNECTIONS}
    retry: {{times: 20}}
    into: .sent
  - map: {{reader: .email, message_id: .sent.message_id, response: .sent.response}}
to: {{sqlite: ledger.db, table: ledger}}
"""


def at(i):
    return f"reader{i}@example.org"


class Post:
    """The server's moods: some mails are refused for good, some for now, and connections are cut."""

    def __init__(self, mails, drop_every, seed):
        self.chance = random.Random(seed)
        numbers = self.chance.sample(range(mails), mails // 20)
        half = len(numbers) // 2
        self.full = {at(i) for i in numbers[:half]}  # 552, always
        self.busy = {at(i): "451 4.3.0 try again" for i in numbers[half:-AWAY]}  # once each
        self.away = {at(i): "421 4.3.2 going away" for i in numbers[-AWAY:]}  # once each
        self.drop_every, self.drops, self.seen = drop_every, collections.Counter(), 0
        self.due = []

    def __call__(self, session, stage, words):
        if stage == "data":
            self.seen += 1
            if self.seen % self.drop_every == 0:
                self.due.append(DROPS[(self.seen // self.drop_every - 1) % len(DROPS)])
        if self.due and stage == self.due[0]:
            self.drops[self.due.pop(0)] += 1
            return smtp.CUT
        if stage == "rcpt":
            return self.busy.pop(words.decode(), None)
        if stage == "dot":
            to = session.mail.to[0]
            return "552 5.2.2 mailbox full" if to in self.full else self.away.pop(to, None)
        return None


class Case:
    def __init__(self, folder, mails, drop_every, seed):
        self.folder, self.mails = folder, mails
        self.chance, self.found = random.Random(seed), Findings()
        self.post = Post(mails, drop_every, seed)
        self.in_flight = 0  # at kills, as the server saw them
        (folder / "pipe.yaml").write_text(PIPELINE)
        with open(folder / "readers.jsonl", "w") as file:
            file.writelines(json.dumps({"name": f"Reader {i}", "email": at(i)}) + "\n" for i in range(mails))

    def start(self, *more):
        with open(self.folder / "err", "a") as err:
            return subprocess.Popen([shim.PROGRAM, "run", "pipe.yaml", "-q", *more], cwd=self.folder, stdin=subprocess.DEVNULL,
                                    env={**os.environ, "SMTP_URL": self.server.url}, stdout=subprocess.DEVNULL, stderr=err)

    def kill(self):
        """kill -9 after so many mails more, as the server counts them; how often."""
        step = self.mails // (KILLS + 2)
        for n in range(1, KILLS + 1):
            process = self.start()
            wanted = n * step + self.chance.randrange(step // 2)
            self.found.demand(self.server.wait_for(lambda s: len(s.mails) >= wanted), f"only {len(self.server.mails)} mails came: {self.said()}")
            time.sleep(self.chance.uniform(0, 2 * DELAY))  # the moment within an exchange
            self.found.demand(process.poll() is None, f"it ended before it was killed: {self.said()}")
            process.kill()
            process.wait()
            if self.found.wrong:
                break
        return n

    def said(self):
        return (self.folder / "err").read_text()[-400:]

    def run(self):
        with smtp.server(self.post, delay=DELAY) as self.server:
            kills = self.kill()
            code = self.start().wait(timeout=300)
            self.found.demand(code == 3, f"exit code {code}, and not 3 (some are dead): {self.said()}")
            self.judge(kills)
        return kills + sum(self.post.drops.values())

    def letters(self):
        done = subprocess.run([shim.PROGRAM, "dead", "export", "pipe.yaml"], cwd=self.folder, env={**os.environ, "SMTP_URL": self.server.url},
                              capture_output=True, text=True)
        return [json.loads(line) for line in done.stdout.splitlines()]

    def judge(self, kills):
        found, log = self.found, collections.Counter(m.to[0] for m in self.server.mails)
        ledger = dict(rows_of(self.folder / "ledger.db", "SELECT reader, message_id FROM ledger"))
        letters = self.letters()
        by_class = collections.defaultdict(set)
        for letter in letters:
            by_class[letter["class"]].add(letter["record"]["email"])
        unknown, full = by_class.pop("unknown_outcome", set()), by_class.pop("smtp(552)", set())
        found.duplicated += sum(n - 1 for n in log.values())
        found.lost += len(set(ledger) - set(log))  # we say it was sent, and nobody has it
        found.demand(not by_class, f"letters of other classes: {dict(by_class)}")
        found.compare("dead of 552", self.post.full - unknown, full)  # of some the no was on its way when hocket was killed
        found.demand(set(log) - set(ledger) <= unknown, f"taken by the server, and neither in the ledger nor unknown: {sorted(set(log) - set(ledger) - unknown)[:5]}")
        found.compare("all readers", {at(i) for i in range(self.mails)}, set(ledger) | unknown | full)
        found.demand(len(ledger) + len(unknown) + len(full) == self.mails, "somebody stands in two places")
        most = kills * CONNECTIONS + sum(self.post.drops.values())  # short mails leave in one piece: an end may be on its way at each cut
        found.demand(len(unknown) <= most, f"{len(unknown)} unknown, of {most} that were in flight when something went wrong")
        ids = {m.to[0]: m.id for m in self.server.mails}
        found.demand(all(ids[reader] == mail_id for reader, mail_id in ledger.items()), "a Message-ID of the ledger is not the server's")
        for letter in letters:
            said = letter["message"]
            found.demand(letter["class"] != "unknown_outcome" or (letter["record"]["email"] in said and "Message-ID <" in said),
                         f"who looks for an unknown mail is not told which it is: {said}")
            if letter["class"] == "unknown_outcome" and letter["record"]["email"] in ids:
                found.demand(ids[letter["record"]["email"]] in said, f"the letter has another Message-ID than the mail: {said}")
        found.demand(sum(self.post.drops.values()) >= 3, f"connections were cut: {dict(self.post.drops)}")
        self.unknown = len(unknown)


def test(tap, options):
    mails, drop_every = (MAILS_FULL, DROP_EVERY_FULL) if options.full else (MAILS, DROP_EVERY)
    tally = Tally(f"{mails:,} mails, connections dropped, 421/451/552 answered, hocket killed")
    with tempfile.TemporaryDirectory(prefix="hocket-crash-") as folder:
        case = Case(pathlib.Path(folder), mails, drop_every, options.seed)
        done = case.run()
        tally.add(done, case.found, replay=f"the moments are drawn, not counted: crash mail --seed {options.seed}")
    tap.tally(tally)
    tap.figure(case.found.good, f"of {mails:,} mails unknown after {done} faults", str(case.unknown),
               f"at most those in flight: {CONNECTIONS} at each of {KILLS} kills, one at each cut")


def replay(seed):
    sys.exit(f"the moments are drawn, not counted: run `crash mail --seed {seed}`")
