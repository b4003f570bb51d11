//! Where traces go, by the variables that OpenTelemetry itself names.

use kontor_traces::CollectorHeaders;
use secrecy::SecretString;

use super::{parse, reader::Reader, settings};

/// Where traces go, and how many.
#[derive(Debug)]
pub struct TracesConfig {
    /// The collector's address without a path for traces; nothing is recorded without it.
    pub endpoint: Option<String>,
    /// What the collector wants to be sent along; in the form of [`CollectorHeaders::parse`].
    pub headers: Option<SecretString>,
    /// Which share of the traces that begin here is recorded, from 0 to 1.
    pub sampling_ratio: f64,
}

impl TracesConfig {
    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            endpoint: reader.parsed(&settings::OTLP_ENDPOINT, parse::base_url),
            headers: reader
                .secret(&settings::OTLP_HEADERS, |text| CollectorHeaders::parse(text).is_some()),
            sampling_ratio: reader.parsed(&settings::TRACES_SAMPLED, ratio).unwrap_or(1.0),
        }
    }
}

fn ratio(text: &str) -> Option<f64> {
    text.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio))
}
