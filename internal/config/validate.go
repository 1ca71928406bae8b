package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"teiserver/internal/limit"
)

// maxNodeName keeps names short enough for topics and log lines.
const maxNodeName = 64

// minSecret is the shortest cluster secret off loopback: sixteen characters are
// beyond guessing over a network, and short words typed for a test are refused.
const minSecret = 16

const (
	// maxStop bounds the orderly stop: service managers kill before that anyway.
	maxStop = 10 * time.Minute
	// maxDrain bounds the closing of clients: nobody waits longer for a node.
	maxDrain = time.Hour
)

// Validate completes the configuration and returns one error that names every
// wrong value, on one line. kong calls it for each command that has a Config.
func (c *Config) Validate() error {
	c.Complete()
	var all problems
	c.checkListeners(&all)
	c.checkCluster(&all)
	c.checkFiles(&all)
	c.checkRest(&all)
	c.checkMail(&all)
	if len(all) == 0 {
		return nil
	}
	return errors.New(strings.Join(all, "; "))
}

// Warnings returns what is allowed but probably not meant, one line each.
func (c *Config) Warnings() []string {
	if !c.Clustered() || Loopback(c.ClusterListen) {
		return nil
	}
	var all []string
	if c.ClusterCert == "" {
		all = append(all, "cluster-listen is not on loopback and has no TLS (cluster-cert, cluster-key, cluster-ca): nodes prove themselves by the secret, but what they send can be read on the way")
	}
	if c.Database.SQLite() {
		all = append(all, "a SQLite file serves the nodes of one machine only; a cluster over several machines needs PostgreSQL")
	}
	return all
}

type problems []string

func (p *problems) add(flag, format string, args ...any) {
	*p = append(*p, "--"+flag+": "+fmt.Sprintf(format, args...))
}

func (c *Config) checkListeners(all *problems) {
	if c.SpringListen == "" {
		all.add("spring-listen", "an address is needed, like :8200 or 127.0.0.1:8200")
	}
	for _, text := range c.SpringProxyFrom {
		n, err := limit.ParseNetwork(text)
		switch {
		case err != nil:
			all.add("spring-proxy-from", "%v", err)
		case n.Bits() == 0:
			all.add("spring-proxy-from", "%s is everybody, who could then say to be anybody", text)
		case n.Bits() < widestBalancers(n):
			all.add("spring-proxy-from", "%s is very many networks, whose users could then say to be anybody; name the balancers", text)
		}
	}
	used := map[string]string{}
	for _, l := range c.Listeners() {
		if err := checkAddress(l.Address, false); err != nil {
			all.add(l.Flag, "%v", err)
			continue
		}
		if other, dup := used[l.Address]; dup && !strings.HasSuffix(l.Address, ":0") {
			all.add(l.Flag, "%s is already the address of --%s", l.Address, other)
		}
		used[l.Address] = l.Flag
		if c.Unlimited && !Loopback(l.Address) {
			all.add("unlimited", "--%s %s can be reached from other machines; use a loopback address such as 127.0.0.1", l.Flag, l.Address)
		}
	}
}

// widestBalancers is the shortest prefix in which somebody can have nothing but balancers:
// 10.0.0.0/8 is one, and of IPv6 whatever a registry gives.
func widestBalancers(n netip.Prefix) int {
	if n.Addr().Is4() {
		return 8
	}
	return 16
}

func (c *Config) checkCluster(all *problems) {
	for _, j := range c.ClusterJoin {
		if err := checkAddress(j, true); err != nil {
			all.add("cluster-join", "%v", err)
		}
	}
	if a := c.ClusterAdvertise; a != "" {
		if err := checkAdvertised(a); err != nil {
			all.add("cluster-advertise", "%v", err)
		}
	}
	if !c.Clustered() {
		if c.ClusterAdvertise != "" {
			all.add("cluster-advertise", "it needs --cluster-listen: it says where others reach that address")
		}
		if len(c.ClusterJoin) > 0 {
			all.add("cluster-join", "it needs --cluster-listen: the other nodes must be able to reach this one")
		}
		return
	}
	switch {
	case c.ClusterSecret == "":
		all.add("cluster-secret", "--cluster-listen needs a secret that all nodes share")
	case len(c.ClusterSecret) < minSecret && !Loopback(c.ClusterListen):
		all.add("cluster-secret", "%d characters are too few for an address that is not on loopback; use %d or more", len(c.ClusterSecret), minSecret)
	}
}

