//! Makes the NATS part of a plan true.
