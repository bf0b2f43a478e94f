"""page.py - Markdown pages as scripts: blocks, and a shell that runs them

What must hold: a block that is not understood is an error, so that nothing on a page goes untested by a slip.
"""
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

END = "--end-of-command--"
# What a run prints only if it takes so long: a line each five seconds, and what limited it
PROGRESS = re.compile(r"^([\d,]+ in  .*|limit: .*)\n?", re.M)
FENCE = re.compile(r"^(?P<indent> *)```(?P<language>[a-z]*)\n(?P<text>.*?)^(?P=indent)```$", re.M | re.S)
COMMENT = re.compile(r"<!-- (?P<word>file|not run|not checked|background|interrupt|numbers|run): (?P<value>.*?) -->")
# What differs from run to run: "1m5s", "210ms", "7.1 MB", "1,204.5 records/s", "97 %"; a run's id; what limited it, in JSON
FIGURE = re.compile(r"\b(\d[\d,]*(\.\d+)?(us|ms|s|m|h)(\d+s)?\b|[\d,.]+ (records/s|MB|KB|GB|%)|[\d,.]+/s|\d{8}T\d{6}-[0-9a-f]{8})"
                    r"|(?<=\"limit\": \").*(?=\")", re.M)


class Block:
    """One fenced block, with the comments that stand right before it."""

    def __init__(self, page, match):
        indent = len(match["indent"])
        self.language = match["language"]
        self.text = "".join(line[indent:] for line in match["text"].splitlines(True))
        self.line = page[:match.start()].count("\n") + 1
        self.steering = {}
        self.hidden = []
        before = page[:match.start()].rstrip("\n")
        while before.endswith("-->"):
            start = before.rindex("<!--")
            note = COMMENT.fullmatch(before[start:])
            assert note, f"line {self.line}: not understood: {before[start:]}"
            if note["word"] == "run":
                self.hidden.insert(0, note["value"])
            else:
                self.steering[note["word"]] = note["value"]
            before = before[:start].rstrip("\n")

    @property
    def file(self):
        named = re.match(r"(?:# |/\* )([\w.-]+\.(?:yaml|py|sh|c))\b", self.text)
        return self.steering.get("file") or (named and named[1])


def blocks(path):
    text = pathlib.Path(path).read_text()
    return [Block(text, match) for match in FENCE.finditer(text)]


def commands(text):
    """[(command, expected lines)] of a console block."""
    found = []
    lines = iter(text.splitlines())
    for line in lines:
        if line.startswith("$ "):
            command = line[2:]
            while command.endswith("\\"):
                command += "\n" + next(lines).removeprefix("> ")
            found.append((command, []))
        else:
            assert found, f"output without a command: {line}"
            found[-1][1].append(line)
    return found


def plain(text):
    """Without what differs from run to run; blanks count once."""
    return re.sub(r"[ \t]+", " ", FIGURE.sub("#", PROGRESS.sub("", text))).strip()


def same(expected, got, any_number=False):
    """Is it what the page says? '...' stands for anything."""
    expected, got = plain(expected), plain(got)
    if any_number:
        expected, got = (re.sub(r"[\d,]+", "0", text) for text in (expected, got))
    pieces = [re.escape(piece.strip("\n ")) for piece in expected.split("...")]
    return re.fullmatch(r"\s*.*?\s*".join(pieces), got, re.S) is not None


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as s:
        return s.getsockname()[1]


class Shell:
    """One bash in the page's folder; commands run one after the other and share its variables."""

    def __init__(self, folder, program, env):
        self.folder, self.port, self.background = folder, free_port(), []
        self.env = {**os.environ, **env, "PATH": f"{pathlib.Path(program).parent}:{os.environ['PATH']}", "TERM": "dumb",
                    "LC_ALL": "C.UTF-8", "PYTHONUNBUFFERED": "1"}
        self.bash = subprocess.Popen(["bash", "--noprofile", "--norc"], cwd=folder, env=self.env, text=True,
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def close(self):
        self.bash.stdin.close()
        self.bash.wait()
        for process in self.background:
            process.kill()
            process.wait()

    def inward(self, text):
        return text.replace("8642", str(self.port))

    def outward(self, text):
        return text.replace(str(self.folder), "/data").replace(str(self.port), "8642")

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.inward(text))

    def run(self, command):
        """Exit code and all that was printed. The next command still sees $?."""
        self.bash.stdin.write(f"{self.inward(command)}\n{{ code=$?; echo; echo {END} $code; (exit $code); }} 2>&1\n")
        self.bash.stdin.flush()
        lines = []
        for line in iter(self.bash.stdout.readline, ""):
            if line.startswith(END):
                return int(line.split()[1]), self.outward("".join(lines).removesuffix("\n"))
            lines.append(line)
        raise AssertionError(f"the shell ended in:\n{command}\n{''.join(lines)}")

    def start(self, command, log):
        with open(self.folder / log, "w") as out:
            process = subprocess.Popen(["bash", "-c", "exec " + self.inward(command)], cwd=self.folder, env=self.env,
                                       stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        self.background.append(process)
        server = re.search(r"api\.py|http\.server|demo-llm|demo-news", command)
        deadline = time.monotonic() + 20
        while server and time.monotonic() < deadline:
            try:
                return socket.create_connection(("127.0.0.1", self.port)).close()
            except ConnectionRefusedError:
                assert process.poll() is None, (self.folder / log).read_text()
                time.sleep(0.02)

    def interrupt(self, command, lines, log):
        """Ctrl-C when the log has so many lines."""
        process = subprocess.Popen(["bash", "-c", "exec " + self.inward(command)], cwd=self.folder, env=self.env, text=True,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        deadline, log = time.monotonic() + 30, self.folder / log
        while not log.exists() or len(log.read_text().splitlines()) < lines:
            assert time.monotonic() < deadline and process.poll() is None, "it ended before Ctrl-C could be typed"
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
        self.run(f"(exit {process.returncode})")
        return process.returncode, self.outward("^C\n" + out)
