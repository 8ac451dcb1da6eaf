package disk

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/jeroboam-cloud/jeroboam"
)

const (
	etcd       = "2f9a1c4e-77aa-4a83-9b5e-0d6f1f0a9c11"
	containers = "5b0f6d6a-1111-4f57-8a53-6a1b0e0b7d22"
)

// tree is a /sys with files under block.
func tree(t *testing.T, files map[string]string) Host {
	t.Helper()
	sys := t.TempDir()
	for name, text := range files {
		path := filepath.Join(sys, "block", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return Host{Sys: sys, Dev: "/dev"}
}

func TestADiskIsFoundByWhatTheKernelShowsOfItsSerialNumber(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  string // "": not found
	}{
		"virtio shows twenty characters": {map[string]string{"vda/serial": "", "vdb/serial": containers[:20], "vdc/serial": etcd[:20]}, "/dev/vdc"},
		"NVMe pads with blanks":          {map[string]string{"nvme0n1/device/serial": etcd[:20] + "  \n", "nvme1n1/device/serial": containers[:20]}, "/dev/nvme0n1"},
		"SCSI shows a page":              {map[string]string{"sda/device/vpd_pg80": "\x00\x80\x00\x00", "sdb/device/vpd_pg80": "\x00\x80\x00\x24" + etcd}, "/dev/sdb"},
		"no serial number is no match":   {map[string]string{"vda/serial": "", "sr0/device/vpd_pg80": "\x00", "loop0/size": "0"}, ""},
		"a short beginning is no match":  {map[string]string{"vdb/serial": etcd[:8]}, ""},
		"another one is no match":        {map[string]string{"vdb/serial": containers[:20]}, ""},
	} {
		got, err := tree(t, c.files).find(etcd)
		if got != c.want || c.want == "" && jeroboam.KindOf(err) != jeroboam.Unavailable {
			t.Errorf("%s: got %q (%v), want %q", name, got, err, c.want)
		}
	}
}

// run is what the agent gives to a Host.
func run(ctx context.Context, words ...string) (string, int, error) {
	out, err := exec.CommandContext(ctx, words[0], words[1:]...).CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return string(out), exit.ExitCode(), nil
	}
	return string(out), 0, err
}

// TestOnlyWhatHoldsNothingIsGivenAFileSystem makes files stand for disks.
func TestOnlyWhatHoldsNothingIsGivenAFileSystem(t *testing.T) {
	for _, program := range []string{"blkid", "mkfs.ext4"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip(err)
		}
	}
	h := Host{Run: run, Logger: slog.New(slog.DiscardHandler)}
	disk := filepath.Join(t.TempDir(), "disk")
	table := make([]byte, 512)
	copy(table[446:], []byte{0, 0, 2, 0, 0x83, 0, 3, 0, 1, 0, 0, 0, 255, 0, 0, 0}) // one Linux partition
	table[510], table[511] = 0x55, 0xaa
	luks := append([]byte("LUKS\xba\xbe\x00\x01"), bytes.Repeat([]byte{0}, 584)...)
	for name, c := range map[string]struct {
		begins []byte
		fails  bool
	}{
		"zeros are nothing":                 {nil, false},
		"a partition table is left alone":   {table, true},
		"what is encrypted is left alone":   {luks, true},
		"what ends too soon cannot be read": {nil, true},
	} {
		size := int64(8 << 20)
		if name == "what ends too soon cannot be read" {
			size = 0
		}
		if err := os.WriteFile(disk, c.begins, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(disk, size); err != nil {
			t.Fatal(err)
		}
		kind, err := h.look(t.Context(), disk)
		if kind != "" || (err != nil) != c.fails {
			t.Errorf("%s: got %q, %v", name, kind, err)
		}
	}
	if err := os.WriteFile(disk, make([]byte, 8<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := h.format(t.Context(), disk); err != nil {
		t.Fatal(err)
	}
	if kind, err := h.look(t.Context(), disk); kind != "ext4" || err != nil {
		t.Errorf("after the making of a file system: %q, %v", kind, err)
	}
}
