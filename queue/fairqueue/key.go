package fairqueue

import (
	"fmt"
	"strings"

	"github.com/slashgrade/slashgrade/jobspec"
)

// Key says which text of a job counts: "image", "bucket", or "env:NAME" for a variable of its environment. The empty key is no text.
type Key string

// ShareByImage is the usual share: a course uses few images, and a message names no course.
const ShareByImage Key = "image"

const environment = "env:"

// Validate refuses a key that means nothing.
func (k Key) Validate() error {
	if k == "" || k == ShareByImage || k == "bucket" || strings.HasPrefix(string(k), environment) && len(k) > len(environment) {
		return nil
	}
	return fmt.Errorf("it must be image, bucket or env:NAME, found %q", string(k))
}

// of is the job's text; "" where it has none.
func (k Key) of(job *jobspec.Job) string {
	switch k {
	case ShareByImage:
		return job.Image
	case "bucket":
		return job.Files.Bucket
	}
	name, ok := strings.CutPrefix(string(k), environment)
	if !ok {
		return ""
	}
	if value := job.Environment[name]; value != nil {
		return *value
	}
	return ""
}
