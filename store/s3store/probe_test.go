package s3store_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/slashgrade/slashgrade/internal/awstest"
	"github.com/slashgrade/slashgrade/store/s3store"
)

// Probing puts nothing into the bucket and tells what is missing.
func TestProbe(t *testing.T) {
	b := newBench(t, s3store.Options{})
	services := awstest.NewServices(t)
	bucket := services.Bucket(t)
	if reading, writing := b.Probe(t.Context(), bucket); reading != nil || writing != nil {
		t.Errorf("a good bucket: %v, %v", reading, writing)
	}
	listed, err := services.S3.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &bucket})
	if err != nil || len(listed.Contents) > 0 {
		t.Errorf("probing left %v (%v)", listed.Contents, err)
	}
	uploads, err := services.S3.ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: &bucket})
	if err != nil || len(uploads.Uploads) > 0 {
		t.Errorf("probing left uploads %v (%v)", uploads.Uploads, err)
	}
	reading, writing := b.Probe(t.Context(), "slashgrade-no-such-bucket")
	if reading == nil || writing == nil || !strings.Contains(writing.Error(), "no such bucket") {
		t.Errorf("a bucket that is not there: %v, %v", reading, writing)
	}
	b.proxy.Break(func(w http.ResponseWriter, call *awstest.Call, next http.Handler) {
		if call.Request.Method == http.MethodPut {
			w.Header().Set("Content-Type", "application/xml")
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write([]byte("<Error><Code>AccessDenied</Code><Message>no</Message></Error>"))
			return
		}
		next.ServeHTTP(w, call.Request)
	})
	if reading, writing := b.Probe(t.Context(), bucket); reading != nil || writing == nil || !strings.Contains(writing.Error(), "s3:PutObject") {
		t.Errorf("no right to write: %v, %v", reading, writing)
	}
}
