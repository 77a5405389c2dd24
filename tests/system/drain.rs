use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::common::{DEADLINE, Server};

/// All but the last byte of a registration.
fn all_but_its_end(server: &Server) -> String {
    let token = &server.token;
    format!(
        "POST /api/sensors HTTP/1.1\r\nhost: plant\r\nauthorization: Bearer {token}\r\n\
         content-type: application/json\r\ncontent-length: 17\r\n\r\n{{\"sensor_id\":\"a\""
    )
}

/// A server that handles a request whose body has not come to its end.
async fn begun(server: &Server) -> TcpStream {
    let mut stream = TcpStream::connect(server.address).await.expect("connection");
    stream.write_all(all_but_its_end(server).as_bytes()).await.expect("sent");
    server
        .until("it is being handled", async || server.metric("nightshift_http_requests_open").await >= 2.0)
        .await;
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_under_way_is_answered_before_the_process_ends() {
    let server = Server::start_with(&[("HTTP__CONCURRENCY_MAX", "1")]).await;
    let mut stream = begun(&server).await;
    let address = server.address;
    let finish = async {
        let refused = async {
            while TcpStream::connect(address).await.is_ok() {
                tokio::task::yield_now().await;
            }
        };
        timeout(DEADLINE, refused).await.expect("nothing new is accepted");
        stream.write_all(b"}").await.expect("sent");
        let mut answer = String::new();
        timeout(DEADLINE, stream.read_to_string(&mut answer)).await.expect("in time").expect("answer");
        answer
    };
    let ((status, dir), answer) = tokio::join!(server.stop(), finish);
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    assert!(status.success(), "{status}");
    let server = Server::start_in(dir, &[]).await;
    assert_eq!(server.get("/api/sensors/a").await.status, 200, "what was answered is kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_does_not_end_is_cut_and_the_exit_code_says_so() {
    let settings =
        [("HTTP__CONCURRENCY_MAX", "1"), ("HTTP__BODY_TIMEOUT_S", "600"), ("SYSTEM__DRAIN_S", "1")];
    let server = Server::start_with(&settings).await;
    let mut stream = begun(&server).await;
    let (status, dir) = server.stop().await;
    assert_eq!(status.code(), Some(1), "{status}");
    let mut answer = String::new();
    let _ = timeout(DEADLINE, stream.read_to_string(&mut answer)).await.expect("the connection is closed");
    assert_eq!(answer, "");
    let server = Server::start_in(dir, &[]).await;
    assert_eq!(server.get("/api/sensors/a").await.status, 404, "what was not answered is not there");
}
