package hostile_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"strings"
	"testing"

	"github.com/slashgrade/slashgrade/internal/testenv"
)

// archiveEntry is an entry of a case's archive, as entries.json has it.
type archiveEntry struct {
	Name    string `json:"name"`
	Type    string `json:"type"` // "" is a file
	Link    string `json:"link"`
	Mode    int64  `json:"mode"`
	Content string `json:"content"`
}

// entryTypes are the types of package tar by the names that cases use.
func entryTypes() map[string]byte {
	return map[string]byte{
		"": '0', "link": '1', "symlink": '2', "char": '3', "block": '4', "dir": '5', "fifo": '6', "global": 'g',
	}
}

func toEntries(t *testing.T, list []archiveEntry) []testenv.Entry {
	t.Helper()
	entries := make([]testenv.Entry, 0, len(list))
	for _, entry := range list {
		kind, ok := entryTypes()[entry.Type]
		if !ok {
			t.Fatalf("no entry is of the type %q", entry.Type)
		}
		entries = append(entries, testenv.Entry{Name: entry.Name, Type: kind, Link: entry.Link, Mode: entry.Mode, Content: entry.Content})
	}
	return entries
}

// script is the grader of archives that no list of entries describes.
const script = "#!/bin/sh\nmkdir -p /grade/results\necho '{\"score\":0}' >/grade/results/results.json\n"

// archives are the archives that no tool makes, by the names that cases use.
func archives() map[string]func(packer) []byte {
	return merge(brokenArchives(), bombs(), oddHeaders(), longArchives())
}

type makers = map[string]func(packer) []byte

func merge(lists ...makers) makers {
	all := makers{}
	for _, list := range lists {
		maps.Copy(all, list)
	}
	return all
}

func brokenArchives() makers {
	return makers{
		"nothing":         func(packer) []byte { return []byte{} },
		"one byte":        func(packer) []byte { return []byte{0x1f} },
		"zero bytes":      func(packer) []byte { return make([]byte, 1<<20) },
		"text":            func(packer) []byte { return []byte("no archive\n") },
		"error page":      func(packer) []byte { return []byte(`<?xml version="1.0"?><Error><Code>SlowDown</Code></Error>`) },
		"gzip of nothing": func(p packer) []byte { return p.zip(nil) },
		"gzip of text":    func(p packer) []byte { return p.zip(bytes.Repeat([]byte("text "), 10_000)) },
		"gzip of zeros":   func(p packer) []byte { return p.zip(make([]byte, 1<<20)) },
		"tar":             func(p packer) []byte { return p.unzip(p.good()) },
		"gzip twice":      func(p packer) []byte { return p.zip(p.good()) },
		"zip":             func(packer) []byte { return append([]byte("PK\x03\x04"), make([]byte, 4096)...) },
		"xz":              func(packer) []byte { return append([]byte("\xfd7zXZ\x00"), make([]byte, 4096)...) },
		"header only":     func(p packer) []byte { return p.good()[:10] },
		"half":            func(p packer) []byte { a := p.good(); return a[:len(a)/2] },
		"without end":     func(p packer) []byte { a := p.good(); return a[:len(a)-8] },
		"one byte short":  func(p packer) []byte { a := p.good(); return a[:len(a)-1] },
		"wrong checksum":  func(p packer) []byte { a := p.good(); a[len(a)-6] ^= 1; return a },
		"wrong length":    func(p packer) []byte { a := p.good(); a[len(a)-2] ^= 1; return a },
		"wrong in the middle": func(p packer) []byte {
			a := p.good()
			a[len(a)/2] ^= 0xff
			return a
		},
		"tar without end":   func(p packer) []byte { a := p.unzip(p.good()); return p.zip(a[:len(a)-1024]) },
		"tar cut in a file": func(p packer) []byte { return p.zip(p.unzip(p.good())[:512+10]) },
		"junk behind":       func(p packer) []byte { return append(p.good(), bytes.Repeat([]byte("junk"), 100)...) },
		"zeros behind":      func(p packer) []byte { return append(p.good(), make([]byte, 4096)...) },
		"junk behind the tar": func(p packer) []byte {
			return p.zip(append(p.unzip(p.good()), bytes.Repeat([]byte("junk"), 1000)...))
		},
		"second tar behind": func(p packer) []byte {
			return append(p.good(), p.archive(testenv.Entry{Name: "second", Content: "x"})...)
		},
	}
}

