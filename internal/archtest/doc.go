// Package archtest holds the rules of ARCHITECTURE.md and CONTRIBUTING.md that
// a machine can check, as tests: which room may import which, where SQL, HTTP
// and the environment may be touched, how long a function may be, that every
// exported name says what it promises, and that the documents still describe
// what is there.
//
// It has no code of its own to import and it judges no behaviour: the tests
// read the source tree with go/parser and the documents as text, and need
// neither a build nor the network. Each rule is a function from one file to
// its violations; rules_test.go feeds every one of them a file that breaks it,
// so that a rule which stopped looking is noticed.
package archtest
