"""hocket test: the tests in a pipeline file. The far side counts what it was asked, which is nothing; the folder is the same after."""
import json
import shutil

import pytest

import far
from conftest import ROOT


@pytest.fixture
def world(hocket):
    """Whatever would be called, by whatever way, is called here: it is named as proxy, as store of objects and as host."""
    server = far.Far(lambda path, attempt: {"real": True})
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY", "STORAGE_EMULATOR_HOST", "AWS_ENDPOINT_URL_S3"):
        hocket.env[name] = server.base
    hocket.env["NO_PROXY"] = ""
    yield server
    server.shutdown()


def listing(folder):
    return {str(p.relative_to(folder)): (p.stat().st_size, p.stat().st_mtime_ns) for p in folder.rglob("*")}


@pytest.fixture
def check(hocket, world):
    """Tests a file, and holds that to the promise that nothing outside is touched."""

    def run(text, *flags, name="pipe.yaml", **more):
        hocket.write(name, text)
        before = listing(hocket.folder)
        r = hocket("test", name, *flags, **more)
        assert listing(hocket.folder) == before
        assert not world.asked
        return r

    return run


LOOKUP = """
from: {jsonl: users.jsonl}
steps:
  - http: https://api.example.com/users/\\(.id)
    auth: {bearer: $secret.API_KEY}
    retry: 5
    into: .profile
to: {jsonl: out.jsonl}
tests:
"""


def passes(r, n=1):
    assert r.code == 0, r.out + r.err
    assert r.err == f"hocket: {n} passed, 0 failed\n"
    return r


# ---- what passes ----
def test_a_body_is_the_answer_and_a_part_of_the_record_is_enough(check):
    r = passes(check(LOOKUP + """
  - name: a user is looked up
    in: {id: 1, plan: pro}
    mock: {http: {name: Ana, city: Oslo}}
    out: {id: 1, profile: {name: Ana}}
"""))
    assert r.out == "ok    pipe.yaml:11  a user is looked up\n"


def test_every_form_of_an_answer(check):
    passes(check(LOOKUP + """
  - in: {id: 1}
    mock: {http: {$status: 203, $headers: {X-Kind: a}, $body: [1, 2]}}
    out: {profile: [1, 2]}
  - in: {id: 1}
    mock: {http: a text}
    out: {profile: a text}
  - in: {id: 1}
    mock: {http: {$headers: {Content-Type: application/json}, $body: '{"n": 1.50}'}}
    out: {profile: {n: 1.5}}
  - in: {id: 1}
    mock: {http: {$headers: {Content-Type: image/png}, $body: bytes}}
    out: {profile: {type: image/png, bytes: 5}}
  - in: {id: 1}
    mock: {http: ~}
    out: {id: 1}
  - in: [{id: 1}, {id: 2}]
    mock: {http: {$each: [{name: Ana}, {name: Ben}]}}
    out: [{profile: {name: Ana}}, {profile: {name: Ben}}]
  - in: [{id: 1}, {id: 2}]
    mock: {http: {$jq: '{name: "user \\(.id)"}'}}
    out: [{profile: {name: user 1}}, {profile: {name: user 2}}]
  - in: {id: 1}
    mock: {http: {$attempts: [{$status: 503}, {$fault: reset}, {name: Ana}]}}
    out: {profile: {name: Ana}}
  - in: {id: 1}
    mock: {http: {$jq: 'if $meta.attempt < 4 then {"$status": 500} else {tries: $meta.attempt} end'}}
    out: {profile: {tries: 4}}
""", ), 9)


def test_what_is_waited_for_does_not_pass(check):
    """Retry-After, back-off, a rate and a time-out would take hours."""
    text = LOOKUP.replace("retry: 5", "retry: {times: 100, within: 7d}\n    timeout: 10m\n    rate: 1/h\n    concurrency: 1")
    slow = "{$attempts: [" + ", ".join(["{$status: 429, $headers: {retry-after: 600}}", "{$status: 503}", "{$fault: timeout}"] * 20) + ", {name: Ana}]}"
    passes(check(text + f"""
  - in: [{{id: 1}}, {{id: 2}}, {{id: 3}}]
    mock: {{http: {slow}}}
    out: [{{id: 1}}, {{id: 2}}, {{profile: {{name: Ana}}}}]
"""), 1)


