package footprint

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// mapping is a part of the address space, as /proc/self/smaps shows it.
type mapping struct {
	begin, end uintptr
	mode, path string
	changed    bool // it has pages that are no more the file's
}

// dropProgram drops the pages of the program's file that nothing can have changed.
func dropProgram() error {
	program, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return err
	}
	file, err := os.Open("/proc/self/smaps")
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	mappings, err := readMappings(file)
	if err != nil {
		return err
	}
	for _, m := range mappings {
		if m.path != program || m.changed || m.mode != "r--p" && m.mode != "r-xp" {
			continue
		}
		// The address as a number: there is no Go object there.
		if _, _, failed := unix.Syscall(unix.SYS_MADVISE, m.begin, m.end-m.begin, unix.MADV_DONTNEED); failed != 0 {
			return fmt.Errorf("madvise: %w", failed)
		}
	}
	return nil
}

// readMappings reads what the kernel says of the address space. Pages that were written to are "anonymous" there, whatever file they came
// from; a loader does that where a program can lie at any address.
func readMappings(r io.Reader) (all []mapping, err error) {
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		line := lines.Text()
		var m mapping
		var offset, device, inode string
		if n, _ := fmt.Sscanf(line, "%x-%x %s %s %s %s", &m.begin, &m.end, &m.mode, &offset, &device, &inode); n == 6 {
			if at := strings.IndexByte(line, '/'); at >= 0 {
				m.path = line[at:]
			}
			all = append(all, m)
			continue
		}
		key, value, _ := strings.Cut(line, ":")
		if key == "Anonymous" && len(all) > 0 && strings.TrimSpace(value) != "0 kB" {
			all[len(all)-1].changed = true
		}
	}
	return all, lines.Err()
}
