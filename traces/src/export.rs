//! Sends spans to a collector: OTLP over HTTP, in protobuf.

use std::time::Duration;

use opentelemetry::{KeyValue, trace::TracerProvider};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    trace::{Sampler, SdkTracerProvider, SpanData, SpanExporter as _},
};
use tokio::sync::{mpsc, oneshot};
use tracing::Subscriber;
use tracing_subscriber::{Layer, registry::LookupSpan};

use crate::{
    SAMPLER,
    filter::Ours,
    headers::CollectorHeaders,
    http::Client,
    ids::Ids,
    queue::{Entrance, count},
};

/// The most spans of one request.
const BATCH_MAX: usize = 512;
/// How long the first span of a batch waits for others.
const BATCH_WAIT: Duration = Duration::from_secs(1);
/// How long a collector may take for one batch.
const EXPORT_LIMIT: Duration = Duration::from_secs(5);
/// Attributes beyond are cut off: ours have at most a dozen.
const ATTRIBUTES_MAX: u32 = 32;
/// What these spans say that they come from.
const SCOPE: &str = "kontor";

/// Where spans go, and how many.
#[derive(Clone, Debug)]
pub struct ExportSettings {
    /// The full address, such as `http://127.0.0.1:4318/v1/traces`.
    pub endpoint: String,
    /// The name of this program among others.
    pub service: String,
    /// Which share of the traces that begin here is recorded, from 0 to 1. What comes with a decision
    /// of its caller follows that.
    pub sampling_ratio: f64,
    /// What the collector wants to be sent along.
    pub headers: CollectorHeaders,
}

/// Why spans cannot be exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The HTTP client cannot be made.
    #[error("the HTTP client of the trace exporter cannot be made")]
    Client(#[from] reqwest::Error),
    /// The address or a variable of OpenTelemetry is wrong.
    #[error("the trace exporter cannot be made")]
    Exporter(#[from] opentelemetry_otlp::ExporterBuildError),
}

/// The way of spans out of this process.
#[derive(Debug)]
pub struct Exporter {
    provider: SdkTracerProvider,
    spans: mpsc::Receiver<SpanData>,
    exporter: SpanExporter,
}

/// An exporter at work.
#[derive(Debug)]
pub struct Running {
    stop: oneshot::Sender<()>,
    task: tokio::task::JoinHandle<()>,
}

impl Exporter {
    /// Prepares the export; from now on spans join traces.
    ///
    /// # Errors
    /// [`ExportError`] when the settings make no exporter. Whether the collector is there shows later
    /// and harms nothing.
    pub fn new(settings: &ExportSettings) -> Result<Self, ExportError> {
        let resource = Resource::builder_empty()
            .with_attribute(KeyValue::new("service.name", settings.service.clone()))
            .build();
        let mut exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Client::new(EXPORT_LIMIT, settings.headers.clone())?)
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(&settings.endpoint)
            .with_timeout(EXPORT_LIMIT)
            .build()?;
        exporter.set_resource(&resource);
        let (entrance, spans) = Entrance::open();
        let sampler = Sampler::TraceIdRatioBased(settings.sampling_ratio);
        let provider = SdkTracerProvider::builder()
            .with_resource(resource)
            .with_sampler(Sampler::ParentBased(Box::new(sampler.clone())))
            .with_id_generator(Ids::default())
            .with_max_attributes_per_span(ATTRIBUTES_MAX)
            .with_max_links_per_span(u32::try_from(crate::LINKS_MAX).unwrap_or(ATTRIBUTES_MAX))
            .with_span_processor(entrance)
            .build();
        SAMPLER.get_or_init(|| sampler);
        Ok(Self { provider, spans, exporter })
    }

    /// The layer that makes traces of our spans. Events stay in the log: their words are for people.
    pub fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        tracing_opentelemetry::layer()
            .with_tracer(self.provider.tracer(SCOPE))
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_filter(Ours)
    }

    /// Begins to send, in the runtime at hand.
    pub fn start(self) -> Running {
        let (stop, stopped) = oneshot::channel();
        Running { stop, task: tokio::spawn(self.run(stopped)) }
    }

    async fn run(mut self, mut stopped: oneshot::Receiver<()>) {
        loop {
            let mut batch = Vec::new();
            let first = tokio::select! {
                first = self.spans.recv() => first,
                _ = &mut stopped => break,
            };
            let Some(first) = first else { return };
            batch.push(first);
            let begun = tokio::time::Instant::now();
            while batch.len() < BATCH_MAX {
                let room = BATCH_MAX - batch.len();
                tokio::select! {
                    received = self.spans.recv_many(&mut batch, room) => {
                        if received == 0 { break }
                    }
                    () = tokio::time::sleep_until(begun + BATCH_WAIT) => break,
                    _ = &mut stopped => {
                        self.send(batch).await;
                        return self.send_rest().await;
                    }
                }
            }
            self.send(batch).await;
        }
        self.send_rest().await;
    }

    async fn send_rest(&mut self) {
        // Nothing more is let in, and what is there is at most the queue.
        self.spans.close();
        let mut batch = Vec::new();
        while self.spans.recv_many(&mut batch, BATCH_MAX).await > 0 {
            self.send(std::mem::take(&mut batch)).await;
        }
    }

    async fn send(&self, batch: Vec<SpanData>) {
        let spans = batch.len();
        match tokio::time::timeout(EXPORT_LIMIT, self.exporter.export(batch)).await {
            Ok(Ok(())) => count("exported", spans),
            Ok(Err(err)) => {
                count("failed", spans);
                tracing::debug!(error = %err, spans, "A batch of spans was not taken");
            }
            Err(_) => {
                count("failed", spans);
                tracing::debug!(spans, "A batch of spans took too long");
            }
        }
    }
}

impl Running {
    /// Sends what waits, within `limit`; the rest is lost.
    pub async fn finish(mut self, limit: Duration) {
        if self.stop.send(()).is_ok() && tokio::time::timeout(limit, &mut self.task).await.is_err()
        {
            self.task.abort();
        }
    }
}