def test_what_would_be_waited_for_counts(check):
    """`within` is an hour of the run, though not of the test."""
    passes(check(LOOKUP + """
  - in: {id: 1}
    mock: {http: {$status: 429, $headers: {retry-after: 900}}}
    dead: {step: http, class: rate_limited}
    out: []
"""))


def test_dead_letters_are_expected_or_a_failure(check):
    r = check(LOOKUP + """
  - name: expected
    in: [{id: 1}, {id: 2}]
    mock: {http: {$each: [{$status: 404, $body: no such user}, {name: Ben}]}}
    dead: {step: http, class: status(404), message: no such user, record: {id: 1}}
    out: {id: 2}
  - name: any status
    in: {id: 1}
    mock: {http: {$status: 404}}
    dead: {class: status}
    out: []
  - name: not expected
    in: {id: 1}
    mock: {http: {$status: 404}}
    out: {id: 1}
  - name: none came
    in: {id: 1}
    mock: {http: {}}
    dead: {class: status}
""")
    assert r.code == 1 and r.err.startswith("hocket: 2 passed, 2 failed")
    assert "a record is dead at http: status(404): answered 404\n         {\"id\":1}\n" in r.out
    assert "what is dead: 0, and `dead` expects 1\n       - {\"class\":\"status\"}\n" in r.out


def test_what_is_sent_can_be_expected(check):
    r = check("""
from: {jsonl: topics.jsonl}
steps:
  - name: model
    http: POST https://api.example.com/chat
    body: {model: small, messages: [{role: user, content: 'Notes on \\(.topic)'}], key: $secret.LLM_KEY}
    result: .notes = $res.body.text
to: {jsonl: out.jsonl}
tests:
  - name: prompts
    in: [{topic: Graphs}, {topic: Trees}]
    mock: {model: {text: '# ...'}}
    sent: {model: [{messages: [{content: Notes on Graphs}], key: secret-LLM_KEY}, {$request: 'POST https://api.example.com/chat'}]}
  - name: by its verb
    in: {topic: Graphs}
    mock: {http: {text: '# ...'}}
    sent: {http: {model: large}}
""")
    assert r.code == 1 and "ok    pipe.yaml:10  prompts" in r.out
    assert 'what \'http\' sends is not what `sent` expects\n       ~ .model  "large" -> "small"\n' in r.out


def test_steps_between_are_what_they_are(check):
    """unique, where, sort, batch, join, emit, if, on_error, accept and remember do what they do in a run."""
    passes(check("""
from: {csv: orders.csv}
steps:
  - where: .qty > 0
  - unique: .id
  - emit: '.items[] as $i | {order: .id, item: $i}'
  - http: https://api.example.com/\\(.item)
    accept: $res.body.ok
    on_error: into .error
    remember: 1d
    result: .price = $res.body.price
    if: .item != "free"
  - join: .items
  - sort: -.id
  - batch: 2
    linger: 1h
to: {jsonl: out.jsonl}
tests:
  - name: orders
    in: [{id: 1, qty: 1, items: [a, free]}, {id: 2, qty: 0, items: [a]}, {id: 3, qty: 1, items: [a]}, {id: 1, qty: 9, items: []}, {id: 4, qty: 1, items: [b]}]
    mock: {http: {$jq: 'if .item == "a" then {ok: true, price: 5} else {ok: false} end'}}
    out:
      - items:
          - {id: 4, items: [{item: b, error: {class: not_accepted}}]}
          - {id: 3, items: [{item: a, price: 5}]}
      - {items: [{id: 1, items: [{item: a, price: 5}, {item: free, price: ~}]}]}
"""))


def test_rows_and_databases(check):
    """A database is neither there nor opened; its URL is a secret that nobody has."""
    passes(check("""
from: {postgres: $secret.PG_URL, query: SELECT * FROM orders}
steps:
  - sql: SELECT name FROM customers WHERE id = $1
    db: $secret.PG_URL
    args: [.customer]
    batch: 100
    linger: 1h
    result: .name = $rows[0].name
to: {postgres: $secret.PG_URL, table: done, key: id}
tests:
  - in: [{id: 1, customer: 7}, {id: 2, customer: 8}]
    mock: {sql: {$jq: '[{name: "n\\(.customer)"}]'}}
    out: [{name: n7}, {name: n8}]
    sent: {sql: [[7], [8]]}
  - in: {id: 1, customer: 7}
    mock: {sql: []}
    out: {name: ~}
  - in: {id: 1, customer: 7}
    mock: {sql: {$state: '23505'}}
    dead: {class: sql(23505)}
"""), 3)


