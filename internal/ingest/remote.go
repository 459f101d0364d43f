package ingest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"

	"spoor/internal/feed"
	"spoor/internal/fetch"
	"spoor/internal/store"
)

const (
	// maxEvents is how many events of a MISP feed one run reads.
	maxEvents = 500
	// maxRemembered is how many events are remembered as read.
	maxRemembered = 100_000
	// maxEnvelopes is how many pages of a collection one run reads.
	maxEnvelopes = 1_000
	// cachedFor is how long after it was changed a copy of an event may be one
	// that a cache has kept.
	cachedFor = 48 * time.Hour
	// envelopeSize is how many objects of a collection are asked for at once.
	envelopeSize = "1000"

	// RFC 9110 sections 15.5.7 and 15.5.16.
	notAcceptable        = 406
	unsupportedMediaType = 415
)

// manifest reads a MISP feed: the manifest, and the events in it that are new
// or were changed, the latest first.
func (r *poll) manifest(ctx context.Context) (store.RunStatus, error) {
	base, err := manifestBase(r.src.URL)
	if err != nil {
		return store.RunFailed, err
	}
	res, err := r.get(ctx, fetch.Request{URL: base.JoinPath("manifest.json").String(), Configured: true, Header: r.src.Header, Known: fingerprintOf(r.was)})
	if err != nil {
		return store.RunFailed, err
	}
	defer func() { _ = res.Close() }() // only read from
	events, err := feed.ParseManifest(ctx, res.Body)
	if err != nil {
		return store.RunFailed, err
	}
	if status := r.gate(int64(len(events)), res.Digest); status == store.RunHeld {
		return status, nil
	}
	r.arrange(events)
	r.is.Seen = nil
	for i, e := range events {
		id := eventID(e)
		switch {
		case i >= maxRemembered:
			r.leave(ReasonLater)
		case r.isRead(id):
			r.keep(id)
		case r.enough(r.in.bounds.events):
			r.leave(ReasonLater)
			r.soon = true
		default:
			r.fetched++
			if err := r.event(ctx, base, e, id); err != nil {
				return store.RunFailed, err
			}
		}
	}
	r.know(res)
	return store.RunOK, nil
}

// manifestBase is the folder of a MISP feed.
func manifestBase(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: the feed's url does not parse", ErrRequest)
	}
	u.Path = strings.TrimSuffix(u.Path, "manifest.json")
	u.RawPath = ""
	return u, nil
}

// arrange puts the latest events first, but last those of which an older copy
// came: they must not stand in the way of what is new.
func (r *poll) arrange(events []feed.ManifestEvent) {
	late := make(map[string]int, len(events))
	for _, e := range events {
		if r.isRead(staleID(eventID(e))) {
			late[e.UUID] = 1
		}
	}
	slices.SortStableFunc(events, func(a, b feed.ManifestEvent) int {
		return cmp.Or(cmp.Compare(late[a.UUID], late[b.UUID]), cmp.Compare(b.Timestamp.Unix(), a.Timestamp.Unix()))
	})
}

// eventID tells an event as it is now from all others.
func eventID(e feed.ManifestEvent) uint64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "%s %d", e.UUID, e.Timestamp.Unix())
	return h.Sum64()
}

// staleID is what is remembered of an event of which an older copy came.
func staleID(event uint64) uint64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "stale %d", event)
	return h.Sum64()
}

// event reads one event of a MISP feed. What is wrong with it is a problem of
// that event. A copy older than the manifest names, as caches give, is read for
// what it is worth, and the event again in the next run: for as long as a cache
// may keep it, since some manifests name the time of publication.
func (r *poll) event(ctx context.Context, base *url.URL, e feed.ManifestEvent, id uint64) error {
	res, err := r.get(ctx, fetch.Request{URL: base.JoinPath(e.UUID + ".json").String(), Configured: true, Header: r.src.Header})
	var changed time.Time
	if err == nil {
		defer func() { _ = res.Close() }() // only read from
		open := func(p *pass) error {
			if _, err := res.Body.Seek(0, io.SeekStart); err != nil {
				return fmt.Errorf("read event: %w", err)
			}
			p.changed = time.Time{}
			err := p.document(ctx, res)
			changed = p.changed
			return err
		}
		if _, err = r.rehearse(open); err == nil {
			err = open(r.pass)
		}
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, errStopped):
		return err
	case err != nil:
		r.problems = append(r.problems, "event "+e.UUID+" not read: "+err.Error())
		if r.again(id, err) {
			return nil
		}
	case !changed.IsZero() && changed.Before(e.Timestamp) && r.pass.now.Sub(e.Timestamp) < cachedFor:
		r.problems = append(r.problems, "event "+e.UUID+" is older than the manifest says: a cache gave an old copy")
		r.unfinished = true
		r.keep(staleID(id))
		return r.pass.pipe.flush()
	}
	r.keep(id)
	return r.pass.pipe.flush()
}

