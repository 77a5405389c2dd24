use std::process::Output;

use crate::common::{Server, run};

async fn asked(server: &Server, args: &[&str]) -> Output {
    let (dir, args) = (server.dir.clone(), args.iter().map(|a| (*a).to_owned()).collect::<Vec<_>>());
    let ran = tokio::task::spawn_blocking(move || {
        run(dir.path(), &args.iter().map(String::as_str).collect::<Vec<_>>())
    });
    ran.await.expect("ran")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_can_be_asked_how_it_is() {
    let server = Server::start().await.ready().await;
    let url = server.url("");
    let well = asked(&server, &["health", "--url", &url]).await;
    assert_eq!(well.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&well.stdout).starts_with("ok"), "{well:?}");
    let json = asked(&server, &["health", "--json", "--listen", &server.address.to_string()]).await;
    let body: serde_json::Value = serde_json::from_slice(&json.stdout).expect("json");
    assert_eq!((json.status.code(), body["status"].as_str()), (Some(0), Some("ok")));
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let free = silent.local_addr().expect("address").to_string();
    drop(silent);
    let gone = asked(&server, &["health", "--listen", &free]).await;
    assert_eq!(gone.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&gone.stderr).contains(&free), "{gone:?}");
}
