"""Tokens by client credentials: how often they are asked for, where they go, and what their server may answer."""
import base64
import json
import threading
import time
import urllib.parse

import far
import pytest

PIPE = """
from: {jsonl: in.jsonl}
steps:
  - http: %s/\\(.id)
    auth:
      oauth2: {token_url: %s/token, client_id: 'my id', client_secret: $secret.CLIENT_SECRET, %s}
    concurrency: 50
    retry: 0
    into: .answer
to: {jsonl: out.jsonl}
dead: dead.jsonl
"""
SECRET = "canary:secret/of the client"


class Api:
    """A token server and an API that takes any token."""

    def __init__(self, life=3600, refusal=None, name="token"):
        self.life, self.refusal, self.name, self.given = life, refusal, name, []
        self.lock = threading.Lock()
        self.server = far.Far(self.answer)
        self.base = self.server.base

    def answer(self, path, attempt):
        if path == "/token":
            if self.refusal:
                return self.refusal
            with self.lock:
                self.given.append(f"canary-{self.name}-{len(self.given) + 1}")
                return {"access_token": self.given[-1], "token_type": "bearer", "expires_in": self.life}
        token = self.server.heads[-1]["Authorization"] if self.name == "one" else None
        return {"path": path, "token": token}

    def tokens(self):
        return [h["Authorization"] for h in self.server.heads if h["Host"] and not (h["Content-Type"] or "").startswith("application/x-www")]


@pytest.fixture
def run(hocket):
    hocket.env["CLIENT_SECRET"] = SECRET
    hocket.write_jsonl("in.jsonl", [{"id": n} for n in range(300)])

    def go(api, option="", allow="private"):
        result = hocket.run(PIPE % (api.base, api.base, option), "--fresh", "--allow", allow)
        assert "canary" not in result.out + result.err
        return result
    return go


def test_one_token_serves_all(hocket, run):
    api = Api()
    result = run(api, "scope: read write, params: {audience: 'https://x/'}")
    assert result.code == 0, result.err
    assert api.server.asked["/token"] == 1, "fifty wanted one at the same time"
    assert set(api.tokens()) == {"Bearer canary-token-1"} and len(api.tokens()) == 300
    assert dict(urllib.parse.parse_qsl(api.server.bodies[0].decode())) == {
        "grant_type": "client_credentials", "scope": "read write", "audience": "https://x/"}
    proof = base64.b64decode(api.server.heads[0]["Authorization"].removeprefix("Basic ")).decode()
    assert [urllib.parse.unquote(part) for part in proof.split(":")] == ["my id", SECRET]
    dead = hocket.folder / "dead.jsonl"
    assert not dead.exists() or "canary" not in dead.read_text()


def test_credentials_in_the_body(run):
    api = Api()
    assert run(api, "send: body").code == 0
    body = dict(urllib.parse.parse_qsl(api.server.bodies[0].decode()))
    assert body["client_id"] == "my id" and body["client_secret"] == SECRET
    assert api.server.heads[0]["Authorization"] is None


def test_a_refused_token_is_renewed_once(run, hocket):
    """The server forgets its first token after 10.5 s: those who are told 401 then share one new token, and no record is lost.
    (A token younger than ten seconds would not be renewed: its server does not want it.)"""
    api, began, refused = Api(), time.monotonic(), []

    def answer(path, attempt):
        if path == "/token":
            return api.answer(path, attempt)
        if time.monotonic() - began > 10.5 and len(api.given) == 1:
            refused.append(path)
            return 401, {}, b"{}"
        time.sleep(2.2)
        return {"path": path}

    api.server.answer = answer
    result = run(api)
    assert result.code == 0, result.err
    assert refused and api.server.asked["/token"] == 2
    assert sorted(r["id"] for r in hocket.read_jsonl("out.jsonl")) == list(range(300))


def test_a_token_ends(run, hocket):
    """Tokens of one second: asked for again, by one request each time, while 300 records take two seconds."""
    api = Api(life=1)
    given = api.answer
    api.server.answer = lambda path, attempt: (time.sleep(0 if path == "/token" else 0.3), given(path, attempt))[1]
    assert run(api).code == 0
    assert 2 <= api.server.asked["/token"] <= 8


