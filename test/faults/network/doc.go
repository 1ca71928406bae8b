// Package network is a network of namespaces on one Linux host whose links can be
// broken: cut, one way too, slowed down, made to lose packets.
//
// Each Host is a network namespace with one TUN device and one address. All devices
// end in this process, which carries packets from one to another and asks the rule of
// the directed link first. Nothing of it outlives the process: the namespaces have no
// name, and what was started inside is killed by the kernel when this process ends.
//
// Addresses are of 127.77.0.0/24: for whoever runs inside they are loopback addresses,
// as they are: nothing of the network leaves the machine. It takes root and
// /dev/net/tun, and neither netem nor a firewall.
package network
