"""Where does it hang? ctrl-\\ prints every task; gdb lists them in a process and in a core."""
import os
import pathlib
import re
import resource
import shutil
import signal
import subprocess
import threading

import conftest
import far
import pytest

SCRIPT = conftest.ROOT / "tools/gdb/hocket-gdb.py"
TEXT = """from: {{jsonl: in.jsonl}}
steps:
  - http: {base}/\\(.id)
    concurrency: 2
    into: .a
to: {{sqlite: out.db, table: t, key: id}}
"""


@pytest.fixture
def hanging(hocket):
    """A run whose requests are not answered before `go` is set: (process, go)."""
    go = threading.Event()

    def answer(path, attempt):
        go.wait(60)
        return {"path": path}

    hocket.write_jsonl("in.jsonl", [{"id": i} for i in range(6)])
    with far.far(answer) as server:
        hocket.write("pipe.yaml", TEXT.format(base=server.base))
        process = hocket.start("run", "pipe.yaml")
        try:
            server.wait_for(2)
            yield process, go
        finally:
            go.set()
            if process.poll() is None:
                process.kill()
                process.wait()


def test_ctrl_backslash_prints_every_task_and_the_run_goes_on(hocket, hanging):
    process, go = hanging
    process.send_signal(signal.SIGQUIT)
    said = ""
    while chunk := os.read(process.stderr.fileno(), 65536).decode():
        said += chunk
        if said.count("waits for descriptor") == 2:
            go.set()
    assert process.wait(60) == 0, said
    assert re.search(r"^hocket: \d+ tasks, [\d.]+ s after the start$", said, re.M), said
    assert 'task "main", spawned at hk_run(): waits for 1 task of group "steps" to end' in said
    assert len(re.findall(r'task "http", .*: waits for descriptor \d+ to be readable, for ', said)) == 2, said
    assert "#0 hk_fd_wait" in said
    assert "in 6 = delivered 6" in said


def gdb(*arguments, commands):
    if not shutil.which("gdb"):
        pytest.skip("gdb is not installed")
    script = [part for command in (f"source {SCRIPT}", *commands) for part in ("-ex", command)]
    done = subprocess.run(["gdb", "-q", "-nx", "-batch", *map(str, arguments), *script], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", timeout=120 * conftest.SLOW)
    if "ptrace: Operation not permitted" in done.stdout or "Could not attach" in done.stdout:
        pytest.skip("gdb may not attach to processes here")
    return done.stdout


def holds(said):
    """The tasks of a hanging run, and the calls of those that wait for the server."""
    assert re.search(r"^loop 0x[0-9a-f]+: \d+ tasks$", said, re.M), said
    assert re.search(r'group "steps" of task "main": 1 running', said), said
    assert re.search(r'task "http" \(0x[0-9a-f]+\), spawned at .*: waits for a descriptor, for [\d.]+ s', said), said
    assert re.search(r"#\d+ .*\bhk_fd_wait \(", said), said
    assert re.search(r"#\d+ .*\bhttp_exchange \(", said), said
    assert re.search(r"#\d+ .*\bcontext_begin_ \(", said), said
    assert "Python Exception" not in said and "Error occurred" not in said, said


def test_gdb_lists_the_tasks_of_a_process(hocket, hanging):
    process, go = hanging
    said = gdb("-p", process.pid, commands=["hocket tasks", "hocket bt http", "hocket bt nobody"])
    holds(said)
    assert "no task is called 'nobody'" in said
    go.set()
    result = hocket.finish(process)
    assert result.code == 0, result.err  # being looked at changed nothing


def test_gdb_lists_the_tasks_of_a_core(hocket, hanging):
    process, go = hanging
    if pathlib.Path("/proc/sys/kernel/core_pattern").read_text().strip() != "core":
        pytest.skip("the system keeps its cores elsewhere (kernel.core_pattern)")
    resource.prlimit(process.pid, resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    process.send_signal(signal.SIGABRT)
    process.wait(60)
    cores = list(hocket.folder.glob("core*"))
    if not cores:
        pytest.skip("the system wrote no core")
    holds(gdb(conftest.PROGRAM, cores[0], commands=["hocket tasks", "hocket bt all"]))
    os.unlink(cores[0])
