"""What is known by the look of things is said, with what to type: data for a pipeline, a verb left out, a folder that is not there."""
import gzip
import json

import pytest

SIMPLE = "from: {jsonl: in.jsonl}\nsteps: [{where: .id + 1 > 0}]\nto: stdout\n"


@pytest.mark.parametrize("name,verb", [("in.csv", "csv"), ("in.jsonl", "jsonl"), ("d/in.ndjson", "jsonl")])
@pytest.mark.parametrize("command", [["run"], ["check"], ["graph"], ["try"], ["dead", "ls"], ["verify"]])
def test_data_for_a_pipeline(hocket, name, verb, command):
    hocket.write(name, '{"id":1}\n')
    r = hocket(*command, name)
    assert r.code == 78 and f"'{name}' is data, not a pipeline" in r.err and f"from: {{{verb}: {name}}}" in r.err
    # and what it proposes is good
    pipeline = r.err[r.err.index("  # ") :].split("\n\n")[0].replace("\n  ", "\n").strip()
    hocket.write("proposed.yaml", pipeline + "\n")
    assert hocket("check", "proposed.yaml").code == 0


def test_packed_data_for_a_pipeline(hocket):
    for name in ("in.csv.gz", "whatever"):
        (hocket.folder / name).write_bytes(gzip.compress(b"a,b\n1,2\n"))
        r = hocket("run", name)
        assert r.code == 78 and f"'{name}' is data, not a pipeline" in r.err


def test_the_summary_says_it_too(hocket):
    hocket.write("in.csv", "a\n1\n")
    assert hocket("run", "in.csv", "--summary", "json").summary["exit"] == 78


def test_a_file_that_is_not_there_is_not_called_data(hocket):
    r = hocket("run", "in.csv")
    assert "cannot be opened" in r.err and "data" not in r.err


def test_dead_without_a_verb(hocket):
    hocket.write("pipe.yaml", SIMPLE)
    r = hocket("dead", "pipe.yaml")
    assert r.code == 2 and "did you mean 'hocket dead ls pipe.yaml'?" in r.err
    assert "see hocket dead --help" in hocket("dead", "nothing.yaml").err


@pytest.mark.parametrize("said,meant", [
    ("dead list", "dead ls"), ("dead lst", "dead ls"), ("dead rm", "dead drop"), ("dead retry", "dead replay"), ("dead replya", "dead replay"),
    ("replay", "dead replay"), ("ls", "dead ls"), ("start", "run"), ("validate", "check"), ("show", "graph"), ("verfy", "verify"),
    ("status", "state"), ("state list", "state show"), ("state rm", "state reset"), ("state rewnd", "state rewind")])
def test_a_verb_that_others_call_otherwise(hocket, said, meant):
    r = hocket(*said.split(), "pipe.yaml")
    assert r.code == 2 and f"'{said}': did you mean '{meant}'?" in r.err


def test_a_where_that_matches_nothing_says_so(hocket):
    hocket.write_jsonl("in.jsonl", [{"id": 1}, {"id": "x"}])
    hocket.run(SIMPLE)
    for verb in ("ls", "show", "export", "drop"):
        r = hocket("dead", verb, "pipe.yaml", "--where", '.class == "jqq"')
        assert r.code == 0 and r.out == "" and "no dead letters for which --where is true" in r.err
        if verb != "drop":
            assert "no dead letters" not in hocket("dead", verb, "pipe.yaml", "--where", '.class == "jq"').err
    assert len(hocket("dead", "export", "pipe.yaml").out.splitlines()) == 1  # drop has dropped none


@pytest.mark.parametrize("sink", ["{jsonl: a/b/out.jsonl}", "{sqlite: a/b/out.db, table: t}", "{csv: a/b/out.csv}"])
def test_a_missing_folder_is_named_with_the_cure(hocket, sink):
    hocket.write_jsonl("in.jsonl", [{"id": 1}])
    text = SIMPLE.replace("stdout", sink)
    r = hocket.run(text, "--summary", "json")
    assert r.code == 1 and "the folder 'a/b' does not exist: mkdir -p 'a/b'" in r.err and r.summary["exit"] == 1
    assert "mkdir -p 'a/b'" in hocket("try", "pipe.yaml").err  # before it matters
    (hocket.folder / "a/b").mkdir(parents=True)
    assert hocket.run(text).code == 0


def test_folders_that_a_template_names_are_made(hocket):
    hocket.write_jsonl("in.jsonl", [{"id": 1}])
    text = SIMPLE.replace("stdout", "{jsonl: 'days/\\(.id).jsonl'}")
    hocket.write("pipe.yaml", text)
    assert "mkdir" not in hocket("try", "pipe.yaml").err and not (hocket.folder / "days").exists()
    assert hocket.run(text).code == 0


def test_a_missing_folder_of_the_dead(hocket):
    hocket.write_jsonl("in.jsonl", [{"id": "x"}])
    r = hocket.run(SIMPLE + "dead: a/dead.jsonl\n", "--summary", "json")
    assert r.code == 1 and "dead: the folder 'a' does not exist" in r.err and json.loads(r.err.splitlines()[-1])["exit"] == 1


@pytest.mark.parametrize("said,option,meant", [
    ("group: {key: .topic, every: 2m}", "every", "{group: .topic, every: 2m}"),
    ("group: {topic: .topic, every: '0 6 * * *'}", "every", "{group: .topic, every: '0 6 * * *'}"),
    ("group: {by: .topic, max: 100, max_bytes: 1MB}", "max", "{group: .topic, max: 100, max_bytes: 1MB}"),
    ("unique: {key: .id, for: 30d}", "for", "{unique: .id, for: 30d}"),
    ("sort: {by: .id, desc: true}", "desc", "{sort: .id, desc: true}")])
def test_options_inside_the_value(hocket, said, option, meant):
    hocket.write("pipe.yaml", f"from: {{jsonl: in.jsonl}}\nsteps:\n  - {said}\nto: stdout\n")
    r = hocket("check", "pipe.yaml")
    assert r.code == 78 and f"'{option}' is an option of '{said.split(':')[0]}', and stands beside it" in r.err
    assert f"write - {meant}" in r.err and r.err.count("error:") == 1
    hocket.write("pipe.yaml", f"from: {{jsonl: in.jsonl}}\nsteps:\n  - {meant}\nto: stdout\n")
    assert hocket("check", "pipe.yaml").code == 0


@pytest.mark.parametrize("step", [
    "group: {key: .topic}", "group: {topic: .topic, max: 100}", "group: {key: .topic, max: .max}", "group: {key: .topic, 'max': 100}",
    "group: {every, max}", "unique: {id: .id, for: .for}", "sort: {by: .a, window: .w}", "sort: {desc: .d}",
    "map: {name: .a, timeout: 3, max: 100}", "set: {into: 3, retry: true}", "emit: {each: .items}"])
def test_fields_that_are_called_like_options(hocket, step):
    hocket.write("pipe.yaml", f"from: {{jsonl: in.jsonl}}\nsteps:\n  - {step}\nto: stdout\n")
    assert hocket("check", "pipe.yaml").code == 0
