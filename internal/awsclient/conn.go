package awsclient

import (
	"net"
	"time"
)

// conn is a connection whose reads and writes fail once nothing has moved for a while. A peer that is slow but alive is left alone.
type conn struct {
	net.Conn
	stall time.Duration
}

// Read also sets the deadline that holds while the answer to a request is awaited.
func (c *conn) Read(p []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(c.stall)); err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}

// Write moves the read's deadline as well: net/http always has a read pending, and an upload is no silence.
func (c *conn) Write(p []byte) (int, error) {
	if err := c.SetDeadline(time.Now().Add(c.stall)); err != nil {
		return 0, err
	}
	n, err := c.Conn.Write(p)
	if err != nil {
		return n, err
	}
	return n, c.SetReadDeadline(time.Now().Add(c.stall)) // the write itself may have taken most of the time
}
