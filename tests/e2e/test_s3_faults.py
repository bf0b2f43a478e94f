"""What a decent S3 never does, and networks do: src/io/object/s3_*.c behind a proxy that cuts, loses and refuses (s3_between.py)."""
import email.header
import hashlib
import json
import os
import pathlib
import subprocess
import time
from email.utils import formatdate

import conftest
import pytest
import s3 as amazon
from far import far
from s3_between import Between, Cut, Lost, Say, error

TOOL = pathlib.Path(conftest.PROGRAM).resolve().parent / "tests/unit/io/object_tool"
PIECE = 5 << 20


if not TOOL.exists():
    pytest.skip(f"{TOOL} is not built", allow_module_level=True)


class Store:
    """object_tool in a folder, with this environment."""

    def __init__(self, folder, env):
        self.folder = folder
        self.env = {**{k: v for k, v in os.environ.items() if not k.startswith("AWS_")}, "AWS_EC2_METADATA_DISABLED": "true", **env}

    def __call__(self, verb, url, *words):
        done = subprocess.run([TOOL, verb, url, *map(str, words)], capture_output=True, text=True, cwd=self.folder, timeout=120 * conftest.SLOW,
                              env=self.env)
        assert done.stdout and done.returncode in (0, 1) and not done.stderr, done.stderr
        for secret in (self.env.get("AWS_SECRET_ACCESS_KEY"), self.env.get("AWS_SESSION_TOKEN")):
            assert not secret or secret not in done.stdout
        lines = done.stdout.splitlines()
        return {**json.loads(lines[-1]), "said": lines[:-1]}


@pytest.fixture
def between(s3, tmp_path):
    """between(plan) -> (proxy, store)"""
    proxies = []

    def begin(plan, **env):
        proxies.append(Between(s3.endpoint, plan))
        return proxies[-1], Store(tmp_path, {**s3.env, "AWS_ENDPOINT_URL": proxies[-1].endpoint, **env})
    yield begin
    for proxy in proxies:
        proxy.__exit__()


# ---- in parts ----

