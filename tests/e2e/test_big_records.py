"""Big records: evaluated in threads while others go on; what comes out is the same, in the same order, once."""
import far


def records(n, big):
    """Every other one is large enough for a thread, by libjq or natively."""
    return [{"id": i, "items": [{"k": k, "s": f"item {k}"} for k in range(big if i % 2 else 3)]} for i in range(n)]


def total(record):
    return {"id": record["id"], "n": len(record["items"]), "sum": sum(item["k"] for item in record["items"])}


def test_pure_steps_and_conditions(hocket):
    hocket.write_jsonl("in.jsonl", records(40, 8000))
    result = hocket.run("""
from: {jsonl: in.jsonl}
steps:
  - where: '[.items[] | select(.s | startswith("item 2"))] | length > 0 or .id == 0'
  - where: '.id | tostring | test("^(.|1[0-9]|2.|3.)$")'
  - map: '.items |= map(.k) | {id, n: (.items | length), sum: (.items | add)}'
    if: '.items | map(.s | sub("item "; "")) | length > 0'
to: {jsonl: out.jsonl}
""")
    assert result.code == 0, result.err
    assert result.balances()
    assert hocket.read_jsonl("out.jsonl") == [total(record) for record in records(40, 8000)]


def test_emit_keeps_the_order(hocket):
    hocket.write_jsonl("in.jsonl", records(6, 5000))
    result = hocket.run("from: {jsonl: in.jsonl}\nsteps:\n  - emit: '.id as $id | .items[] | {id: $id, k} | .k |= .'\n"
                        "to: {jsonl: out.jsonl}\n")
    assert result.code == 0, result.err
    assert result.balances()
    assert hocket.read_jsonl("out.jsonl") == [{"id": r["id"], "k": item["k"]} for r in records(6, 5000) for item in r["items"]]


def test_answers_are_judged_and_placed(hocket):
    """Eight at a time: requests of small records are made and answered while big ones are evaluated."""
    with far.far(lambda path, attempt: {"path": path, "many": list(range(30000))}) as api:
        hocket.write_jsonl("in.jsonl", records(30, 6000))
        result = hocket.run(f"""
from: {{jsonl: in.jsonl}}
steps:
  - http: {api.base}/\\(.id)/\\(.items | map(.s) | last | sub("item "; ""))
    concurrency: 8
    accept: '$res.body.many | map(tostring | test("9")) | length == 30000'
    result: '.last = ($res.body.many | .[-1] |= . + 1 | last)'
  - map: '{{id, last}}'
to: {{jsonl: out.jsonl}}
""")
        assert result.code == 0, result.err
        assert result.balances()
        assert sorted(api.asked) == sorted(f"/{i}/{5999 if i % 2 else 2}" for i in range(30))
    assert sorted(hocket.read_jsonl("out.jsonl"), key=lambda r: r["id"]) == [{"id": i, "last": 30000} for i in range(30)]
