module vrsky.io/tools/gateway

go 1.26.0

// Nothing is imported, so `go mod tidy` would drop it: its CRDs are what is wanted.
require sigs.k8s.io/gateway-api v1.6.3
