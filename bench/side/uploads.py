"""uploads - objects of 50 KB into Google Cloud Storage: each record's text, the URL written as JSON lines

The store is fake-gcs-server, new for each run, on the other core; it is the slower side, so the figure is the client's CPU time. What each peer made
is listed afterwards: every name once, with its size.
"""
import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import urllib.parse
import urllib.request

from .kit import BENCH, ROOT, Missing, say, sh
from .measure import SERVER_CORE, Failed, Rounds, pinned

TOOL = ROOT / "tools/gcs-server"
AT_ONCE = 32
BYTES = 50_000
BUCKET = "bench"
PIPELINE = f"""\
from: {{jsonl: in.jsonl}}
steps:
  - upload: gs://{BUCKET}/\\(.name).txt
    data: .text
    concurrency: {AT_ONCE}
    into: .url
to: {{jsonl: out.jsonl, fields: [name, url]}}
"""


def hocket(program, folder):
    shutil.rmtree(folder / ".hocket", ignore_errors=True)
    (folder / "uploads.yaml").write_text(PIPELINE)
    return [program, "run", "-q", "uploads.yaml"]


def listed(endpoint):
    found, page = {}, {}
    while page is not None:
        with urllib.request.urlopen(f"{endpoint}/storage/v1/b/{BUCKET}/o?{urllib.parse.urlencode(page)}", timeout=60) as answer:
            a = json.load(answer)
        for each in a.get("items", []):
            found[each["name"]] = int(each["size"])
        page = {"pageToken": a["nextPageToken"]} if a.get("nextPageToken") else None
    return found


def check(endpoint, path, n):
    found = listed(endpoint)
    if found != {f"{i:06}.txt": BYTES for i in range(n)}:
        raise Failed(f"{len(found)} objects of {n}, or of other sizes")
    with open(path) as lines:
        for i, line in enumerate(lines):
            if json.loads(line) != {"name": f"{i:06}", "url": f"gs://{BUCKET}/{i:06}.txt"}:
                raise Failed(f"wrote {line[:100]!r} as line {i + 1}")


@contextlib.contextmanager
def store(folder):
    """Its endpoint. What it prints goes through a file: the server that stays would keep a pipe open."""
    with tempfile.TemporaryFile("w+") as said:
        code = subprocess.run(pinned(SERVER_CORE, TOOL, "start", folder, BUCKET), stdout=said, stderr=said).returncode
        said.seek(0)
        words = said.read().strip()
    if code != 0:
        raise Missing(words)
    os.environ["STORAGE_EMULATOR_HOST"] = words
    try:
        yield words
    finally:
        del os.environ["STORAGE_EMULATOR_HOST"]
        subprocess.run([TOOL, "stop", folder], check=True, stdout=subprocess.DEVNULL)


def once(runner, folder, command, n):
    with store(folder / "store") as endpoint:
        (folder / "out.jsonl").unlink(missing_ok=True)
        got = runner.run(command, cwd=folder)
        check(endpoint, folder / "out.jsonl", n)
        return got


def peers(kit, folder):
    everyone = {"hocket": lambda: hocket(program, folder)}
    program, aio = kit.hocket(), kit.python()
    everyone["aiohttp + uvloop, the API by hand"] = lambda: [aio, BENCH / "peers/uploads_aiohttp.py", BUCKET, AT_ONCE]
    try:
        google = sh(TOOL, "--client").strip()
        everyone["google-cloud-storage, threads"] = lambda: [google, BENCH / "peers/uploads_google.py", BUCKET, AT_ONCE]
    except Missing as error:
        kit.miss("google-cloud-storage", error)
    return everyone


def uploads(kit, runner, folder, n, rounds):
    folder, figures, broken = pathlib.Path(folder), Rounds(), set()
    everyone = peers(kit, folder)
    with open(folder / "in.jsonl", "w") as lines:
        lines.writelines(json.dumps({"name": f"{i:06}", "text": (f"note {i:06} " * (BYTES // 11 + 1))[:BYTES]}) + "\n" for i in range(n))
    for at in range(rounds):
        for name in [name for name in everyone if name not in broken]:
            say(f"bench: round {at + 1} of {rounds}: {name}")
            try:
                got = once(runner, folder, everyone[name](), n)
                figures.add(name, "upload", cpu_us=got["cpu_s"] * 1e6 / n, per_s=n / got["wall_s"], rss_mib=got["rss_mib"])
            except Failed as error:
                kit.miss(name, error)
                broken.add(name)
    return {"n": n, "rounds": rounds, "rows": figures.as_json(["cpu_us", "per_s", "rss_mib"])}
