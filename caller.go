package jeroboam

import (
	"slices"
	"time"
)

// Caller is who makes a request, as the identity service vouches.
type Caller struct {
	UserID        string
	UserName      string
	DomainID      string // of the user
	ProjectID     string // "" for a token that is not a project's
	ProjectName   string
	ScopeDomainID string // of a token for a whole domain, else ""
	Roles         []string
	SystemScope   bool
	ExpiresAt     time.Time
	RequestID     string // "req-<uuid>" of this call
	Trace         string // W3C traceparent of this call; "" if nobody traces
}

// Has reports whether the caller holds the role.
func (c Caller) Has(role string) bool { return slices.Contains(c.Roles, role) }
