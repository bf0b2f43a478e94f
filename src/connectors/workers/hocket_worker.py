"""hocket_worker - Python functions as workers of a hocket pipeline.

hocket brings this file along: a `python:` step needs nothing installed, and functions can import it for Blob.

    # classify.py
    from hocket_worker import Blob

    def thumbnail(record):                      # a dict; blobs in it are Blob, which is bytes
        image = shrink(record["image"])
        return {"id": record["id"], "thumb": Blob(image, "image/png")}

A program of its own, for `run: [python3, my_worker.py]` with `protocol: frames`, copies this file beside it:

    import hocket_worker
    hocket_worker.serve(thumbnail)

The protocol is described in docs/reference/worker-protocol.md. Python 3.8 or later; no other module is needed.
"""

import json
import os
import struct
import sys

__all__ = ["Blob", "serve", "serve_parts"]

HEAD = struct.Struct("<3sBHHIIQ")  # magic, version, kind, zero, call, parts, body
HELLO, CALL, ANSWER, ERROR = 1, 2, 3, 4
EXCERPT_MOST = 8000  # characters of a traceback


class Blob(bytes):
    """Bytes with a media type. They travel beside a record's JSON and are never encoded."""

    def __new__(cls, data=b"", type="application/octet-stream"):
        blob = super().__new__(cls, data)
        blob.type = type
        return blob

    def __repr__(self):
        return f"<Blob {self.type}, {len(self)} bytes>"


class OutputError(Exception):
    """What was returned cannot be an answer."""


# ---- frames ----------------------------------------------------------------------------------------------------


class Pipe:
    """The two descriptors between hocket and this worker."""

    def __init__(self):
        where = os.environ.pop("HOCKET_WORKER", None)
        if where is None:
            sys.exit("this is a worker: hocket starts it, as a step of a pipeline")
        read_fd, self.write_fd = map(int, where.split(","))
        for fd in (read_fd, self.write_fd):  # what we start must not hold our pipes
            os.set_inheritable(fd, False)
        self.calls = os.fdopen(read_fd, "rb", buffering=1 << 16)

    def send(self, kind, call, parts):
        lengths = struct.pack(f"<{len(parts)}Q", *map(len, parts))
        body = len(lengths) + sum(map(len, parts))
        head = HEAD.pack(b"HKW", 1, kind, 0, call, len(parts), body) + lengths
        if body < 1 << 16:
            self.write(b"".join((head, *parts)))
            return
        self.write(head)
        for part in parts:
            self.write(part)

    def write(self, data):
        view = memoryview(data)
        while view:
            view = view[os.write(self.write_fd, view) :]

    def calls_until_the_end(self):
        """Each call's number and parts, until hocket closes the pipe."""
        while True:
            head = self.calls.read(HEAD.size)
            if not head:
                return
            magic, version, kind, _, call, n, _ = HEAD.unpack(head)
            if magic != b"HKW" or version != 1 or kind != CALL:
                sys.exit("hocket_worker.py is of another version than the hocket that started it")
            lengths = struct.unpack(f"<{n}Q", self.calls.read(8 * n))
            yield call, [self.calls.read(length) for length in lengths]


def serve_parts(function):
    """The lowest way: function gets a list of bytes and returns one. What it raises fails the call."""
    pipe = Pipe()
    pipe.send(HELLO, 0, [])
    for call, parts in pipe.calls_until_the_end():
        try:
            kind, answer = ANSWER, function(parts)
        except Exception as error:
            kind, answer = ERROR, [words(error).encode("utf-8", "replace")]
        pipe.send(kind, call, answer)


# ---- records in ------------------------------------------------------------------------------------------------


def decode(text, named):
    """A record, with its blobs in the places where its text names them."""
    if not named:
        return json.loads(text)

    def place(value):
        blob = named.get(value.get("$blob")) if "$blob" in value else None
        if blob is None:
            return value
        blob.type = value.get("type", blob.type)
        return blob

    return json.loads(text, object_hook=place)


def take_records(parts):
    """(record, its blobs by name) for each record of a call."""
    at = 1
    for about in json.loads(parts[0])["records"]:
        names = about.get("blobs", ())
        named = {name: Blob(data) for name, data in zip(names, parts[at + 1 : at + 1 + len(names)])}
        yield decode(parts[at], named), named
        at += 1 + len(names)


# ---- answers out -----------------------------------------------------------------------------------------------


