-- How many letters went to an address is asked before each.

CREATE INDEX letter_to ON letter (LOWER(recipient), done_at) WHERE outcome = 'sent';
