package disk

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jeroboam-cloud/jeroboam"
)

// shownLeast is how much of a serial number a disk shows at least: those of
// virtio-blk have room for 20 characters (VIRTIO_BLK_ID_BYTES).
const shownLeast = 20

// find returns the device of the disk with a serial number.
func (h Host) find(serial string) (device string, err error) {
	entries, err := os.ReadDir(filepath.Join(h.Sys, "block"))
	if err != nil {
		return "", fmt.Errorf("list disks: %w", err)
	}
	for _, e := range entries {
		if slices.ContainsFunc(h.serials(e.Name()), func(shown string) bool { return shows(shown, serial) }) {
			return filepath.Join(h.Dev, e.Name()), nil
		}
	}
	return "", jeroboam.Errorf(jeroboam.Unavailable, "disk", "The machine does not see its volume %s yet.", serial).
		WithRemedy("It looks again by itself; if that does not help, look in the cloud whether the volume is attached.")
}

// shows reports whether what a disk shows is the serial number, or its beginning.
func shows(shown, serial string) bool {
	return shown == serial || len(shown) >= shownLeast && strings.HasPrefix(serial, shown)
}

// serials are the serial numbers that a disk shows. The kernel has them in one
// place for virtio-blk, in another for NVMe, and for SCSI as it came from the
// device: page 0x80 of the vital product data, four bytes before the text.
func (h Host) serials(name string) []string {
	const header = 4
	var out []string
	for _, file := range []string{"serial", "device/serial", "device/vpd_pg80"} {
		text, err := os.ReadFile(filepath.Join(h.Sys, "block", name, filepath.FromSlash(file)))
		if err != nil {
			continue
		}
		if strings.HasSuffix(file, "vpd_pg80") {
			text = text[min(header, len(text)):]
		}
		out = append(out, string(bytes.Trim(text, " \t\n\x00")))
	}
	return out
}
