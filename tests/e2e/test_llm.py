"""The language model of examples/ai-notes: what its official client makes of it, and that its account can be believed."""
import concurrent.futures
import http.client
import json
import subprocess
import time
import urllib.error
import urllib.request

import pytest

import conftest
import llm

QUICK = ["--latency", "5ms", "--per-token", "0ms"]


def model(*options):
    return llm.Model(conftest.PROGRAM, *QUICK, *options)


def ask(model, prompt, key=None, **more):
    """(status, headers, body) of one request by hand; None: the connection broke."""
    body = {"model": "small", "messages": [{"role": "user", "content": prompt}], **more}
    headers = {"Authorization": "Bearer k", **({"Idempotency-Key": key} if key else {})}
    request = urllib.request.Request(model.base + "/v1/chat/completions", json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()
    except (OSError, http.client.HTTPException):
        return None


@pytest.fixture(scope="module")
def official():
    """Runs lines of Python with the official client; prints are what comes back."""
    try:
        python = llm.client()
    except llm.Missing as missing:
        pytest.skip(str(missing))

    def run(model, text, key="sk-demo"):
        start = f"import openai\nclient = openai.OpenAI(base_url='{model.base}/v1', api_key='{key}', max_retries=0)\n"
        done = subprocess.run([python, "-c", start + text], capture_output=True, text=True, timeout=120 * conftest.SLOW)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()
    return run


def test_official_client(official):
    with model("--key", "sk-demo") as far:
        said = official(far, """
print([m.id for m in client.models.list()])
messages = [{"role": "user", "content": "Study notes, in Markdown, on Quicksort"}]
a = client.chat.completions.create(model="small", messages=messages)
print(a.choices[0].finish_reason, a.choices[0].message.content.splitlines()[0], a.usage.total_tokens == a.usage.prompt_tokens + a.usage.completion_tokens)
b = client.chat.completions.create(model="small", messages=messages, max_completion_tokens=100)
print(b.choices[0].finish_reason, b.usage.completion_tokens <= 100)
c = client.chat.completions.create(model="small", response_format={"type": "json_object"},
                                   messages=[{"role": "user", "content": "An outline, as JSON, on Quicksort"}])
import http.client
import json
print(json.loads(c.choices[0].message.content)["sections"][0]["title"])
first = client.chat.completions.create(model="small", messages=messages, extra_headers={"Idempotency-Key": "a"})
second = client.chat.completions.create(model="small", messages=messages, extra_headers={"Idempotency-Key": "a"})
print(first == second)
""")
        assert said.splitlines() == ["['small', 'large']", "stop # Quicksort True", "length True", "The idea", "True"]
        account = far.account()
        assert (account["requests"], account["effects"], account["replayed"]) == (5, 4, 1)


def test_official_client_understands_refusals(official):
    with model("--key", "sk-demo", "--requests", "2/min", "--fault", "503=0%") as far:
        said = official(far, """
ask = dict(model="small", messages=[{"role": "user", "content": "Notes on Tries"}])
def kind(**more):
    try:
        client.chat.completions.create(**{**ask, **more})
        return "answered"
    except openai.APIStatusError as error:
        return type(error).__name__, error.code, error.response.headers.get("retry-after")
print(kind(stream=True))
print(kind(model="huge"))
print(kind(messages=[]))
print([kind() for _ in range(3)][2][:2])
client.api_key = "another"
print(kind())
""")
        assert said.splitlines() == ["('BadRequestError', 'unsupported_value', None)", "('NotFoundError', 'model_not_found', None)",
                                     "('BadRequestError', 'missing_messages', None)", "('RateLimitError', 'rate_limit_exceeded')",
                                     "('AuthenticationError', 'invalid_api_key', None)"]
        assert far.account()["effects"] == 2 and far.account()["limited"] == 1


def test_one_seed_one_day():
    options = ["--fault", "500=20%", "--fault", "torn=20%", "--fault", "cut=10%", "--fault", "garbage=10%", "--fault", "length=10%"]

    def day(seed):
        with model("--seed", str(seed), *options) as far:
            for i in range(60):
                ask(far, f"Notes on Waves, part {i}")
            return far.account()
    first, same, other = day(7), day(7), day(8)
    assert first == same != other
    for fault in ("failed_500", "torn", "cut", "garbage", "cut_short"):
        assert first[fault] > 0, fault


def test_a_key_has_its_effect_once():
    with model("--latency", "100ms", "--spread", "0", "--fault", "cut=100%") as far, concurrent.futures.ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: ask(far, "Notes on Heaps", key="k"), range(8)))
        good = [a for a in answers if a]
        assert len(good) == 7  # the first was cut off behind its effect; who came meanwhile waited for that
        assert len({body for _, _, body in good}) == 1
        account = far.account()
        assert (account["requests"], account["effects"], account["replayed"], account["cut"]) == (8, 1, 7, 1)
        assert far.keys() == [{"key": "k", "requests": 8, "effects": 1, "tokens": account["prompt_tokens"] + account["completion_tokens"]}]
        status, _, body = ask(far, "Notes on Tries", key="k")
        assert status == 400 and b"idempotency_key_reused" in body


def test_paid_again_is_seen():
    with model() as far:
        for key in ("a", "b", None):
            assert ask(far, "Notes on Heaps", key=key)[0] == 200
        assert (far.account()["effects"], far.account()["paid_again"]) == (3, 2)


def test_limits():
    with model("--requests", "60/min", "--tokens", "1000000/min") as far:
        answers = [ask(far, f"Notes on Waves, part {i}") for i in range(61)]
        assert [a[0] for a in answers[:60]] == [200] * 60
        status, headers, _ = answers[60]
        if status == 200:  # the bucket was refilled meanwhile: on a slow machine only
            pytest.skip("sixty requests took longer than a second")
        assert status == 429 and int(headers["Retry-After"]) == 1 and headers["x-ratelimit-limit-requests"] == "60"
        assert int(answers[0][1]["x-ratelimit-remaining-tokens"]) < 1000000
        began = time.monotonic()
        while ask(far, "Notes on Waves, part 60")[0] == 429:
            assert time.monotonic() - began < 30
        assert far.account()["effects"] == 61


def test_topics_are_those_of_the_example():
    printed = subprocess.run([llm.pathlib.Path(conftest.PROGRAM).resolve().parent / "demo-llm", "--topics"], capture_output=True, text=True).stdout
    assert printed == (conftest.ROOT / "examples/ai-notes/topics.jsonl").read_text()
    topics = [json.loads(line) for line in printed.splitlines()]
    assert len({t["slug"] for t in topics}) == len({t["topic"] for t in topics}) == 200