def test_a_new_token_that_is_refused_is_an_answer(run):
    api = Api()
    given = api.answer
    state = {"n": 0}

    def answer(path, attempt):
        if path == "/token":
            return given(path, attempt)
        with api.lock:
            state["n"] += 1
        return (401, {}, b"{}") if attempt == 1 and state["n"] > 100 else given(path, attempt)

    api.server.answer = answer
    result = run(api)
    assert result.code == 3, "the token had just come: that 401 is an answer"
    assert api.server.asked["/token"] == 1, "a server that refuses everything is not asked for tokens all the time"


@pytest.mark.parametrize("refusal, code, says", [
    ((401, {}, json.dumps({"error": "invalid_client", "error_description": "no such client"}).encode()), 1,
     "gives no token: status 401: invalid_client: no such client"),
    ((200, {}, b"{}"), 1, "answers without an access_token"),
    ((200, {}, b"<html>"), 1, "answers without an access_token"),
])
def test_a_token_server_that_refuses(run, refusal, code, says):
    api = Api(refusal=refusal)
    result = run(api)
    assert result.code == code and says in result.err, result.err
    assert api.server.asked["/token"] <= 2, "all who wait share the refusal"
    assert not api.tokens()


def test_a_token_server_in_trouble(run, hocket):
    api = Api(refusal=(503, {}, b""))
    result = run(api)
    assert result.code in (3, 5) and not api.tokens()
    assert "gives no token: status 503" in result.err
    assert api.server.asked["/token"] < 100, "waiting requests share the failure"


def test_a_redirect_elsewhere_gets_no_token(run):
    api, other = Api(), far.Far(lambda path, attempt: {})
    given = api.answer
    api.server.answer = lambda path, attempt: given(path, attempt) if path == "/token" else (302, {"Location": other.base + path}, b"")
    assert run(api, "", allow="loopback").code == 0
    assert sum(other.asked.values()) == 300 and not any(h["Authorization"] for h in other.heads)


def test_in_a_source(hocket):
    hocket.env["CLIENT_SECRET"] = SECRET
    api = Api()
    pages = {"/list": {"items": [{"id": 1}], "next": "/list?page=2"}, "/list?page=2": {"items": [{"id": 2}]}}
    given = api.answer
    api.server.answer = lambda path, attempt: given(path, attempt) if path == "/token" else pages[path]
    result = hocket.run(f"""
from:
  http: {api.base}/list
  auth: {{oauth2: {{token_url: {api.base}/token, client_id: me, client_secret: $secret.CLIENT_SECRET}}}}
  pages: {{next: .next}}
  each: .items[]
to: {{jsonl: out.jsonl}}
""")
    assert result.code == 0, result.err
    assert hocket.read_jsonl("out.jsonl") == [{"id": 1}, {"id": 2}]
    assert api.server.asked["/token"] == 1 and set(api.tokens()) == {"Bearer canary-token-1"}


@pytest.mark.parametrize("auth, says", [
    ("oauth2: {token_url: 'https://x/t', client_id: a}", "'client_secret' is missing"),
    ("oauth2: {token_url: x, client_id: a, client_secret: b}", "token_url 'x' is not a URL"),
    ("oauth2: {token_url: 'https://x/t', client_id: '\\(.id)', client_secret: b}", "client_id"),
    ("oauth2: {token_url: 'https://x/t', client_id: a, client_secret: b}, bearer: c", "one of bearer, basic, header and oauth2"),
    ("oauth2: {token_url: 'https://x/t', client_id: a, client_secret: b, send: cookie}", "basic"),
])
def test_mistakes(hocket, auth, says):
    hocket.write_jsonl("in.jsonl", [{"id": 1}])
    result = hocket.run(f"from: {{jsonl: in.jsonl}}\nsteps:\n  - http: https://api.example.com/\n    auth: {{{auth}}}\nto: stdout\n")
    assert result.code == 78 and says in result.err, result.err
