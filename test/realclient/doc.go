// Package realclient runs lobby clients that others wrote against a cluster of
// ours. It needs programs that a test machine does not have (see
// scripts/realclient), so its tests are behind the build tag realclient.
package realclient
