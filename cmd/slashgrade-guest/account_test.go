//go:build linux

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const passwd = `root:x:0:0:root:/root:/bin/bash
# a comment
ag:x:2000:3001::/home/ag:/bin/sh
1234:x:4000:4001::/home/digits:/bin/sh
bare:x:5000:5001::
homeless:x:6000:6001:::/bin/sh
damaged:x:not-a-number:1::/:/bin/sh
negative:x:-1:-1::/:/bin/sh
high:x:4294967295:1::/:/bin/sh
short:x:7000
`

const groups = `root:x:0:
team:x:3000:ag,root
own:x:3001:ag
odd:x:many:ag
more:x:3002:other,ag
`

func TestLookupAccount(t *testing.T) {
	folder := t.TempDir()
	passwdFile, groupFile := filepath.Join(folder, "passwd"), filepath.Join(folder, "group")
	for file, content := range map[string]string{passwdFile: passwd, groupFile: groups} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for user, want := range map[string]account{
		"":               {home: "/root", groups: []int{3000}},
		"root":           {home: "/root", groups: []int{3000}},
		":team":          {gid: 3000, home: "/root"},
		"ag":             {uid: 2000, gid: 3001, groups: []int{3000, 3002}, home: "/home/ag"},
		"2000":           {uid: 2000, gid: 3001, groups: []int{3000, 3002}, home: "/home/ag"},
		"ag:":            {uid: 2000, gid: 3001, groups: []int{3000, 3002}, home: "/home/ag"},
		"ag:team":        {uid: 2000, gid: 3000, home: "/home/ag"},
		"ag:77":          {uid: 2000, gid: 77, home: "/home/ag"},
		"1234":           {uid: 4000, gid: 4001, home: "/home/digits"},
		"homeless":       {uid: 6000, gid: 6001, home: "/"},
		"bare":           {uid: 5000, gid: 5001, home: "/"},
		"99:98":          {uid: 99, gid: 98, home: "/"},
		"2147483647":     {uid: 1<<31 - 1, home: "/"},
		"7000":           {uid: 7000, home: "/"},
		"1000:more":      {uid: 1000, gid: 3002, home: "/"},
		"00002000:00077": {uid: 2000, gid: 77, home: "/"},
	} {
		got, err := lookupAccount(passwdFile, groupFile, user)
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(account{})); err != nil || diff != "" {
			t.Errorf("%q: %v (-want +got):\n%s", user, err, diff)
		}
	}
	for user, want := range map[string]string{
		"stranger": "not in its /etc/passwd", "ag:strangers": "not in its /etc/group", "-1": "is damaged", "-2": "not in its /etc/passwd",
		"2147483648": "not in its /etc/passwd", "0:-1": "not in its /etc/group", "damaged": "is damaged", "negative": "is damaged",
		"high": "is damaged", "1e3": "not in its /etc/passwd", "ag:odd": "not in its /etc/group", strings.Repeat("x", 5000): "not in its",
	} {
		got, err := lookupAccount(passwdFile, groupFile, user)
		if err == nil || !strings.Contains(err.Error(), want) || len(err.Error()) > 300 {
			t.Errorf("%.50q: %+v, %v, want an error with %q", user, got, err, want)
		}
	}
}

func TestLookupAccountWithoutFiles(t *testing.T) {
	got, err := lookupAccount("/no/passwd", "/no/group", "12:34")
	if diff := cmp.Diff(account{uid: 12, gid: 34, home: "/"}, got, cmp.AllowUnexported(account{})); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if got, err := lookupAccount("/no/passwd", "/no/group", ""); err != nil || got.uid != 0 || got.home != "/" {
		t.Errorf("root: %+v, %v", got, err)
	}
	if got, err := lookupAccount("/no/passwd", "/no/group", "root"); err == nil {
		t.Errorf("a name without a file: %+v", got)
	}
}
