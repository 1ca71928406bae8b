package config

import (
	"cmp"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"teiserver/internal/limit"
)

// Config is what one node is started with. The zero value is not usable: it is
// filled by kong, which then calls Validate.
type Config struct {
	File FilePath `name:"config" env:"TEISERVER_CONFIG" placeholder:"FILE" help:"TOML file with the same names as the flags; flags and environment win over it."`

	DataDir  string      `name:"data-dir" env:"TEISERVER_DATA_DIR" default:"./data" help:"Folder for what this node keeps on disk."`
	NodeName string      `name:"node-name" env:"TEISERVER_NODE_NAME" placeholder:"NAME" help:"Name of this node, unique in its cluster (default: the host's name)."`
	Database DatabaseURL `name:"database" env:"TEISERVER_DATABASE" placeholder:"URL" help:"Where the data is: sqlite:FILE or postgres://USER:PASSWORD@HOST/NAME (default: sqlite:DATA-DIR/teiserver.db)."`

	SpringListen    string   `name:"spring-listen" env:"TEISERVER_SPRING_LISTEN" default:":8200" help:"Address of the Spring protocol; clients may start TLS on it."`
	SpringTLSListen string   `name:"spring-tls-listen" env:"TEISERVER_SPRING_TLS_LISTEN" default:":8201" help:"Address of the Spring protocol with TLS from the first byte; empty: none."`
	SpringProxyFrom []string `name:"spring-proxy-from" env:"TEISERVER_SPRING_PROXY_FROM" placeholder:"NETWORK" help:"Addresses or networks of balancers that begin each connection to --spring-listen and --spring-tls-listen with a PROXY header (version 1 or 2), which says who connects; from there a header is needed, from elsewhere it is refused."`

	HTTPListen string `name:"http-listen" env:"TEISERVER_HTTP_LISTEN" default:"127.0.0.1:4000" help:"Address for health checks, metrics and the API of hosts, and pprof if it is a loopback address; empty: none."`

	TLSCert string `name:"tls-cert" env:"TEISERVER_TLS_CERT" placeholder:"FILE" help:"Certificate chain (PEM) for clients; without it a self-signed one is kept in the store."`
	TLSKey  string `name:"tls-key" env:"TEISERVER_TLS_KEY" placeholder:"FILE" help:"Private key (PEM) of --tls-cert."`

	ClusterListen    string   `name:"cluster-listen" env:"TEISERVER_CLUSTER_LISTEN" placeholder:"ADDRESS" help:"Address for the other nodes; empty: a single node."`
	ClusterAdvertise string   `name:"cluster-advertise" env:"TEISERVER_CLUSTER_ADVERTISE" placeholder:"ADDRESS" help:"Address at which other nodes reach --cluster-listen, if it is another one (containers, address translation)."`
	ClusterJoin      []string `name:"cluster-join" env:"TEISERVER_CLUSTER_JOIN" placeholder:"ADDRESS" help:"Addresses of other nodes' --cluster-listen, or their --cluster-advertise; one that is reachable is enough."`
	ClusterSecret    Secret   `name:"cluster-secret" env:"TEISERVER_CLUSTER_SECRET" placeholder:"TEXT" help:"Shared by all nodes of a cluster; better given by environment or file than by flag."`
	ClusterCert      string   `name:"cluster-cert" env:"TEISERVER_CLUSTER_CERT" placeholder:"FILE" help:"Certificate (PEM) of this node for connections between nodes."`
	ClusterKey       string   `name:"cluster-key" env:"TEISERVER_CLUSTER_KEY" placeholder:"FILE" help:"Private key (PEM) of --cluster-cert."`
	ClusterCA        string   `name:"cluster-ca" env:"TEISERVER_CLUSTER_CA" placeholder:"FILE" help:"Certificates (PEM) that sign the other nodes' certificates."`

	GeoIP string `name:"geoip" env:"TEISERVER_GEOIP" placeholder:"FILE" help:"Database of countries by address (.mmdb, such as GeoLite2-Country), the same on all nodes; read at the start. Without it no user has a country."`

	DiscordToken Secret `name:"discord-token" env:"TEISERVER_DISCORD_TOKEN" placeholder:"TEXT" help:"Token of the bot that is the bridge on Discord, the same on all nodes; better given by environment or file than by flag. The bridge is switched on by addon.bridge."`
	DiscordAPI   string `name:"discord-api" env:"TEISERVER_DISCORD_API" placeholder:"URL" help:"Address of Discord, if it is not reached at its own: a proxy, or a stand-in."`

	Mail         string `name:"mail" env:"TEISERVER_MAIL" default:"log:" placeholder:"WAY" help:"Where mail goes: smtp://USER@HOST:PORT (with STARTTLS), smtps://USER@HOST:PORT, smtp+plain://HOST:PORT for a server on this machine, file:FOLDER, log: into the log of the node that sends, with the codes and whatever --log-level is, or none: letters count as sent."`
	MailPassword Secret `name:"mail-password" env:"TEISERVER_MAIL_PASSWORD" placeholder:"TEXT" help:"Password of the user of --mail; better given by environment or file than by flag."`
	MailFrom     string `name:"mail-from" env:"TEISERVER_MAIL_FROM" placeholder:"ADDRESS" help:"Address that mail comes from, like Teiserver <noreply@example.org>."`

	LogFormat string `name:"log-format" env:"TEISERVER_LOG_FORMAT" default:"text" enum:"text,json" help:"Form of the log: text or json."`
	LogLevel  string `name:"log-level" env:"TEISERVER_LOG_LEVEL" default:"info" enum:"debug,info,warn,error" help:"Least level that is logged: debug, info, warn or error."`

	Unlimited    bool          `name:"unlimited" env:"TEISERVER_UNLIMITED" help:"For load tests only: no flood limits, no login throttle, no verification of addresses, cheap password hashes. Refused unless every listener is on loopback."`
	StopTimeout  time.Duration `name:"stop-timeout" env:"TEISERVER_STOP_TIMEOUT" default:"10s" help:"Longest time for an orderly stop."`
	DrainTimeout time.Duration `name:"drain-timeout" env:"TEISERVER_DRAIN_TIMEOUT" default:"30s" help:"Over how long the clients of a drained node are closed."`
}

