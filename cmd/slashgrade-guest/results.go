//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/slashgrade/slashgrade/runner/sandbox/guest"
)

// openResults opens results/results.json below the folder, or says why it does not: it follows no link and opens nothing but a
// regular file of at most limit bytes. No process of the job is left that could change what was checked.
func openResults(folder string, limit int64) (*os.File, guest.ResultsEnd) {
	const flags = syscall.O_NOFOLLOW | syscall.O_CLOEXEC
	top, err := syscall.Open(folder, syscall.O_DIRECTORY|flags, 0)
	if err != nil {
		return nil, unreadable("/grade", err)
	}
	defer func() { _ = syscall.Close(top) }()
	results, err := syscall.Openat(top, "results", syscall.O_DIRECTORY|flags, 0)
	if err == nil {
		if err = realFolder(filepath.Join(folder, "results")); err != nil {
			_ = syscall.Close(results)
		}
	}
	if err != nil {
		return nil, unreadable("/grade/results", err)
	}
	defer func() { _ = syscall.Close(results) }()
	// O_NONBLOCK: a FIFO without a writer would hold the open for ever.
	fd, err := syscall.Openat(results, "results.json", syscall.O_RDONLY|syscall.O_NONBLOCK|flags, 0)
	if err != nil {
		return nil, unreadable("/grade/results/results.json", err)
	}
	file := os.NewFile(uintptr(fd), "results.json")
	info, err := file.Stat()
	switch {
	case err != nil:
		_ = file.Close()
		return nil, unreadable("/grade/results/results.json", err)
	case !info.Mode().IsRegular():
		_ = file.Close()
		return nil, guest.ResultsEnd{
			State: guest.ResultsUnreadable, Reason: fmt.Sprintf("/grade/results/results.json is not a file (%s)", info.Mode().Type()),
		}
	case info.Size() > limit:
		_ = file.Close()
		return nil, guest.ResultsEnd{State: guest.ResultsTooLarge, Size: info.Size()}
	}
	return file, guest.ResultsEnd{State: guest.ResultsRead, Size: info.Size()}
}

// realFolder says what keeps a path from being a folder itself: gVisor's open with O_DIRECTORY follows a link in spite of O_NOFOLLOW.
func realFolder(path string) error {
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return syscall.ENOTDIR
	}
	return nil
}

func unreadable(place string, err error) guest.ResultsEnd {
	end := guest.ResultsEnd{State: guest.ResultsUnreadable, Reason: place + " cannot be opened: " + plain(err)}
	switch {
	case errors.Is(err, syscall.ENOENT):
		end = guest.ResultsEnd{State: guest.ResultsMissing, Reason: "there is no " + place}
	case errors.Is(err, syscall.ELOOP):
		end.Reason = place + " is a symbolic link; links are not followed"
	case errors.Is(err, syscall.ENOTDIR):
		end.Reason = place + " is not a folder, or is a symbolic link"
	case errors.Is(err, syscall.ENXIO):
		end.Reason = place + " is a FIFO or a socket"
	}
	return end
}
