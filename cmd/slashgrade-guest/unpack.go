//go:build linux

package main

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/slashgrade/slashgrade/runner/sandbox/guest"
)

// Limits of one entry of an archive.
const (
	maxName   = 4096 // bytes, Linux's PATH_MAX
	maxDepth  = 200  // folders below /grade; deeper ones are no course's, and cost clean-up a file descriptor each
	maxTail   = 1 << 20
	copyBytes = 64 << 10
)

const (
	// maxNames bounds the folders' names that are kept in memory: some 300,000 of usual length.
	maxNames = 32 << 20
	// entryOverhead is what an entry may take in the archive beside its content: header, padding and extension headers with the
	// longest name.
	entryOverhead = 8 << 10
	// maxMeanDepth bounds the time that an archive takes which hops between deep folders: 199,000 entries, each reached through
	// 199 folders, took 215 s. It is the mean over as many entries as there may be; large packages of node have 10.
	maxMeanDepth = 20
)

// unpacker fills a folder from an archive, following no link and leaving nothing outside of it.
type unpacker struct {
	root    *os.Root
	limits  *guest.Prepare
	owner   account
	watch   watch
	filled  guest.Ready
	folders map[string]bool        // folders known to be real ones
	names   int                    // bytes of the folders' names
	parent  *os.Root               // of the last entry, nil before the first
	path    string                 // of parent
	steps   int                    // folders that were gone through to reach parents
	modes   map[string]fs.FileMode // of folders, applied last: a read-only folder must still be filled
	buffer  []byte
	began   time.Time
	source  *boundedReader // of the archive as it comes
}

// watch is told of every entry before it is written.
type watch func(name string, header *tar.Header)

// unpackArchive unpacks a gzip'd tar into the folder. Every error is about the archive, in words for course staff.
func unpackArchive(archive io.Reader, folder string, limits *guest.Prepare, owner account, watch watch) (*guest.Ready, error) {
	root, err := os.OpenRoot(folder)
	if err != nil {
		return nil, err
	}
	defer func() { _ = root.Close() }()
	most := limits.MaxBytes + int64(limits.MaxEntries)*entryOverhead + maxTail
	u := &unpacker{
		root: root, limits: limits, owner: owner, watch: watch, buffer: make([]byte, copyBytes),
		folders: map[string]bool{".": true}, modes: map[string]fs.FileMode{},
		began: time.Now(), source: &boundedReader{source: archive, left: most},
	}
	defer u.leave()
	zipped, err := gzip.NewReader(u.source)
	if err != nil {
		return nil, explainZip(err)
	}
	content := &boundedReader{source: zipped, left: most}
	if err := u.entries(tar.NewReader(content)); err != nil {
		return nil, err
	}
	if err := drain(content); err != nil {
		return nil, err
	}
	if err := u.finish(); err != nil {
		return nil, err
	}
	return &u.filled, nil
}

// explainZip says why there is not even the beginning of a gzip.
func explainZip(err error) error {
	if errors.Is(err, io.EOF) {
		return errors.New("the archive is empty")
	}
	return fmt.Errorf("the archive is not a gzip'd tar: %w", err)
}

// boundedReader bounds what no count of entries does: headers before an entry, and gzip members that hold nothing.
type boundedReader struct {
	source io.Reader
	left   int64
	waited time.Duration // for the source
}

var errBounded = errors.New("it holds far more than its entries can need")

// Read implements [io.Reader].
func (b *boundedReader) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errBounded
	}
	asked := time.Now()
	n, err := b.source.Read(p[:min(int64(len(p)), b.left)])
	b.waited += time.Since(asked)
	b.left -= int64(n)
	return n, err
}

func (u *unpacker) entries(archive *tar.Reader) error {
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("the archive cannot be read after %d entries: %w", u.filled.Entries, err)
		}
		if err := u.entry(header, archive); err != nil {
			return err
		}
	}
}

