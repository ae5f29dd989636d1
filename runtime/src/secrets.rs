//! Secrets: files `<folder>/<namespace>/<name>/<key>`, re-read on change, never printed.
