package column

import (
	"sync"
	"testing"
)

// TestBoundedCache: labels of any size cost no more than the bound.
func TestBoundedCache(t *testing.T) {
	t.Parallel()
	var b Cache[int, int]
	for i := range 100 {
		b.Put(i, i, maxCached/10)
		if b.size > maxCached || len(b.m) > 10 {
			t.Fatalf("after %d: %d entries of %d bytes", i, len(b.m), b.size)
		}
		if b.m[i] != i {
			t.Fatalf("%d is not there at once", i)
		}
		if v, ok := b.Find(i); !ok || v != i || b.Get(i) != i {
			t.Fatalf("Find(%d) = %d, %t, and Get %d", i, v, ok, b.Get(i))
		}
	}
	if v, ok := b.Find(0); ok || b.Get(0) != 0 {
		t.Errorf("what was forgotten is found: %d", v)
	}
}

// TestCacheTogether: readers and writers at once (with -race).
func TestCacheTogether(t *testing.T) {
	t.Parallel()
	var b Cache[int, int]
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 2000 {
				b.Put(i, i, maxCached/50)
				if v, ok := b.Find(i / 2); ok && v != i/2 {
					t.Errorf("Find(%d) = %d", i/2, v)
				}
			}
		})
	}
	wg.Wait()
}
