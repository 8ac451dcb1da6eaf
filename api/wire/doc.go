// Package wire is the Magnum API as bytes: the JSON shapes, the microversions,
// the JSON Patch dialect and the error body. Magnum's habits live here and
// nowhere else; what a request means is decided in package service.
//
// The shapes follow OpenStack Magnum 2026.1 (microversion 1.12) and what its
// master adds up to 1.14. Where Magnum answers a bad request with a 500 this
// package answers 400.
package wire
