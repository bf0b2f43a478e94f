"""measure - runs of one program, and what a table says about them

A run is made by measure.c, which is small and starts the clock itself. Figures of several rounds are given as medians,
rounds being interleaved (every peer once, then every peer again), because a shared machine drifts.
"""
import json
import os
import pathlib
import statistics
import subprocess
import tempfile

CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, CLIENT_CORE = (CORES[0], CORES[1]) if len(CORES) > 1 else (-1, -1)


def pinned(core, *command):
    """The command, bound to a core; -1: to none."""
    where = [] if core < 0 else ["taskset", "-c", str(core)]
    return [*where, *map(str, command)]


class Failed(Exception):
    """A run that ended badly, or whose output is wrong: its figures mean nothing."""


class Runner:
    def __init__(self, program):
        self.program = program

    def run(self, command, core=CLIENT_CORE, cwd=None, stdout=None, timeout=600):
        """{wall_s, cpu_s, user_s, sys_s, rss_mib} of one run; Failed unless it ends with 0."""
        with tempfile.TemporaryDirectory() as folder:
            figures, errors = pathlib.Path(folder, "figures"), pathlib.Path(folder, "errors")
            with open(stdout or os.devnull, "wb") as out, open(errors, "wb") as err:
                try:
                    subprocess.run([str(c) for c in (self.program, figures, core, *command)], cwd=cwd, timeout=timeout,
                                   stdin=subprocess.DEVNULL, stdout=out, stderr=err, check=True)
                except (subprocess.TimeoutExpired, subprocess.CalledProcessError) as error:
                    raise Failed(f"{command[0]}: {error}") from None
            got = json.loads(figures.read_text())
            if got["code"] != 0:
                words = errors.read_text(errors="replace").strip().splitlines()[-3:]
                raise Failed(f"{pathlib.Path(command[0]).name} ended with {got['code']}: {' / '.join(words)}")
        got["cpu_s"] = got["user_s"] + got["sys_s"]
        got["rss_mib"] = got["rss_kib"] / 1024
        return got


def digits(value):
    """Five of them: enough to compare, few enough to read."""
    return float(f"{value:.5g}")


class Rounds:
    """Figures of interleaved rounds, by peer and case."""

    def __init__(self):
        self.figures = {}

    def add(self, peer, case, **figures):
        self.figures.setdefault((peer, case), []).append(figures)

    def median(self, peer, case, name):
        values = [f[name] for f in self.figures.get((peer, case), []) if f.get(name) is not None]
        return statistics.median(values) if values else None

    def as_json(self, names):
        """[{peer, case, n, NAME: median, NAME_min, NAME_max}]: small enough to keep beside the table."""
        rows = []
        for (peer, case), runs in self.figures.items():
            row = {"peer": peer, "case": case, "rounds": len(runs)}
            for name in names:
                values = [r[name] for r in runs if r.get(name) is not None]
                if values:
                    row |= {name: digits(statistics.median(values)), f"{name}_min": digits(min(values)), f"{name}_max": digits(max(values))}
            rows.append(row)
        return rows
