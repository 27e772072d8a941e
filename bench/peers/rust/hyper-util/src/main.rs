//! hyper-util's pooled client. It limits the connections that it keeps, not those that it opens.

use bytes::Bytes;
use drive::{Client, Failure};
use http_body_util::{BodyExt, Empty};
use hyper::Uri;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::Client as Pooled;
use hyper_util::rt::TokioExecutor;

struct HyperUtil {
    pooled: Pooled<HttpConnector, Empty<Bytes>>,
    uri: Uri,
}

impl Client for HyperUtil {
    fn make(url: &str, connections: usize) -> Result<Self, Failure> {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let pooled = Pooled::builder(TokioExecutor::new()).pool_max_idle_per_host(connections).build(connector);
        Ok(Self { pooled, uri: url.parse()? })
    }

    async fn call(&self) -> Result<(), Failure> {
        let mut response = self.pooled.get(self.uri.clone()).await?;
        if response.status() != 200 {
            return Err(format!("status {}", response.status()).into());
        }
        while let Some(frame) = response.frame().await {
            frame?;
        }
        Ok(())
    }
}

fn main() -> Result<(), Failure> {
    drive::run::<HyperUtil>()
}
