package storetest

import (
	"crypto/sha256"
	"hash"
	"io"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/slashgrade/slashgrade/jobspec"
)

const (
	// streamSize is far above memoryAllowed, so that a store that collects a stream is seen to.
	streamSize = 64 << 20
	// memoryAllowed is room for a few parts of an upload (S3's smallest is 5 MiB).
	memoryAllowed = 24 << 20
	// sampleEvery is how many bytes pass between two looks at the heap: each costs a garbage collection.
	sampleEvery = 8 << 20
)

// testBoundedMemory watches the live heap while a long stream passes, in and out.
func testBoundedMemory(t *testing.T, f *fixture) {
	gauge := newHeapGauge()
	sent := &meter{r: io.LimitReader(rand.NewChaCha8([32]byte{}), streamSize), gauge: gauge, sum: sha256.New()}
	if err := f.files.Put(t.Context(), f.at(), jobspec.AfterName, sent); err != nil {
		t.Fatal(err)
	}
	file, err := f.files.Open(t.Context(), f.at(), jobspec.AfterName)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	received := &meter{r: file, gauge: gauge, sum: sha256.New()}
	if _, err := io.Copy(io.Discard, received); err != nil {
		t.Fatal(err)
	}
	if received.bytes != streamSize || string(received.sum.Sum(nil)) != string(sent.sum.Sum(nil)) {
		t.Errorf("got %d bytes back, want the %d that were put", received.bytes, streamSize)
	}
	if gauge.peak > memoryAllowed {
		t.Errorf("a stream of %d bytes took %d bytes of memory, want at most %d", streamSize, gauge.peak, memoryAllowed)
	}
}

// heapGauge keeps the largest growth of the live heap.
type heapGauge struct {
	base, peak uint64
}

func newHeapGauge() *heapGauge {
	return &heapGauge{base: liveHeap()}
}

func (g *heapGauge) sample() {
	if now := liveHeap(); now > g.base {
		g.peak = max(g.peak, now-g.base)
	}
}

func liveHeap() uint64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// meter hashes and counts what passes and samples the heap on the way.
type meter struct {
	r       io.Reader
	gauge   *heapGauge
	sum     hash.Hash
	bytes   int
	sampled int
}

// Read implements [io.Reader].
func (m *meter) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	m.sum.Write(p[:n])
	m.bytes += n
	if m.bytes-m.sampled >= sampleEvery {
		m.sampled = m.bytes
		m.gauge.sample()
	}
	return n, err
}
