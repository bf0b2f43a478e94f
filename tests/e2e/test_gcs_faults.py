"""Google Cloud Storage when things go wrong: credentials, cuts, lies. The far side (gcs_strict.py) counts; nothing here is hocket's word."""
import base64
import gzip
import hashlib
import json
import os
import ssl
import subprocess
import time

import far
import pytest
from gcs import Missing, tool
from gcs_strict import UNIT, Change, Cut, Google, Lost, Say, crc32c
from test_gcs import call

CANARIES = ("ya29.canary", "canary-session", "PRIVATE KEY", "canary-secret", "canary-refresh")


@pytest.fixture
def google():
    server = Google()
    yield server
    server.shutdown()
    server.server_close()
    assert not server.strangers


@pytest.fixture
def ask(google, tmp_path):
    """One operation against the strict server, with nothing of this machine's environment; no secret in what is said."""
    def run(verb, url, *words, **env):
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("GOOGLE", "GCE", "STORAGE", "CLOUDSDK", "HOME"))}
        said = call(verb, url, *words, env={**clean, "HOME": str(tmp_path), **env}, folder=tmp_path)
        assert not any(canary in json.dumps(said) for canary in CANARIES), said
        return said
    return run


@pytest.fixture(scope="session")
def rsa():
    """(private, public) as PEM."""
    private = subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"], capture_output=True, text=True,
                             check=True).stdout
    public = subprocess.run(["openssl", "pkey", "-pubout"], input=private, capture_output=True, text=True, check=True).stdout
    return private, public


@pytest.fixture
def key_file(google, rsa, tmp_path):
    key = {"type": "service_account", "project_id": "p", "private_key_id": "k1", "private_key": rsa[0], "client_id": "1",
           "client_email": "robot@p.iam.gserviceaccount.com", "token_uri": f"{google.base}/token"}
    path = tmp_path / "key.json"
    path.write_text(json.dumps(key))
    return path


@pytest.fixture
def data(tmp_path):
    bytes_ = bytes(i * 31 % 253 for i in range(4 * UNIT + 12345))
    (tmp_path / "in").write_bytes(bytes_)
    return bytes_


def put(ask, google, *words, url="gs://notes/a/b.bin", file="in", **env):
    return ask("put", url, file, f"endpoint={google.base}", *words, **env)


# ---- who we are ------------------------------------------------------------------------------------------------

