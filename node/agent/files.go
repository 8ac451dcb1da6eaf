package agent

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/jeroboam-cloud/jeroboam/node"
)

// replaceFile writes a file by way of a second one, so that a reader sees the
// old content or the new. With sync it survives a loss of power.
func replaceFile(path string, content []byte, mode fs.FileMode, sync bool) error {
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".")
	if err != nil {
		return err
	}
	err = fill(file, content, mode, sync)
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		_ = os.Remove(file.Name())
	}
	return err
}

func fill(file *os.File, content []byte, mode fs.FileMode, sync bool) error {
	_, err := file.Write(content)
	err = errors.Join(err, file.Chmod(mode))
	if sync {
		err = errors.Join(err, file.Sync())
	}
	return errors.Join(err, file.Close())
}

// ensureDirectory makes a directory with its parents and sets its mode.
func ensureDirectory(d node.Directory) error {
	mode := fs.FileMode(d.Mode).Perm()
	if err := os.MkdirAll(d.Path, 0o755); err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	stat, err := os.Stat(d.Path)
	if err != nil {
		return fmt.Errorf("make directory: %w", err)
	}
	if mode != 0 && stat.Mode().Perm() != mode {
		if err := os.Chmod(d.Path, mode); err != nil {
			return fmt.Errorf("make directory: %w", err)
		}
	}
	return nil
}

// ensureFile writes a file unless it is already as it should be. It need not
// survive a loss of power: the config is applied at every boot.
func ensureFile(path string, content []byte, mode fs.FileMode) error {
	present, err := os.ReadFile(path)
	if err == nil && bytes.Equal(present, content) {
		if stat, err := os.Lstat(path); err == nil && stat.Mode() == mode {
			return nil
		}
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := replaceFile(path, content, mode, false); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// ensureLink points a symbolic link at target.
func ensureLink(path, target string) error {
	if present, err := os.Readlink(path); err == nil && present == target {
		return nil
	}
	next := path + ".new"
	_ = os.Remove(next)
	if err := os.Symlink(target, next); err != nil {
		return fmt.Errorf("link %s: %w", path, err)
	}
	if err := os.Rename(next, path); err != nil {
		return fmt.Errorf("link %s: %w", path, err)
	}
	return nil
}

// ensureSysctl sets a kernel parameter. A dot separates names, and so does a
// slash, for names that hold a dot (sysctl(8)).
func ensureSysctl(dir string, s node.Sysctl) error {
	name := s.Key
	if !strings.Contains(name, "/") {
		name = strings.ReplaceAll(name, ".", "/")
	}
	if !filepath.IsLocal(name) {
		return fmt.Errorf("sysctl %s: not a name", s.Key)
	}
	path := filepath.Join(dir, name)
	present, err := os.ReadFile(path)
	if err == nil && strings.Join(strings.Fields(string(present)), " ") == strings.Join(strings.Fields(s.Value), " ") {
		return nil
	}
	if err := os.WriteFile(path, []byte(s.Value), 0o644); err != nil {
		return fmt.Errorf("sysctl %s: %w", s.Key, err)
	}
	return nil
}

// contentDigest identifies what is at path: hex SHA-256 over the names and the
// contents of all files at or under it; "absent" when there is nothing.
func contentDigest(path string) (string, error) {
	hash := sha256.New()
	err := filepath.WalkDir(path, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(content)
		fmt.Fprintf(hash, "%s %x\n", name, sum)
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		return "absent", nil
	}
	if err != nil {
		return "", fmt.Errorf("read what a service depends on: %w", err)
	}
	return hex.EncodeToString(hash.Sum(nil)), nil
}
