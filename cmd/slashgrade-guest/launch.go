//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"unsafe"

	"github.com/slashgrade/slashgrade/runner/sandbox/guest"
)

// launchCommand is the argument of the guest's second stage: the child that waits for an order, gives up what the guest has and the job
// must not, and then becomes the entrypoint or the image's warm-up.
const launchCommand = "launch"

// launchOrder is the one frame (of kind Start) that a second stage gets.
type launchOrder struct {
	Argv         []string `json:"argv"`
	Env          []string `json:"env"` // complete
	UID          int      `json:"uid"`
	GID          int      `json:"gid"`
	Groups       []int    `json:"groups"`
	Dir          string   `json:"dir"`
	Capabilities []int    `json:"capabilities"`
	Warmup       bool     `json:"warmup"` // keep warmupFD
}

const (
	// warmupFD is a warm-up's end of its socket; anything else that the second stage becomes does not have it.
	warmupFD = 3
	// controlFD is where the second stage reads its order and writes why it could not obey. It closes itself on success.
	controlFD = 4
)

// maxOrder bounds an order: what a Start frame holds, and what the guest adds.
const maxOrder = 2 * guest.MaxToGuest

// lastCapability is above every capability that a kernel knows; there are 64 at most by the ABI.
const lastCapability = 63

// defaultPath is the PATH of a job whose image and environment have none, as container engines have it.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// completeEnvironment adds HOME and HOSTNAME where nobody set them.
func completeEnvironment(env []string, owner account) []string {
	env = slices.Clone(env)
	if !has(env, "HOME") {
		env = append(env, "HOME="+owner.home)
	}
	if host, err := os.Hostname(); err == nil && !has(env, "HOSTNAME") {
		env = append(env, "HOSTNAME="+host)
	}
	return env
}

func has(env []string, name string) bool {
	return slices.ContainsFunc(env, func(entry string) bool { return strings.HasPrefix(entry, name+"=") })
}

// launch is the second stage. It never returns.
func launch() {
	runtime.LockOSThread() // capabilities are a thread's
	syscall.CloseOnExec(controlFD)
	control := os.NewFile(controlFD, "control")
	order, err := readOrder(control)
	if errors.Is(err, io.EOF) {
		exit(0) // nobody needs this process
	}
	if err == nil {
		err = become(order)
	}
	_, _ = io.WriteString(control, err.Error())
	exit(127)
}

func readOrder(control io.Reader) (*launchOrder, error) {
	frame, err := guest.NewReader(control, maxOrder).Next()
	if err != nil {
		return nil, err
	}
	var order launchOrder
	return &order, frame.Decode(&order)
}

// jobNiceness is the entrypoint's, the greatest that there is. Nobody in the container may lower it, nor raise the guest's.
const jobNiceness = 19

// become turns this process into what is ordered, or says in words for a student why it cannot.
func become(order *launchOrder) error {
	if len(order.Argv) == 0 {
		return errors.New("the job names no program to run, and its image has none")
	}
	// The first to go when the container's memory is full: the job, not the guest.
	if err := os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0); err != nil {
		return errors.New("the container's /proc cannot be written")
	}
	// The last to get the processor beside the guest: a thousand processes could otherwise fill the host's disk before it has looked. It costs
	// the job nothing else, since the container's share of the machine is as great as before.
	if err := syscall.Setpriority(syscall.PRIO_PROCESS, 0, jobNiceness); err != nil {
		return errors.New("its priority cannot be set")
	}
	if order.Dir == "" {
		order.Dir = "/"
	}
	if err := enter(order.Dir); err != nil {
		return fmt.Errorf("the image's working directory %s cannot be entered: %s", show(order.Dir), plain(err))
	}
	if err := dropPrivileges(order); err != nil {
		return err
	}
	program, err := findProgram(order.Argv[0], order.Env)
	if err != nil {
		return err
	}
	if !order.Warmup {
		_ = syscall.Close(warmupFD)
	}
	for _, number := range unhandledSignals() {
		act(number, byDefault) // what is ignored stays so in the entrypoint
	}
	return explainExec(program, syscall.Exec(program, order.Argv, order.Env))
}

