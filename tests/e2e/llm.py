"""The language model of examples/ai-notes as a far side, and the official client of the API that it speaks (openai, from PyPI)."""
import json
import os
import pathlib
import subprocess
import urllib.request

CLIENT = "openai==3.54.0"
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "hocket"


class Missing(Exception):
    """It cannot be had here."""


def client():
    """A Python that has the official client; made once."""
    folder = CACHE / "llm-client"
    python = folder / "bin/python"
    if python.exists() and subprocess.run([python, "-c", "import openai"], capture_output=True).returncode == 0:
        return python
    CACHE.mkdir(parents=True, exist_ok=True)
    for words in (["python3", "-m", "venv", "--clear", folder], [python, "-m", "pip", "-q", "install", CLIENT]):
        try:
            subprocess.run(words, check=True, capture_output=True, text=True, timeout=300)
        except (OSError, subprocess.SubprocessError) as failure:
            said = (getattr(failure, "stderr", None) or str(failure)).strip().splitlines()
            raise Missing(f"{CLIENT}: {said[-1] if said else 'it cannot be installed'}") from None
    return python


class Model:
    """One demo-llm; `with Model(program, "--latency", "5ms") as model:` .base is its URL"""

    def __init__(self, program, *options):
        self.process = subprocess.Popen([pathlib.Path(program).resolve().parent / "demo-llm", *map(str, options)], stdout=subprocess.PIPE, text=True)
        self.base = self.process.stdout.readline().strip()

    def get(self, path):
        with urllib.request.urlopen(self.base + path, timeout=30) as answer:
            return answer.read().decode()

    def account(self):
        return json.loads(self.get("/admin/account"))

    def keys(self):
        return [json.loads(line) for line in self.get("/admin/keys").splitlines()]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        assert self.process.wait() == 0
        self.process.stdout.close()
