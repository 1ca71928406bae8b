package cluster

// Kill ends a node without a word to the store or to anybody, as a crash does.
func (n *Node) Kill() {
	n.stopped.Do(func() {
		n.lease.Abandon()
		n.cancel()
		n.crash()
	})
}

func (n *Node) crash() {
	bus := n.bus
	_ = bus.Close()
	n.ends.Wait()
	n.host.DropAll()
	n.hub.Close()
	n.fail(nil)
}
