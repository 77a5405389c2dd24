use nightshift_domain::diagnosis::Kind;
use reqwest::Method;

use super::{Doctor, Headset, known};
use crate::common::Server;
use crate::common::bucket::Bucket;

#[tokio::test(flavor = "multi_thread")]
async fn results_are_kept_in_a_bucket_and_erased_from_it() {
    let Some(bucket) = Bucket::start().await else { return };
    let settings = bucket.settings();
    let settings: Vec<(&str, &str)> = settings.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let server = Server::start_with(&settings).await;
    let lee = Doctor::new(&server, "lee").await;
    let (patient, code) = lee.patient(&server, "김서연").await;
    let mut headset = Headset::connect(&server, &code).await;
    let id = lee.start(&server, patient, Kind::TennisBall).await;
    headset.begins(id).await;
    headset.upload(id, &known(Kind::TennisBall)).await;
    lee.until(&server, id, "COMPLETED").await;
    let keys = bucket.keys().await;
    let under =
        |part: &str| keys.iter().filter(|key| key.contains(&format!("diagnosis/{id}/{part}/"))).count();
    assert_eq!((under("original"), under("processed")), (1, 1), "{keys:?}");
    let file = lee.get(&server, &format!("/diagnosis/record/{id}/file")).await;
    assert_eq!(file.status, 200);
    let wanted =
        nightshift_domain::diagnosis::process(Kind::TennisBall, &known(Kind::TennisBall)).expect("a result");
    assert_eq!(file.text.as_bytes(), wanted.file, "as it was processed");
    assert_eq!(lee.get(&server, &format!("/diagnosis/record/{id}/series?points=50")).await.status, 200);

    // The bucket is away: the session fails with a reason, and the headset sends again once it is back.
    let port = bucket.port();
    drop(bucket);
    let id = lee.start(&server, patient, Kind::FitBox).await;
    headset.begins(id).await;
    headset.upload(id, &known(Kind::FitBox)).await;
    assert!(lee.until(&server, id, "FAILED").await.contains("send it again"));
    let bucket = Bucket::start_at(port).await.expect("it started before");
    headset.upload(id, &known(Kind::FitBox)).await;
    lee.until(&server, id, "COMPLETED").await;
    assert_eq!(bucket.keys().await.iter().filter(|key| key.contains(&format!("diagnosis/{id}/"))).count(), 2);
    let erased = lee.ask(&server, Method::POST, &format!("/patients/{patient}/erase"), None).await;
    assert_eq!(erased.status, 200, "{}", erased.text);
    server
        .until("the bucket has nothing of the patient", async || {
            bucket.keys().await.iter().all(|key| !key.contains("diagnosis/"))
        })
        .await;
}
