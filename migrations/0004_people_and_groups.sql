-- What people and groups are called besides their names, and claims of their own. See 0001_init.sql for the types and
-- for what "sealed" means.

ALTER TABLE users ADD COLUMN claims BYTEA; -- sealed: names and values; none if there are none

ALTER TABLE user_groups ADD COLUMN id TEXT; -- rows that were there get theirs when the store opens
ALTER TABLE user_groups ADD COLUMN friendly_name TEXT; -- none: the name is shown
ALTER TABLE user_groups ADD COLUMN claims BYTEA; -- sealed, as above
CREATE UNIQUE INDEX user_groups_id ON user_groups (id);
