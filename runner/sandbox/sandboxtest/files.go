package sandboxtest

import (
	"archive/tar"
	"bytes"
	"errors"
	"io"
	"strings"

	"github.com/slashgrade/slashgrade/runner/sandbox"
)

func fileTrials() trials {
	return trials{
		"modes, links and names": ordinaryFiles,
		"harmless oddities":      harmless,
		"broken source":          brokenSource,
	}
}

func ordinaryFiles(t *trial) {
	long := strings.Repeat("n", 255)
	run := t.job(&Job{
		Files: []File{
			{Name: "./student/hello world.py", Content: "hi", Mode: 0o640},
			{Name: "student/réponse\n*", Content: "odd"},
			{Name: "student/" + long, Content: "long"},
			{Name: "a/b/c/d.txt", Content: "deep", Mode: 0o755},
			{Name: "closed/", Type: tar.TypeDir, Mode: 0o500},
			{Name: "closed/in.txt", Content: "in"},
			{Name: "absolute", Type: tar.TypeSymlink, Link: "/etc/passwd"},
			{Name: "upwards", Type: tar.TypeSymlink, Link: "../../etc"},
			{Name: "dangling", Type: tar.TypeSymlink, Link: "no/such"},
			{Name: "hard", Type: tar.TypeLink, Link: "a/b/c/d.txt"},
			{Name: "setuid", Content: "x", Mode: 0o7755},
			{Name: "empty", Content: ""},
		},
		Script: `
cd /grade
for f in . student 'student/hello world.py' a a/b/c a/b/c/d.txt closed setuid; do echo "mode $f=$(stat -c '%a %F' "$f")"; done
for l in absolute upwards dangling; do echo $l=$(readlink $l); done
echo hard=$(stat -c %h hard) $(cat hard)
echo odd=$(cat student/r*) long=$(cat student/nnn*) in=$(cat closed/in.txt) empty=$(wc -c < empty)
echo results=$(ls -d results 2>/dev/null)
`,
	})
	t.want(run, map[string]string{ //nolint:gosec // modes of files, no credentials
		"mode .": "755 directory", "mode student": "755 directory", "mode student/hello world.py": "640 regular file",
		"mode a": "755 directory", "mode a/b/c": "755 directory", "mode a/b/c/d.txt": "755 regular file",
		"mode closed": "500 directory", "mode setuid": "755 regular file",
		"absolute": "/etc/passwd", "upwards": "../../etc", "dangling": "no/such", "hard": "2 deep",
		"odd": "odd long=long in=in empty=0", "results": "",
	})
}

// harmless is what archives hold that is odd but does no harm: the last of a name wins, folders are merged, tails are passed over.
func harmless(t *trial) {
	files := []File{
		{Name: "./", Type: tar.TypeDir, Mode: 0o750},
		{Name: "pax_global_header", Type: tar.TypeXGlobalHeader, Content: "a commit"},
		{Name: "twice", Content: "first"},
		{Name: "twice", Content: "second", Mode: 0o600},
		{Name: "link", Type: tar.TypeSymlink, Link: "/etc/hostname"},
		{Name: "link", Content: "a file now"},
		{Name: "file", Content: "x"},
		{Name: "file", Type: tar.TypeSymlink, Link: "twice"},
		{Name: "dir/", Type: tar.TypeDir, Mode: 0o700},
		{Name: "dir/", Type: tar.TypeDir, Mode: 0o711},
		{Name: "./dir//a/./b", Content: "x"},
		{Name: "shut/", Type: tar.TypeDir, Mode: 0o001},
		{Name: "shut/in", Content: "x", Mode: 0o001},
	}
	run := t.job(&Job{Files: files, Script: `
cd /grade
echo grade=$(stat -c %a .) twice=$(cat twice) mode=$(stat -c %a twice)
echo link=$(stat -c %F link) $(cat link) file=$(readlink file)
echo dir=$(stat -c %a dir) b=$(ls dir/a) shut=$(stat -c %a shut) $(stat -c %a shut/in)
grep -q now /etc/hostname || echo hostname=untouched
`})
	t.want(run, map[string]string{
		"grade": "750 twice=second mode=600", "link": "regular file a file now file=twice",
		"dir": "711 b=b shut=1 1", "hostname": "untouched",
	})
}

// brokenSource is a store that fails in the middle of an archive: not the archive's fault.
func brokenSource(t *trial) {
	session := t.Open(t.T, &Job{})
	broken := errors.New("the store broke off")
	archive := Pack(t.T, File{Name: "a", Content: strings.Repeat("x", 100_000)})
	_, err := session.Unpack(t.Context(), io.MultiReader(bytes.NewReader(archive[:len(archive)/2]), failing{broken}), "")
	if source, ok := errors.AsType[*sandbox.SourceError](err); !ok || !errors.Is(source, broken) {
		t.Errorf("got %v, want a SourceError with %v", err, broken)
	}
}

type failing struct{ err error }

// Read implements [io.Reader].
func (f failing) Read([]byte) (int, error) { return 0, f.err }
