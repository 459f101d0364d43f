package main

import (
	"fmt"
	"io"
	"time"

	"github.com/schollz/progressbar/v3"
)

// progress shows how far a piece of work is whose size is known: a bar on a
// terminal, a line now and then elsewhere.
type progress struct {
	out         io.Writer
	fancy       bool
	now         func() time.Time
	start, told time.Time
	bytes       bool
	bar         *progressbar.ProgressBar
	// what is being done since began, when first was done of it already.
	what  string
	began time.Time
	first int64
}

// newByteProgress returns a progress that counts bytes, newCountProgress one
// that counts things.
func (a *app) newByteProgress() *progress {
	p := a.newCountProgress()
	p.bytes = true
	return p
}

func (a *app) newCountProgress() *progress {
	began := time.Now()
	return &progress{out: a.stderr, fancy: isTerminal(a.stderr), now: time.Now, start: began, told: began}
}

// update tells what is being done and how far it is; total 0 says that nobody
// knows.
func (p *progress) update(what string, done, total int64) {
	next := what != p.what
	if next {
		p.end()
		p.what, p.began, p.first = what, p.now(), done
	}
	if p.fancy {
		p.draw(done, total)
		return
	}
	// What begins late is told at once: it may be long before there is more.
	if p.now().Sub(p.told) < plainEvery && (!next || p.told.Equal(p.start)) {
		return
	}
	p.told = p.now()
	fmt.Fprintln(p.out, p.line(done, total))
}

// draw moves the bar; what has no size only has its name.
func (p *progress) draw(done, total int64) {
	if total == 0 {
		fmt.Fprintf(p.out, "%s ...\n", p.what)
		return
	}
	if p.bar == nil {
		p.bar = progressbar.NewOptions64(total,
			progressbar.OptionSetWriter(p.out), progressbar.OptionShowBytes(p.bytes), progressbar.OptionShowTotalBytes(p.bytes),
			progressbar.OptionShowCount(), progressbar.OptionSetPredictTime(true), progressbar.OptionSetElapsedTime(true),
			progressbar.OptionSetWidth(barWidth), progressbar.OptionClearOnFinish())
	}
	p.bar.Describe(p.what)
	// The bar clears itself when it is full; the work ends later.
	_ = p.bar.Set64(min(done, total-1)) // a bar that cannot be drawn is no reason to stop
}

// line tells the same in words.
func (p *progress) line(done, total int64) string {
	if total == 0 {
		return p.what + " ..."
	}
	number := grouped
	if p.bytes {
		number = size
	}
	text := fmt.Sprintf("%s: %s of %s, %d%%", p.what, number(done), number(total), done*100/total)
	if done > p.first && done < total {
		left := time.Duration(float64(p.now().Sub(p.began)) * float64(total-done) / float64(done-p.first))
		text += fmt.Sprintf(", about %s left", left.Round(time.Second))
	}
	return text
}

// end takes the bar away.
func (p *progress) end() {
	if p.bar != nil {
		_ = p.bar.Clear() // as in draw
		p.bar = nil
	}
}
