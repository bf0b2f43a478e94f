"""Each page of README.md and docs/ from top to bottom, as a stranger would type it."""
import json
import os
import pathlib
import re
import subprocess
import sys

import api
import page
import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests/e2e"))
import gcs
import pg
import s3

PROGRAM = os.environ.get("HOCKET", str(ROOT / "build-test/hocket"))
# bench/run writes docs/benchmarks.md, tools/scorecard docs/scorecard.md, and their commands take an hour
PAGES = [ROOT / "README.md", *sorted(p for p in (ROOT / "docs").rglob("*.md") if p.name not in ("benchmarks.md", "scorecard.md"))]
SHOWN = {"text", "c"}
EXAMPLES = {"PG_URL": "postgres://localhost/example", "SMTP_URL": "smtp://localhost"}  # secrets that must be URLs


@pytest.fixture(scope="session")
def library(tmp_path_factory):
    """What a C program's author has after `make install`: pkg-config finds libhocket, and the loader does."""
    root = tmp_path_factory.mktemp("root")
    build = pathlib.Path(PROGRAM).parent
    subprocess.run(["meson", "install", "-C", build, "--no-rebuild", "--quiet", "--destdir", root], check=True)
    folder = next(root.rglob("libhocket.pc")).parent
    return {"PKG_CONFIG_PATH": str(folder), "PKG_CONFIG_SYSROOT_DIR": str(root), "LD_LIBRARY_PATH": str(folder.parent),
            "EXAMPLES": str(ROOT / "examples/c")}


@pytest.fixture(scope="session")
def server():
    try:
        one = pg.Postgres("fsync=off")
    except pg.Missing as why:
        pytest.skip(str(why))
    yield one
    one.stop()


@pytest.fixture(scope="session")
def google():
    """A Google Cloud Storage that is not ours; skipped, aloud, where it cannot be had."""
    try:
        one = gcs.Server()
    except gcs.Missing as why:
        pytest.skip(f"no Google Cloud Storage here: {why}")
    yield one
    one.stop()


@pytest.fixture(scope="session")
def amazon():
    """An S3 that is not ours; skipped, aloud, where it cannot be had."""
    try:
        one = s3.Server()
    except s3.Missing as why:
        pytest.skip(f"no S3 here: {why}")
    yield one
    one.stop()


@pytest.fixture
def shell(tmp_path, library):
    folder = tmp_path / "page"
    folder.mkdir()
    with api.serve() as port:
        session = page.Shell(folder, PROGRAM, {"HOCKET_TEST_HOSTS": f"api.example.com:443=127.0.0.1:{port}", **library})
        yield session
        session.close()


def check(shell, text, where):
    """A pipeline without a name, or a part of one."""
    text = whole(text)
    env = {**shell.env, **{name: EXAMPLES.get(name, "example-secret") for name in re.findall(r"\$secret\.(\w+)", text)}}
    done = subprocess.run([PROGRAM, "check", write(shell, text)], cwd=shell.folder, env=env,
                          capture_output=True, text=True)
    assert done.returncode == 0, f"{where}\n{done.stderr}"
    if re.search(r"^tests:", text, re.M):  # they hold what the page says
        done = subprocess.run([PROGRAM, "test", write(shell, text)], cwd=shell.folder, env=env, capture_output=True, text=True)
        assert done.returncode == 0, f"{where}\n{done.stdout}{done.stderr}"


def write(shell, text):
    (shell.folder / ".fragment.yaml").write_text(text)
    return ".fragment.yaml"


def whole(text):
    """A fragment is made into a pipeline: what is missing is added."""
    if re.match(r"\s*- ", text):
        text = "steps:\n" + text
    missing = [line for word, line in (("from", "from: stdin"), ("to", "to: stdout")) if not re.search(rf"^{word}:", text, re.M)]
    return "\n".join([*missing, text])


