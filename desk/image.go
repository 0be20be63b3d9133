package desk

import (
	"encoding/base64"
	"net/http"
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