def test_a_service_account(google, ask, key_file, rsa, data):
    said = put(ask, google, f"credentials={key_file}")
    assert google.objects["notes", "a/b.bin"]["data"] == data and said["bytes"] == len(data)
    assert google.asked["token"] == 1 and google.forms[0]["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    try:
        python = tool("--client")
    except Missing as missing:
        pytest.skip(str(missing))
    judge = "import jwt,sys,json; print(json.dumps([jwt.decode(sys.argv[1], sys.argv[2], algorithms=['RS256'], audience=sys.argv[3]), " \
            "jwt.get_unverified_header(sys.argv[1])]))"
    claims, header = json.loads(subprocess.run([python, "-c", judge, google.assertions[0], rsa[1], f"{google.base}/token"], check=True,
                                               capture_output=True, text=True).stdout)
    assert header == {"alg": "RS256", "typ": "JWT", "kid": "k1"}
    assert claims["iss"] == "robot@p.iam.gserviceaccount.com" and claims["scope"].startswith("https://www.googleapis.com/auth/devstorage")
    assert claims["exp"] - claims["iat"] == 3600 and abs(claims["iat"] - time.time()) < 60


def test_places_of_credentials(google, ask, key_file, data, tmp_path):
    user = json.dumps({"type": "authorized_user", "client_id": "me", "client_secret": "canary-secret", "refresh_token": "canary-refresh",
                       "token_uri": f"{google.base}/token"})
    # The text itself; the file that the environment names. (Without TLS nothing is used that was not named: these are.)
    assert put(ask, google, f"text={key_file}")["bytes"] == len(data)
    (tmp_path / "user.json").write_text(user)
    assert put(ask, google, f"credentials={tmp_path / 'user.json'}")["bytes"] == len(data)
    assert google.forms[-1] == {"grant_type": "refresh_token", "client_id": "me", "client_secret": "canary-secret",
                                "refresh_token": "canary-refresh"}


def test_an_emulator_gets_no_credential_that_was_not_named_for_it(google, ask, key_file, data):
    assert put(ask, google, GOOGLE_APPLICATION_CREDENTIALS=str(key_file))["bytes"] == len(data)
    assert google.asked["token"] == 0
    host = google.base.removeprefix("http://")
    for value in (google.base, host, f"{google.base}/"):
        said = ask("put", "gs://notes/x", "in", STORAGE_EMULATOR_HOST=value, GOOGLE_APPLICATION_CREDENTIALS=str(key_file))
        assert said["bytes"] == len(data)
    assert google.asked["token"] == 0


# The host test builds are told where Google is: https spoken as plain http.
def as_google(google):
    return {"HOCKET_TEST_HOSTS": f"storage.googleapis.com:443=127.0.0.1:{google.server_address[1]}"}


def test_the_environment_and_gcloud_and_the_machine(google, ask, key_file, data, tmp_path):
    assert ask("put", "gs://notes/x", "in", GOOGLE_APPLICATION_CREDENTIALS=str(key_file), **as_google(google))["bytes"] == len(data)
    assert google.asked["token"] == 1
    machine = google.base.removeprefix("http://")
    assert ask("put", "gs://notes/y", "in", GCE_METADATA_HOST=machine, **as_google(google))["bytes"] == len(data)
    assert google.asked["metadata"] == 1
    folder = tmp_path / ".config/gcloud"
    folder.mkdir(parents=True)
    (folder / "application_default_credentials.json").write_text(key_file.read_text())
    assert ask("put", "gs://notes/z", "in", GCE_METADATA_HOST=machine, **as_google(google))["bytes"] == len(data)
    assert google.asked["token"] == 2 and google.asked["metadata"] == 1
    assert {name for _, name in google.objects} == {"x", "y", "z"}


def test_the_machine_is_not_asked_through_a_proxy(google, ask, data):
    port = google.server_address[1]
    env = {"HOCKET_TEST_HOSTS": f"storage.googleapis.com:443=127.0.0.1:{port} machine.example:80=127.0.0.1:{port}",
           "HTTP_PROXY": "http://127.0.0.1:9"}
    assert ask("stat", "gs://notes/x", "endpoint=http://machine.example", "proxies=yes", **env)["class"] == "refused", "the proxy is asked"
    said = ask("put", "gs://notes/x", "in", "proxies=yes", GCE_METADATA_HOST="machine.example", **env)
    assert said.get("bytes") == len(data), said


@pytest.mark.parametrize("headers", [{}, {"Metadata_Flavor": "Portal"}], ids=["nothing", "another"])
def test_what_is_no_metadata_server_gives_no_token(google, ask, data, headers):
    google.plan("metadata", Say(200, {"access_token": "ya29.of-a-captive-portal", "expires_in": 3600}, **headers))
    said = ask("put", "gs://notes/x", "in", GCE_METADATA_HOST="machine.example",
               HOCKET_TEST_HOSTS=f"machine.example:80=127.0.0.1:{google.server_address[1]}")
    assert said["class"] == "config" and "no metadata server" in said["error"], said


def test_no_credentials_at_all(google, ask, data):
    said = ask("put", "gs://notes/x", "in", GCE_METADATA_HOST="", **as_google(google))
    assert said["class"] == "config" and "GOOGLE_APPLICATION_CREDENTIALS" in said["error"]


@pytest.mark.parametrize("change, says", [
    ("garbage", "not JSON"),
    ("[]", "not a JSON object"),
    ({"type": "external_account"}, "its type is 'external_account'"),
    ({"private_key": "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n"}, "not a PEM private key"),
    ({"private_key": None}, "no 'private_key'"),
    ({"client_email": None}, "no 'client_email'"),
    ({"type": None}, "no 'type'"),
    ({"token_uri": "http://tokens.example.com/token"}, "not https"),
])
def test_key_files_that_make_no_sense(google, ask, key_file, data, change, says):
    if isinstance(change, str):
        key_file.write_text(change)
    else:
        key = {k: v for k, v in {**json.loads(key_file.read_text()), **change}.items() if v is not None}
        key_file.write_text(json.dumps(key))
    said = put(ask, google, f"credentials={key_file}")
    assert said["class"] == "config" and says in said["error"] and "key.json" in said["error"]
    assert not google.asked


def test_a_key_file_that_is_not_there(google, ask, data):
    said = put(ask, google, "credentials=/nowhere/key.json")
    assert said["class"] == "config" and "'/nowhere/key.json'" in said["error"]


def test_refused_credentials(google, ask, key_file, data):
    google.plan("token", Say(400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}))
    said = put(ask, google, f"credentials={key_file}")
    assert said["class"] == "config" and "invalid_grant: Invalid JWT Signature." in said["error"] and "clock" not in said["error"]
    google.plan("token", Say(400, {"error": "invalid_grant", "error_description": "Invalid JWT: check iat and exp"},
                             Date="Sat, 31 Jan 2026 12:30:00 GMT"))
    said = put(ask, google, f"credentials={key_file}")
    assert "this machine's clock is" in said["error"] and "ahead of the server's" in said["error"]
    google.plan("token", Say(503, b"busy", Retry_After="7"))
    said = put(ask, google, f"credentials={key_file}")
    assert said["class"] == "status(503)" and said["retry_after_ns"] == 7_000_000_000
    assert not google.objects


