// Package web renders the browser pages: for now the page of an article and
// the page of an error, plain and safe. Nothing on them is a link to what an
// article or an indicator names, nothing runs, nothing is loaded.
//
// It answers no requests and checks no keys: internal/server does.
package web
