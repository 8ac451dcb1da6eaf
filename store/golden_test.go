package store_test

import (
	"context"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/jeroboam-cloud/jeroboam"
	"github.com/jeroboam-cloud/jeroboam/store"
	"github.com/jeroboam-cloud/jeroboam/store/memory"
)

var update = flag.Bool("update", false, "write testdata/golden/KIND.N.json for kinds that have none yet")

// TestOldRecordsAreReadForEver reads documents as older versions wrote them
// and requires that nothing in them is lost when they are written again. The
// files never change: a document of a new form is a new file.
func TestOldRecordsAreReadForEver(t *testing.T) {
	for kind, again := range map[string]func(t *testing.T, kind string, old []byte) []byte{
		store.KindCluster:    rewrite[jeroboam.Cluster],
		store.KindNodeGroup:  rewrite[jeroboam.NodeGroup],
		store.KindTemplate:   rewrite[jeroboam.Template],
		store.KindMachine:    rewrite[jeroboam.Machine],
		store.KindOperation:  rewrite[jeroboam.Operation],
		store.KindStep:       rewrite[jeroboam.Step],
		store.KindEvent:      rewrite[jeroboam.Event],
		store.KindResource:   rewrite[jeroboam.Resource],
		store.KindQuota:      rewrite[jeroboam.Quota],
		store.KindUsage:      rewrite[jeroboam.Usage],
		store.KindAuthority:  rewrite[jeroboam.Authority],
		store.KindFederation: rewrite[jeroboam.Federation],
		store.KindSealed:     rewrite[store.Sealed],
		store.KindVaultKey:   rewrite[store.VaultKey],
		store.KindToken:      rewrite[store.Token],
	} {
		t.Run(kind, func(t *testing.T) {
			files, err := filepath.Glob(filepath.Join("testdata", "golden", kind+".*.json"))
			if err != nil {
				t.Fatal(err)
			}
			if len(files) == 0 && *update {
				files = append(files, filepath.Join("testdata", "golden", kind+".1.json"))
				write(t, files[0], again(t, kind, nil))
			}
			if len(files) == 0 {
				t.Fatalf("no %s was ever written", kind)
			}
			for _, file := range files {
				old, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				var before, after any
				decode(t, old, &before)
				decode(t, again(t, kind, old), &after)
				for _, lost := range missing(before, after, "") {
					t.Errorf("%s: %s", file, lost)
				}
			}
		})
	}
}

// rewrite reads the document as a T and writes it again; nil stands for a T
// with every field set.
func rewrite[T store.Noun](t *testing.T, kind string, old []byte) []byte {
	t.Helper()
	var v T
	if old == nil {
		fill(reflect.ValueOf(&v).Elem(), "v")
	} else {
		decode(t, old, &v)
	}
	var data []byte
	b := memory.New()
	defer b.Close()
	reset(&v)
	err := b.Update(context.Background(), func(tx store.Tx) error { return store.Put(tx, &v) })
	if err != nil {
		t.Fatal(err)
	}
	err = b.View(context.Background(), func(tx store.Tx) error {
		all, err := store.List[T](tx, store.Query{})
		if err != nil || len(all) != 1 || !reflect.DeepEqual(all[0], v) {
			t.Errorf("stored %+v, read %+v (%v)", v, all, err)
		}
		records, err := tx.List(store.Query{Kind: kind})
		if err == nil && len(records) == 1 {
			data = records[0].Data
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// reset makes the noun one that was never stored.
func reset(v any) {
	e := reflect.ValueOf(v).Elem()
	e.FieldByName("Revision").SetInt(0)
	e.FieldByName("Seq").SetInt(0)
}

// fill sets every field of v to something that is not its zero value.
func fill(v reflect.Value, name string) {
	switch at := time.Date(2026, 11, 21, 7, 25, 1, 123456000, time.UTC); v.Kind() {
	case reflect.String:
		v.SetString(name)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(7)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), name)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0), name)
	case reflect.Uint8:
		v.SetUint(7)
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		item := reflect.New(v.Type().Elem()).Elem()
		fill(item, name)
		v.SetMapIndex(reflect.ValueOf("key").Convert(v.Type().Key()), item)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(at))
			return
		}
		for i := range v.NumField() {
			fill(v.Field(i), strings.ToLower(v.Type().Field(i).Name))
		}
	default:
		panic("a noun has a field of kind " + v.Kind().String())
	}
}

// missing lists what before has and after has not, or has otherwise.
func missing(before, after any, at string) (lost []string) {
	old, ok := before.(map[string]any)
	if !ok {
		if !reflect.DeepEqual(before, after) {
			lost = append(lost, at+" was changed or lost")
		}
		return lost
	}
	now, ok := after.(map[string]any)
	if !ok {
		return append(lost, at+" is no object any more")
	}
	for name, v := range old {
		lost = append(lost, missing(v, now[name], at+"."+name)...)
	}
	return lost
}

func decode(t *testing.T, data []byte, v any) {
	t.Helper()
	if err := json.Unmarshal(data, v); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, file string, data []byte) {
	t.Helper()
	var v any
	decode(t, data, &v)
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, append(text, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}