LARGE = b"".join(hashlib.sha256(str(i).encode()).digest() for i in range((2 * PIECE + 1000) // 32))
# HEAD, create, three parts, complete.
STEPS = {"look": 1, "create": 2, "part 1": 3, "part 2": 4, "part 3": 5, "complete": 6}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("fault", ["nothing arrives", "half of it arrives", "the answer is lost"])
@pytest.mark.parametrize("times", [1, 2])  # a connection that was used before is tried again on a new one at once
def test_an_upload_goes_on_where_it_was_cut(s3, between, tmp_path, step, fault, times):
    n = STEPS[step]
    how = {"nothing arrives": Cut(0), "half of it arrives": Cut({3: PIECE // 2, 4: PIECE // 2, 5: 100, 6: 50}.get(n, 0)), "the answer is lost": Lost()}
    proxy, store = between({n + i: how[fault] for i in range(times)})
    (tmp_path / "in").write_bytes(LARGE)
    said = store("put", f"{s3.url}/large", "in", "when=new", f"piece={PIECE}", "tries=3")
    assert "error" not in said, said
    assert s3.get("large")["data"] == LARGE
    if step.startswith("part") and times == 2:
        assert [target for method, target, _ in proxy.seen if method == "GET"], "the service is asked what arrived"
    sent = sum(int(headers["content-length"]) for method, target, headers in proxy.seen if "partNumber=" in target and "content-length" in headers)
    assert sent <= len(LARGE) + times * PIECE, "what had arrived is not sent again"
    if step != "create":
        assert s3.uploads() == []
        assert [method for method, target, _ in proxy.seen if target.endswith("?uploads=")] == ["POST"]


def test_who_gives_up_tells_the_service(s3, between, tmp_path):
    (tmp_path / "in").write_bytes(LARGE)
    proxy, store = between({4: error(403, "AccessDenied", "no more")})
    said = store("put", f"{s3.url}/large", "in", "when=new", f"piece={PIECE}")
    assert said["class"] == "status(403)" and "AccessDenied: no more" in said["error"]
    assert proxy.seen[-1][0] == "DELETE" and s3.uploads() == [] and s3.names() == []


def test_an_error_may_come_with_status_200(s3, between, tmp_path):
    (tmp_path / "in").write_bytes(LARGE)
    _, store = between({6: Say(200, '  \n  <?xml version="1.0"?><Error><Code>InternalError</Code><Message>We encountered</Message></Error>')})
    said = store("put", f"{s3.url}/large", "in", "when=new", f"piece={PIECE}")
    assert said["class"] == "status(500)" and "InternalError: We encountered" in said["error"]
    assert s3.names() == []
    _, store = between({6: Say(200, '<?xml version="1.0"?><Error><Code>SlowDown</Code><Message>no</Message></Error>')})
    assert "error" not in store("put", f"{s3.url}/large", "in", "when=new", f"piece={PIECE}", "tries=2")
    assert s3.get("large")["data"] == LARGE


def test_an_upload_that_the_service_forgot_begins_anew(s3, between, tmp_path):
    (tmp_path / "in").write_bytes(LARGE)
    proxy, store = between({5: error(404, "NoSuchUpload")})
    said = store("put", f"{s3.url}/large", "in", "when=new", f"piece={PIECE}", "tries=2")
    assert "error" not in said and "begins anew" in said["said"][0]
    assert s3.get("large")["data"] == LARGE


@pytest.mark.parametrize("there", [{"ETag": '"of-another-kind"'}, {"ETag": f'"{"0" * 32}"'}], ids=["cannot be compared", "another"])
def test_who_replaces_is_not_refused_for_what_stands_there(s3, between, tmp_path, there):
    """The last answer was lost, and what stands there is no proof that it was done: then it is done again."""
    (tmp_path / "in").write_bytes(LARGE)
    proxy, store = between({5: Lost(), 7: Say(200, "x" * len(LARGE), **there)})
    said = store("put", f"{s3.url}/large", "in", f"piece={PIECE}", "tries=3")
    assert "error" not in said and "begins anew" in said["said"][1], said
    assert [method for method, _, _ in proxy.seen[5:7]] == ["GET", "HEAD"]
    assert s3.get("large")["data"] == LARGE and s3.uploads() == []


def test_parts_of_other_bytes_are_not_taken_over(s3, between, tmp_path):
    """Somebody else's part under our number and upload: what counts is its MD5."""
    (tmp_path / "in").write_bytes(LARGE)
    listed = ('<ListPartsResult><IsTruncated>false</IsTruncated><Part><PartNumber>1</PartNumber><ETag>"00000000000000000000000000000000"</ETag>'
              f"<Size>{PIECE}</Size></Part></ListPartsResult>")
    proxy, store = between({4: Lost(), 5: Lost(), 6: Say(200, listed)})
    assert "error" not in store("put", f"{s3.url}/large", "in", "when=new", f"piece={PIECE}", "tries=2")
    assert s3.get("large")["data"] == LARGE
    assert len([1 for _, target, _ in proxy.seen if "partNumber=1&" in target]) == 2


# ---- in one ----

@pytest.mark.parametrize("fault", [Cut(0), Cut(50_000), Lost()], ids=["nothing arrives", "half arrives", "answer lost"])
def test_a_put_that_was_cut_is_there_once(s3, between, tmp_path, fault):
    (tmp_path / "in").write_bytes(LARGE[:100_000])
    _, store = between({1: fault})
    said = store("put", f"{s3.url}/a", "in", "when=new", "tries=2")
    assert "error" not in said and said["already"] == isinstance(fault, Lost)
    assert s3.get("a")["data"] == LARGE[:100_000]


@pytest.mark.parametrize("answer, wanted, words", [
    (error(503, "SlowDown", "Please reduce your request rate."), "status(503)", "Please reduce"),
    (error(429, "TooManyRequests", Retry_After="7"), "status(429)", ""),
    (error(500, "InternalError"), "status(500)", ""),
    (error(400, "RequestTimeout"), "status(408)", "RequestTimeout"),
    (error(409, "OperationAborted"), "status(503)", "OperationAborted"),
    (error(400, "BadDigest"), "truncated", "BadDigest"),
    (error(403, "AccessDenied", "Access Denied"), "status(403)", "AccessDenied: Access Denied"),
    (error(403, "SignatureDoesNotMatch", "Check your key and signing method."), "config", "signing method; check secret_key"),
    (error(403, "InvalidAccessKeyId"), "config", "check access_key"),
    (error(400, "ExpiredToken"), "config", "temporary keys"),
    (error(404, "NoSuchBucket"), "status(404)", "NoSuchBucket"),
    (Say(502, "<html>not XML<br></html>"), "status(502)", "status 502"),
    (Say(301, "", Location="http://elsewhere.example/"), "status(301)", "status 301"),
    (Say(200, ""), "protocol", "without an ETag"),
    (Say(200, "", ETag='"00000000000000000000000000000000"'), "truncated", "other bytes"),
])
def test_refusals_have_their_classes(s3, between, tmp_path, answer, wanted, words):
    (tmp_path / "in").write_bytes(b"x")
    proxy, store = between({1: answer})
    said = store("put", f"{s3.url}/a", "in")
    assert said["class"] == wanted and words in said["error"] and f"{s3.url}/a" in said["error"], said
    assert len(proxy.seen) == 1 and s3.names() == []
    assert said["retry_after_ns"] == (7_000_000_000 if wanted == "status(429)" else 0)


def test_a_service_that_does_not_stop_talking(s3, between, tmp_path):
    (tmp_path / "in").write_bytes(b"data")
    _, store = between({1: Say(200, "x" * ((1 << 20) + 1), ETag='"x"')})
    assert store("put", f"{s3.url}/x", "in")["class"] == "too_large"


def test_a_service_without_conditions_is_named(s3, between, tmp_path):
    (tmp_path / "in").write_bytes(b"x")
    _, store = between({1: error(501, "NotImplemented", "A header you provided implies functionality that is not implemented.")})
    said = store("put", f"{s3.url}/a", "in", "when=new")
    assert said["class"] == "config" and "on a condition" in said["error"]


def test_a_race_that_nobody_won_is_tried_again(s3, between, tmp_path):
    (tmp_path / "in").write_bytes(b"x")
    _, store = between({1: error(409, "ConditionalRequestConflict")})
    said = store("put", f"{s3.url}/a", "in", "when=new")
    assert said["class"] == "status(503)" and "ConditionalRequestConflict" in said["error"]


def test_what_stands_there_may_be_hidden(s3, between, tmp_path):
    (tmp_path / "in").write_bytes(b"x")
    _, store = between({1: error(412, "PreconditionFailed"), 2: Say(403)})
    said = store("put", f"{s3.url}/a", "in", "when=new")
    assert said["class"] == "status(412)" and "s3:GetObject" in said["error"]


def test_metadata_is_ascii_on_its_way(s3, between, tmp_path):
    (tmp_path / "in").write_bytes(b"x")
    proxy, store = between({})
    assert "error" not in store("put", f"{s3.url}/a", "in", "meta:topic=näme €", "meta:plain=a b")
    assert str(email.header.make_header(email.header.decode_header(proxy.seen[0][2]["x-amz-meta-topic"]))) == "näme €"
    assert s3.get("a")["metadata"]["plain"] == "a b"


def test_what_comes_damaged_is_not_given_out(s3, between, tmp_path):
    s3.put("a", b"what was put")
    _, store = between({1: Say(200, "what was pat", ETag=f'"{hashlib.md5(b"what was put").hexdigest()}"'),
                        2: Say(200, "what was pat", ETag='"x-1"', x_amz_checksum_crc32c="AAAAAA==")})
    assert store("get", f"{s3.url}/a", "out")["class"] == "truncated"
    proxy, store = between({1: Say(200, "what was pat", ETag='"x-1"', x_amz_checksum_crc32c="AAAAAA==")})
    assert store("get", f"{s3.url}/a", "out")["class"] == "truncated"
    proxy, store = between({1: Say(200, "sealed", ETag=f'"{hashlib.md5(b"x").hexdigest()}"', x_amz_server_side_encryption="aws:kms")})
    assert store("get", f"{s3.url}/a", "out")["bytes"] == 6, "with keys of KMS an ETag is no MD5"
    assert not (tmp_path / "in").exists()


@pytest.mark.parametrize("page", [
    "", "<", "<Error/>", "<ListBucketResult>", "<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
    "<ListBucketResult><Contents><Key>a</Key></Contents></ListBucketResult>",
    "<ListBucketResult><Contents><Key>a</Key><Size>-1</Size></Contents></ListBucketResult>",
    "<ListBucketResult><EncodingType>url</EncodingType><Contents><Key>%4</Key><Size>1</Size></Contents></ListBucketResult>",
    '<!DOCTYPE x SYSTEM "file:///etc/passwd"><ListBucketResult/>'])
def test_listings_that_make_no_sense(s3, between, page):
    _, store = between({1: Say(200, page)})
    assert store("list", f"{s3.url}/")["class"] == "protocol"


# ---- what the service tells us to mend ----

def test_a_wrong_clock_is_mended_once(s3, between, tmp_path):
    (tmp_path / "in").write_bytes(b"x")
    late = formatdate(time.time() + 7200, usegmt=True)
    skewed = error(403, "RequestTimeTooSkewed", Date=late)
    proxy, store = between({1: skewed, 2: Say(200, "", ETag=f'"{hashlib.md5(b"x").hexdigest()}"')})
    assert "error" not in store("put", f"{s3.url}/a", "in")
    first, second = (headers["x-amz-date"] for _, _, headers in proxy.seen)
    apart = time.mktime(time.strptime(second, "%Y%m%dT%H%M%SZ")) - time.mktime(time.strptime(first, "%Y%m%dT%H%M%SZ"))
    assert 7195 <= apart <= 7205
    proxy, store = between({1: skewed, 2: skewed})
    said = store("put", f"{s3.url}/a", "in")
    assert said["class"] == "config" and "clock" in said["error"] and len(proxy.seen) == 2


def test_a_region_that_is_named_is_taken_once(s3, between, tmp_path):
    (tmp_path / "in").write_bytes(b"x")
    elsewhere = error(400, "AuthorizationHeaderMalformed", "the region 'us-east-1' is wrong", "<Region>eu-central-1</Region>")
    proxy, store = between({1: elsewhere, 2: elsewhere})
    assert store("put", f"{s3.url}/a", "in")["class"] == "config"
    assert [headers["authorization"].split("/")[2] for _, _, headers in proxy.seen] == ["us-east-1", "eu-central-1"]
    for bad in ("evil.example/x", "..", "", "EU", "-a", "a" * 40):
        proxy, store = between({1: error(400, "AuthorizationHeaderMalformed", "no", f"<Region>{bad}</Region>")})
        assert store("put", f"{s3.url}/a", "in")["class"] == "config" and len(proxy.seen) == 1


@pytest.fixture(scope="module")
def amazon_in_europe():
    """A service that thinks it is Amazon's in eu-west-1: buckets are hosts."""
    try:
        server = amazon.Server("--region", "eu-west-1", "--virtual-domain", "s3.eu-west-1.amazonaws.com")
    except amazon.Missing as missing:
        pytest.skip(f"no S3 here: {missing}")
    (server.folder / "buckets/notes").mkdir()
    (server.folder / "buckets/my.notes").mkdir()
    yield server
    server.stop()


def test_amazons_own_hosts(amazon_in_europe, tmp_path):
    """The bucket is in the host, checksums are kept, and a redirect to another region is followed - with a new signature."""
    server = amazon_in_europe
    (tmp_path / "in").write_bytes(b"x" * 1000)
    (tmp_path / "large").write_bytes(LARGE)
    moved = error(301, "PermanentRedirect", x_amz_bucket_region="eu-west-1")
    with Between(server.endpoint, {1: moved}) as wrong, Between(server.endpoint) as right:
        hosts = {"notes.s3.us-east-1.amazonaws.com": wrong, "notes.s3.eu-west-1.amazonaws.com": right, "s3.eu-west-1.amazonaws.com": right}
        env = {"AWS_ACCESS_KEY_ID": server.access_key, "AWS_SECRET_ACCESS_KEY": server.secret_key,
               "HOCKET_TEST_HOSTS": " ".join(f"{host}:443=127.0.0.1:{to.port}" for host, to in hosts.items())}
        store = Store(tmp_path, env)
        said = store("put", "s3://notes/a", "in", "when=new")
        assert "error" not in said, said
        assert [h["host"] for _, _, h in wrong.seen] == ["notes.s3.us-east-1.amazonaws.com"]
        assert [(t, h["host"]) for _, t, h in right.seen] == [("/a", "notes.s3.eu-west-1.amazonaws.com")]
        assert "x-amz-checksum-crc32c" in right.seen[0][2]["authorization"]
        store = Store(tmp_path, {**env, "AWS_REGION": "eu-west-1"})
        assert store("stat", "s3://notes/a")["crc32c"], "the service keeps what it was sent"
        said = store("put", "s3://notes/large", "large", "when=new", f"piece={PIECE}")
        assert "error" not in said, said
        assert store("get", "s3://notes/large", "out")["crc32c"] and (tmp_path / "out").read_bytes() == LARGE
        said = store("put", "s3://my.notes/a", "in")
        assert right.seen[-1][1] == "/my.notes/a" and right.seen[-1][2]["host"] == "s3.eu-west-1.amazonaws.com", "a dot is no certificate's"


def test_an_endpoint_may_want_buckets_as_hosts(amazon_in_europe, tmp_path):
    server = amazon_in_europe
    (tmp_path / "in").write_bytes(b"x" * 1000)
    with Between(server.endpoint) as there:
        env = {"AWS_ACCESS_KEY_ID": server.access_key, "AWS_SECRET_ACCESS_KEY": server.secret_key, "AWS_REGION": "eu-west-1",
               "AWS_ENDPOINT_URL_S3": "http://{bucket}.s3.eu-west-1.amazonaws.com/",
               "HOCKET_TEST_HOSTS": f"notes.s3.eu-west-1.amazonaws.com:80=127.0.0.1:{there.port} s3.eu-west-1.amazonaws.com:80=127.0.0.1:{there.port}"}
        store = Store(tmp_path, env)
        assert "error" not in store("put", "s3://notes/hosts/a", "in")
        assert "error" not in store("put", "s3://my.notes/hosts/a", "in")
        assert [(t, h["host"]) for _, t, h in there.seen] == [("/hosts/a", "notes.s3.eu-west-1.amazonaws.com"),
                                                             ("/my.notes/hosts/a", "s3.eu-west-1.amazonaws.com")]
        assert "x-amz-checksum-crc32c" not in there.seen[0][2], "others refuse headers that they do not know"
    for bad in ("{bucket}.example.com", "https://{bucket}", "https://x{bucket}.example.com", "https://user@example.com", "https://example.com/?a"):
        assert Store(tmp_path, {**env, "AWS_ENDPOINT_URL_S3": bad})("put", "s3://notes/a", "in")["class"] == "config"


# ---- keys that nobody wrote down ----

def keys(server, seconds=3600, **more):
    until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))
    return {"AccessKeyId": server.access_key, "SecretAccessKey": server.secret_key, "Expiration": until, **more}


def role_env(**env):
    return {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_EC2_METADATA_DISABLED": "", "HOME": "/nonexistent", **env}


def test_keys_of_an_instance(s3, between, tmp_path):
    (tmp_path / "in").write_bytes(LARGE)

    def answer(path, _):
        plain = {"/latest/api/token": b"session==", "/latest/meta-data/iam/security-credentials/": b"notes-writer\n"}
        return (200, {}, plain[path]) if path in plain else keys(s3, Code="Success")
    with far(answer) as instance:
        _, store = between({}, **role_env(AWS_EC2_METADATA_SERVICE_ENDPOINT=instance.base))
        said = store("put", f"{s3.url}/large", "in", "when=new", f"piece={PIECE}")
        assert "error" not in said, said
        role = "/latest/meta-data/iam/security-credentials/notes-writer"
        assert dict(instance.asked) == {"/latest/api/token": 1, "/latest/meta-data/iam/security-credentials/": 1, role: 1}, "one question for six calls"
        assert instance.heads[0]["X-aws-ec2-metadata-token-ttl-seconds"] and instance.heads[2]["X-aws-ec2-metadata-token"] == "session=="


def test_keys_of_a_container(s3, between, tmp_path):
    (tmp_path / "in").write_bytes(b"x")
    (tmp_path / "token").write_text("canary-token-canary\n")
    with far(lambda path, attempt: keys(s3)) as agent:
        _, store = between({}, **role_env(AWS_CONTAINER_CREDENTIALS_FULL_URI=f"{agent.base}/role",
                                          AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=str(tmp_path / "token")))
        assert "error" not in store("put", f"{s3.url}/a", "in")
        assert agent.heads[0]["Authorization"] == "canary-token-canary"
    _, store = between({}, **role_env(AWS_CONTAINER_CREDENTIALS_FULL_URI="http://metadata.example/role"))
    said = store("put", f"{s3.url}/a", "in")
    assert said["class"] == "config" and "only https" in said["error"]


def test_keys_that_are_refused_as_old_are_asked_for_again(s3, between, tmp_path):
    (tmp_path / "in").write_bytes(b"x")
    with far(lambda path, attempt: keys(s3)) as agent:
        proxy, store = between({1: error(400, "ExpiredToken")}, **role_env(AWS_CONTAINER_CREDENTIALS_FULL_URI=f"{agent.base}/role"))
        said = store("put", f"{s3.url}/a", "in")
        # They had just come: the service means it.
        assert said["class"] == "config" and sum(agent.asked.values()) == 1 and len(proxy.seen) == 1


@pytest.mark.parametrize("answer", [{}, {"AccessKeyId": "AKIDCANARY"}, {"AccessKeyId": "a\nb", "SecretAccessKey": "canary-secret"}, [], "x"])
def test_keys_that_are_none(s3, between, tmp_path, answer):
    (tmp_path / "in").write_bytes(b"x")
    with far(lambda path, attempt: answer) as agent:
        proxy, store = between({}, **role_env(AWS_CONTAINER_CREDENTIALS_FULL_URI=f"{agent.base}/role"))
        said = store("put", f"{s3.url}/a", "in")
        assert said["class"] == "config" and "are no keys" in said["error"] and "canary" not in json.dumps(said) and not proxy.seen


# ---- nothing secret is said ----

def test_what_a_service_quotes_is_blotted_out(s3, between, tmp_path):
    (tmp_path / "in").write_bytes(b"x")
    token = "canary-session-token"
    quoted = f"you sent {s3.access_key} and {s3.secret_key}, {token}, {'0123456789abcdef' * 4}."
    _, store = between({1: error(403, "SignatureDoesNotMatch", quoted, f"<StringToSign>{s3.secret_key}</StringToSign>")}, AWS_SESSION_TOKEN=token)
    said = json.dumps(store("put", f"{s3.url}/a", "in"))
    assert "you sent ****" in said
    for secret in (s3.access_key, s3.secret_key, token, "0123456789abcdef"):
        assert secret not in said
