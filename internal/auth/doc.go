// Package auth decides who asks and what they may do: keys are minted, hashed
// and verified here, and a key's scopes, tier and address limits are applied.
//
// It does not count requests (rationing is a later issue; the numbers are in
// the tiers already), knows no HTTP, and never keeps or logs the text of a
// key: what is stored is a SHA-256, what may be shown is Key.Prefix.
package auth
