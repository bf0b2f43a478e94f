"""Class J: a page of an API is kept before its records are used. The judge is the server, whose pages are others at each request."""
import json
import signal
import sqlite3

import pytest

from far import far

PAGES, EACH = 4, 5


class Changing:
    """Pages of records that say at which request they were given, and a step that holds on until it is let go."""

    def __init__(self):
        self.hold_from, self.open = None, False

    def __call__(self, path, attempt):
        if path.startswith("/page/"):
            n = int(path.split("/")[-1])
            rows = [{"id": n * EACH + i, "asked": attempt} for i in range(EACH + attempt - 1)]
            return {"rows": rows, "next": f"/page/{n + 1}" if n + 1 < PAGES else None}
        return {"ok": int(path.split("/")[-1])}


PIPE = """\
from:
  http: {base}/page/0
  pages: {{next: .next}}
  each: .rows[]
steps:
  - http: {base}/job/\\(.id)
    concurrency: 1
    queue: 2
    rate: 40/s
    into: .done
to:
  - {{sqlite: out.db, table: rows, commit: {{every: 20ms}}}}
"""


def kill_after(hocket, server, requests):
    process = hocket.start("run", "pipe.yaml", "-q")
    server.wait_for(requests)
    process.send_signal(signal.SIGKILL)
    process.wait()


@pytest.mark.parametrize("requests", [1, 2, 4, 9, 16])
def test_a_killed_run_asks_for_no_kept_page_again(hocket, requests):
    """Killed in mid-page, however often: each page is asked for once, and its rows are those of that one answer."""
    with far(Changing()) as server:
        hocket.write("pipe.yaml", PIPE.format(base=server.base))
        kill_after(hocket, server, requests)
        kept = sum(1 for path in server.asked if path.startswith("/page/")) - 1  # the last may have been on its way
        kill_after(hocket, server, sum(server.asked.values()) + 3)
        assert hocket("run", "pipe.yaml").code == 0
        asked = {path: n for path, n in server.asked.items() if path.startswith("/page/")}
        assert len(asked) == PAGES and all(asked[f"/page/{n}"] == 1 for n in range(kept)), asked
        rows = sqlite3.connect(hocket.folder / "out.db").execute("SELECT id, asked FROM rows ORDER BY rowid").fetchall()
        last = {n: asked[f"/page/{n}"] for n in range(PAGES)}
        want = [(n * EACH + i, last[n]) for n in range(PAGES) for i in range(EACH + last[n] - 1)]
        assert rows == want


def test_a_page_that_was_never_answered_is_asked_for_again(hocket):
    """The server goes down behind page 1; the run fails, and the next one asks for page 2 only."""
    down = True

    def answer(path, attempt):
        if down and path == "/page/2":
            return 404, {}, b"gone"
        return Changing()(path, attempt)

    with far(answer) as server:
        hocket.write("pipe.yaml", PIPE.format(base=server.base))
        assert hocket("run", "pipe.yaml").code == 1
        down = False
        assert hocket("run", "pipe.yaml").code == 0
        assert [server.asked[f"/page/{n}"] for n in range(PAGES)] == [1, 1, 2, 1]


def test_a_finished_run_keeps_no_page_and_the_next_asks_anew(hocket):
    with far(Changing()) as server:
        hocket.write("pipe.yaml", PIPE.format(base=server.base))
        assert hocket("run", "pipe.yaml").code == 0
        state = sqlite3.connect(hocket.folder / ".hocket/pipe.db")
        assert state.execute("SELECT count(*) FROM inbox").fetchone() == (0,)
        assert hocket("run", "pipe.yaml").code == 0
        assert server.asked["/page/0"] == 2


def test_two_apis_in_one_pipeline_keep_apart(hocket):
    """Each source has pages of its own, on whatever host it is."""
    def answer(path, attempt):
        return [{"at": path}]

    with far(answer) as one, far(answer) as other:
        result = hocket.run(f"from:\n  - http: {one.base}/a\n  - http: {other.base.replace('127.0.0.1', 'localhost')}/b\nto: stdout\n")
        assert [json.loads(line)["at"] for line in result.out.splitlines()] == ["/a", "/b"], result.err
        assert dict(one.asked) == {"/a": 1} and dict(other.asked) == {"/b": 1}
