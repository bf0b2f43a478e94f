"""The first two pipelines of the language's description, word for word; host names mapped to local ports by the test build."""
import pathlib
import sqlite3
import subprocess

import pytest
from conftest import PROGRAM, ROOT, SLOW
from far import far

ENRICH = r"""# enrich.yaml: the "gather + Semaphore(20) + return_exceptions" of a hundred Python scripts
from: {jsonl: users.jsonl}
steps:
  - http: https://api.example.com/users/\(.id)
    concurrency: 20
    retry: 5
    into: .profile
to: {sqlite: users.db, table: users, key: id}
dead: failed.jsonl
"""

ORDERS = r"""# orders.yaml: the "Queue(maxsize=100)": a fast reader cannot outrun a slow database
from:
  http: https://api.example.com/orders
  pages: {next: .links.next}          # or {page: page, start: 1}, {offset: offset, size: 100}, {cursor: after, from: .cursor}, {link: next}
  each: .orders[]
steps:
  - map: {id, total: '.lines | map(.qty * .price) | add'}
    queue: 100
to: {postgres: $secret.PG_URL, table: orders, key: id}
"""


def map_hosts(hocket, server):
    hocket.env["HOCKET_TEST_HOSTS"] = f"api.example.com:443=127.0.0.1:{server.port}"


def rows(path, query):
    return sqlite3.connect(path).execute(query).fetchall()


def test_enrich(hocket, tmp_path):
    def answer(path, attempt):
        user = int(path.rsplit("/", 1)[1])
        if user == 13:
            return 404, {}, b'{"error": "no such user"}'
        if user % 10 == 0 and attempt == 1:
            return 500, {}, b"oops"
        return {"id": user, "name": f"user {user}"}

    hocket.write_jsonl("users.jsonl", [{"id": i} for i in range(1, 201)])
    with far(answer) as server:
        map_hosts(hocket, server)
        result = hocket.run(ENRICH, name="enrich.yaml")
        assert result.code == 3, result.err
        assert result.account == {"in": 200, "delivered": 199, "filtered": 0, "duplicate": 0, "dead": 1}
        assert result.balances()
        assert "1 at http (status 404)" in result.err
        assert server.most_inside <= 20
        assert set(server.asked) == {f"/users/{i}" for i in range(1, 201)}
        assert sum(server.asked.values()) == 200 + 20  # each tenth once more, the 404 never
    table = rows(tmp_path / "users.db", "SELECT id, profile FROM users ORDER BY id")
    assert [row[0] for row in table] == [i for i in range(1, 201) if i != 13]
    assert '"user 77"' in dict(table)[77]
    assert len(hocket.read_jsonl("failed.jsonl")) == 1


def test_orders(hocket, database):
    pages = 7

    def answer(path, attempt):
        page = int(path.partition("page=")[2] or 1)
        orders = [{"id": page * 100 + i, "lines": [{"qty": 2, "price": 1.5}, {"qty": i, "price": 2}]} for i in range(30)]
        following = f"https://api.example.com/orders?page={page + 1}" if page < pages else None
        return {"orders": orders, "links": {"next": following}}

    with far(answer) as server:
        map_hosts(hocket, server)
        hocket.env["PG_URL"] = database.url
        result = hocket.run(ORDERS, name="orders.yaml")
        assert result.code == 0, result.err
        assert result.account["delivered"] == pages * 30
        assert list(server.asked.values()) == [1] * pages
    table = [tuple(map(int, row.split("|"))) for row in database.run("SELECT id, total FROM orders ORDER BY id")]
    assert table == [(page * 100 + i, 3 + 2 * i) for page in range(1, pages + 1) for i in range(30)]


def test_warehouse(tmp_path, postgres_server):
    """The example with its own PostgreSQL and API, killed and run again; it compares all counts itself."""
    done = subprocess.run([ROOT / "examples/warehouse/run", pathlib.Path(PROGRAM).parent, tmp_path / "out"], capture_output=True, text=True,
                          timeout=120 * SLOW)
    assert done.returncode == 0, done.stdout + done.stderr


def test_ai_notes(tmp_path):
    """The example with its own language model and somebody else's bucket; it compares all counts itself. The second time all is remembered."""
    command = [ROOT / "examples/ai-notes/run", pathlib.Path(PROGRAM).parent, tmp_path / "out", "24"]
    for billed in (24, 0):
        done = subprocess.run(command, capture_output=True, text=True, timeout=120 * SLOW)
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"requests, {billed} answers made and billed" in done.stdout, done.stdout
        assert (tmp_path / "out/pages.png").read_bytes().startswith(b"\x89PNG")


def test_e_news(tmp_path, postgres_server):
    """The example with its own papers, PostgreSQL and mail server, two days of it, in a folder that was used before; it compares all counts itself."""
    pytest.importorskip("numpy", reason="python3-numpy is not installed")
    state = tmp_path / "out/.hocket"
    state.mkdir(parents=True)
    (state / "ingest.db").write_text("of other papers")
    done = subprocess.run([ROOT / "examples/e-news/run", pathlib.Path(PROGRAM).parent, tmp_path / "out", "25"], capture_output=True, text=True,
                          timeout=120 * SLOW)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "NO " not in done.stdout and "25 rows in the ledger" in done.stdout, done.stdout
    assert (tmp_path / "out/digests.png").read_bytes().startswith(b"\x89PNG")


def test_help_example_is_a_valid_pipeline(hocket):
    text = hocket("--help").out
    block = text[text.index("  from:"):text.index("\n\n", text.index("  to:"))]
    lines = [line[2:].partition(" # ")[0].rstrip() for line in block.splitlines() if not line.startswith("  $")]
    hocket.write("users.yaml", "\n".join(lines) + "\n")
    result = hocket("check", "users.yaml")
    assert result.code == 0, result.err
    assert "users.db" in result.out
