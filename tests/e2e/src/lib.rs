//! Stories that run the real product: real nats-server, real processes. One file per story.
