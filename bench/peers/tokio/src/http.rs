//! HTTP/1.1 by hyper: a server (/ in plain text, /json), and GETs by hyper-util's client with its pool.

use crate::Stopwatch;
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{HeaderValue, CONTENT_TYPE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, Uri};
use hyper_util::client::legacy::{connect::HttpConnector, Client};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use serde::Serialize;
use std::convert::Infallible;
use std::sync::atomic::{AtomicIsize, Ordering};
use std::sync::Arc;
use tokio::net::TcpListener;

#[derive(Serialize)]
struct Item {
    id: i32,
    name: &'static str,
    price: f64,
    active: bool,
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let (kind, body) = if request.uri().path() == "/json" {
        let item = Item { id: 1, name: "bide", price: 9.5, active: true };
        ("application/json", Bytes::from(serde_json::to_vec(&item).unwrap()))
    } else {
        ("text/plain", Bytes::from_static(b"Hello, World!"))
    };
    let mut response = Response::new(Full::new(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    Ok(response)
}

pub async fn serve() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("port {}", listener.local_addr().unwrap().port());
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        tokio::spawn(async move {
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .serve_connection(TokioIo::new(stream), service_fn(answer));
            let _ = connection.await;
        });
    }
}

async fn get_all(client: &Client<HttpConnector, Empty<Bytes>>, uri: &Uri, count: usize, at_once: usize) {
    let left = Arc::new(AtomicIsize::new(count as isize));
    let mut set = tokio::task::JoinSet::new();
    for _ in 0..at_once {
        let (client, uri, left) = (client.clone(), uri.clone(), left.clone());
        set.spawn(async move {
            while left.fetch_sub(1, Ordering::Relaxed) > 0 {
                let response = client.get(uri.clone()).await.unwrap();
                assert!(response.status().is_success());
                response.into_body().collect().await.unwrap().to_bytes();
            }
        });
    }
    set.join_all().await;
}

pub async fn client(uri: Uri, count: usize, at_once: usize) {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(at_once).build(connector);
    get_all(&client, &uri, count / 10, at_once).await;
    let watch = Stopwatch::start();
    get_all(&client, &uri, count, at_once).await;
    watch.report("http_client", "us", 1e6, count);
}