def test_several_sinks_each_by_its_name(check):
    passes(check("""
from: {jsonl: a.jsonl}
to:
  - {jsonl: small.jsonl, fields: [n], if: .n < 10}
  - {name: big, csv: big.csv, if: .n >= 10}
  - http: POST https://hooks.example.com/\\(.n)
    if: .n == 3
tests:
  - in: [{n: 1, a: 1}, {n: 30}, {n: 3}]
    mock: {http: {}}
    exact: true
    out: {jsonl: [{n: 1}, {n: 3}], big: {n: 30}, http: {n: 3}}
    sent: {http: {n: 3}}
  - in: {n: 1}
    out: {big: []}
"""), 2)


def test_order_does_not_matter_where_it_means_nothing(check):
    text = "from: {jsonl: a.jsonl}\nORDER\nto: {jsonl: b.jsonl}\ntests:\n  - {in: [{n: 1}, {n: 2}, {n: 3}], out: [{n: 3}, {n: 1}, {n: 2}]}\n"
    passes(check(text.replace("ORDER", "order: any")))
    r = check(text.replace("ORDER", "order: input"))
    assert r.code == 1 and "what 'jsonl' gets: number 1 is not what `out` expects\n       ~ .n  3 -> 1\n" in r.out


def test_variables_and_the_time_are_the_tests_own(check):
    passes(check("""
vars: {limit: 10}
from: {jsonl: a.jsonl}
steps:
  - set: {over: .n > $vars.limit, at: $meta.time}
to: {jsonl: b.jsonl}
tests:
  - {in: {n: 20}, out: {over: true}}
  - {in: {n: 20}, vars: {limit: 30}, now: '2026-01-31T12:30:00Z', out: {over: false, at: '2026-01-31T12:30:00.000Z'}}
  - {in: {n: 20}, out: {over: true}}
"""), 3)


def test_a_case_knows_nothing_of_the_one_before(check):
    passes(check("""
from: {jsonl: a.jsonl}
steps:
  - unique: .id
  - http: https://api.example.com/\\(.id)
    remember: 30d
    into: .got
to: {jsonl: b.jsonl}
tests:
  - {in: [{id: 1}, {id: 1}], mock: {http: first}, out: {got: first}}
  - {in: {id: 1}, mock: {http: second}, out: {got: second}}
"""), 2)


def test_processes_run_for_real_and_what_writes_does_not(check, hocket):
    hocket.write("work.py", "def double(r):\n    return {**r, 'n': 2 * r['n']}\n\ndef book(r):\n    raise RuntimeError('booked!')\n")
    text = """
from: {jsonl: a.jsonl}
steps:
  - python: work.py:double
  - name: book
    python: work.py:book
    writes: true
    into: .booked
to: {jsonl: b.jsonl}
tests:
"""
    passes(check(text + "  - {in: {n: 2}, mock: {book: {ok: true}}, out: {n: 4, booked: {ok: true}}}\n"))
    r = check(text + "  - {in: {n: 2}, out: {n: 4}}\n")
    assert r.code == 1 and "step 'book' (pipe.yaml:6) was about to call out" in r.out and "booked!" not in r.out


def test_uploads_go_into_memory(check):
    passes(check("""
from: {jsonl: topics.jsonl}
steps:
  - upload: gs://my-notes/\\(.slug).md
    data: .notes
    into: .url
to: {jsonl: done.jsonl, fields: [slug, url]}
tests:
  - in: {slug: graphs, notes: '# Graphs'}
    exact: true
    out: {slug: graphs, url: gs://my-notes/graphs.md}
"""))


