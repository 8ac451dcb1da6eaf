package identity

// Target is whose object a rule is asked about; "" is nobody's in particular.
type Target struct {
	Project string
	User    string // who made the object
}