// drain reads what follows the tar's end, which is padding; the checksum of the gzip is behind it.
func drain(zipped io.Reader) error {
	n, err := io.Copy(io.Discard, io.LimitReader(zipped, maxTail+1))
	if err != nil {
		return fmt.Errorf("the archive is damaged behind its last entry: %w", err)
	}
	if n > maxTail {
		return fmt.Errorf("more than %d bytes follow the archive's end", maxTail)
	}
	return nil
}

// hurry refuses an archive that takes longer than it may.
func (u *unpacker) hurry() error {
	if time.Since(u.began)-u.source.waited > u.limits.MaxTime {
		return fmt.Errorf("it takes longer than %s to unpack; %d entries were there by then", u.limits.MaxTime, u.filled.Entries)
	}
	return nil
}

func (u *unpacker) entry(header *tar.Header, content io.Reader) error {
	if err := u.hurry(); err != nil {
		return err
	}
	if err := u.count(header); err != nil {
		return err
	}
	if header.Typeflag == tar.TypeXGlobalHeader {
		return nil // git archive writes one; it holds a comment
	}
	name, err := cleanName(header.Name)
	if err != nil {
		return err
	}
	u.watch(name, header)
	if err := u.write(name, header, content); err != nil {
		return u.explain(name, err)
	}
	return nil
}

// cleanName gives an entry's path below /grade, or why it has none.
func cleanName(name string) (string, error) {
	shown := show(name)
	switch {
	case len(name) > maxName:
		return "", fmt.Errorf("an entry's name has %d bytes, the limit is %d: %s", len(name), maxName, shown)
	case name == "" || strings.ContainsRune(name, 0):
		return "", fmt.Errorf("an entry's name is empty or holds a NUL: %s", shown)
	case path.IsAbs(name):
		return "", fmt.Errorf("entry %s: its name begins with /, so it would lie outside of /grade", shown)
	}
	for part := range strings.SplitSeq(name, "/") {
		if part == ".." {
			return "", fmt.Errorf("entry %s: its name holds .., so it could lie outside of /grade", shown)
		}
	}
	clean := path.Clean(name)
	if strings.Count(clean, "/") >= maxDepth {
		return "", fmt.Errorf("entry %s lies more than %d folders deep", shown, maxDepth)
	}
	return clean, nil
}

// show shortens and quotes a name from the archive for a message.
func show(name string) string {
	const most = 120
	if len(name) > most {
		name = strings.ToValidUTF8(name[:most], "") + "…"
	}
	if !utf8.ValidString(name) {
		name = strings.ToValidUTF8(name, "\uFFFD")
	}
	return strconv.Quote(name)
}

func (u *unpacker) count(header *tar.Header) error {
	u.filled.Entries++
	if u.filled.Entries > u.limits.MaxEntries {
		return fmt.Errorf("the archive has more than %d entries", u.limits.MaxEntries)
	}
	if header.Size > u.limits.MaxBytes-u.filled.Bytes {
		return fmt.Errorf("entry %s: the files are larger than %d bytes together", show(header.Name), u.limits.MaxBytes)
	}
	if header.Typeflag == tar.TypeReg {
		u.filled.Bytes += header.Size
	}
	return nil
}

func (u *unpacker) write(name string, header *tar.Header, content io.Reader) error {
	if name == "." {
		if header.Typeflag == tar.TypeDir {
			u.modes["."] = header.FileInfo().Mode().Perm()
			return nil
		}
		return errors.New("it has the name of /grade itself")
	}
	if err := u.parents(path.Dir(name)); err != nil {
		return err
	}
	mode := header.FileInfo().Mode().Perm() // without set-uid, set-gid and sticky: /grade is mounted nosuid
	switch header.Typeflag {
	case tar.TypeDir:
		u.modes[name] = mode
		return u.folder(name)
	case tar.TypeReg:
		return u.file(name, mode, content)
	case tar.TypeSymlink:
		return u.link(name, func(parent *os.Root, base string) error { return parent.Symlink(header.Linkname, base) })
	case tar.TypeLink:
		return u.hardLink(name, header.Linkname)
	case tar.TypeChar, tar.TypeBlock, tar.TypeFifo:
		return errors.New("devices and FIFOs are not allowed")
	default:
		return fmt.Errorf("it is of the unknown type %q", header.Typeflag)
	}
}

