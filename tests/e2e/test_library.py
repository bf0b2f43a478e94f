"""libhocket as a stranger meets it: installed, found by pkg-config, linked shared and static, from C and from C++.

Nothing here knows of the build folder but what the names are checked against: programs get pkg-config's words and no others.
"""
import functools
import http.server
import importlib.machinery
import importlib.util
import os
import pathlib
import re
import shutil
import subprocess
import sys
import threading

import pytest
from conftest import PROGRAM, ROOT, SLOW

BUILD = pathlib.Path(PROGRAM).parent
PROGRAMS = pathlib.Path(__file__).parent / "library"
WARNINGS = ["-Wall", "-Wextra", "-pedantic", "-Werror"]
C = [("gcc", "c11"), ("gcc", "c17"), ("gcc", "c2x"), ("clang-14", "c11"), ("clang-14", "c17"), ("clang-14", "c2x")]
CXX = [("g++", "c++11"), ("g++", "c++17"), ("g++", "c++20"), ("clang++-14", "c++17"), ("clang++-14", "c++20")]
SAYS = "gather 385\nqueue 55\nscope timed out\nhttp 0\nsql 42\n"
pytestmark = pytest.mark.skipif(not (BUILD / "src/libhocket.a").exists(), reason="a sanitized build has no library for others")

manual = importlib.util.module_from_spec(importlib.util.spec_from_loader(
    "manual", importlib.machinery.SourceFileLoader("manual", str(ROOT / "tools/manual"))))
sys.modules["manual"] = manual
manual.__loader__.exec_module(manual)


def run(*command, **env):
    done = subprocess.run([str(word) for word in command], env={**os.environ, **env}, capture_output=True, text=True,
                          timeout=120 * SLOW)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}"
    return done.stdout


class Installed:
    """A prefix of its own, as `make install PREFIX=...` leaves it."""

    def __init__(self, folder):
        run("meson", "install", "-C", BUILD, "--no-rebuild", "--quiet", "--destdir", folder)
        self.pc = next(folder.rglob("libhocket.pc"))
        prefix = re.search(r"^prefix=(.*)$", self.pc.read_text(), re.M)[1]
        self.prefix = pathlib.Path(f"{folder}{prefix}")
        self.lib = self.pc.parent.parent
        self.shared, self.static = self.lib / "libhocket.so", self.lib / "libhocket.a"

    def flags(self, *what):
        """pkg-config's words. The prefix was moved, which nobody but a test does."""
        words = run("pkg-config", f"--define-variable=prefix={self.prefix}", *what, "libhocket",
                    PKG_CONFIG_PATH=str(self.pc.parent))
        return words.split()

    def build(self, target, command, sources, static):
        linked = self.flags("--cflags", "--libs", *(["--static"] if static else []))
        run(*command, "-o", target, *sources, *(["-static"] if static else []), *linked)
        return target

    def run(self, program):
        return run(program, LD_LIBRARY_PATH=str(self.lib))


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    return Installed(tmp_path_factory.mktemp("installed"))


@pytest.mark.parametrize("kind", ["address", "thread"])
@pytest.mark.parametrize("compiler, source", [("gcc", "sanitized.c"), ("clang-14", "sanitized.c"), ("g++", "sanitized.cc"),
                                              ("clang++-14", "sanitized.cc")])
def test_a_sanitized_program_with_the_plain_library(installed, tmp_path, compiler, source, kind):
    if kind == "thread" and source.endswith(".cc"):
        pytest.skip("threads see nothing of exceptions")
    program = installed.build(tmp_path / "program", [compiler, "-g", "-O1", f"-fsanitize={kind}"], [PROGRAMS / source], False)
    done = subprocess.run([program], env={**os.environ, "LD_LIBRARY_PATH": str(installed.lib)}, capture_output=True, text=True,
                          timeout=120 * SLOW)
    assert (done.stdout, done.stderr, done.returncode) == ("ended 0\n", "", 0)


@pytest.mark.parametrize("static", [False, True], ids=["shared", "static"])
@pytest.mark.parametrize("compiler", ["gcc", "clang-14"])
def test_a_program_in_c(installed, tmp_path, compiler, static):
    command = [compiler, "-std=c11", "-D_POSIX_C_SOURCE=200809L", *WARNINGS]
    program = installed.build(tmp_path / "tour", command, [PROGRAMS / "tour.c"], static)
    assert installed.run(program) == SAYS + "off-load 42\n"


