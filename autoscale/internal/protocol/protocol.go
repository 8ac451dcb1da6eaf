// Package protocol is the messages between a cluster autoscaler and its cloud
// provider. It is generated but for the two descriptions.
package protocol

//go:generate go run github.com/bufbuild/buf/cmd/buf@v1.50.0 generate
