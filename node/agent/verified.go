package agent

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/release"
)

// verified remembers files that had the right digest, by everything that tells
// a changed file, so that an agent that starts again need not read hundreds of
// megabytes.
type verified struct {
	path string

	mu    sync.Mutex
	files map[string]fileMark // by path
}

// fileMark changes whenever the file's content does.
type fileMark struct {
	SHA256   string `json:"sha256"`
	Device   uint64 `json:"device"`
	Inode    uint64 `json:"inode"`
	Size     int64  `json:"size"`
	Modified int64  `json:"modified"` // ns
	Changed  int64  `json:"changed"`  // ns; not even root sets this one at will
}

func openVerified(path string) *verified {
	v := &verified{path: path, files: map[string]fileMark{}}
	if data, err := os.ReadFile(path); err == nil && json.Unmarshal(data, &v.files) != nil {
		v.files = map[string]fileMark{} // all are read again
	}
	return v
}

// verify reads the part's file and compares it with the manifest.
func (v *verified) verify(ctx context.Context, dir string, part release.Part) error {
	if part.Kind == release.Host {
		return nil
	}
	path := filepath.Join(dir, filepath.FromSlash(part.Path))
	before, err := markOf(path, part.SHA256)
	if err != nil {
		return damaged(part, err)
	}
	v.mu.Lock()
	known := v.files[path] == before
	v.mu.Unlock()
	if known {
		return nil
	}
	digest, _, err := release.FileDigest(ctx, path)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return damaged(part, err)
	case digest != part.SHA256:
		return damaged(part, nil)
	}
	v.note(path, before)
	return nil
}

func damaged(part release.Part, err error) error {
	return jeroboam.Errorf(jeroboam.Invalid, "bundle-part", "Part %s of the bundle is missing or damaged on the machine.", part.Name).
		WithRemedy("Verify the service's copy of the bundle, and replace the machine.").Wrap(err)
}

// note remembers a file. One that cannot be noted is read again next time.
func (v *verified) note(path string, mark fileMark) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.files[path] = mark
	if data, err := json.Marshal(v.files); err == nil {
		_ = replaceFile(v.path, data, 0o600, false)
	}
}

func markOf(path, sha256 string) (fileMark, error) {
	var s syscall.Stat_t
	if err := syscall.Stat(path, &s); err != nil {
		return fileMark{}, err
	}
	return fileMark{
		SHA256: sha256, Device: uint64(s.Dev), Inode: s.Ino, Size: s.Size,
		Modified: s.Mtim.Nano(), Changed: s.Ctim.Nano(),
	}, nil
}
