"""rank.py - for each reader the ten articles of the day that suit him best, of which no two tell the same

Called with some hundreds of readers at once: one product of matrices scores all their pairs with the articles, and ten rounds over the whole
block pick the best that is left. 10,000 readers and 400 articles take about a second on one core.
"""
import base64
import datetime
import json
import os
import pathlib

import numpy

MOST = 10
FOLLOWED, FRESH = 0.22, 0.12    # what a followed topic and a new article are worth, beside the likeness of 0 to 1
LIKE = 0.45                     # an article costs so much of its likeness to one that was picked;
SAME = 0.66 if os.environ.get("EMBED") == "minilm" else 0.38  # above this it tells the same, by the kind of vectors
LEAST = 0.12                    # below this nobody is interested
HOURS = 36.0                    # in which freshness fades to a third


def vector(text):
    return numpy.frombuffer(base64.b64decode(text), "<f2").astype(numpy.float32)


def hours(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() / 3600


class Rank:
    """Made once a worker: the articles of the day, as matrices."""

    def __init__(self, path=None):
        with open(path or os.environ.get("ARTICLES", "today.jsonl")) as lines:
            self.articles = [json.loads(line) for line in lines]
        self.number = {article["guid"]: i for i, article in enumerate(self.articles)}
        self.vectors = numpy.stack([vector(a["embedding"]) for a in self.articles])
        self.alike = numpy.maximum(self.vectors @ self.vectors.T, 0)
        times = numpy.array([hours(a["published"]) for a in self.articles])
        self.fresh = FRESH * numpy.exp((times - times.max()) / HOURS).astype(numpy.float32)
        self.edition = max(a["published"] for a in self.articles)[:10]
        self.topics = sorted({topic for a in self.articles for topic in a["topics"]})
        # A topic that is not an article's first is worth half.
        self.about = numpy.zeros((len(self.topics), len(self.articles)), numpy.float32)
        for i, article in enumerate(self.articles):
            for at, topic in enumerate(article["topics"]):
                self.about[self.topics.index(topic), i] = 1.0 if at == 0 else 0.5

    def scores(self, readers):
        """A row for each reader, a column for each article."""
        follows = numpy.array([[topic in r["interests"] for topic in self.topics] for r in readers], numpy.float32)
        likes = numpy.stack([vector(r["profile"]) for r in readers]) @ self.vectors.T
        scores = likes + FOLLOWED * numpy.minimum(follows @ self.about, 1) + self.fresh
        for row, reader in zip(scores, readers):
            row[[self.number[guid] for guid in reader.get("seen") or () if guid in self.number]] = -numpy.inf
        return scores

    def pick(self, scores):
        """Round by round the best that is left, for all readers at once: (article, score), -1 where nothing is."""
        every = numpy.arange(len(scores))
        left = scores.copy()
        picked = numpy.full((len(scores), MOST), -1)
        for nth in range(MOST):
            best = left.argmax(axis=1)
            picked[:, nth] = numpy.where(left[every, best] >= LEAST, best, -1)
            alike = self.alike[best]
            left -= LIKE * alike
            left[alike > SAME] = -numpy.inf
        return picked

    def why(self, reader, article):
        """What the digest says of it: a topic that the reader follows, or that it is like what he reads."""
        return next((topic for topic in article["topics"] if topic in reader["interests"]), None)

    def matches(self, reader, picked, scores):
        who = {"id": reader["id"], "name": reader["name"], "email": reader["email"]}
        for nth, i in enumerate(int(i) for i in picked if i >= 0):
            article = self.articles[i]
            yield {"reader": who, "edition": self.edition, "printed": len(self.articles), "rank": nth + 1, "guid": article["guid"], "score": round(float(scores[i]), 3),
                   "follows": self.why(reader, article)}

    def __call__(self, readers):
        scores = self.scores(readers)
        return [list(self.matches(*of)) for of in zip(readers, self.pick(scores), scores)]
