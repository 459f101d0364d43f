// Package auth decides who asks and what they may do: keys are minted, hashed
// and verified here, a key's scopes, tier and address limits are applied, and
// its requests are rationed (Limiter).
//
// It knows no HTTP, and never keeps or logs the text of a key: what is stored
// is a SHA-256, what may be shown is Key.Prefix.
package auth
