use nightshift_domain::diagnosis::Kind;

use super::{Doctor, Headset, known};
use crate::common::{Server, client_with};
use crate::identity::token;

#[tokio::test(flavor = "multi_thread")]
async fn a_session_outlives_the_server_with_its_headset_and_its_clinician() {
    let server = Server::start().await;
    let lee = Doctor::new(&server, "lee").await;
    let (patient, code) = lee.patient(&server, "김서연").await;
    let mut headset = Headset::connect(&server, &code).await;
    let id = lee.start(&server, patient, Kind::TennisBall).await;
    headset.begins(id).await;
    let mut states = lee.follow(&server, id, None).await;
    states.next().await.expect("READY");
    let (live, seen) = (lee.get(&server, "/diagnosis/live").await.json(), states.seen);
    let (status, dir) = server.stop().await;
    assert!(status.success(), "streams and sockets end when the plant stops: {status}");
    assert_eq!(headset.closed().await, Some(1001));
    assert!(states.next().await.is_none());

    // Not begun yet: the headset is told again.
    let server = Server::start_in(dir, &[]).await;
    let lee = Doctor { client: client_with(&token(&server, "lee").await) };
    assert_eq!(lee.get(&server, "/diagnosis/live").await.json(), live);
    let mut headset = Headset::connect(&server, &code).await;
    headset.begins(id).await;
    headset.started(id).await;
    lee.until(&server, id, "STARTED").await;
    let (status, dir) = server.stop().await;
    assert!(status.success(), "{status}");
    drop(headset);

    // Begun: the headset still has the data, and sends it.
    let server = Server::start_in(dir, &[]).await;
    let lee = Doctor { client: client_with(&token(&server, "lee").await) };
    let mut resumed = lee.follow(&server, id, Some(seen)).await;
    assert_eq!(resumed.next().await.expect("missed")["state"], "STARTED");
    let mut headset = Headset::connect(&server, &code).await;
    headset.upload(id, &known(Kind::TennisBall)).await;
    assert_eq!(resumed.after("STARTED").await["state"], "COMPLETED");
    assert!(resumed.next().await.is_none());
    let metadata = lee.get(&server, &format!("/diagnosis/record/{id}/metadata")).await.json();
    assert_eq!(metadata["score"].as_f64(), Some(18.0));
}
