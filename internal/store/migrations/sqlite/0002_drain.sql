-- What the operator wants of a node: to hand everything over and take nothing.

ALTER TABLE node ADD COLUMN drain BOOLEAN NOT NULL DEFAULT FALSE;
