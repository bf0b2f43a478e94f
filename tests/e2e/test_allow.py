"""Hosts that come from data: where they may lead, judged by whether the far side was asked."""
import json

import far
import gateway
import pytest

PIPE = """
%s
from: {jsonl: in.jsonl}
steps:
  - http: \\(.url)
    retry: 0
    into: .answer
to: {jsonl: out.jsonl}
dead: dead.jsonl
"""


@pytest.fixture
def server():
    return far.Far(lambda path, attempt: {"path": path})


def run(hocket, urls, allow="", *flags, pipe=PIPE):
    hocket.write_jsonl("in.jsonl", [{"url": url} for url in urls])
    (hocket.folder / "dead.jsonl").unlink(missing_ok=True)
    return hocket.run(pipe % (f"allow: {allow}" if allow else ""), "--fresh", *flags)


def reasons(hocket):
    path = hocket.folder / "dead.jsonl"
    return path.read_text() if path.exists() else ""


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "0.0.0.0"])
def test_a_record_does_not_choose_this_machine(hocket, server, host):
    others = [f"http://{host}:{server.port}/x"] * 3
    result = run(hocket, others)
    assert result.code in (3, 5) and not server.asked
    assert "forbidden" in result.err
    assert f"{host.strip('[]')}" in result.err + reasons(hocket)


def test_the_message_prints_the_line_to_add(hocket, server):
    run(hocket, [f"http://localhost:{server.port}/x"])
    said = json.loads(reasons(hocket).splitlines()[0]) if reasons(hocket) else {}
    line = f"allow: [localhost:{server.port}]"
    result = run(hocket, [f"http://localhost:{server.port}/x"])
    assert line in result.err + json.dumps(said)
    result = run(hocket, [f"http://localhost:{server.port}/x"], f"[localhost:{server.port}]")
    assert result.code == 0 and server.asked["/x"] == 1, result.err


@pytest.mark.parametrize("allow, good", [
    ("loopback", True), ("[private, loopback]", True), ("127.0.0.0/8", True), ("127.0.0.1", True), ("['127.0.0.1:PORT']", True),
    ("private", False), ("10.0.0.0/8", False), ("['127.0.0.1:1']", False), ("['localhost:PORT']", False), ("['::1']", False),
])
def test_allow(hocket, server, allow, good):
    result = run(hocket, [server.base + "/x"], allow.replace("PORT", str(server.port)))
    assert (result.code == 0) == good, result.err
    assert server.asked["/x"] == good


def test_the_flag(hocket, server):
    assert run(hocket, [server.base + "/x"], "", "--allow", "private", "--allow", "loopback").code == 0
    assert run(hocket, [server.base + "/x"], "", "--allow", "private").code != 0
    assert server.asked["/x"] == 1
    result = run(hocket, [], "", "--allow", "loopbak")
    assert result.code == 2 and "--allow 'loopbak'" in result.err


def test_a_word_that_is_none(hocket):
    result = run(hocket, ["http://x/"], "[private, 10.0.0.0/33]")
    assert result.code == 78 and "pipe.yaml:2:18: error: '10.0.0.0/33' is none of" in result.err


def test_what_the_file_names_is_trusted(hocket, server):
    """Its origin is, whichever step says so; another port of the same machine is not."""
    other = far.Far(lambda path, attempt: {})
    pipe = PIPE.replace("steps:\n", f"steps:\n  - http: {server.base}/first\n")
    assert run(hocket, [server.base + "/x"], pipe=pipe).code == 0
    assert server.asked == {"/first": 1, "/x": 1}
    assert run(hocket, [other.base + "/x"], pipe=pipe).code != 0
    assert not other.asked


def test_variables_are_trusted(hocket, server):
    pipe = PIPE.replace("\\(.url)", "\\($vars.base)/x").replace("from:", f"vars: {{base: {server.base}}}\nfrom:")
    assert run(hocket, ["-"], pipe=pipe).code == 0 and server.asked["/x"] == 1
    assert run(hocket, ["-"], "", "--set", f"base={server.base}", pipe=pipe.replace(server.base, "http://x")).code == 0


def test_a_redirect_does_not_choose_either(hocket):
    inner = far.Far(lambda path, attempt: {"secret": True})
    outer = far.Far(lambda path, attempt: (302, {"Location": inner.base + "/inner"}, b""))
    pipe = PIPE.replace("\\(.url)", outer.base + "/x")
    result = run(hocket, ["-"], pipe=pipe)
    assert result.code in (3, 5) and not inner.asked and outer.asked["/x"] == 1
    assert run(hocket, ["-"], f"['127.0.0.1:{inner.port}']", pipe=pipe).code == 0
    assert inner.asked["/inner"] == 1


def test_a_next_link_does_not_choose_either(hocket):
    inner = far.Far(lambda path, attempt: {"items": [{"secret": True}]})
    outer = far.Far(lambda path, attempt: {"items": [{"id": 1}], "next": inner.base + "/inner"})
    text = f"from:\n  http: {outer.base}/list\n  pages: {{next: .next?}}\n  each: .items[]?\n  retry: 0\nto: {{jsonl: out.jsonl}}\n"
    result = hocket.run(text)
    assert result.code == 1 and not inner.asked and "allow: [127.0.0.1:" in result.err, result.err
    assert hocket.run("allow: loopback\n" + text, "--fresh").code == 0 and inner.asked


def test_behind_a_proxy(hocket):
    """Names are the proxy's to judge; what is an address, however it is written, is not passed on."""
    inner = far.Far(lambda path, attempt: {})
    proxy = gateway.Gateway({"api.example.test": inner.port, "10.0.0.7": inner.port, "167772167": inner.port})
    hocket.env["HTTP_PROXY"] = hocket.env["http_proxy"] = f"127.0.0.1:{proxy.port}"
    hocket.env["NO_PROXY"] = hocket.env["no_proxy"] = ""
    assert run(hocket, ["http://api.example.test/x"]).code == 0
    for host in "10.0.0.7", "167772167", "10.7":
        assert run(hocket, [f"http://{host}/x"]).code != 0
    assert inner.asked == {"/x": 1}
    assert run(hocket, ["http://10.0.0.7/x"], "private").code == 0


def test_the_command_line_is_trusted(hocket, server):
    result = hocket("fetch", server.base + "/x")
    assert result.code == 0 and server.asked["/x"] == 1, result.err