def test_a_token_that_has_just_come_and_is_refused(google, ask, key_file, data):
    google.plan("multipart", Say(401, {"error": {"code": 401, "message": "Invalid Credentials"}}))
    said = put(ask, google, f"credentials={key_file}")
    assert said["class"] == "status(401)" and "Invalid Credentials" in said["error"] and google.asked["token"] == 1


def test_a_right_that_is_missing(google, ask, key_file, data):
    message = "robot does not have storage.objects.create access to the Google Cloud Storage object."
    google.plan("multipart", Say(403, {"error": {"code": 403, "message": message}}))
    said = put(ask, google, f"credentials={key_file}")
    assert said["class"] == "status(403)" and message in said["error"] and "roles/storage.objectUser" in said["error"]


@pytest.mark.parametrize("status, headers, body, says", [
    (429, {"Retry_After": "12"}, {"error": {"code": 429, "message": "The object exceeded the rate limit for object mutation operations."}},
     "rate limit for object mutation"),
    (503, {"Retry_After": "12"}, {"error": {"code": 503, "message": "Backend Error"}}, "Backend Error"),
    (404, {}, {"error": {"code": 404, "message": "The specified bucket does not exist."}}, "gs://notes/: status 404: The specified bucket"),
    (500, {}, b"<html><title>oops</title></html>", "status 500"),
])
def test_what_the_service_says(google, ask, data, status, headers, body, says):
    google.plan("multipart", Say(status, body, **headers))
    said = put(ask, google)
    assert said["class"] == f"status({status})" and says in said["error"] and "html" not in said["error"]
    assert said["retry_after_ns"] == (12_000_000_000 if headers else 0)


# ---- pieces --------------------------------------------------------------------------------------------------------

PIECE = "piece=524288"


def test_pieces_whole(google, ask, data):
    said = put(ask, google, PIECE)
    assert google.objects["notes", "a/b.bin"]["data"] == data
    assert said["bytes"] == len(data) and google.asked["piece"] == 3 and google.asked["query"] == 0
    assert google.body_bytes["piece"] == len(data)


@pytest.mark.parametrize("piece", range(3))
@pytest.mark.parametrize("fault", [Cut(0), Cut(1), Cut(UNIT), Cut(UNIT + 77_777), Lost()], ids=["0", "1", "unit", "inside", "lost"])
def test_a_cut_costs_one_piece(google, ask, data, piece, fault):
    google.plan("piece", *[None] * piece, fault)
    said = put(ask, google, PIECE, "tries=2")
    assert google.objects["notes", "a/b.bin"]["data"] == data and said["bytes"] == len(data)
    assert google.asked["open"] == 1 and google.asked["query"] == 1
    assert google.body_bytes["piece"] - len(data) <= 2 * UNIT, "more than a piece was sent again"


def test_a_cut_in_every_piece(google, ask, data):
    google.plan("piece", *[Cut(UNIT + 5)] * 4)
    said = put(ask, google, PIECE, "tries=9")
    assert google.objects["notes", "a/b.bin"]["data"] == data and said["bytes"] == len(data)
    assert google.asked["open"] == 1


def test_cuts_when_a_session_is_opened_or_asked(google, ask, data):
    google.plan("open", Lost())
    google.plan("piece", Lost())
    google.plan("query", Lost(), Say(503))
    said = put(ask, google, PIECE, "tries=6")
    assert google.objects["notes", "a/b.bin"]["data"] == data and said["bytes"] == len(data)
    assert google.body_bytes["piece"] == len(data)


