"""mails - one mail a record, handed to a server that takes everything: hocket's smtp sink, its library call, smtplib and aiosmtplib

The server is server/sink.c on the other core. It counts mails and different numbers: a run that lost or doubled one has no figures.
"""
import contextlib
import json
import pathlib
import shutil
import subprocess

from .kit import BENCH, Missing, say
from .measure import SERVER_CORE, Failed, Rounds, pinned
from .servers import free_port

AT_ONCE = 16
PIPELINE = """\
from: {{jsonl: in.jsonl}}
to:
  smtp: smtp://127.0.0.1:{port}
  from: News <news@example.org>
  to: '"Ada Lovelace <ada@example.org>"'
  subject: number \\(.id)
  text: .text
  concurrency: {at_once}
"""


@contextlib.contextmanager
def sink(kit, n):
    """Its port. Judges in the end what it took."""
    port = free_port()
    process = subprocess.Popen(pinned(SERVER_CORE, kit.c_program("server/sink.c"), port), stdout=subprocess.PIPE, text=True)
    try:
        if process.stdout.readline() != "ready\n":
            raise Missing("the mail server does not start")
        yield port
    finally:
        process.terminate()
        said = process.communicate()[0].split()
    if [int(word) for word in said[:2]] != [n, n]:
        raise Failed(f"the server took {said[0]} mails, {said[1]} different ones, of {n}")


def hocket(program, folder, port):
    shutil.rmtree(folder / ".hocket", ignore_errors=True)
    (folder / "mails.yaml").write_text(PIPELINE.format(port=port, at_once=AT_ONCE))
    return [program, "run", "-q", "mails.yaml"]


def peers(kit, folder, n):
    program, library = kit.hocket(), kit.layer_program("mails.c")
    everyone = {"hocket": lambda port: hocket(program, folder, port),
                "hocket, the library's call": lambda port: [library, port, n, AT_ONCE]}
    python = kit.try_make("smtplib, aiosmtplib", kit.python)
    if python:
        script = BENCH / "peers/mails.py"
        everyone["smtplib, 16 threads"] = lambda port: [python, script, "smtplib", port, AT_ONCE]
        everyone["aiosmtplib + uvloop, 16 tasks"] = lambda port: [python, script, "aiosmtplib", port, AT_ONCE]
    return everyone


def mails(kit, runner, folder, n, rounds):
    folder, figures, broken = pathlib.Path(folder), Rounds(), set()
    everyone = peers(kit, folder, n)
    text = "Hello Ada,\n\nthis is what is new today: nothing at all.\n"
    with open(folder / "in.jsonl", "w") as lines:
        lines.writelines(json.dumps({"id": i, "text": text}) + "\n" for i in range(n))
    for at in range(rounds):
        for name in [name for name in everyone if name not in broken]:
            say(f"bench: round {at + 1} of {rounds}: {name}")
            try:
                with sink(kit, n) as port:
                    got = runner.run(everyone[name](port), cwd=folder)
                figures.add(name, "mails", cpu_us=got["cpu_s"] * 1e6 / n, per_s=n / got["wall_s"], rss_mib=got["rss_mib"])
            except Failed as error:
                kit.miss(name, error)
                broken.add(name)
    return {"n": n, "rounds": rounds, "rows": figures.as_json(["cpu_us", "per_s", "rss_mib"])}
