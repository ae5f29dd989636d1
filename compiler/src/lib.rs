//! World in, plan and diagnostics out: pure and total.