// Complete fills the values whose default depends on the machine or on others.
func (c *Config) Complete() {
	if c.NodeName == "" {
		c.NodeName = hostName()
	}
	if c.Database == "" {
		c.Database = DatabaseURL("sqlite:" + filepath.Join(c.DataDir, "teiserver.db"))
	}
	c.ClusterJoin = trimmed(c.ClusterJoin)
	c.SpringProxyFrom = trimmed(c.SpringProxyFrom)
}

// trimmed leaves out what is blank.
func trimmed(list []string) []string {
	left := list[:0]
	for _, text := range list {
		if text = strings.TrimSpace(text); text != "" {
			left = append(left, text)
		}
	}
	return left
}

// ProxyFrom are the networks of --spring-proxy-from. It must be valid.
func (c *Config) ProxyFrom() []netip.Prefix {
	var all []netip.Prefix
	for _, text := range c.SpringProxyFrom {
		if n, err := limit.ParseNetwork(text); err == nil {
			all = append(all, n)
		}
	}
	return all
}

// Clustered reports whether this node may have others beside it.
func (c *Config) Clustered() bool { return c.ClusterListen != "" }

// ClusterAddress is where other nodes reach this one, empty for a single node.
func (c *Config) ClusterAddress() string { return cmp.Or(c.ClusterAdvertise, c.ClusterListen) }

// Listener is an address this node listens on and the flag it comes from.
type Listener struct{ Flag, Address string }

// Listeners returns the addresses in use, in the order of the flags.
func (c *Config) Listeners() []Listener {
	var all []Listener
	for _, l := range []Listener{
		{"spring-listen", c.SpringListen},
		{"spring-tls-listen", c.SpringTLSListen},
		{"http-listen", c.HTTPListen},
		{"cluster-listen", c.ClusterListen},
	} {
		if l.Address != "" {
			all = append(all, l)
		}
	}
	return all
}

// Loopback reports whether an address can be reached from this machine only:
// 127.0.0.0/8, ::1 or localhost. An address without a host is every interface.
func Loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// hostName is the first label of the host's name with other characters than a
// node name may have replaced, because a node's name is part of topics.
func hostName() string {
	name, err := os.Hostname()
	if err != nil {
		return "node"
	}
	name, _, _ = strings.Cut(name, ".")
	name = strings.Map(func(r rune) rune {
		if nodeNameRune(r) {
			return r
		}
		return '-'
	}, name)
	if name == "" {
		return "node"
	}
	return name[:min(len(name), maxNodeName)]
}