@pytest.mark.parametrize("status", [404, 410])
def test_a_session_that_is_gone(google, ask, data, status):
    google.plan("piece", None, Say(status))
    said = put(ask, google, PIECE)
    assert said["bytes"] == len(data) and google.asked["open"] == 2
    google.plan("piece", Say(status), Say(status), Say(status))
    assert put(ask, google, PIECE)["class"] == f"status({status})"
    assert google.asked["open"] == 4, "it starts over once"


def test_a_session_elsewhere_gets_no_token(google, ask, data, key_file):
    with far.far(lambda path, attempt: (403, {}, b"")) as other:
        google.plan("open", Say(200, Location=f"{other.base}/upload?upload_id=1"))
        said = put(ask, google, PIECE, f"credentials={key_file}")
    assert said["class"] == "status(403)" and len(other.heads) == 1
    assert google.tokens and not any("ya29" in str(head) or "uthorization" in str(head) for head in other.heads)


def test_a_session_without_tls_is_not_taken(google, ask, data, tmp_path):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", tmp_path / "key.pem", "-out", tmp_path / "cert.pem",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    plain = google.socket
    google.socket = context.wrap_socket(plain, server_side=True)
    at = f"https://localhost:{google.server_address[1]}"
    words = ["anonymous=1", PIECE, f"endpoint={at}"]
    for location, class_ in ((f"{google.base}/upload/storage/v1/b/notes/o?upload_id=no", "protocol"), ("/upload/storage/v1/b/notes/o?upload_id=no", "status(410)")):
        google.plan("open", *[Say(200, Location=location)] * 3)
        said = ask("put", "gs://notes/a", "in", *words, SSL_CERT_FILE=str(tmp_path / "cert.pem"))
        assert said["class"] == class_, said
        google.plans.clear()
    assert google.asked["piece"] > 0 and not google.objects


def test_the_service_keeps_less_than_it_was_sent(google, ask, data):
    google.plan("piece", None, Say(308, Range=f"bytes=0-{2 * UNIT - 1}"))
    said = put(ask, google, PIECE)
    assert said["class"] == "truncated", "no progress is no loop"
    google.plan("piece", Say(308, Range="bytes=0-99999999"))
    assert put(ask, google, PIECE)["class"] == "protocol"
    google.plan("piece", Say(308, Range="bytes=5-9"))
    assert put(ask, google, PIECE)["class"] == "protocol"
    google.plan("open", Say(200))
    assert put(ask, google, PIECE)["class"] == "protocol"
    assert ("notes", "a/b.bin") not in google.objects


def test_preconditions_of_pieces(google, ask, data, tmp_path):
    first = put(ask, google, PIECE, "when=new")
    assert put(ask, google, PIECE, "when=new")["already"]
    google.plan("piece", None, None, Lost())  # the last answer is lost, and somebody asks again with a session that is over
    assert not put(ask, google, PIECE, f"when=match:{first['generation']}", "tries=2")["already"]
    (tmp_path / "other").write_bytes(b"x" * len(data))
    said = put(ask, google, PIECE, "when=new", file="other")
    assert said["class"] == "status(412)" and "another object" in said["error"]
    assert google.objects["notes", "a/b.bin"]["data"] == data


# ---- lost answers and lies ---------------------------------------------------------------------------------------------

def test_a_lost_answer_with_a_precondition_writes_once(google, ask, data):
    google.plan("multipart", Lost())
    said = put(ask, google, "when=new", "tries=2")
    assert said["already"] and google.generation == 1001


def test_equal_is_said_on_both_sums(google, ask, data):
    """Thirty-two bits are thin for "somebody else wrote the same"."""
    put(ask, google)
    google.plan("stat", Change(md5Hash=base64.b64encode(hashlib.md5(b"other").digest()).decode()))
    said = put(ask, google, "when=new")
    assert said["class"] == "status(412)" and "another object" in said["error"], said
    assert put(ask, google, "when=new")["already"]


def test_what_is_damaged_on_its_way_is_refused_by_the_service(google, ask, data):
    google.plan("multipart", Say(400, {"error": {"code": 400, "message": 'Provided CRC32C "a" doesn\'t match calculated CRC32C "b".'}}))
    assert put(ask, google)["class"] == "truncated"


