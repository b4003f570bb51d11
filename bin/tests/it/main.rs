//! The program as a person runs it: a process with arguments, an environment and signals.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod backup;
mod bots;
mod collector;
mod commands;
mod compose_file;
mod credits;
mod fleet;
mod integrator_examples;
mod integrators;
mod ledger;
mod ledger_replay;
mod letters;
mod load;
mod log_lines;
mod metrics;
mod operate;
mod period;
mod processes;
mod products;
mod program;
mod rebuild_guide;
mod rechain;
mod records;
mod sealing;
mod seals;
mod start;
mod stop;
mod subjects;
mod traces;
mod transfer;
mod webhook_crash;
mod webhooks;
