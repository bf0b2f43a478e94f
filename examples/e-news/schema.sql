-- schema.sql - articles, readers, and what was sent to whom
CREATE TABLE articles (
    guid      text PRIMARY KEY,
    url       text NOT NULL,
    paper     text,
    title     text NOT NULL,
    author    text,
    published timestamptz NOT NULL,
    language  text,
    summary   text,
    text      text,
    words     integer,
    topics    jsonb NOT NULL,
    embedding bytea NOT NULL
);
CREATE INDEX ON articles (published);

CREATE TABLE readers (
    id        integer PRIMARY KEY,
    name      text NOT NULL,
    email     text NOT NULL,
    interests jsonb NOT NULL,   -- topics, as the reader has ticked them
    profile   bytea NOT NULL    -- the mean of what the reader has read, as an article's embedding
);

-- The ledger: one row for each digest, and what the mail server said to it.
CREATE TABLE sends (
    reader     integer NOT NULL REFERENCES readers (id),
    edition    date NOT NULL,
    articles   jsonb NOT NULL,  -- guids, in the digest's order
    message_id text UNIQUE,     -- of a mail that the server took
    outcome    text NOT NULL,   -- sent, or why not: unknown_outcome, smtp(550) ...
    response   text,
    sent_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (reader, edition)
);

-- What topics are called, and the colour that they have in a digest.
CREATE TABLE topics (slug text PRIMARY KEY, name text NOT NULL, color text NOT NULL);
INSERT INTO topics VALUES
    ('software', 'Software', '#3056d3'), ('energy', 'Climate & energy', '#2f8f4e'), ('markets', 'Markets', '#8a6d1d'),
    ('cities', 'Cities & transport', '#c2571a'), ('space', 'Space', '#4b3f8f'), ('health', 'Health', '#c23a5e'),
    ('wildlife', 'Wildlife', '#15807f'), ('archaeology', 'Archaeology', '#8b5a2b'), ('football', 'Football', '#1d7a2f'),
    ('food', 'Food', '#b5371f'), ('travel', 'Travel', '#0d76a8'), ('film', 'Film', '#7b2d74');
