package ingest

import "time"

// Limits bound what one input may cost. The zero value of a field means its
// default.
type Limits struct {
	// EntryBytes is the most that one compressed file or archive entry may
	// unpack to. Uncompressed files are streamed whatever their size.
	EntryBytes int64
	// TotalBytes is the most that all compressed inputs together may unpack to;
	// zero is no limit, but for a run of a feed that is fetched.
	TotalBytes int64
	// Ratio is the most that an input may grow when it is unpacked, judged
	// once it has given RatioFloor bytes.
	Ratio int64
	// RatioFloor is what any input may unpack to without being judged.
	RatioFloor int64
	// Entries is the most entries of one archive.
	Entries int
	// Places is how many places are kept of each reason for skipping.
	Places int
}

const (
	defaultEntryBytes = 4 << 30
	// Lists of domains shrink about 5 to 20 times, feeds in JSON up to about
	// 50; deflate cannot exceed 1,032, which is what bombs come near.
	defaultRatio      = 250
	defaultRatioFloor = 64 << 20
	defaultEntries    = 100_000
	// defaultFetched is what one run of a feed that is fetched may unpack.
	defaultFetched = 1 << 30
	defaultPlaces  = 10

	// defaultBatch is the observations of one transaction. Of a set of 1.8
	// million, with 5,000 a batch the import took 72 s of processor time, with
	// 10,000 it took 57 s, with 20,000 it took 49 s, with 50,000 it took 45 s:
	// larger transactions write fewer pages twice. BenchmarkImport measures it.
	defaultBatch = 50_000
	// batchBytes closes a batch early when its texts are long or its labels
	// many.
	batchBytes = 8 << 20
	// queued is how many batches may wait for the writer.
	queued = 1

	// headBytes is what recognition sees of an input.
	headBytes = 64 << 10
	// maxContainers is how deep compressed inputs may lie in each other: an
	// archive of compressed files, or a compressed archive.
	maxContainers = 2
	// maxDirectoryBytes bounds the table of contents of a zip archive, which
	// has to be held in memory.
	maxDirectoryBytes = 16 << 20

	// Free text of a source is cut to these, in bytes, so that no row can fill
	// a batch or the store.
	maxContext = 2 << 10
	maxTitle   = 1 << 10
	maxSummary = 4 << 10
	maxTag     = 200
	maxTags    = 200
	maxURL     = 4 << 10

	// grace is how long writing may go on after an interrupt.
	grace = 10 * time.Second
	// tick is how often progress is reported.
	tick = 200 * time.Millisecond
)

// orDefaults returns the limits with defaults for what is not set.
func (l Limits) orDefaults() Limits {
	setDefault(&l.EntryBytes, defaultEntryBytes)
	setDefault(&l.Ratio, defaultRatio)
	setDefault(&l.RatioFloor, defaultRatioFloor)
	setDefault(&l.Entries, defaultEntries)
	setDefault(&l.Places, defaultPlaces)
	return l
}

// ofFetched returns the limits for a run of a feed that is fetched: what comes
// from elsewhere, unasked and by itself, is held to less than what somebody
// hands over.
func (l Limits) ofFetched() Limits {
	setDefault(&l.TotalBytes, defaultFetched)
	l.EntryBytes = min(l.EntryBytes, l.TotalBytes)
	return l
}

func setDefault[T int | int64](v *T, to T) {
	if *v <= 0 {
		*v = to
	}
}
