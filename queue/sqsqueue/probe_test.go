package sqsqueue_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/slashgrade/slashgrade/internal/awstest"
)

// Probing takes, adds and changes nothing, and says that all is allowed.
func TestProbe(t *testing.T) {
	b := newBench(t, setup{deadLetters: "yes"})
	b.send(t, "7")
	p := b.Probe(t.Context())
	for _, right := range p.Rights {
		if right.Err != nil {
			t.Errorf("%s: %v", right.Name, right.Err)
		}
	}
	if len(p.Rights) != 5 || p.Waiting != 1 || p.Taken != 0 || p.MaxReceives != 0 {
		t.Errorf("found %+v", p)
	}
	if off := time.Since(p.ServerTime).Abs(); off > time.Minute {
		t.Errorf("the server's time is %s, %s off", p.ServerTime, off)
	}
	if waiting, taken := b.services.Count(t, b.jobs); waiting != "1" || taken != "0" {
		t.Errorf("%s messages wait and %s are taken, want 1 and 0", waiting, taken)
	}
	if m := b.receiveOne(t); m.Redelivered() {
		t.Error("probing received the message")
	}
	if waiting, _ := b.services.Count(t, b.results); waiting != "0" {
		t.Errorf("%s events were sent", waiting)
	}
}

// Each right is missed by its name, and so is an answer.
func TestProbeWithoutRights(t *testing.T) {
	b := newBench(t, setup{attributes: map[string]string{}})
	for _, call := range []string{"ChangeMessageVisibility", "DeleteMessage", "ReceiveMessage", "SendMessageBatch"} {
		for status, forbidden := range map[int]bool{http.StatusForbidden: true, http.StatusServiceUnavailable: true} {
			b.proxy.Break(func(w http.ResponseWriter, c *awstest.Call, next http.Handler) {
				if c.Name == call {
					http.Error(w, `{"__type":"com.amazonaws.sqs#AccessDeniedException","message":"no"}`, status)
					return
				}
				next.ServeHTTP(w, c.Request)
			})
			var missed []string
			for _, right := range b.Probe(t.Context()).Rights {
				if right.Err != nil {
					missed = append(missed, right.Name)
				}
			}
			name := strings.TrimSuffix(call, "Batch")
			if forbidden != (len(missed) == 1) || !strings.Contains(missed[0], "sqs:"+name) {
				t.Errorf("%s answers %d: missed %v", call, status, missed)
			}
		}
	}
}

func TestProbeReadsTheRedrive(t *testing.T) {
	b := newBench(t, setup{})
	_, dead := b.services.Queue(t, nil)
	arn := "arn:aws:sqs:us-east-1:000000000000:" + dead[strings.LastIndex(dead, "/")+1:]
	other := newBench(t, setup{attributes: map[string]string{"RedrivePolicy": `{"deadLetterTargetArn":"` + arn + `","maxReceiveCount":2}`}})
	if p := other.Probe(t.Context()); p.MaxReceives != 2 {
		t.Errorf("found %+v, want 2 receives", p)
	}
}
