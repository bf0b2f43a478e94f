"""A bad pipeline is not a million bad records; and two readings of one file are two."""


def test_typo_in_jq_stops_and_kills_nobody(hocket):
    hocket.write_jsonl("in.jsonl", [{"id": i} for i in range(1000)])
    text = "from: {jsonl: in.jsonl}\nsteps:\n  - map: {id: '.id + \"x\"'}\nto: {jsonl: out.jsonl}\n"
    result = hocket.run(text)
    assert result.code == 5, result.err
    assert "nothing has succeeded yet at 'map'" in result.err and "dead 0" in result.err
    # Mended, which makes it another pipeline: nothing was settled, so it starts anew and all arrive.
    result = hocket.run(text.replace("+ \"x\"", "+ 1"))
    assert result.code == 0, result.err
    assert "delivered 1,000" in result.err


def test_wrong_format_stops_and_kills_nobody(hocket):
    hocket.write("in.jsonl", "id,name\n" + "".join(f"{i},x\n" for i in range(100)))
    result = hocket.run("from: {jsonl: in.jsonl}\nto: {jsonl: out.jsonl}\n")
    assert result.code == 5, result.err
    assert "not JSON" in result.err and "dead 0" in result.err


def test_few_bad_records_are_dead_at_the_end(hocket):
    hocket.write_jsonl("in.jsonl", [{"id": i} for i in range(3)])
    result = hocket.run("from: {jsonl: in.jsonl}\nsteps:\n  - map: {id: '.id + \"x\"'}\nto: {jsonl: out.jsonl}\n")
    assert result.code == 3, result.err
    assert "dead 3" in result.err


def test_one_file_read_twice(hocket):
    hocket.write_jsonl("in.jsonl", [{"id": i} for i in range(3)])
    result = hocket.run("from: [{jsonl: in.jsonl}, {lines: in.jsonl}, {jsonl: in.jsonl}]\nto: {jsonl: out.jsonl}\n")
    assert result.code == 0, result.err
    assert "delivered 9" in result.err


def test_emit_without_a_value_filters(hocket):
    hocket.write_jsonl("in.jsonl", [{"id": 1, "items": []}, {"id": 2, "items": [{"a": 1}, {"a": 2}]}])
    result = hocket.run("from: {jsonl: in.jsonl}\nsteps:\n  - emit: .items[]\nto: {jsonl: out.jsonl}\n")
    assert result.code == 0, result.err
    assert "filtered 1" in result.err and "delivered 2" in result.err and "expanded 1" in result.err
