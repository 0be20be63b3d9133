//go:build linux

package main

import (
	"archive/tar"
	"compress/gzip"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"
	"time"

	"github.com/slashgrade/slashgrade/runner/sandbox/guest"
)

// packer writes a folder that a job has left as an archive. Nothing in it is trusted: no link is followed, only regular files are
// opened, and what would make the archive larger than the limit is left out by name.
type packer struct {
	root    *os.Root
	archive *tar.Writer
	left    int64
	skipped []string
}

func packArchive(out io.Writer, folder string, limit int64) guest.ArchiveEnd {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return guest.ArchiveEnd{Error: plain(err)}
	}
	defer func() { _ = root.Close() }()
	zipped, _ := gzip.NewWriterLevel(out, gzip.BestSpeed) // the student's next job waits for the CPU
	p := &packer{root: root, archive: tar.NewWriter(zipped), left: limit}
	err = fs.WalkDir(root.FS(), ".", p.add)
	if closed := p.archive.Close(); err == nil {
		err = closed
	}
	if closed := zipped.Close(); err == nil {
		err = closed
	}
	end := guest.ArchiveEnd{Skipped: p.skipped}
	if err != nil {
		end.Error = plain(err)
	}
	return end
}

func (p *packer) add(name string, entry fs.DirEntry, err error) error {
	if err != nil {
		p.skip(name, plain(err))
		return nil // the rest of the folder is still worth having
	}
	info, err := p.root.Lstat(name)
	if err != nil {
		p.skip(name, plain(err))
		return nil
	}
	switch {
	case info.Mode().IsRegular():
		return p.addFile(name)
	case info.IsDir() && strings.Count(name, "/") >= maxDepth:
		p.skip(name, fmt.Sprintf("it lies more than %d folders deep", maxDepth))
		return fs.SkipDir
	case info.IsDir():
		return p.header(name, info, "")
	case info.Mode()&fs.ModeSymlink != 0:
		target, err := p.root.Readlink(name)
		if err != nil {
			p.skip(name, plain(err))
			return nil
		}
		return p.header(name, info, target)
	default:
		p.skip(name, "it is a "+kindOf(info.Mode()))
		return nil
	}
}

func kindOf(mode fs.FileMode) string {
	switch {
	case mode&fs.ModeNamedPipe != 0:
		return "FIFO"
	case mode&fs.ModeSocket != 0:
		return "socket"
	default:
		return "device"
	}
}

func (p *packer) addFile(name string) error {
	file, err := p.root.OpenFile(name, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		p.skip(name, plain(err))
		return nil
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		p.skip(name, "it changed while it was read")
		return nil
	}
	if info.Size() > p.left {
		p.skip(name, fmt.Sprintf("its %d bytes exceed what is left of the archive's limit", info.Size()))
		return nil
	}
	p.left -= info.Size()
	if err := p.header(name, info, ""); err != nil {
		return err
	}
	_, err = io.CopyN(p.archive, file, info.Size())
	return err
}

func (p *packer) header(name string, info fs.FileInfo, target string) error {
	header, err := tar.FileInfoHeader(unnamed{info}, target)
	if err != nil {
		p.skip(name, err.Error())
		return nil
	}
	// Whole seconds need no extension header, which is a kibibyte for each file.
	header.ModTime, header.AccessTime, header.ChangeTime = info.ModTime().Truncate(time.Second), time.Time{}, time.Time{}
	header.Name = "./" + path.Clean(name)
	if name == "." {
		header.Name = "./"
	} else if info.IsDir() {
		header.Name += "/"
	}
	header.Format = tar.FormatPAX // takes any name and size
	return p.archive.WriteHeader(header)
}

// unnamed keeps the tar package from looking owners' names up in the container's passwd, which the job may have replaced by a FIFO.
type unnamed struct{ fs.FileInfo }

// Uname implements [tar.FileInfoNames].
func (unnamed) Uname() (string, error) { return "", nil }

// Gname implements [tar.FileInfoNames].
func (unnamed) Gname() (string, error) { return "", nil }

func (p *packer) skip(name, why string) {
	if len(p.skipped) < guest.MaxSkipped {
		p.skipped = append(p.skipped, show(name)+": "+why)
	}
}