// enter returns the folder to make an entry in. Entries of a folder usually follow one another, and the way to it is gone once.
func (u *unpacker) enter(folder string) (*os.Root, error) {
	if u.parent != nil && u.path == folder {
		return u.parent, nil
	}
	if err := u.walk(folder); err != nil {
		return nil, err
	}
	parent, err := u.root.OpenRoot(folder)
	if err != nil {
		return nil, err
	}
	u.leave()
	u.parent, u.path = parent, folder
	return parent, nil
}

// walk counts a way that is gone from the top.
func (u *unpacker) walk(name string) error {
	if u.steps += strings.Count(name, "/") + 1; u.steps > u.limits.MaxEntries*maxMeanDepth {
		return fmt.Errorf("the entries lie more than %d folders deep on average", maxMeanDepth)
	}
	return nil
}

func (u *unpacker) leave() {
	if u.parent != nil {
		_ = u.parent.Close()
	}
	u.parent = nil
}

// parents makes sure that every folder above an entry is a real one, and makes those that the archive only implies.
func (u *unpacker) parents(folder string) error {
	if u.folders[folder] {
		return nil
	}
	if err := u.parents(path.Dir(folder)); err != nil {
		return err
	}
	return u.folder(folder)
}

func (u *unpacker) folder(name string) error {
	if u.folders[name] {
		return nil
	}
	if u.names += len(name); u.names > maxNames {
		return fmt.Errorf("the names of its folders are longer than %d bytes together", maxNames)
	}
	parent, err := u.enter(path.Dir(name))
	if err != nil {
		return err
	}
	err = parent.Mkdir(path.Base(name), 0o755)
	if errors.Is(err, fs.ErrExist) {
		info, err := parent.Lstat(path.Base(name))
		if err != nil {
			return err
		}
		if !info.IsDir() {
			return fmt.Errorf("%s is a file or a link in this archive and cannot be a folder as well", show(name))
		}
		u.folders[name] = true
		return nil
	}
	if err != nil {
		return err
	}
	u.folders[name] = true
	return u.give(parent, path.Base(name))
}

// anew creates an entry, again when an earlier one of the same name is out of the way.
func (u *unpacker) anew(name string, create func(parent *os.Root, base string) error) error {
	parent, err := u.enter(path.Dir(name))
	if err != nil {
		return err
	}
	base := path.Base(name)
	if err := create(parent, base); !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := clearName(parent, base); err != nil {
		return err
	}
	return create(parent, base)
}

// clearName removes what an earlier entry of the same name left; the last one wins, as tar has it.
func clearName(parent *os.Root, base string) error {
	info, err := parent.Lstat(base)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info.IsDir() {
		return errors.New("it is a folder in this archive and cannot be a file as well")
	}
	return parent.Remove(base)
}

func (u *unpacker) file(name string, mode fs.FileMode, content io.Reader) error {
	var file *os.File
	err := u.anew(name, func(parent *os.Root, base string) (err error) {
		file, err = parent.OpenFile(base, os.O_WRONLY|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, 0o600)
		return err
	})
	if err != nil {
		return err
	}
	_, err = io.CopyBuffer(struct{ io.Writer }{file}, content, u.buffer)
	if chowned := u.giveFile(file); err == nil {
		err = chowned
	}
	if chmodded := file.Chmod(mode); err == nil {
		err = chmodded
	}
	if closed := file.Close(); err == nil {
		err = closed
	}
	return err
}

