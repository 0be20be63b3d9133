package sqsqueue_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/slashgrade/slashgrade/internal/awstest"
)

const junk = `{"jobId":7,"image":`

func (b *bench) sendJunk(t *testing.T) {
	t.Helper()
	if err := b.sender.SendRaw(t.Context(), junk); err != nil {
		t.Fatal(err)
	}
	b.proxy.Break(nil)
}

// receiveNothing polls until a message was set aside, and wants none from Receive.
func (b *bench) receiveNothing(t *testing.T) {
	t.Helper()
	if messages, err := b.Receive(t.Context(), 10); err != nil || len(messages) > 0 {
		t.Errorf("received %v, %v, want nothing", messages, err)
	}
}

func (b *bench) wantLog(t *testing.T, messages ...string) {
	t.Helper()
	var got []string
	for _, line := range b.log.all() {
		text, _ := line["msg"].(string)
		got = append(got, text)
		if line["message_id"] == "" || line["reason"] == "" {
			t.Errorf("the line %v lacks the message's id or the reason", line)
		}
	}
	if diff := cmp.Diff(messages, got); diff != "" {
		t.Errorf("the log differs (-want +got):\n%s", diff)
	}
}

// Each call of setting a message aside fails in turn.
func TestUnreadableGoesToTheDeadLetterQueue(t *testing.T) {
	for _, c := range []struct {
		fails     string
		wantCalls []string
		wantLog   string
		moved     int
		taken     string
	}{
		{"nothing", []string{"ReceiveMessage", "SendMessage", "DeleteMessage"}, "unreadable message moved to the dead-letter queue", 1, "0"},
		{"SendMessage", []string{"ReceiveMessage", "SendMessage"}, "unreadable message could not be moved to the dead-letter queue", 0, "1"},
		{
			"DeleteMessage",
			[]string{"ReceiveMessage", "SendMessage", "DeleteMessage"},
			"unreadable message is in the dead-letter queue but was not deleted", 1, "1",
		},
	} {
		t.Run(c.fails, func(t *testing.T) {
			b := newBench(t, setup{deadLetters: "yes"})
			b.sendJunk(t)
			b.proxy.Break(awstest.FailCalls(c.fails))
			b.receiveNothing(t)
			if diff := cmp.Diff(c.wantCalls, b.proxy.Calls()); diff != "" {
				t.Errorf("the calls differ (-want +got):\n%s", diff)
			}
			b.wantLog(t, c.wantLog)
			for _, body := range b.events(t, b.aside, c.moved) {
				if body != junk {
					t.Errorf("the dead-letter queue has %q, want %q", body, junk)
				}
			}
			if waiting, taken := b.services.Count(t, b.jobs); waiting != "0" || taken != c.taken {
				t.Errorf("%s messages wait and %s are taken, want 0 and %s", waiting, taken, c.taken)
			}
		})
	}
}

// Without a dead-letter queue of ours the message comes again and again, is logged once, and is never touched.
func TestUnreadableIsLeftToTheRedrive(t *testing.T) {
	b := newBench(t, setup{lease: time.Second})
	b.sendJunk(t)
	for range 4 { // polls of a second: the message comes back in between
		b.receiveNothing(t)
	}
	b.wantLog(t, "unreadable message left to the queue's redrive policy: no sqs.dead_letter_queue is configured")
	for _, call := range b.proxy.Calls() {
		if call != "ReceiveMessage" {
			t.Errorf("called %s", call)
		}
	}
	if bodies := b.events(t, b.jobs, 1); bodies[0] != junk {
		t.Errorf("the queue has %q, want %q", bodies, junk)
	}
}

// Every kind of unreadable message, in front of a good one.
func TestUnreadableMessages(t *testing.T) {
	b := newBench(t, setup{deadLetters: "yes"})
	bodies := []string{
		junk, "not JSON", "[]", "7", "null", `"7"`, `{}`, `{"jobId":""}`, `{"jobId":7}`, `{"jobId":null}`, " ",
	}
	for _, body := range bodies {
		if err := b.sender.SendRaw(t.Context(), body); err != nil {
			t.Fatalf("send %q: %v", body, err)
		}
	}
	b.send(t, "good")
	if m := b.receiveOne(t); m.Job.ID != "good" || m.Refusal != nil {
		t.Errorf("received %+v", m)
	}
	for len(b.log.all()) < len(bodies) {
		b.receiveNothing(t)
	}
	if waiting, _ := b.services.Count(t, b.jobs); waiting != "0" {
		t.Errorf("%s messages still wait", waiting)
	}
	got := map[string]bool{}
	for _, body := range b.events(t, b.aside, len(bodies)) {
		got[body] = true
	}
	for _, body := range bodies {
		if !got[body] {
			t.Errorf("%q is not in the dead-letter queue", body)
		}
	}
}
