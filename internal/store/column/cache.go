package column

import "sync"

// Cache is a map of at most 16 MB, which it keeps to by starting over: what is
// in use comes back soon. That is far more than the facets of any feed seen so
// far take, and bounds a feed in which every row has labels of its own. The
// zero Cache is empty and ready. Any number of goroutines may use it.
type Cache[K comparable, V any] struct {
	mu   sync.RWMutex
	m    map[K]V
	size int
}

const maxCached = 16 << 20

// Find returns what was put under the key, and whether it is still there.
func (c *Cache[K, V]) Find(k K) (V, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	v, ok := c.m[k]
	return v, ok
}

// Get is Find for values that tell by themselves that they are none: it
// returns the zero value when the key is not there.
func (c *Cache[K, V]) Get(k K) V {
	v, _ := c.Find(k)
	return v
}

// Put keeps the value, which takes about so many bytes with its key, until the
// cache starts over. Under one key always the same is put.
func (c *Cache[K, V]) Put(k K, v V, size int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.m == nil || c.size+size > maxCached {
		c.m, c.size = make(map[K]V), 0
	}
	c.m[k] = v
	c.size += size
}
