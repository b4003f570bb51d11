//! How spans join traces, and what a collector that does not answer leads to.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use metrics_exporter_prometheus::PrometheusBuilder;
use opentelemetry::{Context, trace::TracerProvider};
use opentelemetry_sdk::{
    error::OTelSdkResult,
    trace::{SdkTracerProvider, Span as SdkSpan, SpanData, SpanProcessor},
};
use tracing::{
    debug_span,
    dispatcher::{get_default, with_default},
    info_span,
    level_filters::LevelFilter,
};
use tracing_subscriber::{Layer, layer::SubscriberExt};

use super::*;
use crate::ids::Ids;

const ONE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
/// Another span of the same trace.
const ONE_LATER: &str = "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01";
const OTHER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/// Far above what anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// Keeps the spans that ended.
#[derive(Clone, Debug, Default)]
struct Kept(Arc<Mutex<Vec<SpanData>>>);

impl SpanProcessor for Kept {
    fn on_start(&self, _: &mut SdkSpan, _: &Context) {}

    fn on_end(&self, span: SpanData) {
        self.0.lock().unwrap().push(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// The one span that `work` makes.
fn span_of(work: impl FnOnce()) -> SpanData {
    let mut spans = spans_of(work);
    assert_eq!(spans.len(), 1);
    spans.remove(0)
}

/// The spans that `work` makes, in the order of their ends.
fn spans_of(work: impl FnOnce()) -> Vec<SpanData> {
    SAMPLER.get_or_init(|| Sampler::AlwaysOn);
    let kept = Kept::default();
    let provider = SdkTracerProvider::builder()
        .with_id_generator(Ids::default())
        .with_span_processor(kept.clone())
        .build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
    with_default(&tracing_subscriber::registry().with(layer).into(), work);
    std::mem::take(&mut *kept.0.lock().unwrap())
}

fn joined(traces: &[Option<&str>]) -> SpanData {
    span_of(|| {
        let span = info_span!("work");
        join(&span, traces.iter().copied());
        span.in_scope(|| ());
    })
}

fn links(span: &SpanData) -> Vec<String> {
    span.links.iter().map(|link| link.span_context.trace_id().to_string()).collect()
}

fn trace_id(traceparent: &str) -> String {
    traceparent.split('-').nth(1).unwrap().to_owned()
}

#[test]
fn work_on_one_trace_is_part_of_it() {
    for traces in [&[Some(ONE)][..], &[None, Some(ONE), Some("no trace"), Some(ONE)]] {
        let span = joined(traces);
        assert_eq!(span.span_context.trace_id().to_string(), trace_id(ONE), "{traces:?}");
        assert_eq!(span.parent_span_id.to_string(), "b7ad6b7169203331");
        assert!(span.links.is_empty(), "{span:?}");
    }
    let span = joined(&[Some(ONE), Some(ONE_LATER)]);
    assert_eq!(span.parent_span_id.to_string(), "b7ad6b7169203331");
    assert_eq!(links(&span), [trace_id(ONE)]);
}

#[test]
fn work_on_several_traces_belongs_to_none_and_names_some() {
    let span = joined(&[Some(ONE), Some(OTHER), Some(ONE)]);
    assert_eq!(span.parent_span_id, SpanId::INVALID);
    assert_eq!(links(&span), [trace_id(ONE), trace_id(OTHER)]);
    let many: Vec<String> = (1..=1_000).map(|n| format!("00-{n:032x}-{n:016x}-01")).collect();
    let many: Vec<Option<&str>> = many.iter().map(|trace| Some(trace.as_str())).collect();
    assert_eq!(joined(&many).links.len(), LINKS_MAX);
    assert!(joined(&[]).links.is_empty());
}

#[test]
fn a_trace_begins_with_the_span_of_its_cause() {
    let cause = of_cause(Uuid::from_u128(7));
    let work = || {
        let outer = info_span!("outer");
        let _inside = outer.enter();
        let root = info_span!(parent: None, "update");
        begin(&root, &cause);
        root.in_scope(|| debug_span!("turn").in_scope(|| ()));
        let reply = info_span!(parent: None, "reply");
        continue_from(&reply, Some(cause.as_str()));
        reply.in_scope(|| ());
    };
    let spans = spans_of(work);
    let named = |name: &str| spans.iter().find(|span| span.name == name).unwrap();
    let (root, turn, reply) = (named("update"), named("turn"), named("reply"));
    let told = format!("00-{}-{}-", root.span_context.trace_id(), root.span_context.span_id());
    assert!(cause.as_str().starts_with(&told), "{cause} is not {told}");
    assert_eq!(root.parent_span_id, SpanId::INVALID);
    for child in [turn, reply] {
        assert_eq!(child.parent_span_id, root.span_context.span_id());
        assert_eq!(child.span_context.trace_id(), root.span_context.trace_id());
        assert_ne!(child.span_context.span_id(), root.span_context.span_id());
    }
    assert_ne!(named("outer").span_context.trace_id(), root.span_context.trace_id());
}

#[test]
fn a_span_goes_on_from_its_cause_and_says_where_it_stands() {
    let mut told = None;
    let span = span_of(|| {
        assert_eq!(current(), None, "nothing is entered");
        let span = info_span!("work");
        continue_from(&span, Some(ONE));
        told = span.in_scope(current);
    });
    let id = span.span_context.span_id();
    assert_eq!(span.parent_span_id.to_string(), "b7ad6b7169203331");
    assert_eq!(told.unwrap().as_str(), format!("00-{}-{id}-01", trace_id(ONE)));
    for hostile in [None, Some(""), Some("00-0-0-01"), Some("00-\u{43f}-1-01")] {
        let span = span_of(|| {
            let span = info_span!("work");
            continue_from(&span, hostile);
            span.in_scope(|| ());
        });
        assert_eq!(span.parent_span_id, SpanId::INVALID, "{hostile:?}");
    }
}

#[test]
fn what_others_ask_about_their_own_lines_hides_none_of_our_spans() {
    let kept = Kept::default();
    let provider = SdkTracerProvider::builder().with_span_processor(kept.clone()).build();
    let traced = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
    let logged = tracing_subscriber::fmt::layer().with_writer(std::io::sink);
    let subscriber = tracing_subscriber::registry()
        .with(traced.with_filter(filter::Ours))
        .with(logged.with_filter(LevelFilter::INFO));
    let others = with_default(&tracing_subscriber::registry().into(), || {
        debug_span!(target: "sqlx::query", "statement").metadata().unwrap()
    });
    with_default(&subscriber.into(), || {
        // As the bridge from `log` does when sqlx asks, for each statement.
        let ask = || get_default(|dispatch| dispatch.enabled(others));
        for _ in 0..3 {
            ask();
            info_span!("of the log").in_scope(|| ());
            ask();
            debug_span!("of traces alone").in_scope(|| ());
        }
    });
    assert_eq!(kept.0.lock().unwrap().len(), 6);
}

#[tokio::test]
async fn a_full_queue_drops_and_counts_and_a_collector_that_hangs_does_not_hold_up_a_stop() {
    const BEYOND: usize = 904;
    let recorder = PrometheusBuilder::new().build_recorder();
    let _counting = metrics::set_default_local_recorder(&recorder);
    // Connections are taken by the system, and nobody ever reads one.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let exporter = Exporter::new(&ExportSettings {
        endpoint: format!("http://{}/v1/traces", listener.local_addr().unwrap()),
        service: "test".to_owned(),
        sampling_ratio: 1.0,
        headers: CollectorHeaders::default(),
    })
    .unwrap();
    let subscriber = tracing_subscriber::registry().with(exporter.layer());
    let running = exporter.start();
    with_default(&subscriber.into(), || {
        for _ in 0..queue::SPANS_MAX + BEYOND {
            info_span!("work").in_scope(|| ());
            info_span!(target: "other", "not ours").in_scope(|| ());
        }
    });
    let said = recorder.handle().render();
    assert!(
        said.contains(&format!("kontor_trace_spans_total{{state=\"dropped\"}} {BEYOND}")),
        "{said}"
    );
    let finished = tokio::time::timeout(PATIENCE, running.finish(Duration::from_millis(50)));
    finished.await.unwrap();
}

#[tokio::test]
async fn a_collector_that_is_gone_costs_the_spans_and_nothing_else() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let _counting = metrics::set_default_local_recorder(&recorder);
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let exporter = Exporter::new(&ExportSettings {
        endpoint: format!("http://127.0.0.1:{port}/v1/traces"),
        service: "test".to_owned(),
        sampling_ratio: 1.0,
        headers: CollectorHeaders::default(),
    })
    .unwrap();
    let subscriber = tracing_subscriber::registry().with(exporter.layer());
    let running = exporter.start();
    with_default(&subscriber.into(), || info_span!("work").in_scope(|| ()));
    tokio::time::timeout(PATIENCE, running.finish(PATIENCE)).await.unwrap();
    let said = recorder.handle().render();
    assert!(said.contains("kontor_trace_spans_total{state=\"failed\"} 1"), "{said}");
}

#[tokio::test]
async fn a_collector_gets_the_headers_that_are_configured_and_no_others() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1/traces", listener.local_addr().unwrap());
    let head = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut read = vec![0; 4096];
        let length = tokio::io::AsyncReadExt::read(&mut stream, &mut read).await.unwrap();
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
        tokio::io::AsyncWriteExt::write_all(&mut stream, answer).await.unwrap();
        String::from_utf8_lossy(&read[..length]).to_lowercase()
    });
    let headers = CollectorHeaders::parse("authorization=Bearer%20token").unwrap();
    let client = http::Client::new(PATIENCE, headers).unwrap();
    // As the exporter makes one, with what it found in the environment.
    let request = opentelemetry_http::Request::post(url)
        .header("content-type", "application/x-protobuf")
        .header("x-from-the-environment", "1")
        .body(opentelemetry_http::Bytes::new())
        .unwrap();
    opentelemetry_http::HttpClient::send_bytes(&client, request).await.unwrap();
    let head = head.await.unwrap();
    assert!(head.contains("authorization: bearer token\r\n"), "{head}");
    assert!(head.contains("content-type: application/x-protobuf\r\n"), "{head}");
    assert!(!head.contains("x-from-the-environment"), "{head}");
}
