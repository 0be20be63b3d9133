package sandboxtest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/slashgrade/slashgrade/runner/sandbox"
)

// hostile is an archive that must be refused, and a part of the reason.
type hostile struct {
	files   []File
	archive func(tb testing.TB) io.Reader // in place of files
	want    string
}

func archiveTrials() trials {
	list := trials{"source that stops": stalledSource, "file larger than a file may be": largeFile}
	for name, archive := range hostileArchives() {
		list[name] = archive.refuse
	}
	for name, archive := range brokenArchives() {
		list[name] = archive.refuse
	}
	return list
}

// largeFile is one that /grade has room for.
func largeFile(t *trial) {
	profile := small()
	profile.FileBytes = 1 << 20
	_, err := t.Unpack(t.T, &Job{Profile: profile, Files: []File{{Name: "./large", Content: strings.Repeat("x", 2<<20)}}})
	if refused, ok := errors.AsType[*sandbox.RefusedError](err); !ok || !strings.Contains(refused.Reason, "larger than a file of a job may be") {
		t.Errorf("got %v, want a refusal that says why", err)
	}
}

// refuse wants the archive refused with its reason, nothing outside of /grade, and a container that can still be spoken with.
func (h hostile) refuse(t *trial) {
	session := t.Open(t.T, &Job{Profile: small()})
	var archive io.Reader
	if h.archive != nil {
		archive = h.archive(t.T)
	} else {
		archive = bytes.NewReader(Pack(t.T, h.files...))
	}
	_, err := session.Unpack(t.Context(), archive, "/grade/tests/run.sh")
	refused, ok := errors.AsType[*sandbox.RefusedError](err)
	if !ok {
		t.Fatalf("got %v, want a refusal", err)
	}
	if !strings.Contains(refused.Reason, h.want) {
		t.Errorf("refused with %q, want it to say %q", refused.Reason, h.want)
	}
	if len(refused.Reason) > 1000 {
		t.Errorf("the reason has %d bytes", len(refused.Reason))
	}
	run := Start(t.T, session, &Job{Argv: []string{"sh", "-c", "find / -xdev -name '*canary*' | grep . && exit 1; grep -r canary /etc && exit 1; exit 0"}})
	t.status(run, 0)
}

func hostileArchives() map[string]hostile {
	const text = "canary"
	link := func(name, target string) File { return File{Name: name, Type: tar.TypeSymlink, Link: target} }
	hard := func(name, target string) File { return File{Name: name, Type: tar.TypeLink, Link: target} }
	return map[string]hostile{
		"traversal":               {files: []File{{Name: "../canary", Content: text}}, want: `holds ..`},
		"traversal in the middle": {files: []File{{Name: "a/../../canary", Content: text}}, want: `holds ..`},
		"absolute":                {files: []File{{Name: "/etc/canary", Content: text}}, want: "begins with /"},
		"write through a link":    {files: []File{link("out", "/etc"), {Name: "out/canary", Content: text}}, want: "is a file or a link"},
		"folder through a link":   {files: []File{link("out", "/tmp"), {Name: "out/canary/", Type: tar.TypeDir}}, want: "is a file or a link"},
		"link to /grade itself":   {files: []File{link("out", "."), {Name: "out/canary", Content: text}}, want: "is a file or a link"},
		"chain of links":          {files: []File{link("a", ".."), link("b", "a/etc"), {Name: "b/canary", Content: text}}, want: "is a file or a link"},
		"link below a link":       {files: []File{link("a", "/tmp"), link("a/canary", "/etc")}, want: "is a file or a link"},
		"folder where a link is":  {files: []File{link("a", "/tmp"), {Name: "a/", Type: tar.TypeDir}}, want: "is a file or a link"},
		"hard link outside":       {files: []File{hard("a", "/etc/passwd")}, want: "begins with /"},
		"hard link up":            {files: []File{hard("a", "../etc/passwd")}, want: "holds .."},
		"hard link to nothing":    {files: []File{hard("a", "later"), {Name: "later", Content: text}}, want: "not a file in the archive before it"},
		"hard link to a link":     {files: []File{link("a", "/etc/passwd"), hard("b", "a")}, want: "not a file in the archive before it"},
		"hard link through link":  {files: []File{link("a", "/etc"), hard("b", "a/passwd")}, want: "not in the archive before it"},
		"hard link to itself":     {files: []File{{Name: "a", Content: "x"}, hard("a", "a")}, want: "itself"},
		"character device":        {files: []File{{Name: "a", Type: tar.TypeChar}}, want: "devices and FIFOs"},
		"block device":            {files: []File{{Name: "a", Type: tar.TypeBlock}}, want: "devices and FIFOs"},
		"FIFO":                    {files: []File{{Name: "a", Type: tar.TypeFifo}}, want: "devices and FIFOs"},
		"file, then folder":       {files: []File{{Name: "a", Content: "x"}, {Name: "a/b", Content: "x"}}, want: "cannot be a folder as well"},
		"folder, then file":       {files: []File{{Name: "a/b", Content: "x"}, {Name: "a", Content: "x"}}, want: "cannot be a file as well"},
		"file of the root's name": {files: []File{{Name: "./", Type: tar.TypeSymlink, Link: "/etc"}}, want: "/grade itself"},
		"too many entries":        {files: manyFiles(2001), want: "more than 2000 entries"},
		"too many folders":        {files: deepFiles(150, 20), want: "/grade is full"},
		"too large":               {files: []File{{Name: "a", Content: strings.Repeat("x", 9<<20)}, {Name: "b", Content: strings.Repeat("x", 9<<20)}}, want: "larger than"},
		"too deep on average":     {files: deepFiles(20, 190), want: "deep on average"},
		"too deep":                {files: deepFiles(1, 300), want: "more than 200 folders deep"},
		"name of 256 bytes":       {files: []File{{Name: strings.Repeat("n", 256), Content: "x"}}, want: "name is too long"},
		"name of 5,000 bytes":     {files: []File{{Name: strings.Repeat("nnnn/", 1000) + "n", Content: "x"}}, want: "the limit is 4096"},
		"link of 5,000 bytes":     {files: []File{link("a", strings.Repeat("n", 5000))}, want: "too long"},
		"link to nothing":         {files: []File{link("a", "")}, want: `entry "a"`},
	}
}

