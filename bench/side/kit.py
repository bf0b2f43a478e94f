"""kit - what a benchmark needs: hocket, the peers, the servers' programs; each made once, or missed aloud

Everything that is made goes to a folder outside the tree ($XDG_CACHE_HOME/hocket-bench), except hocket itself, which is a
release build in build-release/. What cannot be had is said once and left out of the tables.
"""
import os
import pathlib
import shutil
import subprocess
import sys

BENCH = pathlib.Path(__file__).resolve().parent.parent
ROOT = BENCH.parent
PYTHON_PEERS = ["httpx", "aiohttp", "uvloop", "trio", "duckdb", "asyncpg", "psycopg[binary]", "psycopg_pool", "weasyprint", "markdown", "aiosmtplib", "numpy", "feedparser", "jinja2"]
CFLAGS = ["-std=gnu17", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra"]


class Missing(Exception):
    """Something cannot be had here; the text says what and why."""


def say(text):
    print(text, file=sys.stderr, flush=True)


def sh(*command, **options):
    """What a command printed; Missing with its last words when it fails."""
    try:
        done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=900, **options)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Missing(f"{pathlib.Path(command[0]).name}: {error}") from None
    if done.returncode != 0:
        words = (done.stderr or done.stdout).strip().splitlines()[-3:]
        raise Missing(f"{pathlib.Path(command[0]).name}: {' / '.join(words)}")
    return done.stdout


def newer(made, *sources):
    """True when a made file is at least as new as all it was made from."""
    return made.exists() and all(made.stat().st_mtime >= s.stat().st_mtime for s in sources)


class Kit:
    def __init__(self, build):
        cache = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
        self.cache = pathlib.Path(cache) / "hocket-bench"
        self.cache.mkdir(parents=True, exist_ok=True)
        self.build = build
        self.missed = []
        self.commit = None
        self.rust = None  # where its programs are, or why there are none

    def miss(self, what, error):
        text = f"{what}: {error}".replace(f"{ROOT}/", "").replace(f"{self.cache}/", "")
        if text not in self.missed:
            self.missed.append(text)
            say(f"bench: without {text}")

    def try_make(self, what, make):
        """The made thing, or None after it has been said aloud why not."""
        try:
            return make()
        except Missing as error:
            self.miss(what, error)
            return None

    def tool(self, name):
        path = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
        if not path:
            raise Missing(f"'{name}' is not installed")
        return path

    def c_program(self, source, *flags):
        source = BENCH / source
        made = self.cache / source.stem
        if not newer(made, source):
            sh(os.environ.get("CC", "cc"), *CFLAGS, "-o", made, source, *flags)
        return made

    def layer_program(self, *sources):
        """One of our own micro-benchmarks, linked with the layers of the release build; named after its first source."""
        self.hocket()
        sources = [BENCH / source for source in sources]
        layers = [self.build / f"src/{layer}/lib{layer}.a" for layer in ("io", "rt", "base")]
        made = self.build / f"bench-{sources[0].stem}"
        if not newer(made, *sources, *layers):
            sh(os.environ.get("CC", "cc"), *CFLAGS, f"-I{ROOT}/include", f"-I{ROOT}/src", "-o", made, *sources, *layers,
               "-lssl", "-lcrypto", "-lsqlite3", "-lz", "-lzstd", "-lbrotlidec", "-lm", "-pthread")
        return made

    def python(self):
        """The interpreter of a venv that holds the Python peers."""
        venv = self.cache / "venv"
        python = venv / "bin/python"
        done, wanted = venv / "complete", " ".join(PYTHON_PEERS)
        if not done.exists() or done.read_text() != wanted:
            say("bench: installing " + ", ".join(PYTHON_PEERS))
            sh(sys.executable, "-m", "venv", "--clear", venv)
            sh(python, "-m", "pip", "install", "--quiet", *PYTHON_PEERS)
            done.write_text(wanted)
        return python

    def go_program(self, name):
        """peers/go/NAME"""
        folder = BENCH / "peers/go"
        made = self.cache / f"go-{name}"
        if not newer(made, folder / name / "main.go"):
            sh(self.tool("go"), "build", "-o", made, f"./{name}", cwd=folder)
        return made

    def rust_program(self, name):
        """peers/rust/src/bin/NAME.rs; cargo knows what is old, and is asked once a run."""
        target = self.cache / "rust"
        if self.rust is None:
            say("bench: building the Rust peers")
            try:
                sh(self.tool("cargo"), "build", "--release", "--locked", "--quiet", "--target-dir", target, cwd=BENCH / "peers/rust")
                self.rust = target / "release"
            except Missing as error:
                self.rust = error
        if isinstance(self.rust, Missing):
            raise self.rust
        return self.rust / name

    def hocket(self):
        """The program, built once a run: sources that change meanwhile must not change what is measured."""
        if self.commit is None:
            if not (self.build / "build.ninja").exists():
                sh("meson", "setup", self.build, ROOT, "--buildtype=release", "-Dtests=false")
            sh("ninja", "-C", self.build)
            self.commit = self.tree()
        return self.build / "hocket"

    def tree(self):
        try:
            return sh("git", "-C", ROOT, "describe", "--always", "--dirty", "--exclude=*").strip()
        except Missing:
            return "unknown"
