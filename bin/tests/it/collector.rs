//! A collector of traces as processes meet it: OTLP over HTTP, in protobuf.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::{Router, body::Bytes, extract::State, http::StatusCode, routing::post};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value},
    trace::v1::Span,
};
use prost::Message;

/// Far above what a span needs on its way on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// What arrived from all processes.
#[derive(Clone)]
pub(crate) struct Collector {
    /// What `OTEL_EXPORTER_OTLP_ENDPOINT` is to be.
    pub(crate) url: String,
    received: Arc<Mutex<Vec<Told>>>,
}

/// A span and the process that told of it.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) service: String,
    span: Span,
}

/// A span that is to be there: its process, its name, and the span above it.
pub(crate) type Step = (&'static str, &'static str, Above);

/// What a span is part of.
#[derive(Clone, Debug)]
pub(crate) enum Above {
    /// The span of this id, which is not ours.
    Outside(String),
    /// A span of that process and name.
    Span(&'static str, &'static str),
}

impl Collector {
    pub(crate) async fn start() -> Self {
        let received = Arc::<Mutex<Vec<Told>>>::default();
        let app = Router::new().route("/v1/traces", post(take)).with_state(Arc::clone(&received));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, received }
    }

    /// Everything that was told so far.
    pub(crate) fn received(&self) -> Vec<Told> {
        self.received.lock().unwrap().clone()
    }

    /// Waits until all these steps are in the trace; returns the trace.
    pub(crate) async fn await_trace(&self, trace_id: &str, steps: &[Step]) -> Vec<Told> {
        let begun = Instant::now();
        loop {
            let mut spans = self.received();
            spans.retain(|told| told.trace_id() == trace_id);
            let missing: Vec<&Step> = steps.iter().filter(|step| !holds(&spans, step)).collect();
            if missing.is_empty() {
                return spans;
            }
            let seen: Vec<String> = spans.iter().map(Told::line).collect();
            assert!(begun.elapsed() < PATIENCE, "{missing:?} are missing in {seen:#?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn holds(spans: &[Told], (service, name, above): &Step) -> bool {
    let parents: Vec<String> = match above {
        Above::Outside(id) => vec![id.clone()],
        Above::Span(service, name) => {
            spans.iter().filter(|told| told.is(service, name)).map(Told::id).collect()
        }
    };
    spans.iter().any(|told| told.is(service, name) && parents.contains(&told.parent()))
}

async fn take(State(received): State<Arc<Mutex<Vec<Told>>>>, body: Bytes) -> StatusCode {
    let request = ExportTraceServiceRequest::decode(body).unwrap();
    for resource in request.resource_spans {
        let service = value(&resource.resource.unwrap().attributes, "service.name").unwrap();
        let spans = resource.scope_spans.into_iter().flat_map(|scope| scope.spans);
        let told = spans.map(|span| Told { service: service.clone(), span });
        received.lock().unwrap().extend(told);
    }
    StatusCode::OK
}

fn value(attributes: &[KeyValue], key: &str) -> Option<String> {
    let attribute = attributes.iter().find(|attribute| attribute.key == key)?;
    let any_value::Value::StringValue(text) = attribute.value.clone()?.value? else { return None };
    Some(text)
}

impl Told {
    pub(crate) fn trace_id(&self) -> String {
        hex::encode(&self.span.trace_id)
    }

    /// The value of an attribute that is a text.
    pub(crate) fn attribute(&self, key: &str) -> Option<String> {
        value(&self.span.attributes, key)
    }

    fn is(&self, service: &str, name: &str) -> bool {
        self.service == service && self.span.name == name
    }

    fn id(&self) -> String {
        hex::encode(&self.span.span_id)
    }

    fn parent(&self) -> String {
        hex::encode(&self.span.parent_span_id)
    }

    fn line(&self) -> String {
        format!("{} {} {} < {}", self.service, self.span.name, self.id(), self.parent())
    }
}