@pytest.mark.parametrize("static", [False, True], ids=["shared", "static"])
@pytest.mark.parametrize("compiler, standard", [("g++", "c++17"), ("clang++-14", "c++20")])
def test_a_program_in_cxx(installed, tmp_path, compiler, standard, static):
    program = installed.build(tmp_path / "tour", [compiler, f"-std={standard}", *WARNINGS], [PROGRAMS / "tour.cc"], static)
    assert installed.run(program) == SAYS + "exceptions 3\noff-load 42\n"


def test_the_version_is_the_same_everywhere(installed, tmp_path):
    source = tmp_path / "version.c"
    source.write_text("#include <hocket/hocket.h>\n#include <stdio.h>\n"
                      "int main(void)\n{\n\tprintf(\"%s %d.%d.%d\\n\", hk_version(), HK_VERSION_MAJOR, HK_VERSION_MINOR, "
                      "HK_VERSION_PATCH);\n\treturn 0;\n}\n")
    program = installed.build(tmp_path / "version", ["gcc", *WARNINGS], [source], static=False)
    version, = installed.flags("--modversion")
    assert installed.run(program) == f"{version} {version}\n"
    minor = "_".join(version.split(".")[:2])
    assert f"hk_abi_{minor}(void);" in (manual.FOLDER / "run.h").read_text()


@pytest.mark.parametrize("static", [False, True], ids=["shared", "static"])
@pytest.mark.parametrize("compiler, source", [("gcc", "tour.c"), ("g++", "tour.cc")])
def test_headers_of_another_minor_version_do_not_link(installed, tmp_path, compiler, source, static):
    others = tmp_path / "hocket"
    shutil.copytree(installed.prefix / "include/hocket", others)
    run_h = others / "run.h"
    run_h.write_text(run_h.read_text().replace("hk_abi_0_1", "hk_abi_0_2"))
    words = [compiler, f"-I{tmp_path}", "-D_POSIX_C_SOURCE=200809L", "-o", tmp_path / "tour", PROGRAMS / source,
             *(["-static"] if static else []), *installed.flags("--libs", *(["--static"] if static else []))]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120 * SLOW)
    assert done.returncode != 0 and "undefined reference to `hk_abi_0_2" in done.stderr


@pytest.mark.parametrize("compiler, standard", C + CXX)
def test_each_header_compiles_alone(installed, tmp_path, compiler, standard):
    headers = sorted((installed.prefix / "include/hocket").glob("*.h"))
    assert [h.name for h in headers] == sorted(h.name for h in manual.FOLDER.glob("*.h"))
    for header in headers:
        source = tmp_path / ("alone.cc" if (compiler, standard) in CXX else "alone.c")
        source.write_text(f"#include <hocket/{header.name}>\n#include <hocket/{header.name}>\n")
        run(compiler, f"-std={standard}", *WARNINGS, "-fsyntax-only", *installed.flags("--cflags"), source)


def test_the_one_header_includes_all_others():
    included = set(re.findall(r"#include <hocket/(\w+)\.h>", (manual.FOLDER / "hocket.h").read_text()))
    assert included == {h.stem for h in manual.FOLDER.glob("*.h")} - {"hocket"}


# ---- names ----

def symbols(path, *how):
    """{name: kind} of what is defined for others to see."""
    lines = re.findall(r"^[0-9a-f]+ (\w) (\S+)$", run("nm", "--defined-only", *how, path), re.M)
    return {re.sub("@.*", "", name): kind for kind, name in lines if not name.startswith("HOCKET_")}


@pytest.mark.parametrize("kind", ["shared", "static"])
def test_what_is_declared_is_exported_and_nothing_else(installed, kind):
    declared = {name for header in manual.FOLDER.glob("*.h") for name in manual.functions(header)}
    path, how = (installed.shared, ["-D"]) if kind == "shared" else (installed.static, ["-g"])
    exported = set(symbols(path, *how))
    assert len(declared) > 100
    assert exported - declared == set(), "exported, but in no header"
    assert declared - exported == set(), "in a header, but not exported"


