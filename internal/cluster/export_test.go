package cluster

import "context"

// Kill ends a node without a word to the store or to anybody, as a crash does.
func (n *Node) Kill() {
	if !n.stopping.CompareAndSwap(false, true) {
		return
	}
	n.lease.Abandon()
	n.cancel()
	n.crash()
}

func (n *Node) crash() {
	bus := n.bus
	_ = bus.Close()
	n.ends.Wait()
	n.host.DropAll()
	n.hub.Close()
	n.fail(nil)
}

// CallAt sends a command to a node as if it were known to own the key at an epoch. It
// reports whether the node has executed it.
func (n *Node) CallAt(ctx context.Context, node string, key Key, epoch int64, command any) (executed bool, err error) {
	body, err := n.bus.Request(ctx, node, serviceCall, call{Key: key, Epoch: epoch, ID: n.nextID(), Command: command})
	if err != nil {
		return false, err
	}
	return body.(answer).Outcome == replied, nil
}
