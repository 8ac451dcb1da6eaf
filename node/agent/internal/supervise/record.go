package supervise

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
)

// record is what the next agent on this machine must know: which processes
// run, and which tasks are done. It is written on every change, so that an
// agent that is killed leaves a true one.
type record struct {
	path string

	mu   sync.Mutex
	kept recordFile
}

type recordFile struct {
	Boot      string             `json:"boot"` // processes of an earlier boot are no more
	Processes map[string]running `json:"processes"`
	Done      map[string]string  `json:"done"` // task -> version
}

type running struct {
	ID
	Version  string `json:"version"`
	Restarts int    `json:"restarts"`
}

// openRecord reads the record of an earlier agent. One that cannot be read is
// begun anew: services and tasks are made to be started again.
func openRecord(path, boot string) (*record, error) {
	r := &record{path: path}
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("read the record of processes: %w", err)
	}
	if json.Unmarshal(data, &r.kept) != nil {
		r.kept = recordFile{}
	}
	if r.kept.Boot != boot || r.kept.Processes == nil {
		r.kept.Processes = map[string]running{}
	}
	if r.kept.Done == nil {
		r.kept.Done = map[string]string{}
	}
	r.kept.Boot = boot
	return r, nil
}

func (r *record) process(name string) (running, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p, ok := r.kept.Processes[name]
	return p, ok
}

// names of all recorded processes.
func (r *record) names() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var names []string
	for name := range r.kept.Processes {
		names = append(names, name)
	}
	return names
}

func (r *record) started(name string, p running) error {
	return r.change(func(f *recordFile) { f.Processes[name] = p })
}

// ended forgets a process, unless another has taken its place.
func (r *record) ended(name string, id ID) error {
	return r.change(func(f *recordFile) {
		if f.Processes[name].ID == id {
			delete(f.Processes, name)
		}
	})
}

func (r *record) done(task, version string) error {
	return r.change(func(f *recordFile) { f.Done[task] = version })
}

func (r *record) isDone(task, version string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.kept.Done[task] == version
}

// change writes the record by way of a second file: a killed agent leaves the
// old one or the new one. A crash of the machine ends the processes anyway.
func (r *record) change(edit func(*recordFile)) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	edit(&r.kept)
	data, err := json.Marshal(r.kept)
	if err != nil {
		return fmt.Errorf("write the record of processes: %w", err)
	}
	if err := os.WriteFile(r.path+".new", data, 0o600); err != nil {
		return fmt.Errorf("write the record of processes: %w", err)
	}
	if err := os.Rename(r.path+".new", r.path); err != nil {
		return fmt.Errorf("write the record of processes: %w", err)
	}
	return nil
}
