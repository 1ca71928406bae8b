package process

// Load is how busy the processes of a kind are.
type Load struct {
	Processes int
	Waiting   int // commands that were sent and are not answered yet
	Longest   int // of one process
}

// Loads looks at every process, by kind. Kinds without a process are in it.
func (h *Host) Loads() map[string]Load {
	loads := make(map[string]Load, len(h.o.Kinds))
	for name := range h.o.Kinds {
		loads[name] = Load{}
	}
	h.Each(func(p *Process) {
		n := p.box.len() + int(p.taken.Load())
		l := loads[p.kind.Name]
		l.Processes++
		l.Waiting += n
		l.Longest = max(l.Longest, n)
		loads[p.kind.Name] = l
	})
	return loads
}

func (b *mailbox) len() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.queue)
}
