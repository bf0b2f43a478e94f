"""shim.py - hocket with the shim before it: faults in, counts and journals out (fault.h says what the variables mean)"""
import json
import mmap
import os
import pathlib
import re
import signal
import struct
import subprocess
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PROGRAM = os.environ.get("HOCKET", str(ROOT / "build-test/hocket"))
SHIM = os.environ.get("HOCKET_SHIM", str(pathlib.Path(PROGRAM).resolve().parent / "tests/crash/crash-shim.so"))
if not (os.access(PROGRAM, os.X_OK) and os.path.exists(SHIM)):
    raise SystemExit(f"crash: '{PROGRAM}' or '{SHIM}' is not there: tools/build build-test -Dtest_hosts=true")
KINDS = ["open", "mkdir", "write", "truncate", "fsync", "fdatasync", "rename", "unlink", "send", "recv", "malloc"]
LONGEST = 60  # seconds: nothing here takes one

# Calls that change files and that the shim does not take over. Who imports one of them is not seen by these tests.
UNSEEN = {"copy_file_range", "creat", "creat64", "fallocate", "fallocate64", "link", "open_by_handle_at", "posix_fallocate",
          "posix_fallocate64", "pwritev2", "pwritev64v2", "sendfile", "sendfile64", "splice", "symlink", "symlinkat", "sync", "syncfs",
          "sync_file_range", "truncate", "truncate64", "sendto", "sendmmsg"}


def unseen_calls():
    """Names that hocket or SQLite import and that would pass by the shim."""
    libraries = subprocess.run(["ldd", PROGRAM], capture_output=True, text=True, check=True).stdout
    sqlite = re.findall(r"=> (\S*libsqlite3\S*)", libraries)
    found = set()
    for path in [PROGRAM, *sqlite]:
        names = subprocess.run(["nm", "-D", "--undefined-only", path], capture_output=True, text=True, check=True).stdout
        found |= {f"{pathlib.Path(path).name}: {name}" for name in re.findall(r" U (\w+)", names) if name in UNSEEN}
    return sorted(found)


class Ended:
    """What one process left behind."""

    def __init__(self, code, out, err, counts, started_ns):
        self.code, self.out, self.err, self.started_ns = code, out, err, started_ns
        n = len(KINDS)
        numbers = struct.unpack_from(f"{2 * n + 2}q", counts)
        self.calls = dict(zip(KINDS, numbers[:n]))
        self.calls |= {"sync": self.calls["fsync"] + self.calls["fdatasync"], "any": sum(numbers[:KINDS.index("recv")])}
        self.first_ns = dict(zip(KINDS, numbers[n:2 * n]))
        self.peak_mib = numbers[2 * n] / 1024
        self.met = bool(numbers[2 * n + 1])
        self.met_path = counts[8 * (2 * n + 2):].partition(b"\0")[0].decode()

    @property
    def killed(self):
        return self.code == -signal.SIGKILL

    @property
    def summary(self):
        try:
            return json.loads(self.err.splitlines()[-1])
        except (IndexError, ValueError):
            return {}

    def seconds_to_first(self, *kinds):
        """From the start to the first call of these kinds; None: there was none."""
        times = [self.first_ns[k] for k in kinds if self.first_ns[k]]
        return (min(times) - self.started_ns) / 1e9 if times else None


def run(folder, pipeline, *flags, fault=None, journal=None, watch=None, kill_after=None):
    """`hocket run` in a folder, to its end or its death. kill_after: SIGKILL so many seconds from now."""
    folder = pathlib.Path(folder).resolve()
    with open(folder.with_name(folder.name + ".counts"), "w+b") as file:
        file.truncate(4096)
        env = {k: v for k, v in os.environ.items() if not k.startswith("HOCKET_")}
        env |= {"LD_PRELOAD": SHIM, "HOCKET_UNDER": str(folder), "HOCKET_COUNTS": file.name, "TERM": "dumb"}
        env |= {k: str(v) for k, v in {"HOCKET_FAULT": fault, "HOCKET_JOURNAL": journal, "HOCKET_WATCH": watch}.items() if v}
        started = time.monotonic_ns()
        process = subprocess.Popen([PROGRAM, "run", pipeline, "-q", "--summary", "json", *flags], cwd=folder, env=env,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace")
        timer = threading.Timer(kill_after, process.kill) if kill_after is not None else None
        if timer:
            timer.start()
        try:
            out, err = process.communicate(timeout=LONGEST)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGABRT)
            out, err = process.communicate()
            err += f"\nstill running after {LONGEST} s"
        if timer:
            timer.cancel()
        with mmap.mmap(file.fileno(), 4096, access=mmap.ACCESS_READ) as counts:
            return Ended(process.returncode, out, err, counts[:], started)
