package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"teiserver/internal/store/engine"
)

// networkFS are the file systems on which write-ahead mode loses data, by the
// magic number of statfs.
var networkFS = map[uint32]string{
	0x6969:     "NFS",
	0x517B:     "SMB",
	0xFF534D42: "CIFS",
	0xFE534D42: "SMB",
	0x01021997: "9P",
	0x5346414F: "AFS",
	0x73757245: "Coda",
	0x00C36400: "Ceph",
	0x0BD00BD0: "Lustre", //nolint:misspell // its name
	0x01161970: "GFS2",
	0x7461636F: "OCFS2",
	0x47504653: "GPFS",
}

// place checks where the file is or will be, and returns its one true path: two
// names for one file must lead to one lock.
func place(path string) (string, error) {
	if path == "" || path == ":memory:" {
		return "", errors.New("sqlite needs the path of a file, as in sqlite:data/teiserver.db")
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	dir, err := filepath.EvalSymlinks(filepath.Dir(path))
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("its folder %s does not exist", filepath.Dir(path))
	}
	if err != nil {
		return "", err
	}
	path = filepath.Join(dir, filepath.Base(path))
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return "", errors.New("it is a folder, not a file")
	case err == nil && !info.Mode().IsRegular():
		return "", errors.New("it is not a regular file")
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return "", err
	}
	var where unix.Statfs_t
	if err := unix.Statfs(filepath.Dir(path), &where); err != nil {
		return "", fmt.Errorf("ask for its file system: %w", err)
	}
	return path, refuseNetwork(uint32(where.Type)) //nolint:gosec // magic numbers have 32 bits
}

func refuseNetwork(magic uint32) error {
	if name, ok := networkFS[magic]; ok {
		return fmt.Errorf("it is on a network file system (%s), where SQLite loses data: use a local disk, or PostgreSQL", name)
	}
	return nil
}

// lockFile takes the right to use the database. The lock ends with the process,
// however it ends.
func lockFile(path string, use engine.Use) (*os.File, error) {
	if !use.Node() {
		return nil, nil
	}
	f, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	how := unix.LOCK_EX
	if use == engine.Clustered {
		how = unix.LOCK_SH
	}
	err = unix.Flock(int(f.Fd()), how|unix.LOCK_NB)
	if err == nil {
		return f, nil
	}
	_ = f.Close()
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil, engine.ErrInUse
	}
	return nil, fmt.Errorf("lock %s.lock: %w", path, err)
}

// nodesUse reports whether a node has the database open: it then holds the lock. That it
// is tried for a moment, and only where a command would migrate, disturbs nobody but a
// node that starts in that moment.
func nodesUse(path string) (bool, error) {
	f, err := os.OpenFile(path+".lock", os.O_RDWR, 0) //nolint:gosec // beside the database
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil // no node ever had it
	}
	if err != nil {
		return false, err
	}
	defer func() { _ = f.Close() }()
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return true, nil
	}
	return false, err
}

// create makes an empty file that only its owner can read, as it will hold
// passwords; SQLite's other files inherit that.
func create(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return f.Close()
}

// fingerprint tells a file from a copy of it: by the moment at which the system made it,
// which nobody can set. A copy that is written into the same file keeps it, and on some
// file systems there is none; what nodes remember is the second net.
func fingerprint(path string) (string, error) {
	var st unix.Statx_t
	if err := unix.Statx(unix.AT_FDCWD, path, 0, unix.STATX_BTIME, &st); err != nil {
		return "", fmt.Errorf("ask when it was made: %w", err)
	}
	if st.Mask&unix.STATX_BTIME == 0 {
		return "file", nil
	}
	return fmt.Sprintf("file %d.%09d", st.Btime.Sec, st.Btime.Nsec), nil
}
