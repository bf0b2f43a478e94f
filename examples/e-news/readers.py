#!/usr/bin/python3
"""readers.py - so many invented readers as lines for PostgreSQL's COPY, from articles (lines of JSON with title, text, topic) on stdin

    readers.py 10000 [SEED] < archive.jsonl | psql -c 'COPY readers FROM STDIN'

A reader follows one to three topics, and has read some back issues, mostly on them. The profile is the mean of those articles' vectors.
"""
import json
import random
import sys

import numpy

from embed import Embed, packed, unit

FIRST = """Ada Adam Agnes Alba Amir Anke Anton Asa Astrid Aylin Bela Birgit Bruno Carla Cem Clara Daria David Edith Elias Elena Emil Enzo Esra Eva Fabian
Fatima Finn Freya Georg Greta Hana Hugo Ida Igor Iris Jakob Jana Joao Josef Julia Kaan Karin Klara Lara Lena Leon Lina Luca Magda Malik Maria Max Mia
Milan Mira Nils Nina Noah Nora Olaf Olga Omar Otto Paula Pedro Petra Rafael Rana Rita Robin Ruth Sara Selma Simon Sofia Stefan Tara Theo Tilda Tom
Uma Vera Wim Yara Yusuf Zoe""".split()
LAST = """Ahmed Almeida Andersen Bauer Becker Bergman Blanc Bosch Byrne Carvalho Cohen Costa Demir Diaz Dubois Dunn Egger Engel Farkas Fischer Fuchs
Garcia Gruber Haas Hansen Horvat Huber Ito Jensen Johansson Kaplan Keller Khan Klein Kovacs Kruger Lang Larsen Lopez Maier Marino Martin Mendes Meyer
Molnar Murphy Nagy Nielsen Nowak Olsen Pavlov Pereira Popescu Ricci Romano Roth Russo Santos Sato Schmid Silva Simon Singh Smit Suzuki Toth Vogel
Walsh Winter Wolf Wood Young Zeman""".split()


def history(draw, interests, by_topic, everything):
    """Six to fourteen articles read, four of five of them on what the reader follows."""
    return [draw.choice(by_topic[draw.choice(interests)] if draw.random() < 0.8 else everything) for _ in range(draw.randint(6, 14))]


def main():
    many, draw = int(sys.argv[1]), random.Random(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    articles = [json.loads(line) for line in sys.stdin]
    vectors = Embed().vectors(articles)
    by_topic = {}
    for i, article in enumerate(articles):
        by_topic.setdefault(article["topic"], []).append(i)
    topics, everything = sorted(by_topic), list(range(len(articles)))
    for i in range(1, many + 1):
        first, last = draw.choice(FIRST), draw.choice(LAST)
        interests = draw.sample(topics, draw.choice((1, 2, 2, 3, 3)))
        profile = unit(numpy.mean(vectors[history(draw, interests, by_topic, everything)], axis=0))
        row = (str(i), f"{first} {last}", f"{first}.{last}.{i}@readers.example".lower(), json.dumps(interests), "\\\\x" + packed(profile).hex())
        print("\t".join(row))


if __name__ == "__main__":
    main()
