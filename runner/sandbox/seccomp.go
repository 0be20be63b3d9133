package sandbox

import _ "embed"

//go:generate go test -run TestSeccompIsCurrent -update .

// seccompJSON is the container engines' own default profile without what deniedSyscalls and restrictedSyscalls in seccomp_linux_test.go
// list. It is a file because the list that it is made from exists on Linux only, while this program also builds elsewhere.
//
//go:embed seccomp.json
var seccompJSON string

// Seccomp returns the system call filter of every container, as the JSON that the Docker Engine API takes. It stands in place of the
// engine's own.
func Seccomp() string {
	return seccompJSON
}
