//go:build linux

package main

import (
	"encoding/json"
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

// launchCommand is the first argument of the guest's second stage: the child that gives up what the guest has and the job must not,
// and then becomes the entrypoint. The second argument is a launchOrder as JSON, the others are the entrypoint's argv.
const launchCommand = "launch"

type launchOrder struct {
	UID          int    `json:"uid"`
	GID          int    `json:"gid"`
	Groups       []int  `json:"groups"`
	Dir          string `json:"dir"`
	Capabilities []int  `json:"capabilities"`
}

// failureFD is where the second stage writes why it could not become the entrypoint. It closes itself on success.
const failureFD = 3

// lastCapability is above every capability that a kernel knows; there are 64 at most by the ABI.
const lastCapability = 63

// defaultPath is the PATH of a job whose image and environment have none, as container engines have it.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

func launchArguments(order *guest.Start, owner account) []string {
	launch, _ := json.Marshal(launchOrder{
		UID: owner.uid, GID: owner.gid, Groups: owner.groups, Dir: order.Dir, Capabilities: order.Capabilities,
	})
	return append([]string{guest.Program, launchCommand, string(launch)}, order.Argv...)
}

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

// readFailure waits until the second stage has become the entrypoint (then it is "") or has said why it cannot.
func readFailure(failure io.Reader) string {
	reason, _ := io.ReadAll(io.LimitReader(failure, 4096))
	return string(reason)
}

// launch is the second stage. It never returns.
func launch(args []string) {
	runtime.LockOSThread() // capabilities are a thread's
	syscall.CloseOnExec(failureFD)
	err := become(args)
	_, _ = io.WriteString(os.NewFile(failureFD, "failure"), err.Error())
	exit(127)
}

// become turns this process into the entrypoint, or says in words for a student why it cannot.
func become(args []string) error {
	var order launchOrder
	if len(args) < 2 {
		return errors.New("the job names no program to run, and its image has none")
	}
	if err := json.Unmarshal([]byte(args[0]), &order); err != nil {
		return fmt.Errorf("the order to start cannot be read: %w", err)
	}
	argv := args[1:]
	// The first to go when the container's memory is full: the job, not the guest.
	if err := os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0); err != nil {
		return errors.New("the container's /proc cannot be written")
	}
	if order.Dir == "" {
		order.Dir = "/"
	}
	if err := enter(order.Dir); err != nil {
		return fmt.Errorf("the image's working directory %s cannot be entered: %s", show(order.Dir), plain(err))
	}
	if err := dropPrivileges(&order); err != nil {
		return err
	}
	program, err := findProgram(argv[0])
	if err != nil {
		return err
	}
	for _, number := range unhandledSignals() {
		act(number, byDefault) // what is ignored stays so in the entrypoint
	}
	return explainExec(program, syscall.Exec(program, argv, os.Environ()))
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
func findProgram(name string) (string, error) {
	if strings.Contains(name, "/") {
		return name, nil
	}
	search, ok := os.LookupEnv("PATH")
	if !ok {
		search = defaultPath
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
		return errTooLarge
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
