use futures::StreamExt;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::common::{DEADLINE, Server};

/// A stream of events, read one by one.
struct Events {
    body: futures::stream::BoxStream<'static, Vec<u8>>,
    text: String,
}

#[derive(Debug, Default)]
struct Received {
    id: Option<i64>,
    kind: String,
    data: Value,
}

impl Events {
    async fn open(server: &Server, query: &str, last: Option<i64>) -> Self {
        let mut request = server.client.get(server.url(&format!("/api/v1/events{query}")));
        if let Some(last) = last {
            request = request.header("last-event-id", last.to_string());
        }
        let answer = request.send().await.expect("stream");
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        let body = answer.bytes_stream().map(|chunk| chunk.map(|b| b.to_vec()).unwrap_or_default()).boxed();
        Self { body, text: String::new() }
    }

    /// The next event; `None` when the stream has ended.
    async fn next(&mut self) -> Option<Received> {
        timeout(DEADLINE, async {
            loop {
                while let Some(end) = self.text.find("\n\n") {
                    let block: String = self.text.drain(..end + 2).collect();
                    let mut event = Received::default();
                    for line in block.lines() {
                        match line.split_once(": ") {
                            Some(("id", id)) => event.id = Some(id.parse().expect("number")),
                            Some(("event", kind)) => kind.clone_into(&mut event.kind),
                            Some(("data", data)) => event.data = serde_json::from_str(data).expect("json"),
                            _ => {}
                        }
                    }
                    if !event.kind.is_empty() {
                        return Some(event);
                    }
                }
                self.text.push_str(&String::from_utf8(self.body.next().await?).expect("utf-8"));
            }
        })
        .await
        .expect("an event in time")
    }
}

async fn register(server: &Server, id: &str) {
    assert_eq!(server.post("/api/sensors", &json!({ "sensor_id": id })).await.status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_replays_what_was_missed_and_goes_on_live() {
    let server = Server::start().await;
    register(&server, "one").await;
    register(&server, "two").await;
    let mut events = Events::open(&server, "?last_event_id=0&kind=sensing.registered", None).await;
    let first = events.next().await.expect("replayed");
    assert_eq!((first.kind.as_str(), &first.data["subject"]), ("sensing.registered", &json!("one")));
    assert_eq!(first.data["seq"].as_i64(), first.id);
    let second = events.next().await.expect("replayed");
    assert_eq!(second.data["subject"], "two");
    register(&server, "three").await;
    let third = events.next().await.expect("live");
    assert_eq!(third.data["subject"], "three");
    assert!(first.id < second.id && second.id < third.id);

    let mut resumed = Events::open(&server, "?kind=sensing.registered&last_event_id=0", second.id).await;
    assert_eq!(resumed.next().await.expect("after the header's id").id, third.id);
    register(&server, "four").await;
    assert_eq!(resumed.next().await.expect("live").data["subject"], "four");
    assert_eq!(events.next().await.expect("live").data["subject"], "four");

    let (status, dir) = server.stop().await;
    assert!(status.success(), "streams must end when the plant stops: {status}");
    assert!(events.next().await.is_none());

    let server = Server::start_in(dir, &[]).await;
    let mut later = Events::open(&server, "?kind=sensing.registered", third.id).await;
    assert_eq!(later.next().await.expect("from the journal").data["subject"], "four");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_streams_hear_of_everything_once_and_in_order() {
    // So many are told in a round: what gathers meanwhile comes in one piece.
    const STREAMS: usize = 50;
    const SENSORS: usize = 30;
    let server = Server::start().await;
    let mut streams = Vec::new();
    for _ in 0..STREAMS {
        streams.push(Events::open(&server, "?kind=sensing.registered", None).await);
    }
    for n in 0..SENSORS {
        register(&server, &format!("s{n}")).await;
    }
    for events in &mut streams {
        let mut last = 0;
        for n in 0..SENSORS {
            let event = events.next().await.expect("live");
            assert_eq!(event.data["subject"], format!("s{n}"));
            assert!(event.id.is_some_and(|id| id > last), "{event:?}");
            last = event.id.unwrap_or(last);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_place_is_reset_and_live_notices_have_no_id() {
    let server = Server::start().await;
    let mut events = Events::open(&server, "", Some(999_999)).await;
    let reset = events.next().await.expect("reset");
    assert_eq!(reset.kind, "reset");
    assert!(reset.id.is_some_and(|id| id < 999_999), "{reset:?}");

    register(&server, "a").await;
    let mut live = Events::open(&server, "?live=true&kind=sensing.readings", None).await;
    let pushed = server.post("/api/sensors/a/readings", &crate::common::series(3)).await;
    assert_eq!(pushed.status, 200);
    let notice = live.next().await.expect("notice");
    assert_eq!(
        (notice.id, notice.kind.as_str(), &notice.data["subject"]),
        (None, "sensing.readings", &json!("a"))
    );
    for query in ["?last_event_id=x", "?last_event_id=-1", "?live=maybe", "?kind=%00"] {
        assert_eq!(server.get(&format!("/api/v1/events{query}")).await.status, 422, "{query}");
    }
}