// bombs are small and become large, or take long.
func bombs() makers {
	return makers{
		"file of 10 GiB": func(p packer) []byte {
			return append(p.zip(header("bomb", '0', octal(10<<30))), p.zeros(10<<30)...)
		},
		"10 GiB behind the end": func(p packer) []byte { return append(p.good(), p.zeros(10<<30)...) },
		"4 GiB in many files": func(p packer) []byte {
			file := p.zip(append(header("a", '0', octal(64<<20)), make([]byte, 64<<20)...))
			return bytes.Repeat(file, 64)
		},
		"empty members": func(p packer) []byte { return append(bytes.Repeat(p.zip(nil), 1_000_000), p.good()...) },
		"100,000 names for headers": func(p packer) []byte {
			return append(p.zip(bytes.Repeat(pax("comment=x"), 100_000)), p.good()...)
		},
		"global headers": func(p packer) []byte {
			one := pax("comment=x")
			one[156] = 'g'
			seal(one)
			return append(p.zip(bytes.Repeat(one, 50_000)), p.good()...)
		},
		"header of 2 MB": func(p packer) []byte {
			return p.zip(append(pax("comment="+strings.Repeat("x", 2<<20)), p.unzip(p.good())...))
		},
		"header of 512 MB": func(p packer) []byte {
			return append(p.zip(header("x", 'x', octal(512<<20))), p.zeros(512<<20)...)
		},
		"name of 512 MB": func(p packer) []byte {
			return append(p.zip(header("x", 'L', octal(512<<20))), p.zeros(512<<20)...)
		},
	}
}

// oddHeaders are headers that a library for archives would not write.
func oddHeaders() makers {
	one := func(name string, kind byte, size []byte) func(packer) []byte {
		return func(p packer) []byte { return p.zip(append(header(name, kind, size), make([]byte, 4096)...)) }
	}
	records := func(list ...string) func(packer) []byte {
		return func(p packer) []byte {
			return p.zip(append(append(pax(list...), header("x", '0', octal(1))...), make([]byte, 4096)...))
		}
	}
	return makers{
		"negative size":          one("x", '0', binarySize(-1)),
		"most negative size":     one("x", '0', binarySize(-1<<63)),
		"largest size":           one("x", '0', binarySize(1<<63-1)),
		"size of a terabyte":     one("x", '0', binarySize(1<<40)),
		"size that is no number": one("x", '0', []byte("12x456789abc")),
		"sparse file":            one("x", 'S', octal(0)),
		"unknown type":           one("x", 'Z', octal(0)),
		"contiguous file":        one("x", '7', octal(0)),
		"empty name":             one("", '0', octal(0)),
		"device with a size":     one("x", '3', octal(1000)),
		"folder with a size":     one("x/", '5', octal(1000)),
		"wrong sum": func(p packer) []byte {
			h := header("x", '0', octal(0))
			h[148] ^= 1
			return p.zip(append(h, make([]byte, 2048)...))
		},
		"name in a record":           records("path=../../../../etc/evil"),
		"name of a hundred levels":   records("path=" + strings.Repeat("d/", 1000) + "x"),
		"name with NUL in a record":  records("path=a\x00b"),
		"negative size in a record":  records("size=-1"),
		"huge size in a record":      records("size=9223372036854775807"),
		"size in a record overflows": records("size=99999999999999999999"),
		"time in a record":           records("mtime=99999999999999999999"),
		"sparse of a terabyte":       records("GNU.sparse.major=1", "GNU.sparse.minor=0", "GNU.sparse.name=x", "GNU.sparse.realsize=1099511627776"),
		"sparse by old records":      records("GNU.sparse.size=1099511627776", "GNU.sparse.numblocks=1", "GNU.sparse.offset=0", "GNU.sparse.numbytes=1"),
		"record that lies": func(p packer) []byte {
			return p.zip(append(header("x", 'x', octal(512)), append([]byte("999999999 path=x\n"), make([]byte, 4096)...)...))
		},
		"long name that leads out": func(p packer) []byte {
			name := append([]byte("../../../etc/evil"), make([]byte, 512-17)...)
			return p.zip(bytes.Join([][]byte{header("x", 'L', octal(17)), name, header("y", '0', octal(0)), make([]byte, 1024)}, nil))
		},
		"long target that leads out": func(p packer) []byte {
			name := append([]byte("../../../etc/passwd"), make([]byte, 512-19)...)
			return p.zip(bytes.Join([][]byte{header("x", 'K', octal(19)), name, header("y", '1', octal(0)), make([]byte, 1024)}, nil))
		},
	}
}