func (u *unpacker) link(name string, create func(parent *os.Root, base string) error) error {
	return u.anew(name, func(parent *os.Root, base string) error {
		if err := create(parent, base); err != nil {
			return err
		}
		return u.give(parent, base)
	})
}

// hardLink links to an entry that was unpacked before: nothing else is in /grade yet.
func (u *unpacker) hardLink(name, target string) error {
	clean, err := cleanName(target)
	if err != nil {
		return err
	}
	for folder := path.Dir(clean); folder != "."; folder = path.Dir(folder) {
		if !u.folders[folder] {
			return fmt.Errorf("its target %s is not in the archive before it", show(target))
		}
	}
	info, err := u.root.Lstat(clean)
	if err != nil || !info.Mode().IsRegular() {
		return fmt.Errorf("its target %s is not a file in the archive before it", show(target))
	}
	if clean == name {
		return errors.New("it is a link to itself")
	}
	if err := u.walk(clean); err != nil {
		return err
	}
	if err := u.walk(name); err != nil {
		return err
	}
	return u.link(name, func(*os.Root, string) error { return u.root.Link(clean, name) })
}

func (u *unpacker) give(parent *os.Root, base string) error {
	if u.owner.uid == 0 && u.owner.gid == 0 {
		return nil
	}
	return parent.Lchown(base, u.owner.uid, u.owner.gid)
}

func (u *unpacker) giveFile(file *os.File) error {
	if u.owner.uid == 0 && u.owner.gid == 0 {
		return nil
	}
	return file.Chown(u.owner.uid, u.owner.gid)
}

// finish sets the folders' modes and makes the entrypoint executable.
func (u *unpacker) finish() error {
	if err := u.give(u.root, "."); err != nil {
		return fmt.Errorf("give /grade to the job's user: %w", err)
	}
	u.makeExecutable()
	names := slices.Sorted(maps.Keys(u.modes))
	for _, name := range slices.Backward(names) { // what lies in a folder goes before it
		if err := u.setMode(name); err != nil {
			return u.explain(name, err)
		}
	}
	return nil
}

func (u *unpacker) setMode(name string) error {
	if name == "." {
		return u.root.Chmod(name, u.modes[name])
	}
	parent, err := u.enter(path.Dir(name))
	if err != nil {
		return err
	}
	return parent.Chmod(path.Base(name), u.modes[name])
}

// makeExecutable adds the execute bits for whom may read, on a real file below /grade that is reached through no link. What it
// cannot do shows when the entrypoint is started.
func (u *unpacker) makeExecutable() {
	name, below := strings.CutPrefix(path.Clean(u.limits.Executable), guest.Root+"/")
	if !below || !u.folders[path.Dir(name)] {
		return
	}
	info, err := u.root.Lstat(name)
	if err != nil || !info.Mode().IsRegular() {
		return
	}
	_ = u.root.Chmod(name, info.Mode().Perm()|0o111)
}

// explain says of an entry what went wrong, without the words of the system where there are better ones.
func (u *unpacker) explain(name string, err error) error {
	switch {
	case errors.Is(err, syscall.EFBIG):
		return fmt.Errorf("entry %s: it is larger than a file of a job may be", show(name))
	case errors.Is(err, syscall.ENOSPC):
		return fmt.Errorf("entry %s: /grade is full; it holds %d bytes and %d entries", show(name), u.limits.MaxBytes, u.limits.MaxEntries)
	case errors.Is(err, syscall.ENAMETOOLONG):
		return fmt.Errorf("entry %s: its name is too long", show(name))
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("entry %s: the archive ends in the middle of it", show(name))
	case errors.Is(err, errBounded):
		return fmt.Errorf("entry %s: the archive cannot be read: %w", show(name), err)
	default:
		return fmt.Errorf("entry %s: %s", show(name), plain(err)) // the system's own words hold names of any length
	}
}
