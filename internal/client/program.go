package client

// NoteHashes notes that the program of this client has said which machine it runs on.
func (c *Client) NoteHashes() { c.hashed.Store(true) }