def test_what_lies_in_buckets_before_and_after(check):
    text = """
from: {jsonl: names.jsonl}
steps:
  - download: gs://inbox/\\(.name).json
    into: .got
  - set: {n: .got.n + 1}
  - upload: s3://outbox/\\(.name).md
    data: '"n is \\(.n)"'
    into: .url
to: {jsonl: done.jsonl}
tests:
"""
    passes(check(text + """
  - in: [{name: a}, {name: b}]
    objects: {gs://inbox/a.json: {n: 1}, gs://inbox/b.json: {$type: application/json, $body: '{"n": 2}'}}
    out: [{n: 2}, {n: 3}]
    stored: {s3://outbox/a.md: n is 2, s3://outbox/b.md: {$bytes: 6, $body: n is 3}, s3://outbox/c.md: ~}
  - in: {name: a}
    dead: {step: download, class: status(404)}
    stored: {s3://outbox/a.md: ~}
"""), 2)
    r = check(text + """
  - in: {name: a}
    objects: {gs://inbox/a.json: {n: 1}}
    stored: {s3://outbox/a.md: n is 3, s3://outbox/b.md: n is 2}
""")
    assert r.code == 1
    assert "s3://outbox/a.md is not what `stored` expects\n       ~ .  \"n is 3\" -> \"n is 2\"\n" in r.out
    assert "s3://outbox/b.md is not what `stored` expects\n       ~ .  \"n is 2\" -> null\n" in r.out


def test_files_of_a_test_count_from_the_pipelines_folder(check):
    text = """
from: {jsonl: in.jsonl}
steps:
  - download: file:inbox/\\(.name).json
    into: .got
  - upload: file:out/\\(.name).md
    data: .got.n
to: 'null'
tests:
  - in: {name: a}
    objects: {'file:inbox/a.json': {n: 1}}
    stored: {'file:out/a.md': VALUE}
"""
    passes(check(text.replace("VALUE", "1")))
    r = check(text.replace("VALUE", "2"))
    assert r.code == 1 and "/out/a.md is not what `stored` expects\n       ~ .  2 -> 1\n" in r.out


def test_secrets_have_placeholders(check, hocket):
    hocket.env["API_KEY"] = "the-real-key-of-production"
    r = passes(check("""
from: {jsonl: a.jsonl}
steps:
  - http: POST \\($secret.HOOK_URL)
    auth: {bearer: $secret.API_KEY}
    body: {key: $secret.API_KEY}
to: {jsonl: b.jsonl}
tests:
  - {in: {id: 1}, mock: {http: {}}, sent: {http: {key: secret-API_KEY}}}
""", "-v"))
    assert "the-real-key" not in r.out
    hocket.write("test.secrets", "API_KEY=from-the-file\n")
    r = check((hocket.folder / "pipe.yaml").read_text().replace("secret-API_KEY", "from-the-file"), "--secrets", "test.secrets", "-v")
    passes(r)
    assert "from-the-file" not in r.out and 'sends {"key":"***"}' in r.out

    hocket.write("f.py", "import os\ndef f(r): return {'found': sorted(k for k, v in os.environ.items() if 'the-real-key' in v)}\n")
    passes(check("""
from: {jsonl: a.jsonl}
steps:
  - python: f.py:f
    env: {KEY: $secret.API_KEY}
to: {jsonl: b.jsonl}
tests:
  - {in: {id: 1}, out: {found: []}}
"""))


# ---- pipelines of others ----
NOTES = r"""# topics -> language model -> Markdown -> PDF -> bucket
from: {jsonl: topics.jsonl}
steps:
  - http: POST https://api.example.com/v1/chat/completions
    auth: {bearer: $secret.LLM_KEY}
    body:
      model: small
      messages: [{role: user, content: 'Study notes, in Markdown, on \(.topic)'}]
    concurrency: auto
    rate: 500/min
    timeout: 2m
    idempotency_key: auto
    accept: '$res.body.choices[0].finish_reason == "stop"'
    remember: 30d                       # an answer we hold is never paid for again
    result: .notes = $res.body.choices[0].message.content
  - pdf: {markdown: .notes, style: style.yaml}
    into: .pdf
  - upload: gs://my-notes/\(.slug).pdf
    data: .pdf
    concurrency: 32
    into: .url
to: {jsonl: done.jsonl, fields: [slug, url]}
tests:
  - in: {slug: graphs, topic: Graph search}
    mock: {http: {choices: [{finish_reason: stop, message: {content: '# Graph search'}}]}}
    out: {slug: graphs, url: gs://my-notes/graphs.pdf}
"""


def test_the_notes_generator(check, hocket):
    """As it stands in the description of the language: a real PDF, in a bucket that is none."""
    hocket.write("style.yaml", "page: {size: A5}\n")
    passes(check(NOTES))
    passes(check(NOTES + "    stored: {gs://my-notes/graphs.pdf: {$type: application/pdf}}\n"))


EXAMPLES = [p for p in sorted((ROOT / "examples").rglob("*.yaml")) if "\ntests:" in p.read_text()]


