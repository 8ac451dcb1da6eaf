-- +goose Up
-- A page of a kind in the order of creation, for those who see every project:
-- without it each page reads all there are of the kind, or of all kinds.
CREATE INDEX records_kind ON records (kind);

-- +goose Down
DROP INDEX records_kind;
