package sqsqueue

import (
	"fmt"
	"testing"
)

func TestRememberedIsBounded(t *testing.T) {
	var r remembered
	for i := range 3 * maxRemembered {
		if id := fmt.Sprint(i); !r.add(id) || r.add(id) {
			t.Fatalf("id %d: want it new once", i)
		}
	}
	if len(r.known) != maxRemembered || len(r.order) != maxRemembered {
		t.Errorf("%d ids are known and %d are in order, want %d", len(r.known), len(r.order), maxRemembered)
	}
	if !r.add("0") {
		t.Error("the oldest id was not forgotten")
	}
	if r.add(fmt.Sprint(3*maxRemembered - 1)) {
		t.Error("the newest id was forgotten")
	}
}
