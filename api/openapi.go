package api

import _ "embed" // the description is part of the contract

//go:embed openapi.yaml
var openapiYAML []byte

// openapiJSON is openapi.yaml converted; a test in internal/server compares
// them and writes it anew with -update.
//
//go:embed openapi.json
var openapiJSON []byte

// OpenAPIYAML returns the OpenAPI 3.1 description as it was written. It is not
// to be modified.
func OpenAPIYAML() []byte { return openapiYAML }

// OpenAPIJSON returns the same description as JSON. It is not to be modified.
func OpenAPIJSON() []byte { return openapiJSON }