class Answer:
    """One answer as JSON, and the blobs that its text names."""

    def __init__(self, value, given):
        self.kept = {id(blob): name for name, blob in given.items()}
        self.taken = set(given)
        self.names, self.data = [], []
        self.wanted = {}  # a blob directly in the record is named like its field
        for record in value if isinstance(value, list) else (value,):
            if isinstance(record, dict):
                self.wanted.update((id(v), k) for k, v in record.items() if is_bytes(v) and isinstance(k, str))

    def name_for(self, wanted):
        name, n = wanted, 1
        while name in self.taken:
            n += 1
            name = f"{wanted}-{n}"
        self.taken.add(name)
        return name

    def reference(self, value):
        name = self.kept.get(id(value))
        if name is None:
            name = self.kept[id(value)] = self.name_for(self.wanted.get(id(value), "blob"))
            self.names.append(name)
            self.data.append(value)
        kind = getattr(value, "type", "application/octet-stream")
        return {"$blob": name, "type": kind, "bytes": memoryview(value).nbytes}

    def other(self, value):
        """What JSON does not know."""
        if is_bytes(value):
            return self.reference(value)
        for method in ("isoformat", "tolist", "item"):  # dates; numpy's arrays and numbers
            if hasattr(value, method):
                return getattr(value, method)()
        if isinstance(value, os.PathLike):
            return os.fspath(value)
        if type(value).__name__ == "UUID":
            return str(value)
        raise OutputError(f"returned {a_type(value)} inside of its value, which JSON does not know")

    def text(self, value):
        try:
            text = json.dumps(value, default=self.other, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
            return text.encode()
        except UnicodeEncodeError:
            raise OutputError("returned a string with half a character (a lone surrogate)") from None
        except (TypeError, ValueError, RecursionError) as error:
            raise OutputError(f"returned what JSON cannot say: {error}") from None


def is_bytes(value):
    return isinstance(value, (bytes, bytearray, memoryview))


def a_type(value):
    name = type(value).__qualname__
    return f"an {name}" if name[:1] in "aeiouAEIOU" else f"a {name}"


def flat(value):
    """bytes, without a copy where possible."""
    return value if isinstance(value, (bytes, bytearray)) else bytes(value)


def put_answer(value, given):
    """What is said of it in the head, and its parts."""
    if isinstance(value, BaseException):
        raise value
    if value is None:
        raise OutputError("returned None: a step needs an answer")
    if is_bytes(value):
        return {"blob": getattr(value, "type", "application/octet-stream")}, [flat(value)]
    if hasattr(value, "__next__"):
        value = list(value)
    answer = Answer(value, given)
    text = answer.text(value)
    about = {"blobs": answer.names} if answer.names else {}
    return about, [text, *map(flat, answer.data)]


# ---- what went wrong -------------------------------------------------------------------------------------------


def place_of(error):
    """The innermost line that is neither of this file nor of a library: (classify.py:12)."""
    here, found = put_answer.__code__.co_filename, None
    tb = error.__traceback__
    while tb:
        name = tb.tb_frame.f_code.co_filename
        if name != here and not name.startswith("<") and ("site-packages" not in name or not found):
            found = f"{os.path.basename(name)}:{tb.tb_lineno}"
        tb = tb.tb_next
    return f" ({found})" if found else ""


def words(error):
    try:
        text = str(error)
    except Exception:
        text = "(its text cannot be told)"
    name = type(error).__name__
    return f"{name}: {text}{place_of(error)}" if text else name + place_of(error)


def trace(error):
    import traceback

    here = put_answer.__code__.co_filename
    lines = traceback.TracebackException.from_exception(error)
    part = lines
    while part:
        part.stack[:] = [frame for frame in part.stack if frame.filename != here]
        part = part.__cause__ or part.__context__
    return "".join(lines.format())[-EXCERPT_MOST:]


def put_error(error):
    if isinstance(error, OutputError):
        return {"error": str(error), "class": "output"}, []
    kind = "oom" if isinstance(error, MemoryError) else "error"
    return {"error": words(error), "class": kind, "excerpt": trace(error)}, []


# ---- functions -------------------------------------------------------------------------------------------------


def plain(function):
    """An async function as one that returns when it is done; all of its calls share an event loop."""
    import inspect

    called = function if inspect.isroutine(function) else getattr(function, "__call__", function)
    if inspect.iscoroutinefunction(called):
        import asyncio

        loop = asyncio.new_event_loop()
        return lambda value: loop.run_until_complete(function(value))
    if inspect.isasyncgenfunction(called):
        import asyncio

        loop = asyncio.new_event_loop()

        async def collect(value):
            return [item async for item in function(value)]

        return lambda value: loop.run_until_complete(collect(value))
    return function


def call_each(function, records):
    for record, given in records:
        try:
            yield put_answer(function(record), given)
        except Exception as error:
            yield put_error(error)


def call_many(function, records):
    values = function([record for record, _ in records])
    if values is None:
        raise OutputError("returned None: with `batch` it gets a list and returns one, as long")
    values = list(values)
    if len(values) != len(records):
        raise OutputError(f"returned {len(values)} answers for {len(records)} records: with `batch` it returns one for each")
    for value, (_, given) in zip(values, records):
        try:
            yield put_answer(value, given)
        except Exception as error:
            yield put_error(error)


def serve(function, batch=False):
    """Calls function(record) for each record, or function(records) for all of a call. Returns when hocket closes the pipe."""
    function, call = plain(function), call_many if batch else call_each

    def answer(parts):
        records = list(take_records(parts))
        try:
            answers = list(call(function, records))
        except Exception as error:  # of the batch as a whole
            about, _ = put_error(error)
            return [json.dumps({"whole": about}).encode()]
        head = json.dumps({"records": [about for about, _ in answers]}, ensure_ascii=False).encode("utf-8", "replace")
        return [head, *(part for _, parts in answers for part in parts)]

    serve_parts(answer)


# ---- a file of functions ---------------------------------------------------------------------------------------


def fail(path, line, column, text, source):
    """Like a compiler: where, what, the line and a caret."""
    place = f"{path}:{line}:{column}" if line else path
    lines = source.splitlines()
    print(f"{place}: {text}", file=sys.stderr)
    if line and line <= len(lines):
        shown = lines[line - 1].replace("\t", " ")
        print(f"  {line} | {shown}\n  {' ' * len(str(line))} | {' ' * (column - 1)}^", file=sys.stderr)
    sys.exit(2)


def read_source(fd):
    data, at = b"", 0
    while True:
        more = os.pread(fd, 1 << 20, at)
        if not more:
            return data
        data, at = data + more, at + len(more)


def parse(path, data):
    import ast
    import io
    import tokenize

    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        source = data.decode(encoding)
    except (SyntaxError, UnicodeDecodeError, LookupError) as error:
        fail(path, 0, 0, f"cannot be read: {error}", "")
    try:
        return ast.parse(data, path), source
    except SyntaxError as error:
        fail(path, error.lineno or 0, error.offset or 1, error.msg, source)
    except ValueError as error:
        fail(path, 0, 0, str(error), source)


def names_in(body):
    """Names that a module may have, with the node that makes them."""
    import ast

    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield node.name, node
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            for target in getattr(node, "targets", None) or [node.target]:
                for part in ast.walk(target):
                    if isinstance(part, ast.Name):
                        yield part.id, node
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            for alias in node.names:
                yield alias.asname or alias.name.split(".")[0], node
        for inner in ("body", "orelse", "finalbody"):
            if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                yield from names_in(getattr(node, inner, ()))
        for handler in getattr(node, "handlers", ()):
            yield from names_in(handler.body)


def check_imports(path, tree, source):
    """Of what is imported in any case: is it there? Nothing is executed to find out."""
    import ast
    import importlib.util

    for node in tree.body:
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module]
        for name in names:
            top = name.split(".")[0]
            if top in sys.modules:
                continue
            try:
                found = importlib.util.find_spec(top)
            except (ImportError, ValueError):
                found = None
            if not found:
                text = f"no module named '{top}' for {sys.executable}: install it there, or name another Python: `interpreter: ...`"
                fail(path, node.lineno, node.col_offset + 1, text, source)


