//! What the HTTP interface counts for monitoring. Labels hold templates of routes, never addresses.

use std::time::Duration;

use axum::http::Method;
use metrics::{Unit, counter, describe_counter, describe_histogram, histogram};

const REQUESTS: &str = "kontor_http_requests_total";
const DURATION: &str = "kontor_http_request_duration_seconds";
const DENIED: &str = "kontor_http_denied_total";

/// Describes all figures of this crate.
pub fn describe() {
    describe_counter!(REQUESTS, "Requests by method, route and status");
    describe_histogram!(DURATION, Unit::Seconds, "How long requests take, by route");
    describe_counter!(DENIED, "Requests that were turned away for their key, role or tenant");
    counter!(DENIED).increment(0);
}

/// Counts an answer.
pub(crate) fn answered((method, route): (&Method, &str), status: u16, took: Duration) {
    let route = route.to_owned();
    let labels = [
        ("method", known(method).to_owned()),
        ("route", route.clone()),
        ("status", status.to_string()),
    ];
    counter!(REQUESTS, &labels).increment(1);
    histogram!(DURATION, "route" => route).record(took);
}

/// Counts a request that was turned away.
pub(crate) fn denied() {
    counter!(DENIED).increment(1);
}

/// A method's name; callers may invent methods, and an invented one is `other`.
fn known(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invented_methods_do_not_become_labels() {
        let invented = Method::from_bytes(b"PAINT").unwrap();
        assert_eq!([Method::PATCH, invented].each_ref().map(known), ["PATCH", "other"]);
    }
}