// enter makes the working directory where it is missing, as engines do: an image may have made it below /tmp, which is empty here.
func enter(folder string) error {
	err := os.Chdir(folder)
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if os.MkdirAll(folder, 0o755) != nil { //nolint:gosec // the job's user enters it
		return err
	}
	return os.Chdir(folder)
}

func dropPrivileges(order *launchOrder) error {
	for capability := range lastCapability + 1 {
		if slices.Contains(order.Capabilities, capability) {
			continue
		}
		if err := prctl(syscall.PR_CAPBSET_DROP, uintptr(capability)); err != nil && !errors.Is(err, syscall.EINVAL) {
			return fmt.Errorf("drop capability %d: %w", capability, err)
		}
	}
	if err := syscall.Setgroups(order.Groups); err != nil {
		return fmt.Errorf("set the groups: %w", err)
	}
	if err := syscall.Setgid(order.GID); err != nil {
		return fmt.Errorf("set the group: %w", err)
	}
	if err := syscall.Setuid(order.UID); err != nil {
		return fmt.Errorf("set the user: %w", err)
	}
	if order.UID == 0 {
		return setCapabilities(order.Capabilities)
	}
	return setCapabilities(nil) // setuid took all but the inheritable ones, which old engines grant
}

// setCapabilities keeps exactly these, permitted and effective; none is inheritable.
func setCapabilities(capabilities []int) error {
	header := struct{ version, pid uint32 }{version: 0x20080522} // _LINUX_CAPABILITY_VERSION_3, this thread
	var data [2]struct{ effective, permitted, inheritable uint32 }
	for _, capability := range capabilities {
		word, bit := capability/32, uint32(1)<<(capability%32)
		data[word].effective |= bit
		data[word].permitted |= bit
	}
	_, _, errno := syscall.RawSyscall(syscall.SYS_CAPSET,
		uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&data[0])), 0) //nolint:gosec // capset takes pointers
	if errno != 0 {
		return fmt.Errorf("set the capabilities: %w", errno)
	}
	return nil
}

// findProgram looks a name without a slash up in PATH, as a shell does.
func findProgram(name string, env []string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	search := defaultPath
	for _, entry := range env {
		if value, ok := strings.CutPrefix(entry, "PATH="); ok {
			search = value
		}
	}
	for _, folder := range filepath.SplitList(search) {
		program := filepath.Join(folder, name)
		info, err := os.Stat(program)
		if err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0 {
			return program, nil
		}
	}
	return "", fmt.Errorf("the program %s is in no folder of PATH", show(name))
}

// explainExec turns what the kernel says of a program into what a course author can mend.
func explainExec(program string, err error) error {
	switch {
	case errors.Is(err, syscall.ENOENT):
		if line := interpreter(program); line != "" {
			return fmt.Errorf("%s begins with the line %s, but there is no such program%s", show(program), show(line), carriageReturn(line))
		}
		return fmt.Errorf("there is no file %s", show(program))
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("%s may not be executed: it is a folder, or lacks the execute permission", show(program))
	case errors.Is(err, syscall.ENOEXEC):
		return fmt.Errorf("%s is not a program: a script needs a first line such as #!/bin/sh", show(program))
	case errors.Is(err, syscall.E2BIG):
		return errors.New("its arguments and environment are too large together, or one of them is alone") // 2 MiB, 128 KiB
	case errors.Is(err, syscall.EINVAL):
		return errors.New("its arguments or environment hold a NUL character")
	default:
		return fmt.Errorf("%s: %s", show(program), plain(err))
	}
}

func plain(err error) string {
	if errno, ok := errors.AsType[syscall.Errno](err); ok {
		return errno.Error()
	}
	return err.Error()
}

// interpreter returns the first line of a script that begins with #!, else "".
func interpreter(program string) string {
	file, err := os.Open(program)
	if err != nil {
		return ""
	}
	defer func() { _ = file.Close() }()
	start := make([]byte, 128) // the kernel reads no further for its interpreter
	n, _ := io.ReadFull(file, start)
	line, _, _ := strings.Cut(string(start[:n]), "\n")
	if !strings.HasPrefix(line, "#!") {
		return ""
	}
	return line
}

func carriageReturn(line string) string {
	if strings.HasSuffix(line, "\r") {
		return "; the file has Windows line ends (" + strconv.Quote("\r\n") + "), save it with Unix line ends"
	}
	return ""
}
