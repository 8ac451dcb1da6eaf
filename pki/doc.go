// Package pki makes certificate authorities and signs certificates: pure
// functions of keys and time. It keeps nothing, reads no clock and knows no
// cluster; where keys rest is the vault's business, who may ask is the
// service's.
//
// All keys it makes are ECDSA P-256 in PKCS#8. It signs RSA, ECDSA and Ed25519
// keys that others bring.
package pki
