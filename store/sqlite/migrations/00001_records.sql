-- +goose Up
CREATE TABLE records (
    seq      INTEGER PRIMARY KEY AUTOINCREMENT, -- order of creation, never used twice
    kind     TEXT    NOT NULL,
    id       TEXT    NOT NULL,
    project  TEXT    NOT NULL,
    parent   TEXT    NOT NULL,
    name     TEXT    NOT NULL,
    public   INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    data     TEXT    NOT NULL -- JSON
) STRICT;

-- Each index ends in seq by itself: that is the row's number.
CREATE UNIQUE INDEX records_id ON records (kind, id);
CREATE INDEX records_project ON records (kind, project);
CREATE INDEX records_parent ON records (kind, parent) WHERE parent <> '';
CREATE INDEX records_name ON records (kind, name) WHERE name <> '';
CREATE INDEX records_public ON records (kind) WHERE public = 1;

-- The highest wake of each cluster that no run is known to have heard.
CREATE TABLE wakes (
    wake    INTEGER PRIMARY KEY AUTOINCREMENT,
    cluster TEXT NOT NULL UNIQUE
) STRICT;

-- +goose Down
DROP TABLE wakes;
DROP TABLE records;
