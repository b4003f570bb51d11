//! The HTTP client of the exporter: the one that the other adapters use too.

use std::time::Duration;

use async_trait::async_trait;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use reqwest::header::{self, HeaderName};

use crate::headers::CollectorHeaders;

/// The longest answer of a collector that is read. It holds a count and a sentence.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Of the headers that the exporter makes only these are sent: others it reads from the environment by
/// itself, and what is configured comes from the configuration.
const OF_THE_EXPORTER: [HeaderName; 2] = [header::CONTENT_TYPE, header::CONTENT_ENCODING];

#[derive(Debug)]
pub(crate) struct Client {
    client: reqwest::Client,
    headers: CollectorHeaders,
}

impl Client {
    pub(crate) fn new(limit: Duration, headers: CollectorHeaders) -> Result<Self, reqwest::Error> {
        // A collector answers itself; whoever it sends on to is nobody that was configured.
        let redirect = reqwest::redirect::Policy::none();
        let client = reqwest::Client::builder().timeout(limit).redirect(redirect).build()?;
        Ok(Self { client, headers })
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, mut request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let mut headers = self.headers.clone().into_map();
        for name in OF_THE_EXPORTER {
            if let Some(value) = request.headers_mut().remove(&name) {
                headers.insert(name, value);
            }
        }
        *request.headers_mut() = headers;
        let mut answer = self.client.execute(request.try_into()?).await?;
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await? {
            if body.len() + chunk.len() > ANSWER_BYTES_MAX {
                return Err("the collector's answer is too long".into());
            }
            body.extend_from_slice(&chunk);
        }
        let mut response = Response::builder().status(answer.status());
        for (name, value) in answer.headers() {
            response = response.header(name, value);
        }
        Ok(response.body(body.into())?)
    }
}
