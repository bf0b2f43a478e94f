"""gcs_strict.py - a small and strict Google: what an emulator does not do

It refuses what the service's documents do not allow (a piece that does not begin where it stopped or has an odd length, a wrong checksum, a
token of yesterday), keeps of a piece that was cut only whole units of 256 KiB, and fails as it is told:

    google.plan("piece", Cut(300_000))       the next piece is cut after so many bytes of its body
    google.plan("piece", Lost())             it is taken, and the answer is lost
    google.plan("token", Say(400, {"error": "invalid_grant"}))
Operations: token metadata multipart open piece query stat get list forget; xmlput xmlopen xmlstat xmlget xmllist, where each request must be
signed with the HMAC key in .keys.
"""
import base64
import collections
import email.parser
import email.policy
import hashlib
import hmac
import html
import http.server
import json
import re
import socket
import struct
import threading
import urllib.parse

UNIT = 256 << 10
TABLE = []
for each in range(256):
    for _ in range(8):
        each = each >> 1 ^ 0x82f63b78 if each & 1 else each >> 1
    TABLE.append(each)


def crc32c(data):
    c = 0xffffffff
    for byte in data:
        c = c >> 8 ^ TABLE[(c ^ byte) & 255]
    return base64.b64encode(struct.pack(">I", c ^ 0xffffffff)).decode()


class Cut:
    """The connection is reset after so many bytes of the request's body."""

    def __init__(self, after):
        self.after = after


class Lost:
    """The request is done, and the connection is reset instead of the answer."""


class Say:
    """This is the answer, and nothing is done. body: JSON-able or bytes."""

    def __init__(self, status, body=b"", **headers):
        self.status, self.headers = status, {k.replace("_", "-"): v for k, v in headers.items()}
        self.body = body if isinstance(body, bytes) else json.dumps(body).encode()


class Change:
    """The answer's JSON is changed before it leaves."""

    def __init__(self, **fields):
        self.fields = fields


class Gone(Exception):
    """The connection is to be reset."""


