//! The whole server, from outside: real processes, real sockets, and workers that misbehave on purpose.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    clippy::float_cmp,
    clippy::cast_precision_loss,
    reason = "a test that cannot go on has failed"
)]

mod ahead;
mod auth;
mod bad_input;
mod balancer;
mod bench;
mod cache;
mod cancel;
mod chaos;
mod clients;
mod cluster;
mod command_line;
mod connections;
mod console;
mod crash;
mod doctor;
mod documented;
mod elevenlabs;
mod elevenlabs_socket;
mod garbage;
mod gpu;
mod harness;
mod hosts;
mod jobs;
mod jobs_audio;
mod jobs_chapters;
mod jobs_crash;
mod jobs_garbage;
mod jobs_load;
mod jobs_upload;
mod jobs_webhook;
mod journal;
mod kit;
mod limits;
mod live_chat;
mod metrics;
mod mixtures;
mod openai;
mod openapi;
mod probe;
mod recovery;
mod reload;
mod reload_engines;
mod sandbox;
mod schedule;
mod service;
mod several_devices;
mod shutdown;
mod spares;
mod startup;
mod streaming;
mod synthesis;
mod text;
mod tls;
mod traces;
mod voices;
mod wrong_audio;
mod wyoming;