@pytest.mark.parametrize("static", [False, True], ids=["shared", "static"])
def test_a_program_may_use_our_inner_names_for_its_own(installed, tmp_path, static):
    """Every name that our files share with each other, defined by the program, too: the library keeps to its own."""
    ours = {name: kind for name, kind in symbols(BUILD / "src/libhocket-open.o", "-g").items() if not name.startswith("hk_")}
    assert {"buf_printf", "fail", "report", "http_exchange"} - set(ours) == set() and len(ours) > 200
    lines = ["void abort(void);", *(f"void {name}(void) {{ abort(); }}" if kind == "T" else f"int {name} = -1;"
                                    for name, kind in ours.items())]
    clash = tmp_path / "clash.c"
    clash.write_text("\n".join(lines) + "\n")
    run("gcc", "-c", "-o", tmp_path / "clash.o", clash)
    sources = [PROGRAMS / "tour.c", tmp_path / "clash.o"]
    program = installed.build(tmp_path / "tour", ["gcc", "-std=gnu17"], sources, static)
    assert installed.run(program) == SAYS + "off-load 42\n"


# ---- what is installed ----

def test_the_versions_agree(installed):
    version = manual.VERSION
    dynamic = run("readelf", "-d", installed.shared)
    assert installed.flags("--modversion") == [version]
    assert run(PROGRAM, "--version").split()[:2] == ["hocket", version]
    assert f"soname: [libhocket.so.{version.split('.')[0]}]" in dynamic
    assert set(re.findall(r"@@(HOCKET_\S+)", run("nm", "-D", installed.shared))) == {f"HOCKET_{version.rpartition('.')[0]}"}
    assert installed.shared.resolve().name == f"libhocket.so.{version}"
    assert f"hocket/{version}".encode() in installed.shared.read_bytes(), "the User-Agent"
    assert f'"hocket {version}"' in (installed.prefix / "share/man/man3/hocket.3").read_text()


def test_the_shared_library_needs_what_it_says(installed):
    dynamic = run("readelf", "-dlW", installed.shared)
    needed = {name.split(".so")[0] for name in re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic)}
    assert needed <= {"libssl", "libcrypto", "libsqlite3", "libz", "libzstd", "libbrotlidec", "libc", "ld-linux-x86-64"}
    assert "TEXTREL" not in dynamic
    assert not re.search(r"GNU_STACK.* RWE ", dynamic), "an executable stack"


def test_pkg_config_names_private_libraries_for_static_links_only(installed):
    assert installed.flags("--cflags", "--libs") == [
        f"-I{installed.prefix}/include", "-fstack-clash-protection", f"-L{installed.lib}", "-lhocket"]
    assert {"-lhocket", "-lssl", "-lcrypto", "-lsqlite3", "-lz", "-lzstd", "-lbrotlidec", "-pthread"} <= set(installed.flags("--static", "--libs"))


def test_the_manual_page_has_every_function(installed):
    page = (installed.prefix / "share/man/man3/hocket.3").read_text()
    for header in manual.FOLDER.glob("*.h"):
        for name in manual.functions(header):
            assert name.endswith("_") or f"{name}(" in page, f"hocket(3) does not know {name} of {header.name}"


# ---- the page ----

class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def pages(tmp_path):
    """A web server with two pages; its address."""
    folder = tmp_path / "pages"
    folder.mkdir()
    (folder / "one").write_text("1")
    (folder / "three").write_text("333")
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_the_program_that_the_page_begins_with(installed, tmp_path, pages):
    page = (ROOT / "docs/library/README.md").read_text()
    source = tmp_path / "fetch.c"
    source.write_text(re.search(r"^```c\n(.*?)^```", page, re.M | re.S)[1])
    program = installed.build(tmp_path / "fetch", ["gcc", *WARNINGS], [source], static=False)
    urls = [f"{pages}/one", f"{pages}/three", f"{pages}/none", "http://127.0.0.1:1/"]
    done = subprocess.run([program, *urls], env={**os.environ, "LD_LIBRARY_PATH": str(installed.lib)}, capture_output=True, text=True,
                          timeout=60 * SLOW)
    assert done.returncode == 1
    assert {f"200 {pages}/one, 1 bytes", f"200 {pages}/three, 3 bytes"} <= set(done.stdout.splitlines())
    assert f"404 {pages}/none" in done.stdout
    assert "refused: connecting to '127.0.0.1' port 1" in done.stderr and "1 of 4 failed" in done.stderr


def test_the_page_names_what_there_is():
    known = {name for header in manual.headers() for name in manual.names(header)}
    page = (ROOT / "docs/library/README.md").read_text()
    named = set(re.findall(r"\b(hk_\w+)", page)) - {"hk_"}
    assert len(named) > 50 and named - known == set()
