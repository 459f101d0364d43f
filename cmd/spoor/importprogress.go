package main

import (
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/schollz/progressbar/v3"

	"spoor/internal/ingest"
)

// plainEvery is how often an import tells how far it is where no bar can be
// drawn.
const plainEvery = 5 * time.Second

// barWidth leaves room for the words beside the bar on 80 columns.
const barWidth = 20

// importProgress shows how far an import is: a bar on a terminal, a line now
// and then elsewhere. Both go by the bytes of the inputs that were read.
type importProgress struct {
	out   io.Writer
	fancy bool
	now   func() time.Time
	began time.Time
	told  time.Time
	bar   *progressbar.ProgressBar
}

func (a *app) newImportProgress() *importProgress {
	began := time.Now()
	return &importProgress{out: a.stderr, fancy: isTerminal(a.stderr), now: time.Now, began: began, told: began}
}

// update is an ingest.Progress.
func (p *importProgress) update(s ingest.Status) {
	if p.fancy {
		p.draw(s)
		return
	}
	if p.now().Sub(p.told) >= plainEvery {
		p.told = p.now()
		fmt.Fprintln(p.out, p.line(s))
	}
}

// draw moves the bar, which is made when the size is known.
func (p *importProgress) draw(s ingest.Status) {
	if p.bar == nil {
		if s.TotalBytes == 0 {
			return
		}
		p.bar = progressbar.NewOptions64(s.TotalBytes,
			progressbar.OptionSetWriter(p.out), progressbar.OptionShowBytes(true), progressbar.OptionShowTotalBytes(true),
			progressbar.OptionSetPredictTime(true), progressbar.OptionSetElapsedTime(true),
			progressbar.OptionSetWidth(barWidth), progressbar.OptionClearOnFinish())
	}
	what := grouped(s.Written) + " stored"
	if s.Finishing {
		what += ", tidying the index"
	}
	p.bar.Describe(what)
	// The bar clears itself when it is full; the import ends later.
	at := s.ReadBytes
	if s.TotalBytes > 0 {
		at = min(at, s.TotalBytes-1)
	}
	_ = p.bar.Set64(at) // a bar that cannot be drawn is no reason to stop
}

// line tells how far it is, how fast, and how long it will take.
func (p *importProgress) line(s ingest.Status) string {
	took := p.now().Sub(p.began)
	rate := int64(float64(s.Written) / max(took.Seconds(), 0.001))
	text := fmt.Sprintf("read %s, %s values, stored %s (%s a second)",
		size(s.ReadBytes), grouped(s.Read), grouped(s.Written), grouped(rate))
	switch {
	case s.Finishing:
		return text + ", tidying the index"
	case s.TotalBytes > 0:
		text += fmt.Sprintf(", %d%%", s.ReadBytes*100/s.TotalBytes)
		if s.ReadBytes > 0 {
			left := time.Duration(float64(took) * float64(s.TotalBytes-s.ReadBytes) / float64(s.ReadBytes))
			text += fmt.Sprintf(", about %s left", left.Round(time.Second))
		}
	}
	return text
}

// end takes the bar away.
func (p *importProgress) end() {
	if p.bar != nil {
		_ = p.bar.Clear() // as in draw
	}
}

// grouped writes a number with commas between the thousands.
func grouped(n int64) string {
	text := strconv.FormatInt(n, 10)
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

func counted(n int64, what string) string {
	if n != 1 {
		what += "s"
	}
	return grouped(n) + " " + what
}

// size writes a number of bytes as people do.
func size(n int64) string {
	switch {
	case n < 1000:
		return counted(n, "byte")
	case n < 1e6:
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	case n < 1e9:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	default:
		return fmt.Sprintf("%.1f GB", float64(n)/1e9)
	}
}

// took writes a duration as people do.
func took(d time.Duration) string {
	if d < time.Second {
		return d.Round(time.Millisecond).String()
	}
	return d.Round(100 * time.Millisecond).String()
}
