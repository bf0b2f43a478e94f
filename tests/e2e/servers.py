"""Servers that are not ours: tools/NAME-server starts and stops them."""
import pathlib
import subprocess
import tempfile

TOOLS = pathlib.Path(__file__).resolve().parents[2] / "tools"


class Missing(Exception):
    """It cannot be had here."""


def tool(name, *words):
    # Its output goes through a file: a server that it starts would keep a pipe open.
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        code = subprocess.run([TOOLS / name, *map(str, words)], stdout=out, stderr=err).returncode
        out.seek(0), err.seek(0)
        if code == 77:
            raise Missing(err.read().strip())
        assert code == 0, f"{name} {words[0]}: exit code {code}: {err.read()}"
        return out.read().strip()
