package jobspec

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"
)

// archiveTime is the modification time of everything in an archive, so that equal content makes equal bytes. It lies after 1980,
// the first year that zip files, which some graders write, can express.
func archiveTime() time.Time {
	return time.Date(2000, time.January, 1, 0, 0, 0, 0, time.UTC)
}

// WriteArchive writes the directory as ArchiveName: a gzip'd tar with paths relative to /grade, sorted, owned by root, all with the
// same time. The same content gives the same bytes with the same Go release. Memory does not grow with the files: each is streamed.
// It fails if a file of the course changed its size since NewGradeDir.
func (g *GradeDir) WriteArchive(w io.Writer) error {
	compressed, err := gzip.NewWriterLevel(w, gzip.BestSpeed)
	if err != nil {
		return fmt.Errorf("compress the archive: %w", err)
	}
	archive := tar.NewWriter(compressed)
	for _, name := range g.names() {
		if err := g.writeEntry(archive, name); err != nil {
			return fmt.Errorf("archive %s: %w", name, err)
		}
	}
	if err := errors.Join(archive.Close(), compressed.Close()); err != nil {
		return fmt.Errorf("end the archive: %w", err)
	}
	return nil
}

func (g *GradeDir) writeEntry(archive *tar.Writer, name string) error {
	entry := g.entries[name]
	if err := archive.WriteHeader(entry.header(name)); err != nil {
		return fmt.Errorf("write header: %w", err)
	}
	if !entry.mode.IsRegular() {
		return nil
	}
	contents, err := g.open(entry)
	if err != nil {
		return err
	}
	defer contents.Close() //nolint:errcheck // it was only read
	written, err := io.Copy(archive, contents)
	switch {
	case errors.Is(err, tar.ErrWriteTooLong), err == nil && written != entry.size:
		return errors.New("the file changed while it was read")
	case err != nil:
		return fmt.Errorf("write contents: %w", err)
	}
	return nil
}

func (g *GradeDir) open(entry *gradeEntry) (io.ReadCloser, error) {
	if entry.source == "" {
		return io.NopCloser(bytes.NewReader(entry.data)), nil
	}
	file, err := g.course.Open(entry.source)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", entry.source, err)
	}
	return file, nil
}

func (e *gradeEntry) header(name string) *tar.Header {
	header := &tar.Header{Name: name, Mode: int64(e.mode.Perm()), ModTime: archiveTime()}
	switch {
	case e.mode.IsDir():
		header.Typeflag, header.Name = tar.TypeDir, name+"/"
	case e.mode&fs.ModeSymlink != 0:
		header.Typeflag, header.Linkname = tar.TypeSymlink, e.link
	default:
		header.Typeflag, header.Size = tar.TypeReg, e.size
	}
	return header
}
