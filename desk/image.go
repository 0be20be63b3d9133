package desk

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Image is a picture among a grader's results. Its bytes come from untrusted code.
type Image struct {
	// Label is what stands under it; PrairieLearn's default is "Figure".
	Label string
	// URL is as the grader wrote it.
	URL string
}

// images reads a list of images, each {url, label} or the URL alone.
func images(value any) []Image {
	list, _ := value.([]any)
	var found []Image
	for _, entry := range list {
		image := Image{Label: "Figure"}
		switch entry := entry.(type) {
		case string:
			image.URL = entry
		case map[string]any:
			image.URL = text(entry, "url")
			if label := text(entry, "label"); label != "" {
				image.Label = label
			}
		}
		if image.URL != "" {
			found = append(found, image)
		}
	}
	return found
}

// Decode returns the bytes of an image that stands in a data: URL in base64, and the file name's end for them, by their content: png,
// jpeg, gif or webp. Other images are refused: an SVG can hold scripts, and a URL leads elsewhere.
func (i Image) Decode() (data []byte, extension string, ok bool) {
	head, encoded, found := strings.Cut(i.URL, ",")
	if !found || !strings.HasPrefix(head, "data:") || !strings.HasSuffix(head, ";base64") {
		return nil, "", false
	}
	data, err := base64.StdEncoding.DecodeString(strings.TrimSpace(encoded))
	if err != nil {
		return nil, "", false
	}
	extension, ok = map[string]string{
		"image/png": "png", "image/jpeg": "jpeg", "image/gif": "gif", "image/webp": "webp",
	}[http.DetectContentType(data)]
	return data, extension, ok
}

// SavedImage is what became of an image.
type SavedImage struct {
	Label string
	// File is where it lies; "" where it was not saved, and Why then says why.
	File, Why string
}

// maxSavedImages bounds the files of one report.
const maxSavedImages = 100

// SaveImages writes the images into the folder, which is made where it is missing, under names made of their labels. An image that
// cannot be decoded is no error.
func SaveImages(folder string, images []Image) ([]SavedImage, error) {
	if err := os.MkdirAll(folder, 0o755); err != nil { //nolint:gosec // the user's own pictures
		return nil, fmt.Errorf("save images: %w", err)
	}
	var saved []SavedImage
	used := map[string]bool{}
	for i, image := range images {
		data, extension, ok := image.Decode()
		switch {
		case i >= maxSavedImages:
			return append(saved, SavedImage{Label: "images", Why: fmt.Sprintf("there are more than %d", maxSavedImages)}), nil
		case !ok:
			saved = append(saved, SavedImage{Label: image.Label, Why: "it is not PNG, JPEG, GIF or WebP in a data: URL"})
			continue
		}
		name := FileName(image.Label)
		for n := 2; used[name+"."+extension]; n++ {
			name = FileName(image.Label) + "-" + strconv.Itoa(n)
		}
		used[name+"."+extension] = true
		file := filepath.Join(folder, name+"."+extension)
		if err := os.WriteFile(file, data, 0o644); err != nil { //nolint:gosec // the user's own pictures
			return nil, fmt.Errorf("save the image %s: %w", image.Label, err)
		}
		saved = append(saved, SavedImage{Label: image.Label, File: file})
	}
	return saved, nil
}

// FileName makes a file's name of any text: its letters, digits, dots and dashes, at most 60 of them, in lower case.
func FileName(text string) string {
	const most = 60
	var name strings.Builder
	for _, r := range strings.ToLower(text) {
		switch {
		case name.Len() >= most:
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '.' && name.Len() > 0:
			name.WriteRune(r)
		case name.Len() > 0 && !strings.HasSuffix(name.String(), "-"):
			name.WriteByte('-')
		}
	}
	return cmp.Or(strings.TrimRight(name.String(), "-."), "figure")
}
