//! The connector of Pingora, which keeps idle connections by a bound of its own and never limits how many it opens.

use drive::{Client, Failure};
use pingora_core::connectors::http::Connector;
use pingora_core::connectors::ConnectorOptions;
use pingora_core::upstreams::peer::HttpPeer;
use pingora_http::RequestHeader;

struct Pingora {
    connector: Connector,
    peer: HttpPeer,
    authority: String,
    path: String,
}

impl Client for Pingora {
    fn make(url: &str, connections: usize) -> Result<Self, Failure> {
        let rest = url.strip_prefix("http://").ok_or("only http")?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        Ok(Self {
            connector: Connector::new(Some(ConnectorOptions::new(connections))),
            peer: HttpPeer::new(authority, false, String::new()),
            authority: authority.to_string(),
            path: format!("/{path}"),
        })
    }

    async fn call(&self) -> Result<(), Failure> {
        let (mut session, _) = self.connector.get_http_session(&self.peer).await?;
        let mut request = RequestHeader::build("GET", self.path.as_bytes(), None)?;
        request.insert_header("Host", &self.authority)?;
        session.write_request_header(Box::new(request)).await?;
        session.finish_request_body().await?;
        session.read_response_header().await?;
        let status = session.response_header().ok_or("no head")?.status;
        if status != 200 {
            return Err(format!("status {status}").into());
        }
        while session.read_response_body().await?.is_some() {}
        self.connector.release_http_session(session, &self.peer, None).await;
        Ok(())
    }
}

fn main() -> Result<(), Failure> {
    drive::run::<Pingora>()
}