func manyFiles(count int) []File {
	files := make([]File, count)
	for i := range files {
		files[i] = File{Name: fmt.Sprintf("many/%d", i%100)} // far fewer than /grade takes
	}
	return files
}

// deepFiles are files, each at the end of folders of its own.
func deepFiles(count, depth int) []File {
	files := make([]File, count)
	for i := range files {
		files[i] = File{Name: fmt.Sprint(i) + "/" + strings.Repeat("d/", depth) + "f"}
	}
	return files
}

func brokenArchives() map[string]hostile {
	good := func(tb testing.TB) []byte {
		tb.Helper()
		return Pack(tb, File{Name: "a", Content: strings.Repeat("some text ", 1000)}, File{Name: "b", Content: "x"})
	}
	text := func(content string) func(testing.TB) io.Reader {
		return func(testing.TB) io.Reader { return strings.NewReader(content) }
	}
	return map[string]hostile{
		"nothing":           {archive: text(""), want: "the archive is empty"},
		"an error page":     {archive: text("<?xml version=\"1.0\"?><Error><Code>NoSuchKey</Code></Error>"), want: "not a gzip'd tar"},
		"a plain tar":       {archive: text("a" + strings.Repeat("\x00", 1023)), want: "not a gzip'd tar"},
		"gzip of no tar":    {archive: zipped(strings.NewReader(strings.Repeat("text ", 1000))), want: "cannot be read"},
		"endless noise":     {archive: func(testing.TB) io.Reader { return repeating("noise") }, want: "not a gzip'd tar"},
		"cut in half":       {archive: changed(good, func(a []byte) []byte { return a[:len(a)/2] }), want: "unexpected EOF"},
		"cut at the end":    {archive: changed(good, func(a []byte) []byte { return a[:len(a)-4] }), want: "unexpected EOF"},
		"wrong checksum":    {archive: changed(good, func(a []byte) []byte { a[len(a)-5] ^= 1; return a }), want: "checksum"},
		"damaged":           {archive: changed(good, func(a []byte) []byte { a[len(a)/2] ^= 0xff; return a }), want: ""},
		"junk at the end":   {archive: changed(good, func(a []byte) []byte { return append(a, "junk"...) }), want: "behind its last entry"},
		"negative size":     {archive: zipped(rawHeader(tar.TypeReg, -1)), want: "cannot be read"},
		"sparse file, 1 TB": {archive: zipped(sparse("1099511627776")), want: "larger than"},
		"size of 1 EB":      {archive: zipped(rawHeader(tar.TypeReg, 1<<60)), want: "larger than"},
		"bomb of zeros":     {archive: zipped(io.MultiReader(rawHeader(tar.TypeReg, 100<<20), io.LimitReader(repeating("\x00"), 100<<20))), want: "larger than"},
		"flood of PAX":      {archive: zipped(io.LimitReader(paxFlood(tar.TypeXHeader), 80<<20)), want: "far more than its entries can need"},
		"flood of globals":  {archive: zipped(io.LimitReader(paxFlood(tar.TypeXGlobalHeader), 80<<20)), want: "more than 2000 entries"},
		"PAX of 2 MB":       {archive: zipped(io.MultiReader(rawHeader(tar.TypeXHeader, 2<<20), io.LimitReader(repeating("x"), 2<<20))), want: "cannot be read"},
		"long tail":         {archive: zipped(io.LimitReader(repeating("\x00"), 10<<20)), want: "follow the archive's end"},
		"empty gzip flood":  {archive: emptyMembers, want: "far more than its entries can need"},
		"unknown type":      {archive: zipped(rawHeader('Z', 0)), want: "unknown type"},
	}
}

