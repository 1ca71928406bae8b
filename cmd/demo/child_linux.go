package main

import "syscall"

// childAttributes keep Ctrl-C from the nodes, which share our terminal, and end them
// with us even if we are killed.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
