package store

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// spent is one request that was made: when the store counted it, when it was
// made, and what it cost.
type spent struct {
	counted, made time.Duration
	cost          int64
}

// fleet is any number of servers that spend from one Usage, each as a server
// should: from its grant while it lasts, then with the rest given back.
type fleet struct {
	t      *testing.T
	usage  Usage
	limits Limits
	turn   int64
	left   map[string]int64
	at     map[string]time.Time
	made   []spent
	// refused is when what was asked for was not let through.
	refused []time.Duration
}

var usageDay = time.Date(2026, 4, 1, 9, 0, 0, 0, time.UTC)

// request is one request at a server; it reports whether it was let through.
func (f *fleet) request(server string, after time.Duration, cost int64) bool {
	f.t.Helper()
	now := usageDay.Add(after)
	if f.left[server] < cost || now.Sub(f.at[server]) >= GrantLife {
		f.turn++
		b, changed := f.usage.Spend(Spending{
			Limits: f.limits, Server: server, Turn: f.turn, Cost: cost, Unused: f.left[server], UnusedAt: f.at[server], Now: now,
		})
		f.left[server], f.at[server] = b.Granted, b.At
		f.check(b, changed, now, cost)
		if b.Granted == 0 {
			f.refused = append(f.refused, after)
			return false
		}
	}
	f.left[server] -= cost
	f.made = append(f.made, spent{counted: f.at[server].Sub(usageDay), made: after, cost: cost})
	return true
}

// check compares a balance with the list of all requests.
func (f *fleet) check(b Balance, changed []Bucket, now time.Time, cost int64) {
	f.t.Helper()
	held := int64(0)
	for _, n := range f.left {
		held += n
	}
	fit := true
	for _, w := range b.Windows {
		length := w.Span.Length()
		exact, coarse := int64(0), int64(0)
		for _, s := range slices.Backward(f.made) {
			age := now.Sub(usageDay) - s.counted
			if age > length+w.Span.width()+GrantLife {
				break
			}
			if age < length {
				exact += s.cost
			}
			if age < length+w.Span.width() {
				coarse += s.cost
			}
		}
		if w.Used > w.Limit {
			f.t.Fatalf("%v: %d of %d used", now, w.Used, w.Limit)
		}
		if w.Used < exact || w.Used > coarse+held {
			f.t.Fatalf("%v: window of %v: %d used, requests say %d to %d with %d held", now, length, w.Used, exact, coarse, held)
		}
		fit = fit && w.Fits.Equal(now)
		if b.Granted == 0 && !w.Fits.IsZero() && w.Fits.After(now) {
			f.checkFits(w, cost)
		}
	}
	if fit != (b.Granted > 0) {
		f.t.Fatalf("%v: granted %d, and the windows say that it fits: %t", now, b.Granted, fit)
	}
	for _, c := range changed {
		if i := slices.Index(f.usage.Buckets, c); i < 0 {
			f.t.Fatalf("changed bucket %+v is not what the usage holds", c)
		}
	}
	if b.Granted > 0 && len(changed) < len(b.Windows) {
		f.t.Fatalf("%v: a grant changed %d buckets", now, len(changed))
	}
}

// checkFits: a nanosecond before it does not fit, then it does.
func (f *fleet) checkFits(w WindowBalance, cost int64) {
	f.t.Helper()
	at := w.Fits.UnixNano()
	if free := w.Limit - f.usage.used(w.Span, at-1); free >= cost {
		f.t.Fatalf("a nanosecond before %v there is room for %d", w.Fits, free)
	}
	if free := w.Limit - f.usage.used(w.Span, at); free < cost {
		f.t.Fatalf("at %v there is room for %d only", w.Fits, free)
	}
}

// most is the most that requests made in any window of the length come to.
func (f *fleet) most(length time.Duration) (most int64) {
	sum, from := int64(0), 0
	for _, s := range f.made {
		for ; s.made-f.made[from].made >= length; from++ {
			sum -= f.made[from].cost
		}
		sum += s.cost
		most = max(most, sum)
	}
	return most
}

// least is the least that requests made in the length of time up to a refusal
// come to: what is refused has to have a reason.
func (f *fleet) least(length time.Duration) int64 {
	least := f.limits.PerMinute
	for _, at := range f.refused {
		from, _ := slices.BinarySearchFunc(f.made, at-length, func(s spent, d time.Duration) int { return int(s.made - d) })
		to, _ := slices.BinarySearchFunc(f.made, at, func(s spent, d time.Duration) int { return int(s.made - d) })
		sum := int64(0)
		for _, s := range f.made[from:to] {
			sum += s.cost
		}
		least = min(least, sum)
	}
	return least
}

