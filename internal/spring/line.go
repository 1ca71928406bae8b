package spring

import (
	"bytes"
	"errors"
	"io"
)

// readBytes is the size of a connection's read buffer while lines are short. It is
// small because every idle connection holds one.
const readBytes = 1 << 10

// telnetInterrupt is what a telnet client sends on Ctrl-C.
var telnetInterrupt = []byte{0xff, 0xf4, 0xff, 0xfd, 0x06}

var errInterrupted = errors.New("spring: telnet interrupt")

// lineReader splits a stream at line feeds. A line longer than the limit is
// discarded up to its end, and reading goes on with the next one.
type lineReader struct {
	r          io.Reader
	buf        []byte
	start, end int
	scanned    int // bytes after start known to hold no line feed
	limit      int
	discarding bool
}

func newLineReader(r io.Reader, limit int) *lineReader {
	return &lineReader{r: r, buf: make([]byte, readBytes), limit: limit}
}

// next returns the next line without its line end. The slice is valid until the
// next call.
func (l *lineReader) next() ([]byte, error) {
	for {
		if i := bytes.IndexByte(l.buf[l.start+l.scanned:l.end], '\n'); i >= 0 {
			line := l.buf[l.start : l.start+l.scanned+i]
			l.start += l.scanned + i + 1
			l.scanned = 0
			if l.discarding {
				l.discarding = false
				continue
			}
			return line, nil
		}
		l.scanned = l.end - l.start
		if bytes.HasPrefix(l.buf[l.start:l.end], telnetInterrupt) {
			return nil, errInterrupted
		}
		if l.scanned > l.limit || l.discarding {
			l.discarding = true
			l.start, l.end, l.scanned = 0, 0, 0
		}
		l.makeRoom()
		n, err := l.r.Read(l.buf[l.end:])
		l.end += n
		if n == 0 && err != nil {
			return nil, err
		}
	}
}

// makeRoom moves what is unread to the front, grows the buffer for a long line and
// gives a grown one back when the line is done.
func (l *lineReader) makeRoom() {
	pending := l.end - l.start
	switch {
	case pending == 0 && len(l.buf) > readBytes:
		l.buf = make([]byte, readBytes)
		l.start, l.end = 0, 0
		return
	case pending > len(l.buf)/2:
		grown := make([]byte, min(2*len(l.buf), l.limit+readBytes))
		if len(grown) <= pending {
			grown = make([]byte, pending+readBytes)
		}
		copy(grown, l.buf[l.start:l.end])
		l.buf = grown
		l.start, l.end = 0, pending
		return
	}
	copy(l.buf, l.buf[l.start:l.end])
	l.start, l.end = 0, pending
}

// buffered is what has been read but not returned yet.
func (l *lineReader) buffered() int { return l.end - l.start }
