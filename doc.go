// Package jeroboam holds the nouns of a container-cluster service, the rules
// each of them keeps by itself, and the kinds of error the whole house speaks.
//
// It knows no database, no wire format, no cloud and no orchestrator, and it
// imports nothing but the standard library.
package jeroboam