@pytest.mark.parametrize("change, class_", [
    ({"size": "1"}, "truncated"),
    ({"crc32c": "AAAAAA=="}, "truncated"),
    ({"crc32c": None}, "protocol"),
    ({"crc32c": "AAAA"}, "protocol"),
    ({"size": None}, "protocol"),
    ({"size": "-1"}, "protocol"),
    ({"size": "1e3"}, "protocol"),
    ({"name": "other"}, "protocol"),
    ({"bucket": "other"}, "protocol"),
    ({"name": 5}, "protocol"),
])
def test_answers_that_lie(google, ask, data, change, class_):
    google.plan("multipart", Change(**change))
    assert put(ask, google)["class"] == class_
    google.plan("piece", None, None, Change(**change))
    assert put(ask, google, PIECE)["class"] == class_


@pytest.mark.parametrize("body", [b"", b"OK", b"[]", b"{", b"null", b'{"name":"a/b.bin"}'])
def test_answers_that_are_none(google, ask, data, body):
    google.plan("multipart", Say(200, body))
    assert put(ask, google)["class"] == "protocol"
    google.plan("list", Say(200, body))
    assert ask("list", "gs://notes/", f"endpoint={google.base}")[-1].get("class", "protocol") == "protocol"


def test_a_service_that_does_not_stop_talking(google, ask, data):
    google.plan("multipart", Say(200, b" " * ((1 << 20) + 1)))
    assert put(ask, google)["class"] == "too_large"
    google.plan("list", Say(200, b" " * ((16 << 20) + 1)))
    assert ask("list", "gs://notes/", f"endpoint={google.base}")[-1]["class"] == "too_large"


def test_a_list_out_of_order(google, ask):
    item = {"bucket": "notes", "size": "1", "crc32c": "AAAAAA=="}
    for names in (["b", "a"], ["a", "a"]):
        google.plan("list", Say(200, {"items": [{**item, "name": n} for n in names]}))
        assert "order" in ask("list", "gs://notes/", f"endpoint={google.base}")[-1]["error"]
    google.plan("list", Say(200, {"nextPageToken": "t"}), Say(200, {"nextPageToken": "t"}))
    assert ask("list", "gs://notes/", f"endpoint={google.base}")[-1]["class"] == "protocol"


def get(ask, google, url="gs://notes/a/b.bin"):
    return ask("get", url, "out", f"endpoint={google.base}")


def test_bytes_are_proven(google, ask, data, tmp_path):
    put(ask, google)
    assert get(ask, google)["crc32c"] and (tmp_path / "out").read_bytes() == data
    google.objects["notes", "a/b.bin"]["data"] = data[:-1] + b"?"
    assert get(ask, google)["class"] == "truncated"
    google.objects["notes", "a/b.bin"]["data"] = data[:-1]
    assert get(ask, google)["class"] == "truncated"
    md5 = "md5=" + base64.b64encode(hashlib.md5(data).digest()).decode()
    for hash_, good in ((md5, True), ("md5=AAAAAAAAAAAAAAAAAAAAAA==", False)):
        google.plan("get", Say(200, data, x_goog_hash=hash_))
        assert ("bytes" in get(ask, google)) == good


def test_what_lies_there_compressed(google, ask, tmp_path):
    text = b"".join(b"line %d of a text\n" % i for i in range(5000))
    packed = gzip.compress(text)
    (tmp_path / "packed").write_bytes(packed)
    put(ask, google, "encoding=gzip", "type=text/plain", file="packed", url="gs://notes/t")
    assert google.objects["notes", "t"]["data"] == packed
    said = get(ask, google, "gs://notes/t")
    assert (tmp_path / "out").read_bytes() == text and said["bytes"] == len(packed)
    google.objects["notes", "t"]["data"] = packed[:-9] + b"?" + packed[-8:]
    assert get(ask, google, "gs://notes/t")["class"] == "truncated"
    # Compressed for the way only: the sum is of what it hides.
    crc = google.objects["notes", "t"]["crc32c"]
    google.plan("get", Say(200, packed, Content_Encoding="gzip", x_goog_stored_content_encoding="identity", x_goog_hash=f"crc32c={crc32c(text)}"),
                Say(200, packed, Content_Encoding="gzip", x_goog_stored_content_encoding="identity", x_goog_hash=f"crc32c={crc}"))
    assert get(ask, google, "gs://notes/t")["bytes"] and (tmp_path / "out").read_bytes() == text
    assert get(ask, google, "gs://notes/t")["class"] == "truncated"