// TestSaturated: under more load than the limit lets through, servers that
// come, go and pause together let through the limit, to 5 %.
func TestSaturated(t *testing.T) {
	t.Parallel()
	for _, limit := range []int64{10, 100, 1000, 10_000} {
		for servers := 1; servers <= 5; servers++ {
			t.Run(fmt.Sprint(limit/10, " a minute, servers ", servers), func(t *testing.T) {
				t.Parallel()
				rng := rand.New(rand.NewPCG(uint64(limit), uint64(servers)))
				f := &fleet{t: t, limits: Limits{PerMinute: limit}, left: map[string]int64{}, at: map[string]time.Time{}}
				after, end := time.Duration(0), 3*time.Minute
				gap := float64(time.Minute) / float64(limit) * 10 / 4 // four times the limit
				for after < end {
					after += time.Duration(rng.ExpFloat64() * gap)
					f.request(fmt.Sprint("server ", rng.IntN(servers)), after, Request)
				}
				off := limit / 20
				if most := f.most(time.Minute); most > limit+off {
					t.Errorf("%d in a minute, limit %d", most, limit)
				}
				if least := f.least(61 * time.Second); least < limit-max(off, int64(servers)*Request) {
					t.Errorf("refused after %d in a minute and a second, limit %d", least, limit)
				}
				if len(f.refused) < len(f.made)/2 {
					t.Errorf("%d let through and only %d refused", len(f.made), len(f.refused))
				}
			})
		}
	}
}

// TestUneven: bursts, pauses, servers that end without giving back, all kinds
// of costs, two windows: never more than the limit and what may be held.
func TestUneven(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		rng := rand.New(rand.NewPCG(seed, 7))
		l := Limits{PerMinute: 100 << rng.IntN(6), PerDay: 2000 << rng.IntN(5)}
		f := &fleet{t: t, limits: l, left: map[string]int64{}, at: map[string]time.Time{}}
		after, generation := time.Duration(0), 0
		for range 2500 {
			switch rng.IntN(200) {
			case 0:
				after += time.Duration(rng.IntN(3600)) * time.Second
			case 1:
				after += time.Duration(rng.IntN(60_000)) * time.Millisecond
			case 2: // all end, none gives back
				generation++
			default:
				after += time.Duration(rng.ExpFloat64() * float64(50*time.Millisecond))
			}
			f.request(fmt.Sprint(generation, "/", rng.IntN(4)), after, []int64{10, 10, 25, 100}[rng.IntN(4)])
		}
		if most := f.most(time.Minute); most > l.PerMinute+l.PerMinute/20 {
			t.Errorf("seed %d: %d in a minute, limit %d", seed, most, l.PerMinute)
		}
		if most := f.most(24 * time.Hour); most > l.PerDay+l.PerDay/20 {
			t.Errorf("seed %d: %d in a day, limit %d", seed, most, l.PerDay)
		}
		if len(f.usage.Holders) > maxHolders {
			t.Errorf("seed %d: %d holders are kept", seed, len(f.usage.Holders))
		}
	}
}

// TestClockBack: whatever a clock does, what it says twice is counted once.
func TestClockBack(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 3))
	f := &fleet{t: t, limits: Limits{PerMinute: 200, PerDay: 100_000}, left: map[string]int64{}, at: map[string]time.Time{}}
	passed := int64(0)
	for i := range 2000 { // 20 s pass; the clock of each server stumbles back by up to 30 s
		real := 2*time.Minute + time.Duration(i)*10*time.Millisecond
		b, _ := f.usage.Spend(Spending{
			Limits: f.limits, Server: fmt.Sprint("server ", i%3), Turn: int64(i + 1), Cost: Request,
			Now: usageDay.Add(real - time.Duration(rng.IntN(30_000))*time.Millisecond),
		})
		passed += b.Granted
	}
	if passed != 200 {
		t.Errorf("%d tenths in 20 s, limit 200", passed)
	}
}

func TestFitsNever(t *testing.T) {
	t.Parallel()
	var u Usage
	b, changed := u.Spend(Spending{Limits: Limits{PerMinute: 100}, Server: "a", Turn: 1, Cost: 110, Now: usageDay})
	if b.Granted != 0 || len(changed) != 0 || !b.Windows[0].Fits.IsZero() {
		t.Errorf("more than the limit: %+v, %v", b, changed)
	}
}

func TestHolders(t *testing.T) {
	t.Parallel()
	want := []Holder{{Server: "a", Turn: 3, At: 5, Granted: 30, Extra: 20}}
	for _, hs := range [][]Holder{nil, want} {
		text, err := EncodeHolders(hs)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := DecodeHolders(text); err != nil || !slices.Equal(got, hs) {
			t.Errorf("DecodeHolders(%s) = %v, %v", text, got, err)
		}
	}
	if _, err := DecodeHolders("{"); err == nil {
		t.Error("nonsense is read as holders")
	}
}
