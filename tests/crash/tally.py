"""tally.py - what the faults of one part came to: TAP points, and table rows that docs/scorecard.md is made of"""
import statistics

HEAD = "name | n | lost | duplicated | wrong | p50 s | max s"


class Tally:
    """The sum over cases with one name."""

    def __init__(self, name):
        self.name = name
        self.n = self.lost = self.duplicated = self.wrong = 0
        self.seconds = []
        self.failures = []  # words, and how to replay

    def add(self, n, findings, seconds=(), replay=""):
        self.n += n
        self.lost += findings.lost
        self.duplicated += findings.duplicated
        self.wrong += findings.wrong
        self.seconds += seconds
        if not findings.good:
            self.failures.append((findings.words, replay))

    def join(self, other):
        self.n += other.n
        self.lost += other.lost
        self.duplicated += other.duplicated
        self.wrong += other.wrong
        self.seconds += other.seconds
        return self

    @property
    def good(self):
        return self.n > 0 and not (self.lost or self.duplicated or self.wrong)

    def row(self):
        seconds = f"{statistics.median(self.seconds):.3f} | {max(self.seconds):.3f}" if self.seconds else "- | -"
        return f"# | {self.name} | {self.n} | {self.lost} | {self.duplicated} | {self.wrong} | {seconds} |"


class Tap:
    """Points as they come; the plan and the table at the end."""

    def __init__(self):
        self.points = self.bad = 0
        self.rows, self.figures = [], []

    def point(self, good, title, words=()):
        self.points += 1
        self.bad += not good
        print(f"{'ok' if good else 'not ok'} {self.points} - {title}", flush=True)
        for line in words:
            print("#   " + line.rstrip().replace("\n", "\n#   "), flush=True)

    def skip(self, title, why):
        self.points += 1
        print(f"ok {self.points} - {title} # SKIP {why}", flush=True)

    def tally(self, t):
        words = [f"{'; '.join(said[:3])}   replay: {replay}" for said, replay in t.failures[:8]]
        self.point(t.good, f"{t.name}: {t.n} faults, {t.lost} lost, {t.duplicated} duplicated, {t.wrong} wrong", words)
        self.rows.append(t)

    def total(self, name, tallies):
        """A row over several, first in the table; no point of its own."""
        sum_of = Tally(name)
        for t in tallies:
            sum_of.join(t)
        self.rows.insert(len(self.rows) - len(tallies), sum_of)

    def figure(self, good, name, value, bound):
        self.point(good, f"{name}: {value} ({bound})")
        self.figures.append(f"# | {name} | {value} | {bound} |")

    def end(self):
        print(f"1..{self.points}")
        if self.rows:
            print(f"# | {HEAD} |\n# |---|---|---|---|---|---|---|")
        for t in self.rows:
            print(t.row())
        if self.figures:
            print("# | figure | value | bound |\n# |---|---|---|")
        for line in self.figures:
            print(line, flush=True)
        return 1 if self.bad else 0
