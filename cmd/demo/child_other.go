//go:build !linux

package main

import "syscall"

// childAttributes keep Ctrl-C from the nodes, which share our terminal.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
