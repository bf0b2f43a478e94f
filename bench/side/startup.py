"""startup - how long until a program has said its version, and until a pipeline of one record has run"""
import pathlib
import shutil
import sys

from .kit import say
from .measure import Failed, Rounds

ONE = """\
from: {jsonl: one.jsonl}
steps:
  - set: {seen: 'true'}
to: {jsonl: out.jsonl}
"""


def commands(kit):
    """(name, command) of what can be had."""
    made = [
        ("hocket version", lambda: [kit.hocket(), "version"]),
        ("hocket run, one record", lambda: [kit.hocket(), "run", "-q", "one.yaml"]),
        ("jq, one record", lambda: [kit.tool("jq"), "-c", ".seen = true", "one.jsonl"]),
        ("Python, nothing", lambda: [sys.executable, "-c", "pass"]),
        ("Python, import httpx", lambda: [kit.python(), "-c", "import httpx"]),
    ]
    return [(name, command) for name, make in made if (command := kit.try_make(name, make))]


def startup(kit, runner, folder, rounds):
    folder = pathlib.Path(folder)
    (folder / "one.jsonl").write_text('{"id": 1}\n')
    (folder / "one.yaml").write_text(ONE)
    figures, broken = Rounds(), set()
    everyone = commands(kit)
    say(f"bench: start-up, {rounds} rounds")
    for _ in range(rounds):
        for name, command in everyone:
            if name in broken:
                continue
            shutil.rmtree(folder / ".hocket", ignore_errors=True)
            try:
                got = runner.run(command, cwd=folder)
                figures.add(name, "", wall_ms=got["wall_s"] * 1e3, cpu_ms=got["cpu_s"] * 1e3, rss_mib=got["rss_mib"])
            except Failed as error:
                kit.miss(name, error)
                broken.add(name)
    return {"rounds": rounds, "rows": figures.as_json(["wall_ms", "cpu_ms", "rss_mib"])}
