"""journal.py - what a power cut may leave of a folder, chosen from the journal of what was done to it (journal.h)

A disk keeps what was synced. Of the rest it keeps what it likes: of each block of 4 KiB any version since the last sync, a block
torn between two sectors, names and removals up to any point in the order in which they were made in their folder. A sync that
failed has lost what it should have written: it is there to be read until the power is cut, and never after.
"""
import collections
import os
import pathlib

BLOCK, SECTOR = 4096, 512
STYLES = ["lost", "kept", "blocks", "blocks", "torn"]  # what happens to the bytes that were not synced; some more often


class File:
    def __init__(self, inode, life, data=b""):
        self.inode, self.life = inode, life  # the number is used again when a file is gone: its first, second life
        self.durable = data
        self.pending = []  # ("write", at, bytes) and ("size", length), in order

    def sync(self):
        data = bytearray(self.durable)
        for change in self.pending:
            apply(data, change)
        self.durable, self.pending = bytes(data), []

    def live(self):
        """As a process sees it; what a failed sync has lost is left out."""
        data = bytearray(self.durable)
        for change in self.pending:
            apply(data, change)
        return bytes(data)

    def after_cut(self, rng, style):
        if style == "lost":
            return self.durable
        if style == "kept":
            return self.live()
        return self.mixed(rng, torn=style == "torn")

    def mixed(self, rng, torn):
        """Each block as some change left it; the length as some change left it."""
        lengths = [len(self.durable)]
        data = bytearray(self.durable)
        for change in self.pending:
            apply(data, change)
            lengths.append(len(data))
        blocks = range((max(lengths) + BLOCK - 1) // BLOCK)
        last = {b: rng.randint(0, len(self.pending)) for b in blocks}
        result = bytearray(max(lengths))
        for b in blocks:
            sectors = rng.randint(0, BLOCK // SECTOR) if torn and rng.random() < 0.5 else BLOCK // SECTOR
            self.put_block(result, b, last[b], sectors)
        return bytes(result[:rng.choice(lengths)])

    def put_block(self, result, block, changes, sectors):
        """The block after so many changes; of the last one only so many sectors have arrived."""
        start = block * BLOCK
        old = self.version(start, max(0, changes - 1))
        new = self.version(start, changes)
        cut = sectors * SECTOR
        piece = (new[:cut] + old[cut:])[:len(result) - start]
        result[start:start + len(piece)] = piece

    def version(self, start, changes):
        data = bytearray(self.durable)
        for change in self.pending[:changes]:
            apply(data, change)
        return bytes(data[start:start + BLOCK]).ljust(BLOCK, b"\0")


def apply(data, change):
    if change[0] == "size":
        del data[change[1]:]
        data.extend(bytes(change[1] - len(data)))
        return
    _, at, written = change
    data.extend(bytes(max(0, at - len(data))))
    data[at:at + len(written)] = written


def entries(path):
    """The journal's entries, as lists of fields; the last one may be cut off by the process's death."""
    data = path.read_bytes() if path.exists() else b""
    at = 0
    while (end := data.find(b"\n", at)) >= 0:
        fields = data[at:end].decode().split("\t")
        at = end + 1
        if fields[0] == "write":
            n = int(fields[3])
            fields.append(data[at:at + n])
            at += n
        yield fields


class Disk:
    """The folder as it was before the journal, and then entry by entry."""

    def __init__(self, before, folders):
        self.names = {path: File(inode, 0, data) for path, (inode, data) in before.items()}  # durable
        self.live = dict(self.names)
        self.files = {f.inode: f for f in self.names.values()}
        self.folders = set(folders)        # durable
        self.inodes = {}                   # of folders made
        self.pending = {}                  # folder -> names not synced: ("link", path, file), ("unlink", path), ...
        self.ordered = False               # a synced file's name is synced with it, as journaling file systems do

    def name_change(self, path, *change):
        self.pending.setdefault(os.path.dirname(path), []).append(change)
        change_names(self.live, change)

    def sync_folder(self, folder):
        for change in self.pending.pop(folder, []):
            self.change_durable(change)

    def change_durable(self, change):
        if change[0] == "mkdir":
            self.folders.add(change[1])
        change_names(self.names, change)

    def do(self, fields):
        getattr(self, "do_" + fields[0])(*fields[1:])

    def do_create(self, inode, path):
        old = self.files.get(int(inode))
        self.files[int(inode)] = file = File(int(inode), old.life + 1 if old else 1)
        if path:
            self.name_change(path, "link", path, file)

    def do_mkdir(self, inode, path):
        self.inodes[int(inode)] = path
        self.name_change(path, "mkdir", path)

    def do_write(self, inode, at, n, path, data):
        if int(inode) in self.files:
            self.files[int(inode)].pending.append(("write", int(at), data))

    def do_size(self, inode, length, path):
        if int(inode) in self.files:
            self.files[int(inode)].pending.append(("size", int(length)))

    def do_sync(self, inode, path):
        file = self.files.get(int(inode))
        if path in self.folders or int(inode) in self.inodes:
            self.sync_folder(path)
        elif file:
            file.sync()
            if self.ordered:
                self.sync_folder(os.path.dirname(path))

    def do_lost(self, inode, path):
        if int(inode) in self.files:
            self.files[int(inode)].pending = []

    def do_rename(self, source, target):
        self.name_change(target, "rename", source, target)

    def do_unlink(self, path):
        self.name_change(path, "unlink", path)

    def cut(self, rng, style):
        """path -> (file, bytes) of what is left, and the folders."""
        names, folders = dict(self.names), set(self.folders)
        for changes in self.pending.values():
            kept = {"lost": 0, "kept": len(changes)}.get(style, rng.randint(0, len(changes)))
            for change in changes[:kept]:
                if change[0] == "mkdir":
                    folders.add(change[1])
                change_names(names, change)
        return {path: (file, file.after_cut(rng, style)) for path, file in names.items()
                if os.path.dirname(path) in folders and not path.endswith("-shm")}, folders

    def seen(self):
        """path -> bytes, as the process saw it in that moment."""
        return {path: file.live() for path, file in self.live.items() if not path.endswith("-shm")}


def change_names(names, change):
    if change[0] == "link":
        names[change[1]] = change[2]
    elif change[0] == "unlink":
        names.pop(change[1], None)
    elif change[0] == "rename" and change[1] in names:
        names[change[2]] = names.pop(change[1])


def snapshot(folder):
    """path -> (inode, bytes) of all files in it, and the folders."""
    paths = sorted(pathlib.Path(folder).rglob("*"))
    files = {str(p): (p.stat().st_ino, p.read_bytes()) for p in paths if p.is_file()}
    return files, {str(folder), *(str(p) for p in paths if p.is_dir())}


class Keep:
    """Holds on to a folder's files, so that an image of it has the same inodes: receipts name them."""

    def __init__(self, folder, place, journal):
        self.folder, self.place = pathlib.Path(folder), pathlib.Path(place)
        self.lives = collections.Counter(int(fields[1]) for fields in journal if fields[0] == "create")
        self.place.mkdir()
        for path in self.folder.rglob("*"):
            if path.is_file():
                os.link(path, self.place / str(path.stat().st_ino))

    def lay_out(self, files, folders):
        """The folder as `files` says, nothing else in it."""
        for path in sorted(self.folder.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        for name in sorted(folders):
            pathlib.Path(name).mkdir(exist_ok=True)
        for name, (file, data) in files.items():
            kept = self.place / str(file.inode)
            if kept.exists() and file.life == self.lives[file.inode]:
                os.link(kept, name)
            pathlib.Path(name).write_bytes(data)
