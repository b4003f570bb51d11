//! The HTTP client of the exporter: the one that the other adapters use too.

use std::time::Duration;

use async_trait::async_trait;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};

/// The longest answer of a collector that is read. It holds a count and a sentence.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

#[derive(Debug)]
pub(crate) struct Client(reqwest::Client);

impl Client {
    pub(crate) fn new(limit: Duration) -> Result<Self, reqwest::Error> {
        // A collector answers itself; whoever it sends on to is nobody that was configured.
        let redirect = reqwest::redirect::Policy::none();
        Ok(Self(reqwest::Client::builder().timeout(limit).redirect(redirect).build()?))
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let mut answer = self.0.execute(request.try_into()?).await?;
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