// longArchives have many entries, or long names.
func longArchives() makers {
	run := testenv.Entry{Name: "tests/run.sh", Content: script, Mode: 0o755}
	many := func(n int, entry func(i int) testenv.Entry) func(packer) []byte {
		return func(p packer) []byte {
			entries := []testenv.Entry{run}
			for i := range n {
				entries = append(entries, entry(i))
			}
			return p.archive(entries...)
		}
	}
	single := func(entry testenv.Entry) func(packer) []byte {
		return many(1, func(int) testenv.Entry { return entry })
	}
	return makers{
		"25,000 files":          many(25_000, func(i int) testenv.Entry { return testenv.Entry{Name: fmt.Sprintf("many/%d", i)} }),
		"100,000 files":         many(100_000, func(i int) testenv.Entry { return testenv.Entry{Name: fmt.Sprintf("many/%d", i)} }),
		"25,000 folders":        many(25_000, func(i int) testenv.Entry { return testenv.Entry{Name: fmt.Sprintf("many/%d/", i), Type: tar.TypeDir} }),
		"one name 19,000 times": many(19_000, func(int) testenv.Entry { return testenv.Entry{Name: "one"} }),
		"folders that hop": many(15_000, func(i int) testenv.Entry {
			return testenv.Entry{Name: fmt.Sprintf("%d/%s%d", i%2, strings.Repeat("d/", 150), i)}
		}),
		"links to one file": func(p packer) []byte {
			return many(19_000, func(i int) testenv.Entry {
				return testenv.Entry{Name: fmt.Sprintf("l%d", i), Type: tar.TypeLink, Link: "tests/run.sh"}
			})(p)
		},
		"80 MB":           single(testenv.Entry{Name: "large", Content: strings.Repeat("x", 80<<20)}),
		"name of 255":     single(testenv.Entry{Name: strings.Repeat("n", 255)}),
		"name of 256":     single(testenv.Entry{Name: strings.Repeat("n", 256)}),
		"path of 5,000":   single(testenv.Entry{Name: strings.Repeat("abcdefghi/", 500) + "x"}),
		"150 levels":      single(testenv.Entry{Name: strings.Repeat("d/", 150) + "x"}),
		"300 levels":      single(testenv.Entry{Name: strings.Repeat("d/", 300) + "x"}),
		"target of 5,000": single(testenv.Entry{Name: "l", Type: tar.TypeSymlink, Link: strings.Repeat("t", 5000)}),
		"odd names": many(256, func(i int) testenv.Entry {
			return testenv.Entry{Name: "odd/a" + string([]byte{byte(max(i, 1))}) + "b" + fmt.Sprint(i)}
		}),
	}
}

// packer packs for a test.
type packer struct{ *testing.T }

// good is an archive in which nothing is wrong.
func (p packer) good() []byte {
	return p.archive(testenv.Entry{Name: "tests/run.sh", Content: script, Mode: 0o755})
}

func (p packer) archive(entries ...testenv.Entry) []byte { return testenv.Archive(p.T, entries...) }

func (p packer) zip(data []byte) []byte {
	var out bytes.Buffer
	zipped, err := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	if err != nil {
		p.Fatal(err)
	}
	if _, err := zipped.Write(data); err != nil {
		p.Fatal(err)
	}
	if err := zipped.Close(); err != nil {
		p.Fatal(err)
	}
	return out.Bytes()
}

func (p packer) unzip(archive []byte) []byte {
	zipped, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		p.Fatal(err)
	}
	data, err := io.ReadAll(zipped)
	if err != nil {
		p.Fatal(err)
	}
	return data
}

// zeros is a gzip of size zero bytes, in members of 64 MiB: one is compressed and repeated.
func (p packer) zeros(size int64) []byte {
	const piece = 64 << 20
	return bytes.Repeat(p.zip(make([]byte, piece)), int(size/piece))
}

// header is a header of a tar with these 12 bytes of size.
func header(name string, kind byte, size []byte) []byte {
	h := make([]byte, 512)
	copy(h, name)
	copy(h[100:], "0000644\x000000000\x000000000\x00")
	copy(h[124:136], size)
	copy(h[136:], "00000000000\x00")
	h[156] = kind
	copy(h[257:], "ustar\x0000")
	if kind == 'S' {
		copy(h[257:], "ustar  \x00")
		copy(h[386:], "00000000000\x00") // the first piece's place
		copy(h[398:], "00000000001\x00") // and length
		copy(h[483:495], binarySize(1<<40))
	}
	seal(h)
	return h
}

// seal sets a header's checksum.
func seal(h []byte) {
	copy(h[148:156], "        ")
	sum := 0
	for _, b := range h[:512] {
		sum += int(b)
	}
	copy(h[148:], fmt.Sprintf("%06o\x00 ", sum))
}

func octal(size int64) []byte { return fmt.Appendf(nil, "%011o\x00", size) }

// binarySize is a size in the base of 256, which may be negative.
func binarySize(size int64) []byte {
	field := bytes.Repeat([]byte{byte(size >> 63)}, 12)
	binary.BigEndian.PutUint64(field[4:], uint64(size))
	field[0] |= 0x80
	return field
}

// pax is an extended header of records "key=value".
func pax(records ...string) []byte {
	var text bytes.Buffer
	for _, record := range records {
		length := len(record) + 2
		for total := 0; total != length; {
			total = length
			length = len(record) + 2 + len(fmt.Sprint(total))
		}
		fmt.Fprintf(&text, "%d %s\n", length, record)
	}
	size := text.Len()
	text.Write(make([]byte, (512-size%512)%512))
	return append(header("x", 'x', octal(int64(size))), text.Bytes()...)
}