// know remembers the copy as the last good one, unless something of it is left
// to be read: then it has to come again.
func (r *poll) know(res *fetch.Result) {
	if r.soon || r.unfinished {
		r.is.ETag, r.is.LastModified, r.is.Digest = "", "", ""
		return
	}
	r.is.ETag, r.is.LastModified, r.is.Digest = res.ETag, res.LastModified, res.Digest
}

// taxiiTypes are the two spellings of TAXII's media type (OASIS TAXII 2.1,
// section 1.6.8): servers that compare texts know one of them.
//
//nolint:gochecknoglobals // read-only table
var taxiiTypes = [...]string{"application/taxii+json;version=2.1", "application/taxii+json; version=2.1"}

// collection reads what was added to a TAXII collection since the last run,
// page by page.
func (r *poll) collection(ctx context.Context) (store.RunStatus, error) {
	if isFileURL(r.src.URL) {
		return r.document(ctx)
	}
	objects, err := objectsURL(r.src.URL)
	if err != nil {
		return store.RunFailed, err
	}
	dated, next := false, ""
	for page := 0; ; page++ {
		env, last, err := r.envelope(ctx, objects, next)
		if err != nil {
			return store.RunFailed, err
		}
		dated = dated || last != ""
		switch {
		case !env.More:
			if r.is.Cursor = cmp.Or(last, r.is.Cursor); !dated {
				r.is.Cursor = r.undated()
			}
			if r.end.Items == 0 {
				return store.RunUnchanged, nil
			}
			return store.RunOK, nil
		case env.Next == "" && last == "", env.Next != "" && env.Next == next:
			return store.RunFailed, errors.New("the collection says that there is more, but not where")
		case page == r.in.bounds.envelopes, time.Since(r.pass.began) > r.in.bounds.time:
			r.leave(ReasonLater)
			r.soon = true
			return store.RunOK, nil
		}
		// Objects that were added in one moment may be on two pages.
		r.is.Cursor = cmp.Or(justBefore(last), r.is.Cursor)
		if next = env.Next; next == "" {
			r.was.Cursor = last // the server pages by time alone
		}
	}
}

// envelope reads one page, and returns when the last of its objects was added.
func (r *poll) envelope(ctx context.Context, objects *url.URL, next string) (feed.Envelope, string, error) {
	u := *objects
	q := u.Query()
	q.Set("limit", envelopeSize)
	if r.was.Cursor != "" {
		q.Set("added_after", r.was.Cursor)
	}
	if next != "" {
		q.Set("next", next)
	}
	u.RawQuery = q.Encode()
	var res *fetch.Result
	var err error
	for _, accept := range taxiiTypes {
		res, err = r.get(ctx, fetch.Request{URL: u.String(), Configured: true, Header: r.src.Header, Accept: accept})
		var refused *fetch.StatusError
		if !errors.As(err, &refused) || refused.Code != notAcceptable && refused.Code != unsupportedMediaType {
			break
		}
	}
	if err != nil {
		return feed.Envelope{}, "", err
	}
	defer func() { _ = res.Close() }() // only read from
	s := &sink{pass: r.pass, lane: r.pass.lane(nil), name: "objects"}
	env, err := feed.ParseEnvelope(ctx, res.Body, feed.Sink{Item: s.item, Skip: s.skip})
	r.end.Items = r.pass.items
	if err != nil {
		return env, "", err
	}
	return env, addedLast(res, r.pass.now), r.pass.pipe.flush()
}

// addedLast is when the last object of a page was added, as the server wrote
// it: empty when it does not say, and when it is no time that can be asked for
// again or that has come.
func addedLast(res *fetch.Result, now time.Time) string {
	at := res.Header("X-TAXII-Date-Added-Last")
	if t, err := time.Parse(time.RFC3339Nano, at); err != nil || t.After(now.Add(tomorrow)) {
		return ""
	}
	return at
}

// undated is from when on to ask a server that does not say when its objects
// were added: from a day before this run, so that no clock hides any of them.
func (r *poll) undated() string {
	from := r.pass.now.Add(-tomorrow)
	if t, err := time.Parse(time.RFC3339Nano, r.is.Cursor); err == nil && t.After(from) {
		return r.is.Cursor
	}
	return from.Format(time.RFC3339)
}

// objectsURL is where a collection has its objects.
func objectsURL(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	if err != nil || !strings.Contains(u.Path, "/collections/") {
		return nil, fmt.Errorf("%w: the url of a TAXII feed is that of a collection: …/collections/ID/", ErrRequest)
	}
	u.Path = strings.TrimSuffix(strings.TrimSuffix(u.Path, "/"), "/objects") + "/objects/"
	u.RawPath = ""
	return u, nil
}

// justBefore is the moment before a time of the source, which asks for more
// than is needed; empty when it is no time.
func justBefore(at string) string {
	t, err := time.Parse(time.RFC3339Nano, at)
	if err != nil {
		return ""
	}
	return t.Add(-time.Microsecond).UTC().Format("2006-01-02T15:04:05.000000Z")
}