func (c *Config) checkFiles(all *problems) {
	pair := func(cert, key, certFlag, keyFlag string) {
		switch {
		case cert != "" && key == "":
			all.add(certFlag, "it needs --%s as well", keyFlag)
		case cert == "" && key != "":
			all.add(keyFlag, "it needs --%s as well", certFlag)
		}
	}
	pair(c.TLSCert, c.TLSKey, "tls-cert", "tls-key")
	pair(c.ClusterCert, c.ClusterKey, "cluster-cert", "cluster-key")
	pair(c.ClusterCert, c.ClusterCA, "cluster-cert", "cluster-ca")
}

func (c *Config) checkRest(all *problems) {
	if c.DataDir == "" {
		all.add("data-dir", "a folder is needed")
	}
	if !validNodeName(c.NodeName) {
		all.add("node-name", "%q may have 1 to %d of the characters a-z A-Z 0-9 - _", c.NodeName, maxNodeName)
	}
	if err := c.Database.check(); err != nil {
		all.add("database", "%v", err)
	}
	if c.DrainTimeout <= 0 || c.DrainTimeout > maxDrain {
		all.add("drain-timeout", "%s is not between 1ms and %s", c.DrainTimeout, maxDrain)
	}
	if c.StopTimeout <= 0 || c.StopTimeout > maxStop {
		all.add("stop-timeout", "%s is not between 1ms and %s", c.StopTimeout, maxStop)
	}
}

// check says what is wrong with the address, never printing it: it may hold a password.
func (d DatabaseURL) check() error {
	switch {
	case d.SQLite():
		if strings.TrimPrefix(string(d), "sqlite:") == "" {
			return errors.New("sqlite: needs a file after it")
		}
		return nil
	case d.PostgreSQL():
		if _, err := url.Parse(string(d)); err != nil {
			return errors.New("the address of the PostgreSQL database cannot be read; special characters in a password are written as %XX")
		}
		return nil
	default:
		return errors.New("it begins with neither sqlite: nor postgres://")
	}
}

// checkAddress accepts host:port. To dial, both are needed; to listen, the host
// may be empty (every interface) and the port 0 (any free one).
func checkAddress(address string, dial bool) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%q is not an address; use host:port, like 127.0.0.1:8200", address)
	}
	n, err := strconv.Atoi(port)
	if err != nil || n < 0 || n > 65535 {
		return fmt.Errorf("%q has no port from 0 to 65535", address)
	}
	if dial && (n == 0 || host == "") {
		return fmt.Errorf("%q needs a host and a port of another node", address)
	}
	if strings.ContainsFunc(host, func(r rune) bool { return r <= ' ' || strings.ContainsRune("/@?#,", r) }) {
		return fmt.Errorf("%q has no valid host", address)
	}
	return nil
}

// checkAdvertised accepts what other nodes can dial: one place, not every interface.
func checkAdvertised(address string) error {
	if err := checkAddress(address, false); err != nil {
		return err
	}
	host, port, _ := net.SplitHostPort(address)
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() || strings.Trim(port, "0") == "" {
		return fmt.Errorf("%q needs the host and the port at which other nodes reach this one", address)
	}
	return nil
}

func validNodeName(name string) bool {
	return name != "" && len(name) <= maxNodeName && !strings.ContainsFunc(name, func(r rune) bool { return !nodeNameRune(r) })
}

func nodeNameRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_'
}
