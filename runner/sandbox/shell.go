package sandbox

import "io"

// Shell is a program on a terminal of its own in a container that runs already.
type Shell struct {
	Argv, Env []string
	Dir, User string // "" is the container's root folder and root
	// In and Out are the other end of the terminal: raw bytes both ways.
	In  io.Reader
	Out io.Writer
	// Sizes tells the terminal's size at the start and whenever it changes. It is never closed.
	Sizes <-chan Size
}

// Size is a terminal's, in characters.
type Size struct{ Rows, Columns uint }