def check(path, name, data):
    """Syntax, name and imports, without executing the file."""
    import ast
    import difflib

    tree, source = parse(path, data)
    found = dict(names_in(tree.body))
    anything = any(isinstance(n, ast.ImportFrom) and n.names[0].name == "*" for n in tree.body)
    if name not in found and not anything and "__getattr__" not in found:
        functions = [k for k, n in found.items() if not k.startswith("_") and hasattr(n, "body")]
        near = difflib.get_close_matches(name, functions, 1)
        hint = f"did you mean '{near[0]}'?" if near else f"it has {', '.join(functions) or 'no function'}"
        fail(path, 0, 0, f"has no function '{name}'; {hint}", source)
    node = found.get(name)
    arguments = getattr(node, "args", None)
    if arguments is not None and not isinstance(node, ast.ClassDef):
        most = len(getattr(arguments, "posonlyargs", ())) + len(arguments.args)
        least = most - len(arguments.defaults)
        needs = any(default is None for default in arguments.kw_defaults)
        if (most < 1 and not arguments.vararg) or least > 1 or needs:
            fail(path, node.lineno, node.col_offset + 1, f"'{name}' is called with one argument, the record", source)
    check_imports(path, tree, source)


def load(path, name, data):
    """The file's text as it was when the run began, as a module; the function, or an instance of the class."""
    import linecache
    import types

    tree, source = parse(path, data)
    module = types.ModuleType(os.path.splitext(os.path.basename(path))[0])
    module.__file__ = path
    sys.modules.setdefault(module.__name__, module)
    linecache.cache[path] = (len(source), None, source.splitlines(True), path)
    exec(compile(tree, path, "exec"), module.__dict__)
    function = getattr(module, name, None)
    if isinstance(function, type):
        function = function()
    if not callable(function):
        fail(path, 0, 0, f"'{name}' is no function" if hasattr(module, name) else f"has no function '{name}'", source)
    return function


def main(argv):
    """What hocket starts: [mode, descriptor of the file's text, path, name]."""
    mode, fd, path, name = argv
    os.set_inheritable(int(fd), False)
    data = read_source(int(fd))
    os.close(int(fd))
    sys.argv = [path]
    sys.path[0] = os.path.dirname(path)  # instead of "", the working folder
    if mode == "check":
        check(path, name, data)
    else:
        serve(load(path, name, data), batch=mode == "batch")
