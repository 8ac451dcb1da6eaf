package jeroboam

import "log/slog"

const redacted = "[redacted]"

// Secret is a value that must not be seen: it prints and logs as [redacted].
// It still marshals as itself, because secrets do travel inside sealed stores
// and mutual TLS; keep it out of anything else that is encoded.
type Secret string

func (Secret) String() string       { return redacted }
func (Secret) GoString() string     { return redacted }
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// Reveal returns the value itself.
func (s Secret) Reveal() string { return string(s) }
