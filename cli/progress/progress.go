// Package progress shows an operation as it happens: on a pipe one line per
// finished step; on a terminal the same, and below it the steps that are under way.
package progress

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

// View shows one operation.
type View struct {
	w      io.Writer
	width  int // columns of the terminal; 0: not one
	began  time.Time
	active []wire.Event // the newest event of each step under way, in order of start
	drawn  int          // lines below that the next drawing replaces
	told   map[string]string
	warned map[string]bool // what the user has read already
}

// New shows to w what is no warning among warned.
func New(w io.Writer, warned map[string]bool) *View {
	return &View{w: w, width: columns(w), told: map[string]string{}, warned: warned}
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

// Start begins with what was asked for.
func (v *View) Start(op wire.Operation) {
	v.began = op.CreatedAt.Time
	fmt.Fprintln(v.w, strings.TrimSpace(op.Verb+" "+op.Summary))
}

// Event shows what is new.
func (v *View) Event(e wire.Event) {
	v.erase()
	if e.Type == "step" {
		v.step(e)
	} else if e.Type == "warning" && !v.warned[e.Message] {
		v.line(e, "warning", e.Message)
	}
	v.draw()
}

func (v *View) step(e wire.Event) {
	at := slices.IndexFunc(v.active, func(a wire.Event) bool { return a.Step == e.Step })
	switch state := jeroboam.StepState(e.State); {
	case state == jeroboam.StepDone || state == jeroboam.StepFailed:
		if at >= 0 {
			v.active = slices.Delete(v.active, at, at+1)
		}
	case at >= 0:
		v.active[at] = e
	default:
		v.active = append(v.active, e)
	}
	if v.news(e) {
		v.line(e, e.Step, word(e))
	}
}

// news reports whether a line is due: an end, or trouble not yet told.
func (v *View) news(e wire.Event) bool {
	switch jeroboam.StepState(e.State) {
	case jeroboam.StepRunning, jeroboam.StepWaiting:
		if v.told[e.Step] == string(jeroboam.StepDone) { // and now once more
			delete(v.told, e.Step)
		}
		return false
	}
	trouble := e.State + e.Cause.Text()
	fresh := v.told[e.Step] != trouble
	v.told[e.Step] = trouble
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

func (v *View) line(e wire.Event, name, text string) {
	fmt.Fprintf(v.w, "%8.2fs  %-32s  %s\n", e.At.Sub(v.began).Seconds(), name, text)
}

func (v *View) draw() {
	if v.width == 0 {
		return
	}
	const most = 8
	for i, e := range v.active {
		text := fmt.Sprintf("     ...   %-32s  %s", e.Step, word(e))
		if i == most {
			text = fmt.Sprintf("     ...   and %d more", len(v.active)-most)
		}
		if runes := []rune(text); len(runes) >= v.width {
			text = string(runes[:v.width-1])
		}
		fmt.Fprintln(v.w, text)
		v.drawn++
		if i == most {
			return
		}
	}
}

// erase goes back over what draw left and clears it.
func (v *View) erase() {
	if v.drawn > 0 {
		fmt.Fprintf(v.w, "\x1b[%dA\x1b[J", v.drawn)
		v.drawn = 0
	}
}

// End takes away what would have been drawn over.
func (v *View) End() { v.erase() }