class Google(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock = threading.RLock()
        self.objects = {}  # (bucket, name): resource with "data"
        self.sessions = {}
        self.asked = collections.Counter()
        self.body_bytes = collections.Counter()  # received, by operation
        self.plans = collections.defaultdict(collections.deque)
        self.assertions, self.forms = [], []
        self.keys = {"GOOG1EXAMPLE": "canary-secret-of-hmac"}
        self.tokens = set()  # that are taken; empty: nobody asks for one
        self.token_life = 3600
        self.strangers = []  # requests that are not understood
        self.generation = 1000
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def base(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def plan(self, operation, *faults):
        self.plans[operation].extend(faults)

    def handle_error(self, request, client_address):
        pass  # who goes away in mid-answer is part of the tests

    def new_token(self):
        token = f"ya29.canary-{len(self.tokens)}-9f8e7d6c"
        self.tokens.add(token)
        return token

    def keep(self, bucket, resource, data):
        """The object, if its sums are right: (status, answer)."""
        for sum_, ours in (("crc32c", crc32c(data)), ("md5Hash", base64.b64encode(hashlib.md5(data).digest()).decode())):
            if resource.get(sum_, ours) != ours:
                return 400, {"error": {"code": 400, "message": f'Provided {sum_.upper()} "{resource[sum_]}" doesn\'t match calculated '
                                                               f'{sum_.upper()} "{ours}".'}}
            resource[sum_] = ours
        self.generation += 1
        self.objects[bucket, resource["name"]] = {**resource, "bucket": bucket, "size": str(len(data)), "etag": f"CJ{self.generation}=",
                                                  "generation": str(self.generation), "updated": "2026-01-31T12:30:00.123Z", "data": data}
        return 200, self.shown(bucket, resource["name"])

    def shown(self, bucket, name):
        return {k: v for k, v in self.objects[bucket, name].items() if k != "data"}

    def precondition(self, bucket, name, query):
        """None, or the refusal."""
        if "ifGenerationMatch" not in query:
            return None
        there = self.objects.get((bucket, name))
        if query["ifGenerationMatch"] == (there["generation"] if there else "0"):
            return None
        return 412, {"error": {"code": 412, "message": "At least one of the pre-conditions you specified did not hold."}}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def read(self, most=None):
        want = int(self.headers.get("Content-Length") or 0)
        most = want if most is None else min(want, most)
        data = b""
        while len(data) < most:
            more = self.rfile.read1(min(65536, most - len(data)))
            if not more:
                raise Gone
            data += more
        self.server.body_bytes[self.operation] += len(data)
        return data

    def reset(self):
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def say(self, status, body=b"", **headers):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    # ---- which operation ----

    ROUTES = [
        ("token", "POST", r"/token$"),
        ("metadata", "GET", r"/computeMetadata/v1/instance/service-accounts/default/token$"),
        ("multipart", "POST", r"/upload/storage/v1/b/(?P<bucket>[^/]+)/o\?(?=.*uploadType=multipart)"),
        ("open", "POST", r"/upload/storage/v1/b/(?P<bucket>[^/]+)/o\?(?=.*uploadType=resumable)"),
        ("piece", "PUT", r"/upload/storage/v1/b/(?P<bucket>[^/]+)/o\?(?=.*upload_id=)"),
        ("forget", "DELETE", r"/upload/storage/v1/b/(?P<bucket>[^/]+)/o\?(?=.*upload_id=)"),
        ("get", "GET", r"/storage/v1/b/(?P<bucket>[^/]+)/o/(?P<name>[^/?]+)\?(?=.*alt=media)"),
        ("stat", "GET", r"/storage/v1/b/(?P<bucket>[^/]+)/o/(?P<name>[^/?]+)(\?|$)"),
        ("list", "GET", r"/storage/v1/b/(?P<bucket>[^/]+)/o(\?|$)"),
        ("xmlput", "PUT", r"/(?P<bucket>[^/?]+)/(?P<name>[^?]+)$"),
        ("xmlopen", "POST", r"/(?P<bucket>[^/?]+)/(?P<name>[^?]+)$"),
        ("xmlstat", "HEAD", r"/(?P<bucket>[^/?]+)/(?P<name>[^?]+)$"),
        ("xmlget", "GET", r"/(?P<bucket>[^/?]+)/(?P<name>[^?]+)\?"),
        ("xmllist", "GET", r"/(?P<bucket>[^/?]+)\?(?=.*list-type=2)"),
    ]

    def route(self):
        for operation, method, pattern in self.ROUTES:
            m = re.match(pattern, self.path)
            if m and self.command == method:
                self.names = {k: urllib.parse.unquote(v) for k, v in m.groupdict().items()}
                return operation
        return None

    def serve(self):
        g = self.server
        self.operation = self.route()
        self.words = dict(urllib.parse.parse_qsl(self.path.partition("?")[2], keep_blank_values=True))
        if self.operation == "piece" and self.headers.get("Content-Range", "").startswith("bytes */"):
            self.operation = "query"
        if not self.operation:
            g.strangers.append(f"{self.command} {self.path}")
            self.read_all_and_say(404)
            return
        with g.lock:
            g.asked[self.operation] += 1
            fault = g.plans[self.operation].popleft() if g.plans[self.operation] else None
        try:
            self.play(fault)
        except Gone:
            self.reset()

    def read_all_and_say(self, status):
        self.operation = "stranger"
        self.read()
        self.say(status)

    def play(self, fault):
        g = self.server
        if isinstance(fault, Say):
            self.read()
            return self.say(fault.status, fault.body, **fault.headers)
        if self.operation.startswith("xml"):
            refusal = self.unsigned()
            if refusal:
                self.read()
                return self.say(403, self.error("SignatureDoesNotMatch", refusal))
        elif self.operation not in ("token", "metadata") and g.tokens and not self.may():
            self.read()
            return self.say(401, {"error": {"code": 401, "message": "Invalid Credentials"}})
        body = self.read(fault.after if isinstance(fault, Cut) else None)
        with g.lock:
            status, answer, headers = getattr(self, self.operation)(body, isinstance(fault, Cut))
        if isinstance(fault, (Cut, Lost)):
            raise Gone
        if isinstance(fault, Change) and isinstance(answer, dict):
            answer = {k: v for k, v in {**answer, **fault.fields}.items() if v is not None}
        return self.say(status, answer, **headers)

    def may(self):
        return self.headers.get("Authorization", "").removeprefix("Bearer ") in self.server.tokens

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = serve

    # ---- tokens ----

    def token(self, body, _):
        form = dict(urllib.parse.parse_qsl(body.decode()))
        self.server.forms.append(form)
        if "assertion" in form:
            self.server.assertions.append(form["assertion"])
        return 200, {"access_token": self.server.new_token(), "expires_in": self.server.token_life, "token_type": "Bearer"}, {}

    def metadata(self, _, __):
        if self.headers.get("Metadata-Flavor") != "Google":
            return 403, {}, {}
        return 200, {"access_token": self.server.new_token(), "expires_in": self.server.token_life}, {"Metadata_Flavor": "Google"}

    # ---- uploads ----

    def multipart(self, body, cut):
        if cut:
            raise Gone
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + body)
        assert message.get_content_type() == "multipart/related"
        boundary = b"--" + message.get_boundary().encode()
        _, first, second, end = body.split(boundary)
        assert end == b"--\r\n", end
        data = second.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")
        resource = json.loads(first.partition(b"\r\n\r\n")[2])
        refusal = self.server.precondition(self.names["bucket"], resource["name"], self.words)
        return (*(refusal or self.server.keep(self.names["bucket"], resource, data)), {})

    def open(self, body, cut):
        if cut:
            raise Gone
        resource = json.loads(body)
        refusal = self.server.precondition(self.names["bucket"], resource["name"], self.words)
        if refusal:
            return (*refusal, {})
        session = f"canary-session-{len(self.server.sessions)}"
        self.server.sessions[session] = {"resource": resource, "words": self.words, "total": int(self.headers["X-Upload-Content-Length"]),
                                         "data": b"", "done": None}
        bucket = urllib.parse.quote(self.names["bucket"])
        return 200, b"", {"Location": f"{self.server.base}/upload/storage/v1/b/{bucket}/o?uploadType=resumable&upload_id={session}"}

    def state(self, s):
        if s["done"]:
            status, answer = s["done"]
            if s.get("xml") and status == 200:
                return 200, b"", self.headers_of(self.names["bucket"], s["resource"]["name"])
            return status, answer, {}
        return 308, b"", {"Range": f"bytes=0-{len(s['data']) - 1}"} if s["data"] else {}

    def piece(self, body, cut):
        s = self.server.sessions.get(self.words["upload_id"])
        if not s:
            return 410, b"", {}
        first, last, total = map(int, re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", self.headers["Content-Range"]).groups())
        length = int(self.headers["Content-Length"])
        s["total"] = s["total"] or total
        if total != s["total"] or last - first + 1 != length or first != len(s["data"]) or (last + 1 != total and length % UNIT):
            return 400, {"error": {"code": 400, "message": f"Invalid request: {self.headers['Content-Range']} after {len(s['data'])}"}}, {}
        s["data"] += body[:len(body) // UNIT * UNIT] if cut else body
        if len(s["data"]) == total and not cut:
            bucket, resource = self.names["bucket"], s["resource"]
            s["done"] = self.server.precondition(bucket, resource["name"], s["words"]) or self.server.keep(bucket, resource, s["data"])
        return self.state(s)

    def query(self, _, __):
        s = self.server.sessions.get(self.words["upload_id"])
        return self.state(s) if s else (410, b"", {})

    def forget(self, _, __):
        return (499 if self.server.sessions.pop(self.words["upload_id"], None) else 404), b"", {}

    # ---- reading ----

    def found(self):
        return self.server.objects.get((self.names["bucket"], self.names["name"]))

    def stat(self, _, __):
        if not self.found():
            return 404, {"error": {"code": 404, "message": f"No such object: {self.names['bucket']}/{self.names['name']}"}}, {}
        return 200, self.server.shown(self.names["bucket"], self.names["name"]), {}

    def get(self, _, __):
        there = self.found()
        if not there:
            return 404, f"No such object: {self.names['bucket']}/{self.names['name']}".encode(), {}
        coding = {"Content_Encoding": there["contentEncoding"]} if there.get("contentEncoding") else {}
        return 200, there["data"], {"Content_Type": there["contentType"], "x_goog_hash": f"crc32c={there['crc32c']},md5={there['md5Hash']}",
                                    "x_goog_generation": there["generation"], "Last_Modified": "Sat, 31 Jan 2026 12:30:00 GMT",
                                    "x_goog_stored_content_encoding": there.get("contentEncoding") or "identity", **coding}

    def list(self, _, __):
        names = sorted(n for b, n in self.server.objects if b == self.names["bucket"])
        return 200, {"items": [self.server.shown(self.names["bucket"], n) for n in names]}, {}

    # ---- the XML API ----

    def error(self, code, message):
        return f"<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code><Message>{html.escape(message)}</Message></Error>".encode()

    def unsigned(self):
        """Why the request is not signed as Google's "V4 signing process" wants it; None: it is."""
        m = re.fullmatch(r"GOOG4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/storage/goog4_request, SignedHeaders=([^,]+), Signature=(\w{64})",
                         self.headers.get("Authorization", ""))
        if not m or m[1] not in self.server.keys:
            return "no such key"
        names = m[4].split(";")
        must = {n.lower() for n in self.headers if n.lower().startswith("x-goog-") or n.lower() in ("host", "content-type")}
        if names != sorted(names) or set(names) != must:
            return f"signed are {names}, not {sorted(must)}"
        path, _, query = self.path.partition("?")
        fields = sorted(urllib.parse.parse_qsl(query, keep_blank_values=True))
        quote = lambda text: urllib.parse.quote(text, safe="-_.~")  # noqa: E731
        canonical = "\n".join([self.command, "/".join(quote(urllib.parse.unquote(part)) for part in path.split("/")),
                               "&".join(f"{quote(k)}={quote(v)}" for k, v in fields),
                               *(f"{n}:{' '.join(self.headers[n].split())}" for n in names), "", ";".join(names),
                               self.headers["x-goog-content-sha256"]])
        time = self.headers["x-goog-date"]
        text = "\n".join(["GOOG4-HMAC-SHA256", time, f"{m[2]}/{m[3]}/storage/goog4_request", hashlib.sha256(canonical.encode("latin-1")).hexdigest()])
        key = ("GOOG4" + self.server.keys[m[1]]).encode()
        for step in (m[2], m[3], "storage", "goog4_request", text):
            key = hmac.digest(key, step.encode(), "sha256")
        return None if key.hex() == m[5] and time.startswith(m[2]) else f"not the signature of {canonical!r}"

    def headers_of(self, bucket, name):
        there = self.server.objects[bucket, name]
        return {"x_goog_hash": f"crc32c={there['crc32c']},md5={there['md5Hash']}", "x_goog_generation": there["generation"],
                "x_goog_stored_content_length": there["size"], "x_goog_stored_content_encoding": "identity", "ETag": f'"{there["etag"]}"',
                "Last_Modified": "Sat, 31 Jan 2026 12:30:00 GMT", "Content_Type": there["contentType"]}

    def described(self):
        h = self.headers
        metadata = {n.lower().removeprefix("x-goog-meta-"): v.encode("latin-1").decode() for n, v in h.items()
                    if n.lower().startswith("x-goog-meta-")}
        match = {"ifGenerationMatch": h["x-goog-if-generation-match"]} if "x-goog-if-generation-match" in h else {}
        return {"name": self.names["name"], "contentType": h["Content-Type"], "crc32c": h["x-goog-hash"].removeprefix("crc32c="),
                "cacheControl": h.get("Cache-Control"), "metadata": metadata}, match

    def xmlput(self, body, cut):
        if cut:
            raise Gone
        resource, match = self.described()
        if self.server.precondition(self.names["bucket"], resource["name"], match):
            return 412, self.error("PreconditionFailed", "At least one of the pre-conditions you specified did not hold."), {}
        status, answer = self.server.keep(self.names["bucket"], resource, body)
        if status != 200:
            return 400, self.error("BadDigest", answer["error"]["message"]), {}
        return 200, b"", self.headers_of(self.names["bucket"], resource["name"])

    def xmlopen(self, _, __):
        assert self.headers["x-goog-resumable"] == "start"
        resource, match = self.described()
        if self.server.precondition(self.names["bucket"], resource["name"], match):
            return 412, self.error("PreconditionFailed", "no"), {}
        session = f"canary-session-{len(self.server.sessions)}"
        self.server.sessions[session] = {"resource": resource, "words": match, "total": None, "data": b"", "done": None, "xml": True}
        return 201, b"", {"Location": f"{self.server.base}/upload/storage/v1/b/{self.names['bucket']}/o?upload_id={session}"}

    def xmlget(self, _, __):
        if not self.found():
            return 404, self.error("NoSuchKey", "The specified key does not exist."), {}
        return 200, self.found()["data"], self.headers_of(self.names["bucket"], self.names["name"])

    xmlstat = xmlget

    def xmllist(self, _, __):
        bucket, most = self.names["bucket"], int(self.words["max-keys"])
        names = sorted((n for b, n in self.server.objects if b == bucket and n.startswith(self.words.get("prefix", "")) and
                        n > self.words.get("continuation-token", "")), key=str.encode)
        more = f"<NextContinuationToken>{html.escape(names[most - 1])}</NextContinuationToken>" if len(names) > most else ""
        each = "".join(f"<Contents><Key>{html.escape(n)}</Key><Generation>{o['generation']}</Generation><LastModified>{o['updated']}</LastModified>"
                       f"<ETag>\"{base64.b64decode(o['md5Hash']).hex()}\"</ETag><Size>{o['size']}</Size></Contents>"
                       for n, o in ((n, self.server.objects[bucket, n]) for n in names[:most]))
        return 200, f"<?xml version='1.0'?><ListBucketResult xmlns='http://doc.s3.amazonaws.com/2006-03-01'>{more}{each}</ListBucketResult>".encode(), {}