func changed(good func(testing.TB) []byte, change func([]byte) []byte) func(testing.TB) io.Reader {
	return func(tb testing.TB) io.Reader {
		tb.Helper()
		return bytes.NewReader(change(good(tb)))
	}
}

// zipped compresses while it is read, so that bombs take no memory here.
func zipped(content io.Reader) func(testing.TB) io.Reader {
	return func(tb testing.TB) io.Reader {
		tb.Helper()
		reader, writer := io.Pipe()
		tb.Cleanup(func() { _ = reader.Close() }) // ends the goroutine
		go func() {
			zip := gzip.NewWriter(writer)
			_, err := io.Copy(zip, content)
			if closed := zip.Close(); err == nil {
				err = closed
			}
			_ = writer.CloseWithError(err)
		}()
		return reader
	}
}

// repeating reads as the text over and over, without end.
func repeating(text string) io.Reader { return &repeater{text: []byte(text)} }

type repeater struct {
	text []byte
	at   int
}

// Read implements [io.Reader].
func (r *repeater) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = r.text[r.at]
		r.at = (r.at + 1) % len(r.text)
	}
	return len(p), nil
}

// emptyMembers is a valid gzip of nothing again and again.
func emptyMembers(tb testing.TB) io.Reader {
	tb.Helper()
	var member bytes.Buffer
	if err := gzip.NewWriter(&member).Close(); err != nil {
		tb.Fatal(err)
	}
	return repeating(member.String())
}

// rawHeader is a header as no library writes it, with a size in the binary form that takes any number.
func rawHeader(kind byte, size int64) io.Reader {
	block := make([]byte, 512)
	copy(block, "canary")
	copy(block[100:], "0000644\x000000000\x000000000\x00")
	const sizeAt, sizeEnd = 124, 136
	if size < 0 {
		copy(block[sizeAt:], "\xff\xff\xff\xff")
	}
	binary.BigEndian.PutUint64(block[sizeEnd-8:], uint64(size)) //nolint:gosec // two's complement is what the format wants
	block[sizeAt] |= 0x80
	copy(block[136:], "00000000000\x00")
	block[156] = kind
	copy(block[257:], "ustar\x0000")
	return bytes.NewReader(signed(block))
}

// signed sets the checksum of a header.
func signed(block []byte) []byte {
	copy(block[148:], "        ")
	sum := 0
	for _, b := range block {
		sum += int(b)
	}
	copy(block[148:], fmt.Sprintf("%06o\x00 ", sum))
	return block
}

// sparse is a file of GNU's sparse format 1.0 with a hole of this size.
func sparse(size string) io.Reader {
	records := paxRecord("GNU.sparse.major=1") + paxRecord("GNU.sparse.minor=0") + paxRecord("GNU.sparse.name=canary") +
		paxRecord("GNU.sparse.realsize="+size)
	padded := make([]byte, 512)
	copy(padded, records)
	content := make([]byte, 512)
	copy(content, "1\n0\n0\n")
	return io.MultiReader(rawHeader(tar.TypeXHeader, int64(len(records))), bytes.NewReader(padded), rawHeader(tar.TypeReg, 512), bytes.NewReader(content))
}

func paxRecord(record string) string {
	const around = len("10 ") + len("\n") // the length counts itself; it has two digits here
	return fmt.Sprintf("%d %s\n", len(record)+around, record)
}

// paxFlood is extension headers that no entry follows.
func paxFlood(kind byte) io.Reader {
	record := paxRecord("comment=x")
	padded := make([]byte, 512)
	copy(padded, record)
	header, _ := io.ReadAll(rawHeader(kind, int64(len(record)))) // from memory
	return repeating(string(header) + string(padded))
}

// stalledSource gives up when its context ends, though the reader of the archive does not.
func stalledSource(t *trial) {
	session := t.Open(t.T, &Job{Profile: small()})
	stalled, release := io.Pipe()
	t.Cleanup(func() { _ = release.Close() })
	late := errors.New("it took too long")
	ctx, cancel := context.WithTimeoutCause(t.Context(), 500*time.Millisecond, late)
	defer cancel()
	if _, err := session.Unpack(ctx, stalled, ""); !errors.Is(err, late) {
		t.Errorf("got %v, want %v", err, late)
	}
}
