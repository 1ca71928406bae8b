package network

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// mtu is larger than that of a wire: fewer packets pass through this process.
const mtu = 16_000

// Host is a network namespace with one address.
type Host struct {
	Name    string
	Address string // without a port

	index int
	tun   *os.File
	space int // the namespace
	work  chan func()
	ended chan struct{}
}

// Supported says why this machine cannot run a network, nil if it can.
func Supported() error {
	if os.Geteuid() != 0 {
		return errors.New("network namespaces need root")
	}
	f, err := os.OpenFile("/dev/net/tun", os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("TUN devices are needed: %w", err)
	}
	_ = f.Close()
	if _, err := exec.LookPath("ip"); err != nil {
		return fmt.Errorf("iproute2 is needed: %w", err)
	}
	return nil
}

// newHost makes a namespace and its device.
func newHost(name string, index int) (*Host, error) {
	h := &Host{Name: name, Address: fmt.Sprintf("127.77.0.%d", index+1), index: index, work: make(chan func()), ended: make(chan struct{})}
	made := make(chan error)
	go h.live(made)
	if err := <-made; err != nil {
		return nil, fmt.Errorf("make host %s: %w", name, err)
	}
	return h, nil
}

// live is the one thread inside the namespace. It is locked for good: processes that it
// starts are killed when it ends, and it ends with this process.
func (h *Host) live(made chan<- error) {
	runtime.LockOSThread() // never unlocked: the thread must not be used for anything else
	defer close(h.ended)
	err := h.enter()
	made <- err
	if err != nil {
		return
	}
	for f := range h.work {
		f()
	}
	_ = h.tun.Close()
	_ = unix.Close(h.space)
}

func (h *Host) enter() error {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("unshare: %w", err)
	}
	space, err := unix.Open(fmt.Sprintf("/proc/self/task/%d/ns/net", unix.Gettid()), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open the namespace: %w", err)
	}
	h.space = space
	if h.tun, err = openTun("tun0"); err != nil {
		return err
	}
	for _, line := range []string{
		"link set lo up",
		// The device carries all of the network but the host's own 127.0.0.1.
		"route del local 127.0.0.0/8 dev lo table local",
		fmt.Sprintf("addr add %s/32 dev tun0", h.Address),
		fmt.Sprintf("link set tun0 up mtu %d", mtu),
	} {
		if out, err := exec.Command("ip", strings.Fields(line)...).CombinedOutput(); err != nil {
			return fmt.Errorf("ip %s: %w: %s", line, err, out)
		}
	}
	for key, value := range map[string]string{"all/route_localnet": "1", "tun0/route_localnet": "1", "all/rp_filter": "0", "tun0/rp_filter": "0"} {
		// The thread's own view: /proc/sys/net is of the namespace of who opens it.
		if err := os.WriteFile(filepath.Join("/proc/thread-self/root/proc/sys/net/ipv4/conf", key), []byte(value), 0o600); err != nil {
			return err
		}
	}
	route := fmt.Sprintf("route add 127.77.0.0/24 dev tun0 src %s", h.Address)
	if out, err := exec.Command("ip", strings.Fields(route)...).CombinedOutput(); err != nil {
		return fmt.Errorf("ip %s: %w: %s", route, err, out)
	}
	return nil
}

func openTun(name string) (*os.File, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open /dev/net/tun: %w", err)
	}
	req, err := unix.NewIfreq(name)
	if err == nil {
		req.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, req)
	}
	if err == nil {
		err = unix.SetNonblock(fd, true) // so that Close ends a Read
	}
	if err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("make device %s: %w", name, err)
	}
	return os.NewFile(uintptr(fd), "/dev/net/tun"), nil
}

// Do runs a function on the host's thread.
func (h *Host) Do(f func()) {
	done := make(chan struct{})
	h.work <- func() { defer close(done); f() }
	<-done
}

// Start starts a command inside the host. It is killed when this process ends.
func (h *Host) Start(cmd *exec.Cmd) (err error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	h.Do(func() { err = cmd.Start() })
	return err
}

// Dial connects from inside the host.
func (h *Host) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	type result struct {
		conn net.Conn
		err  error
	}
	got := make(chan result, 1)
	go func() {
		// A thread of its own, since a dial may take long. It is not unlocked, so it ends
		// with this goroutine.
		runtime.LockOSThread()
		if err := unix.Setns(h.space, unix.CLONE_NEWNET); err != nil {
			got <- result{nil, fmt.Errorf("enter host %s: %w", h.Name, err)}
			return
		}
		var d net.Dialer
		d.SetMultipathTCP(false)
		conn, err := d.DialContext(ctx, network, address)
		got <- result{conn, err}
	}()
	r := <-got
	return r.conn, r.err
}

func (h *Host) close() {
	close(h.work)
	<-h.ended
}

// Network is hosts and the links between them.
type Network struct {
	hosts []*Host
	links [][]*link // from, to
	ends  sync.WaitGroup
}

// New makes a network of named hosts.
func New(names ...string) (*Network, error) {
	if err := Supported(); err != nil {
		return nil, err
	}
	n := &Network{}
	for i, name := range names {
		h, err := newHost(name, i)
		if err != nil {
			n.Close()
			return nil, err
		}
		n.hosts = append(n.hosts, h)
	}
	for from := range n.hosts {
		n.links = append(n.links, nil)
		for to := range n.hosts {
			n.links[from] = append(n.links[from], newLink(n.hosts[to].tun, int64(from*1000+to)))
		}
	}
	for _, h := range n.hosts {
		n.ends.Add(1)
		go n.carry(h)
	}
	return n, nil
}

// Host finds a host by its name.
func (n *Network) Host(name string) *Host {
	for _, h := range n.hosts {
		if h.Name == name {
			return h
		}
	}
	panic("network: no host " + name)
}

// Set gives the link from one host to another, in this direction, a rule.
func (n *Network) Set(from, to string, r Rule) {
	n.links[n.Host(from).index][n.Host(to).index].set(r)
}

// Both sets both directions.
func (n *Network) Both(a, b string, r Rule) {
	n.Set(a, b, r)
	n.Set(b, a, r)
}

// Heal makes all links good.
func (n *Network) Heal() {
	for _, from := range n.links {
		for _, l := range from {
			l.set(Rule{})
		}
	}
}

// Close ends the network.
func (n *Network) Close() {
	for _, h := range n.hosts {
		h.close()
	}
	n.ends.Wait()
	for _, from := range n.links {
		for _, l := range from {
			l.close()
		}
	}
}

// carry takes what a host sends.
func (n *Network) carry(h *Host) {
	defer n.ends.Done()
	buf := make([]byte, mtu+100)
	for {
		size, err := h.tun.Read(buf)
		if err != nil {
			return
		}
		p := buf[:size]
		// IPv4 to one of ours; anything else, such as a router solicitation, has no way.
		if size < 20 || p[0]>>4 != 4 || p[16] != 127 || p[17] != 77 || p[18] != 0 {
			continue
		}
		if to := int(p[19]) - 1; to >= 0 && to < len(n.hosts) {
			n.links[h.index][to].send(p)
		}
	}
}
