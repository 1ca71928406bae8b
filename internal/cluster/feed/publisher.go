package feed

// Publisher is the owner's end of a feed. Publish is called from one goroutine at
// a time: the owner's.
type Publisher struct{}

// Publish numbers an event and sends it to all followers.
func (p *Publisher) Publish(event any) Version { panic("not built") }

// Close ends the feed on this node; followers look for the next owner.
func (p *Publisher) Close() { panic("not built") }
