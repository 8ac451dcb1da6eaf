package process

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func TestAProcessIsKnownUntilItEnds(t *testing.T) {
	command := exec.Command("sleep", "60")
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	id, err := Of(command.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "process.json")
	if err := id.Save(path); err != nil {
		t.Fatal(err)
	}
	loaded := Load(path)
	if loaded != id || !loaded.Alive() {
		t.Errorf("%+v was loaded as %+v, alive: %v", id, loaded, loaded.Alive())
	}
	if err := loaded.Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	if loaded.Alive() {
		t.Error("it is still alive")
	}
	if err := loaded.Kill(t.Context()); err != nil { // the dead may be killed again
		t.Error(err)
	}
	_ = command.Wait() // it may have been reaped already
}

func TestAnotherProcessWithThePIDIsNotTheOne(t *testing.T) {
	self, err := Self()
	if err != nil {
		t.Fatal(err)
	}
	if self.PID != os.Getpid() || !self.Alive() {
		t.Errorf("this process is %+v", self)
	}
	for _, other := range []ID{
		{PID: self.PID, Start: self.Start + 1, Boot: self.Boot},
		{PID: self.PID, Start: self.Start, Boot: "another boot"},
		{},
	} {
		if other.Alive() {
			t.Errorf("%+v is taken for this process", other)
		}
		if err := other.Kill(t.Context()); err != nil { // were it taken for us, this test would end here
			t.Error(err)
		}
	}
}

func TestADamagedFileNamesNoProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "process.json")
	if Load(path).Alive() {
		t.Error("an absent file names a process")
	}
	if err := os.WriteFile(path, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if Load(path).Alive() {
		t.Error("a damaged file names a process")
	}
}
