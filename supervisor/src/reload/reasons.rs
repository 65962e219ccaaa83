//! Why a change waits for a restart.

/// In a few words, for a key as it stands in the file.
pub(super) fn reason(key: &str) -> &'static str {
    match key {
        "server.listen" | "wyoming.listen" => "its port is opened at the start",
        "server.state_dir" => "what is kept lies there",
        "server.python" => "environments are made with it",
        "server.tls_cert" => "clients speak to the server with TLS, or without",
        "limits.stream_buffer_s" => "streams begin by it that are not over",
        "cache" | "jobs" => "it is opened at the start",
        "devices" => "the schedule shares them out at the start",
        // Threads and workers hold on to what they began with.
        _ => "it is read at the start alone",
    }
}
