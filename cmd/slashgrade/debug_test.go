package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
)

func TestProfiles(t *testing.T) {
	for address, wide := range map[string]bool{"127.0.0.1:0": false, ":0": false, "0.0.0.0:0": true} {
		var log bytes.Buffer
		stop, err := serveProfiles(t.Context(), address, slog.New(slog.NewJSONHandler(&log, nil)))
		if err != nil {
			t.Fatal(err)
		}
		var line struct {
			URL string `json:"url"`
		}
		if err := json.NewDecoder(bytes.NewReader(log.Bytes())).Decode(&line); err != nil {
			t.Fatal(err)
		}
		if warned := strings.Contains(log.String(), "beyond this machine"); warned != wide {
			t.Errorf("%s: warned is %v, want %v", address, warned, wide)
		}
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, line.URL+"goroutine?debug=1", nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if !strings.Contains(string(text), "TestProfiles") {
			t.Errorf("the profile does not show this test: %.200s", text)
		}
		if err := stop(); err != nil {
			t.Errorf("stop: %v", err)
		}
	}
	for _, address := range []string{"6060", "256.0.0.1:0", "127.0.0.1:70000"} {
		if stop, err := serveProfiles(context.Background(), address, slog.New(slog.DiscardHandler)); err == nil {
			_ = stop()
			t.Errorf("%s is served", address)
		}
	}
}