def type_commands(shell, block, where):
    todo = page.commands(block.text)
    for number, (command, lines) in enumerate(todo):
        if "interrupt" in block.steering:
            count, log = re.fullmatch(r"(\d+) lines in (\S+)", block.steering["interrupt"]).groups()
            code, got = shell.interrupt(command, int(count), log)
        else:
            code, got = shell.run(command)
        expected = "\n".join(lines)
        assert page.same(expected, got, "numbers" in block.steering), f"{where}\n$ {command}\n--- the page says\n{expected}\n--- it printed (exit {code})\n{got}"
        excused = number + 1 < len(todo) and todo[number + 1][0] == "echo $?"
        assert code == 0 or excused, f"{where}\n$ {command}\nexit code {code}:\n{got}"
        block.steering.pop("interrupt", None)


def type_script(shell, block, where):
    for line in block.text.splitlines():
        code, got = shell.run(line)
        assert code == 0, f"{where}\n{line}\nexit code {code}:\n{got}"


def run_block(shell, block, where):
    if block.file:
        shell.write(block.file, block.text)
    elif "not run" in block.steering or "not checked" in block.steering or block.language in SHOWN:
        pass
    elif "background" in block.steering:
        shell.start(page.commands(block.text)[0][0], block.steering["background"])
    elif block.language == "console":
        type_commands(shell, block, where)
    elif block.language == "sh":
        type_script(shell, block, where)
    elif block.language == "yaml":
        check(shell, block.text, where)
    elif block.language == "json":
        json.loads(block.text)
    elif block.language == "python":
        compile(block.text, where, "exec")
    else:
        raise AssertionError(f"{where} a block in '{block.language}': tests/docs/README.md says which there are")


def find_duckdb(shell):
    """What `to: {parquet: ...}` needs; skipped, aloud, where it cannot be had."""
    found = subprocess.run([ROOT / "tools/duckdb-library"], capture_output=True, text=True)
    if found.returncode:
        pytest.skip(f"no Parquet here: {found.stderr.strip()}")
    shell.env["HOCKET_DUCKDB"] = found.stdout.strip()
    shell.run(f"export HOCKET_DUCKDB='{shell.env['HOCKET_DUCKDB']}'")


@pytest.mark.parametrize("path", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_page(shell, path, request):
    if '"$PG_URL"' in path.read_text():
        shell.env["PG_URL"] = request.getfixturevalue("server").database().url
        shell.run(f"export PG_URL='{shell.env['PG_URL']}'")
    if '"$STORAGE_EMULATOR_HOST' in path.read_text():
        one = request.getfixturevalue("google")
        one.make_bucket("my-notes")
        shell.env["STORAGE_EMULATOR_HOST"] = one.endpoint
        shell.run(f"export STORAGE_EMULATOR_HOST='{one.endpoint}'")
    if '"$AWS_ENDPOINT_URL' in path.read_text():
        one = request.getfixturevalue("amazon")
        (one.folder / "buckets/my-notes").mkdir(exist_ok=True)
        shell.env.update(one.env)
        shell.run("export " + " ".join(f"{name}='{value}'" for name, value in one.env.items()))
    if re.search(r"\bparquet: ", path.read_text()):
        find_duckdb(shell)
    for block in page.blocks(path):
        where = f"{path.relative_to(ROOT)}:{block.line}:"
        for command in block.hidden:
            code, got = shell.run(command)
            assert code == 0, f"{where}\n{command}\n{got}"
        run_block(shell, block, where)


def test_programs_on_pages_are_those_in_examples():
    """And each of examples/c stands on a page, so that it is compiled and run."""
    shown = {b.file: (b.text, p) for p in (ROOT / "docs/library").glob("*.md") for b in page.blocks(p) if b.language == "c" and b.file}
    files = {f.name: f for f in (ROOT / "examples/c").rglob("*.c")}
    assert set(shown) <= set(files) and set(files) - set(shown) == {"article_api.c"}
    for name, (text, path) in shown.items():
        assert text == files[name].read_text(), f"{path.relative_to(ROOT)} shows another {name}"
