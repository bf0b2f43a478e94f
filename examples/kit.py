"""kit.py - what the run scripts of the examples have in common: what they say, the servers that they start, and pictures

A picture is (width, rows), a row its pixels as RGB bytes; they are read from pdftoppm and written as PNG without any library.
"""
import contextlib
import pathlib
import struct
import subprocess
import tempfile
import zlib

ROOT = pathlib.Path(__file__).resolve().parent.parent


def head(text):
    print(f"\n== {text}", flush=True)


def check(what, good):
    print(f"  {'yes' if good else 'NO '}  {what}", flush=True)
    return good


def build(folder, *programs):
    """Builds what is missing."""
    if not all((folder / name).exists() for name in programs):
        subprocess.run([ROOT / "tools/deps", "build"], check=True)
        subprocess.run([ROOT / "tools/build", folder], check=True)


@contextlib.contextmanager
def served(*command):
    """The URL of a server that prints it when it listens; None: it does not start."""
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, text=True)
    try:
        yield process.stdout.readline().strip() or None
    finally:
        process.terminate()
        process.wait()


# ---- pictures ----

def pages(path, dpi=36):
    """The pages of a PDF as pictures."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["pdftoppm", "-r", str(dpi), path, f"{folder}/page"], check=True)
        for page in sorted(pathlib.Path(folder).iterdir()):
            _, size, _, data = page.read_bytes().split(b"\n", 3)
            width, height = map(int, size.split())
            yield width, [data[y * width * 3:(y + 1) * width * 3] for y in range(height)]


def write_png(path, picture):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    width, rows = picture
    header = struct.pack(">IIBBBBB", width, len(rows), 8, 2, 0, 0, 0)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"".join(b"\0" + r for r in rows), 9)) +
                     chunk(b"IEND", b""))


def sheet(found, across, gap=12, grey=b"\xb8\xb8\xbe"):
    """Pictures on one sheet, so many beside each other."""
    width, height = max(w for w, _ in found), max(len(rows) for _, rows in found)
    whole = across * (width + gap) + gap
    lines = [grey * whole] * gap
    for at in range(0, len(found), across):
        for y in range(height):
            cells = [(rows[y] if y < len(rows) else grey * w) + grey * (width - w + gap) for w, rows in found[at:at + across]]
            line = grey * gap + b"".join(cells)
            lines.append(line + grey * (whole - len(line) // 3))
        lines += [grey * whole] * gap
    return whole, lines
