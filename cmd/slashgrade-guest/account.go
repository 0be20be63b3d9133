//go:build linux

package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
)

// account is a user of the image: who runs the job and owns /grade.
type account struct {
	uid, gid int
	groups   []int  // supplementary
	home     string // "/" for a user without an entry, as container engines have it
}

// maxAccountFile bounds what is read of the image's passwd and group files.
const maxAccountFile = 4 << 20

// lookupAccount resolves a user as a Dockerfile's USER names it ("", "name", "1000", "name:group", "1000:1000") by the image's
// passwd and group files, either of which may be missing. Names must be in them; numbers need not.
func lookupAccount(passwdFile, groupFile, user string) (account, error) {
	name, group, hasGroup := strings.Cut(user, ":")
	if name == "" {
		name = "0"
	}
	found := account{home: "/"}
	entry := findEntry(passwdFile, func(f []string) bool { return len(f) >= 6 && (f[0] == name || f[2] == name) })
	switch uid, ok := parseID(name); {
	case entry != nil:
		var uidOK, gidOK bool
		found.uid, uidOK = parseID(entry[2])
		found.gid, gidOK = parseID(entry[3])
		if !uidOK || !gidOK {
			return account{}, fmt.Errorf("the line of the user %s in the image's /etc/passwd is damaged", show(name))
		}
		name = entry[0]
		if entry[5] != "" {
			found.home = entry[5]
		}
	case ok:
		found.uid = uid
	default:
		return account{}, fmt.Errorf("the image's user %s is not in its /etc/passwd", show(name))
	}
	if hasGroup && group != "" {
		gid, err := lookupGroup(groupFile, group)
		if err != nil {
			return account{}, err
		}
		found.gid = gid
		return found, nil
	}
	found.groups = memberships(groupFile, name, found.gid)
	return found, nil
}

func lookupGroup(groupFile, group string) (int, error) {
	entry := findEntry(groupFile, func(f []string) bool { return len(f) >= 3 && (f[0] == group || f[2] == group) })
	if entry != nil {
		group = entry[2]
	}
	gid, ok := parseID(group)
	if !ok {
		return 0, fmt.Errorf("the image's group %s is not in its /etc/group", show(group))
	}
	return gid, nil
}

// parseID reads the number of a user or group. The kernel takes the highest 32-bit number for "none"; engines stop at 31 bits.
func parseID(text string) (int, bool) {
	id, err := strconv.ParseUint(text, 10, 31)
	return int(id), err == nil
}

// memberships lists the groups that name is a member of, beside gid.
func memberships(groupFile, name string, gid int) []int {
	var groups []int
	findEntry(groupFile, func(f []string) bool {
		if len(f) >= 4 && slices.Contains(strings.Split(f[3], ","), name) {
			if id, ok := parseID(f[2]); ok && id != gid {
				groups = append(groups, id)
			}
		}
		return false
	})
	return groups
}

// findEntry returns the fields of the first line for which match holds, nil without one.
func findEntry(file string, match func(fields []string) bool) []string {
	f, err := os.Open(file)
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }()
	lines := bufio.NewScanner(io.LimitReader(f, maxAccountFile))
	for lines.Scan() {
		if fields := strings.Split(lines.Text(), ":"); match(fields) {
			return fields
		}
	}
	return nil
}