@pytest.mark.parametrize("path", EXAMPLES, ids=[str(p.relative_to(ROOT)) for p in EXAMPLES])
def test_examples_pass_their_own_tests(hocket, world, path):
    shutil.copytree(path.parent, hocket.folder / "example")
    r = hocket("test", f"example/{path.name}")
    assert r.code == 0 and " 0 failed" in r.err, r.out + r.err
    assert not world.asked


# ---- what fails ----
def test_a_difference_shows_only_what_is_not_as_expected(check):
    r = check(LOOKUP + """
  - name: wrong
    in: {id: 3, other: 1}
    mock: {http: {name: Ana, n: [1, 2], more: x}}
    out: {id: 3, profile: {name: Ben, n: [1, 3], none: ~}, gone: 1}
""")
    assert r.code == 1
    assert r.out == """FAIL  pipe.yaml:11  wrong
     what 'jsonl' gets is not what `out` expects
       ~ .profile.name  "Ben" -> "Ana"
       ~ .profile.n[1]  3 -> 2
       - .gone  1
"""
    assert r.err == "hocket: 0 passed, 1 failed; -v shows what each step did\n"


def test_too_many_and_too_few(check):
    r = check(LOOKUP + """
  - in: [{id: 1}, {id: 2}]
    mock: {http: {}}
    out: {id: 1}
  - in: {id: 1}
    mock: {http: {}}
    out: []
  - in: {id: 1}
    mock: {http: {}}
    out: [{id: 1}, {id: 2}]
""")
    assert r.code == 1 and "0 passed, 3 failed" in r.err
    assert "what 'jsonl' gets: 2, and `out` expects 1\n       + {\"id\":2,\"profile\":{}}\n" in r.out
    assert "what 'jsonl' gets: 1, and `out` expects 2\n       - {\"id\":2}\n" in r.out


def test_verbose_shows_what_each_step_did(check):
    r = passes(check(LOOKUP + "  - {in: {id: 1}, mock: {http: {name: Ana}}, out: {id: 1}}\n", "-v"))
    assert "http  GET https://api.example.com/users/1 -> 200" in r.out and '+ .profile  {"name":"Ana"}' in r.out
    assert "=> jsonl out.jsonl" in r.out


# ---- typical mistakes of somebody new ----
def test_mistake_no_answer_was_given(check):
    """The first test that anybody writes: in and out."""
    r = check(LOOKUP + "  - {in: {id: 1}, out: {id: 1}}\n")
    assert r.code == 1
    assert r.out == """ERROR pipe.yaml:10  test 1
     step 'http' (pipe.yaml:4) was about to call out, GET https://api.example.com/users/1: add its answer, mock: {http: ...}
"""


def test_mistake_a_name_is_misspelt(check):
    """78, as for every mistake of the file; check and run say the same."""
    r = check(LOOKUP + "  - {in: {id: 1}, mock: {htp: {}}, out: {id: 1}}\n")
    assert r.code == 78 and r.out == ""
    assert "pipe.yaml:10:26: error: no step 'htp' calls out" in r.err and "^~~ did you mean 'http'?" in r.err


def test_mistake_the_status_stands_beside_the_body(check):
    r = check(LOOKUP + "  - {in: {id: 1}, mock: {http: {$status: 404, error: nobody}}, out: []}\n")
    assert r.code == 78 and "'error' stands beside words that begin with $: the body stands in $body" in r.err


def test_mistake_the_answer_has_another_form_than_the_pipeline_reads(check):
    """What a record died of is said in full, with the record."""
    text = LOOKUP.replace("into: .profile", "result: .name = $res.body.users[0].name")
    r = check(text + "  - {in: {id: 1}, mock: {http: {users: Ana}}, out: {name: Ana}}\n")
    assert r.code == 1 and "a record is dead at http: jq: result:" in r.out and '{"id":1}' in r.out


def test_an_answer_that_jq_makes_may_be_none(check):
    r = check(LOOKUP + """
  - {in: {id: 1}, mock: {http: {$jq: empty}}, out: []}
  - {in: {id: 1}, mock: {http: {$jq: '{"$status": 9}'}}, out: []}
  - {in: {id: 1}, mock: {http: {$jq: error}}, out: []}
""")
    assert r.code == 1 and "0 passed, 3 failed" in r.err and r.out.count("ERROR") == 3
    assert "$jq gave no answer for this record" in r.out and "a status is a number from 100 to 599, not 9" in r.out


