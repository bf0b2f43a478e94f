"""What an http step or source may say beside its URL, judged by what the far side was sent."""
import urllib.parse

import far
import pytest

PIPE = """
from: {jsonl: in.jsonl}
steps:
  - http: %s
    %s
    retry: 0
    into: .answer
to: {jsonl: out.jsonl}
dead: dead.jsonl
"""


def ask(hocket, url, option, record=None, answer=lambda path, attempt: {}):
    """Runs one record through a step; the far side."""
    server = far.Far(answer)
    hocket.write_jsonl("in.jsonl", [record or {"id": 7, "name": "a b&c=d/\u00e9", "tags": ["x", "y"], "none": None}])
    server.result = hocket.run(PIPE % (server.base + url, option), "--fresh")
    return server


@pytest.mark.parametrize("url, query, path", [
    ("/x", "{id: '\\(.id)', q: '\\(.name)'}", "/x?id=7&q=a%20b%26c%3Dd%2F%C3%A9"),
    ("/x", "{tag: '\\(.tags)', no: '\\(.none)', on: true, 'a b': 1.50}", "/x?tag=x&tag=y&on=true&a%20b=1.50"),
    ("/x?a=1", "{b: 2}", "/x?a=1&b=2"),
    ("/x?", "{b: 2}", "/x?b=2"),
    ("/x?a=1&", "{b: 2}", "/x?a=1&b=2"),
    ("/x#part", "{b: 2}", "/x?b=2"),
    ("/x", "{no: '\\(.none)'}", "/x"),
    ("", "{b: ''}", "/?b="),
])
def test_query(hocket, url, query, path):
    server = ask(hocket, url, f"query: {query}")
    assert server.result.code == 0, server.result.err
    assert list(server.asked) == [path]


def test_a_query_value_that_is_no_text(hocket):
    server = ask(hocket, "/x", "query: {a: '\\(.)'}")
    assert server.result.code == 3 and not server.asked
    assert "'a' wants a text, a number or a list of them" in (hocket.folder / "dead.jsonl").read_text()


def test_form(hocket):
    server = ask(hocket, "/x", "form: {id: '\\(.id)', q: '\\(.name)', tag: '\\(.tags)'}")
    assert server.result.code == 0, server.result.err
    assert server.heads[0]["Content-Type"] == "application/x-www-form-urlencoded"
    assert urllib.parse.parse_qsl(server.bodies[0].decode()) == [("id", "7"), ("q", "a b&c=d/\u00e9"), ("tag", "x"), ("tag", "y")]


def test_form_beside_a_body_is_a_mistake(hocket):
    server = ask(hocket, "/x", "form: {a: 1}\n    body: {a: 1}")
    assert server.result.code == 78 and "choose one of `body` and `form`" in server.result.err


def test_query_of_a_source(hocket):
    pages = {"/list?size=2&q=a%20b": {"items": [{"id": 1}], "next": "/list?page=2"}, "/list?page=2": {"items": [{"id": 2}]}}
    server = far.Far(lambda path, attempt: pages[path])
    result = hocket.run(f"""
from:
  http: {server.base}/list
  query: {{size: 2, q: a b}}
  pages: {{next: .next}}
  each: .items[]
to: {{jsonl: out.jsonl}}
""")
    assert result.code == 0, result.err
    assert hocket.read_jsonl("out.jsonl") == [{"id": 1}, {"id": 2}]
    assert list(server.asked) == list(pages)