def test_an_upload_that_is_given_up_is_forgotten(google, ask, data):
    google.plan("piece", None, Cut(0))
    assert put(ask, google, PIECE)["class"] == "reset"
    assert google.asked["forget"] == 1 and not google.sessions and not google.objects


# ---- HMAC keys: the XML API -------------------------------------------------------------------------------------------------

KEYS = ("access=GOOG1EXAMPLE", "secret=canary-secret-of-hmac")


def test_hmac_keys(google, ask, data, tmp_path):
    name = "gs://notes/a b/ü+%~.bin"
    said = put(ask, google, *KEYS, "type=image/x", "cache=no-store", "meta:topic=näme", "meta:x=  two  blanks", "when=new", url=name)
    there = google.objects["notes", "a b/ü+%~.bin"]
    assert there["data"] == data and there["contentType"] == "image/x" and there["cacheControl"] == "no-store"
    assert there["metadata"]["topic"] == "näme"
    assert said["bytes"] == len(data) and said["generation"] == there["generation"] and google.asked["xmlput"] == 1
    assert put(ask, google, *KEYS, "when=new", url=name)["already"]
    (tmp_path / "other").write_bytes(b"x")
    assert put(ask, google, *KEYS, "when=new", url=name, file="other")["class"] == "status(412)"
    assert put(ask, google, *KEYS, f"when=match:{said['generation']}", url=name, file="other")["bytes"] == 1
    got = ask("get", name, "out", f"endpoint={google.base}", *KEYS)
    assert (tmp_path / "out").read_bytes() == b"x" and got["crc32c"]
    assert ask("stat", name, f"endpoint={google.base}", *KEYS)["bytes"] == 1
    assert not google.asked["token"]


def test_hmac_keys_in_pieces(google, ask, data):
    google.plan("piece", None, Cut(UNIT + 7))
    said = put(ask, google, *KEYS, PIECE, "tries=2")
    assert google.objects["notes", "a/b.bin"]["data"] == data and said["bytes"] == len(data) and google.asked["xmlopen"] == 1


def test_hmac_keys_list(google, ask, tmp_path):
    (tmp_path / "in").write_bytes(b"x")
    names = sorted(["a/1", "a/<2>&", "a/ü", "b"], key=str.encode)
    for name in names:
        put(ask, google, *KEYS, url=f"gs://notes/{name}")
    lines = ask("list", "gs://notes/", f"endpoint={google.base}", *KEYS, "most=2")
    assert [line["name"] for line in lines[:-1]] == names and lines[-1]["pages"] == 2
    assert all(line["bytes"] == 1 and line["md5"] == hashlib.md5(b"x").hexdigest() and line["generation"] for line in lines[:-1])
    lines = ask("list", "gs://notes/a/", f"endpoint={google.base}", *KEYS)
    assert [line["name"] for line in lines[:-1]] == names[:3]


@pytest.mark.parametrize("body", [b"", b"{}", b"<html></html>", b"<ListBucketResult><Contents><Key>a</Key>", b"<!DOCTYPE x><ListBucketResult/>",
                                  b"<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>",
                                  b"<ListBucketResult><Contents><Key>b</Key></Contents><Contents><Key>a</Key></Contents></ListBucketResult>"])
def test_lists_that_are_none(google, ask, body):
    google.plan("xmllist", Say(200, body))
    assert ask("list", "gs://notes/", f"endpoint={google.base}", *KEYS)[-1]["class"] == "protocol"


def test_hmac_keys_that_are_refused(google, ask, data):
    said = put(ask, google, KEYS[0], "secret=canary-secret-of-another")
    assert said["class"] == "status(403)" and "not the signature" in said["error"]
    assert put(ask, google, KEYS[0])["class"] == "config"
    google.plan("xmlput", Say(400, b"<Error><Code>BadDigest</Code><Message>damaged</Message></Error>"))
    assert put(ask, google, *KEYS)["class"] == "truncated"
    google.plan("xmlput", Say(404, b"<Error><Code>NoSuchBucket</Code><Message>The specified bucket does not exist.</Message></Error>"))
    said = put(ask, google, *KEYS)
    assert said["class"] == "status(404)" and "gs://notes/: status 404: The specified bucket does not exist." in said["error"]