def test_a_run_that_ends_early_is_expected_or_an_error(check):
    r = check(LOOKUP.replace("retry: 5", "on_error: stop") + """
  - {in: [{id: 1}, {id: 2}], mock: {http: {$status: 401, $body: expired}}, stops: 'answered 401: expired'}
  - {in: {id: 1}, mock: {http: {$status: 401}}, out: []}
  - {in: {id: 1}, mock: {http: {$status: 401}}, stops: answered 403}
  - {in: {id: 1}, mock: {http: {}}, stops: answered 403}
""")
    assert r.code == 1 and "1 passed, 3 failed" in r.err
    assert "the run ends early: step 'http': answered 401\n" in r.out
    assert "the run ends early, but not as `stops` expects: step 'http': answered 401\n" in r.out
    assert "the run is finished, and `stops` expects it to end early\n" in r.out


# ---- the command ----
def test_for_programs(check):
    r = check(LOOKUP + """
  - {name: good, in: {id: 1}, mock: {http: {}}, out: {id: 1}}
  - {in: {id: 1}, mock: {http: {}}, out: {id: 2}}
  - {in: {id: 1}, out: {id: 2}}
""", "--json")
    good, bad, broken = (json.loads(line) for line in r.out.splitlines())
    assert r.code == 1
    assert good == {"file": "pipe.yaml", "line": 11, "name": "good", "result": "ok", "problems": []}
    assert (bad["result"], bad["name"], bad["line"]) == ("fail", "test 2", 12)
    assert bad["problems"] == [{"message": "what 'jsonl' gets is not what `out` expects", "diff": "       ~ .id  2 -> 1\n"}]
    assert broken["result"] == "error" and "was about to call out, GET" in broken["problems"][0]["message"]


def test_some_of_them(check):
    text = LOOKUP + """
  - {name: A user, in: {id: 1}, mock: {http: {}}, out: {id: 1}}
  - {name: no user, in: {id: 1}, mock: {http: {}}, out: {id: 1}}
  - {name: else, in: {id: 1}, mock: {http: {}}, out: {id: 2}}
"""
    assert passes(check(text, "-k", "USER"), 2).out.count("ok") == 2
    r = check(text, "--only", "nobody")
    assert (r.code, r.out) == (2, "") and "no test's name has 'nobody' in it" in r.err
    r = check(text, "-q")
    assert r.code == 1 and r.out.startswith("FAIL") and "2 passed, 1 failed" in r.err
    r = check(text, "-q", "-k", "user")
    assert (r.code, r.out, r.err) == (0, "", "")


def test_several_files_and_the_worst_counts(hocket):
    hocket.write("a.yaml", "from: {jsonl: a.jsonl}\nto: {jsonl: b.jsonl}\ntests: [{in: {n: 1}, out: {n: 1}}]\n")
    hocket.write("b.yaml", "from: {jsonl: a.jsonl}\nto: {jsonl: b.jsonl}\n")
    hocket.write("c.yaml", "from: {jsonl: a.jsonl}\nto: {jsonl: b.jsonl}\ntests: [{in: {n: 1}, out: {n: 2}}]\n")
    hocket.write("d.yaml", "from: {jsonl: a.jsonl}\nto: {jsonl: b.jsonl}\ntests: [{int: {n: 1}, out: {n: 2}}]\n")
    r = hocket("test", "b.yaml")
    assert r.code == 0 and "b.yaml: no tests" in r.err
    r = hocket("test", "a.yaml", "b.yaml", "c.yaml")
    assert r.code == 1 and "1 passed, 1 failed" in r.err and "no tests" in r.err
    r = hocket("test", "d.yaml", "a.yaml", "c.yaml")
    assert r.code == 78 and "1 passed, 1 failed" in r.err and "did you mean 'in'?" in r.err
    assert hocket("test").code == 2


def test_the_file_runs_as_before(hocket):
    """Tests are no part of what a pipeline does: adding one is no change that an unfinished run would mind."""
    hocket.write_jsonl("a.jsonl", [{"n": 1}])
    text = "from: {jsonl: a.jsonl}\nto: {jsonl: b.jsonl}\n"
    assert hocket.run(text).code == 0
    r = hocket.run(text + "tests: [{in: {n: 1}, out: {n: 1}}]\n")
    assert r.code == 0 and "nothing new" in r.err
