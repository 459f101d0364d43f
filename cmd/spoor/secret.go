package main

import "spoor/internal/config"

// hideSecrets keeps the passwords of the store's addresses out of an error: a
// driver may repeat in its texts what it was given. Nil stays nil.
func hideSecrets(c config.Config, err error) error {
	if err == nil {
		return nil
	}
	if text := c.HideSecrets(err.Error()); text != err.Error() {
		return &hiddenError{text: text, cause: err}
	}
	return err
}

// hiddenError is its cause with another text.
type hiddenError struct {
	text  string
	cause error
}

func (e *hiddenError) Error() string { return e.text }

// Unwrap is for errors.Is and errors.As; its text is not to be shown.
func (e *hiddenError) Unwrap() error { return e.cause }
