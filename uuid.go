package jeroboam

import "regexp"

var uuidShape = regexp.MustCompile(`^(?i)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)

// IsUUID reports whether an identifier that a client gave means a UUID and not
// a name.
func IsUUID(s string) bool { return uuidShape.MatchString(s) }
