package embedded

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"sigs.k8s.io/yaml"

	"github.com/jeroboam-cloud/jeroboam"
)

const (
	usersFile       = "users.yaml"
	credentialsFile = "credentials.yaml"
)

const usersHeader = `# Projects and users. Edit it while the service runs: it reads changes within a second.
# password: bcrypt, as "htpasswd -nbBC 10 '' SECRET | tr -d ':'" prints it.
# roles: by project; admin implies member, member implies reader.
`

const credentialsHeader = "# Application credentials, written by the service.\n"

// lookEvery is how often the files are looked at for changes.
const lookEvery = time.Second

// files are users.yaml and credentials.yaml of a directory, which other
// processes may change.
type files struct {
	dir string
	now func() time.Time
	log *slog.Logger

	mu     sync.Mutex
	looked time.Time
	seen   [2]version
	read   *directory
}

// version tells states of a file apart.
type version struct {
	size     int64
	modified time.Time
	inode    uint64
}

// directory returns what the files say now, or a second ago. A file that was
// spoilt by an edit does not lock its users out: the last good one holds, until
// the service starts again.
func (f *files) directory() (*directory, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := f.now()
	if f.read != nil && now.Sub(f.looked) < lookEvery {
		return f.read, nil
	}
	f.looked = now
	seen := [2]version{look(f.path(usersFile)), look(f.path(credentialsFile))}
	if f.read != nil && seen == f.seen {
		return f.read, nil
	}
	fresh, err := f.load()
	switch {
	case err == nil:
		f.read = fresh
	case f.read == nil:
		return nil, err
	default:
		f.log.Error("The users are what they were before the last edit, which cannot be read.", "err", err)
	}
	f.seen = seen
	return f.read, nil
}

// newest looks at the files now: a login is rare and slow enough to.
func (f *files) newest() (*directory, error) {
	f.mu.Lock()
	f.looked = time.Time{}
	f.mu.Unlock()
	return f.directory()
}

func (f *files) path(name string) string { return filepath.Join(f.dir, name) }

func look(path string) version {
	info, err := os.Stat(path)
	if err != nil {
		return version{}
	}
	v := version{size: info.Size(), modified: info.ModTime()}
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		v.inode = s.Ino
	}
	return v
}

func (f *files) load() (*directory, error) {
	var u Users
	if err := readYAML(f.path(usersFile), &u); err != nil {
		return nil, unusable(f.path(usersFile), err)
	}
	var c Credentials
	if err := readYAML(f.path(credentialsFile), &c); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, unusable(f.path(credentialsFile), err)
	}
	d, err := index(u, c, f.now)
	if err != nil {
		return nil, unusable(f.path(usersFile), err)
	}
	return d, nil
}

// change edits the files as they are now, one process at a time.
func (f *files) change(edit func(*Users, *Credentials) error) error {
	unlock, err := f.lock()
	if err != nil {
		return err
	}
	defer unlock()
	var u Users
	if err := readYAML(f.path(usersFile), &u); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return unusable(f.path(usersFile), err)
	}
	var c Credentials
	if err := readYAML(f.path(credentialsFile), &c); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return unusable(f.path(credentialsFile), err)
	}
	before, err := yaml.Marshal(u)
	if err != nil {
		return err
	}
	if err := edit(&u, &c); err != nil {
		return err
	}
	if _, err := index(u, c, f.now); err != nil {
		return invalid("identity", "The change is not possible: %v.", err)
	}
	if err := f.write(u, before, c); err != nil {
		return err
	}
	_, err = f.newest()
	return err
}

// write leaves users.yaml alone, with its comments, if nothing in it changed.
func (f *files) write(u Users, before []byte, c Credentials) error {
	after, err := yaml.Marshal(u)
	if err != nil {
		return err
	}
	if string(after) != string(before) {
		if err := writeWhole(f.path(usersFile), append([]byte(usersHeader), after...)); err != nil {
			return unusable(f.path(usersFile), err)
		}
	}
	if c.Credentials == nil {
		return nil
	}
	text, err := yaml.Marshal(c)
	if err != nil {
		return err
	}
	if err := writeWhole(f.path(credentialsFile), append([]byte(credentialsHeader), text...)); err != nil {
		return unusable(f.path(credentialsFile), err)
	}
	return nil
}

// lock keeps other writers away, of this process and of others.
func (f *files) lock() (unlock func(), err error) {
	path := f.path("lock")
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, unusable(path, err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(unusable(path, err), file.Close())
	}
	return func() { file.Close() }, nil //nolint:errcheck // nothing was written to it
}

// firstStart makes the first user if there is no users file.
func (f *files) firstStart(p *passwords) (jeroboam.Secret, error) {
	if _, err := os.Stat(f.path(usersFile)); !errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	password := randomSecret()
	hash, err := p.hash(password)
	if err != nil {
		return "", err
	}
	err = f.change(func(u *Users, _ *Credentials) error {
		if len(u.Users) > 0 { // another process was faster
			password = ""
			return nil
		}
		u.Projects = append(u.Projects, &Project{ID: newID(), Name: AdminProject})
		u.Users = append(u.Users, &User{
			ID: newID(), Name: AdminUser, Password: hash, Project: AdminProject,
			Roles: map[string][]string{AdminProject: {RoleAdmin, RoleMember, RoleReader}},
		})
		return nil
	})
	return password, err
}

func readYAML(path string, v any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return yaml.UnmarshalStrict(text, v)
}

// writeWhole replaces a file at once, mode 0600, and on the disk before it returns.
func writeWhole(path string, text []byte) error { return writeVia(path, text, os.Rename) }

// writeNew does the same for a file that must not exist yet.
func writeNew(path string, text []byte) error { return writeVia(path, text, os.Link) }

func writeVia(path string, text []byte, place func(from, to string) error) error {
	temp, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name()) //nolint:errcheck // gone after a rename
	_, err = temp.Write(text)
	if err := errors.Join(err, temp.Sync(), temp.Close()); err != nil {
		return err
	}
	return place(temp.Name(), path)
}

// newID returns 32 hex digits, as Keystone's IDs are.
func newID() string { return hex.EncodeToString(randomBytes(16)) }

func randomBytes(n int) []byte {
	b := make([]byte, n)
	rand.Read(b) //nolint:errcheck // never fails
	return b
}
