package cli

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/api/wire"
)

// progress shows an operation as it happens: on a pipe one line per finished
// step; on a terminal the same, and below it the steps that are under way.
type progress struct {
	w      io.Writer
	width  int // columns of the terminal; 0: not one
	began  time.Time
	active []wire.Event // the newest event of each step under way, in order of start
	drawn  int          // lines below that the next drawing replaces
	told   map[string]string
	warned map[string]bool // what the user has read already
}

func newProgress(w io.Writer) *progress {
	return &progress{w: w, width: columns(w), told: map[string]string{}}
}

// columns is the width of the terminal behind w, 0 if there is none.
func columns(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok {
		return 0
	}
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0
	}
	return max(int(size.Col), 40)
}

func (p *progress) start(op wire.Operation) {
	p.began = op.CreatedAt.Time
	fmt.Fprintln(p.w, strings.TrimSpace(op.Verb+" "+op.Summary))
}

func (p *progress) event(e wire.Event) {
	p.erase()
	if e.Type == "step" {
		p.step(e)
	} else if e.Type == "warning" && !p.warned[e.Message] {
		p.line(e, "warning", e.Message)
	}
	p.draw()
}

func (p *progress) step(e wire.Event) {
	at := slices.IndexFunc(p.active, func(a wire.Event) bool { return a.Step == e.Step })
	switch state := jeroboam.StepState(e.State); {
	case state == jeroboam.StepDone || state == jeroboam.StepFailed:
		if at >= 0 {
			p.active = slices.Delete(p.active, at, at+1)
		}
	case at >= 0:
		p.active[at] = e
	default:
		p.active = append(p.active, e)
	}
	if p.news(e) {
		p.line(e, e.Step, word(e))
	}
}

// news reports whether a line is due: an end, or trouble not yet told.
func (p *progress) news(e wire.Event) bool {
	switch jeroboam.StepState(e.State) {
	case jeroboam.StepRunning, jeroboam.StepWaiting:
		if p.told[e.Step] == string(jeroboam.StepDone) { // and now once more
			delete(p.told, e.Step)
		}
		return false
	}
	trouble := e.State + e.Cause.Text()
	fresh := p.told[e.Step] != trouble
	p.told[e.Step] = trouble
	return fresh
}

func word(e wire.Event) string {
	text := e.State
	if why := e.Cause.Text(); why != "" {
		return text + ": " + why
	}
	if jeroboam.StepState(e.State) != jeroboam.StepDone && e.Message != "" {
		return text + ": " + e.Message
	}
	return text
}

func (p *progress) line(e wire.Event, name, text string) {
	fmt.Fprintf(p.w, "%8.2fs  %-32s  %s\n", e.At.Sub(p.began).Seconds(), name, text)
}

func (p *progress) draw() {
	if p.width == 0 {
		return
	}
	const most = 8
	for i, e := range p.active {
		text := fmt.Sprintf("     ...   %-32s  %s", e.Step, word(e))
		if i == most {
			text = fmt.Sprintf("     ...   and %d more", len(p.active)-most)
		}
		if runes := []rune(text); len(runes) >= p.width {
			text = string(runes[:p.width-1])
		}
		fmt.Fprintln(p.w, text)
		p.drawn++
		if i == most {
			return
		}
	}
}

// erase goes back over what draw left and clears it.
func (p *progress) erase() {
	if p.drawn > 0 {
		fmt.Fprintf(p.w, "\x1b[%dA\x1b[J", p.drawn)
		p.drawn = 0
	}
}

func (p *progress) end() { p.erase() }
