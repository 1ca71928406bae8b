-- What the operator wants of a node: to hand everything over and take nothing.

ALTER TABLE node ADD COLUMN drain boolean NOT NULL DEFAULT FALSE;
