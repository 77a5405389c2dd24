//! Diagnoses: an upload whose COMPLETED was seen has its record and both its files; the headset sends again until it is.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures::{SinkExt, StreamExt};
use nightshift_domain::diagnosis::{DiagnosisId, FromHeadset, Kind, Sample};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::sleep;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::{Here, PAUSE, Plant};
use crate::common::Server;
use crate::diagnosis::Doctor;
use crate::identity::{sign_in, token};

/// Rows of a result.
const ROWS: u32 = 300;
/// Diagnoses that are made at most.
const DIAGNOSES_MAX: usize = 150;

/// A doctor with a patient.
pub(super) struct Clinic {
    patient: i64,
    code: String,
    token: tokio::sync::Mutex<String>,
}

pub(super) async fn prepare(server: &Server) -> Clinic {
    let doctor = Doctor::new(server, "lee").await;
    let (patient, code) = doctor.patient(server, "김서연").await;
    Clinic { patient, code, token: token(server, "lee").await.into() }
}

type Wire = WebSocketStream<MaybeTlsStream<TcpStream>>;

fn sample() -> String {
    Sample { rows: ROWS, span_ms: ROWS * 14, ..Sample::known(Kind::TennisBall) }.text()
}

/// Plays diagnoses until told to stop; gives those that were seen COMPLETED.
pub(super) async fn work(plant: Arc<Plant>, clinic: &Clinic) -> BTreeSet<i64> {
    let mut completed = BTreeSet::new();
    while plant.goes_on() && completed.len() < DIAGNOSES_MAX {
        let here = plant.here().await;
        let Ok(mut headset) = connect(&here, &clinic.code).await else {
            plant.moved_from(&here).await;
            continue;
        };
        // One connection, as many diagnoses as the program lives to see.
        while plant.goes_on() && completed.len() < DIAGNOSES_MAX {
            let Some(id) = begin(&plant, &here, clinic).await else { break };
            let Some(state) = play(&plant, &here, clinic, &mut headset, id).await else { break };
            assert_eq!(state, "COMPLETED", "diagnosis {id}");
            completed.insert(id);
            plant.acknowledge();
        }
    }
    completed
}

async fn connect(here: &Here, code: &str) -> Result<Wire, tokio_tungstenite::tungstenite::Error> {
    let url = format!("{}/ws/diagnosis/{code}", here.base.replacen("http", "ws", 1));
    Ok(connect_async(url).await?.0)
}

/// The doctor asks; `None` when the program has gone.
async fn ask(
    plant: &Plant,
    here: &Here,
    clinic: &Clinic,
    request: impl Fn(&Client) -> RequestBuilder,
) -> Option<(u16, Value)> {
    loop {
        let token = clinic.token.lock().await.clone();
        match plant.once(here, |client| request(client).bearer_auth(&token)).await? {
            (401, _) => {
                let login = json!({ "username": "lee", "password": crate::identity::PASSWORD });
                let url = format!("{}/api/v1/auth/login", here.base);
                let (_, session) = plant.once(here, |client| client.post(&url).json(&login)).await?;
                session["access_token"].as_str()?.clone_into(&mut *clinic.token.lock().await);
            }
            (500.., _) => sleep(PAUSE).await,
            answer => return Some(answer),
        }
    }
}

/// Starts a diagnosis, or takes up the one that is under way.
async fn begin(plant: &Plant, here: &Here, clinic: &Clinic) -> Option<i64> {
    let body = json!({ "patient_id": clinic.patient, "type": Kind::TennisBall, "level": 2 });
    let (start, live) = (format!("{}/diagnosis/start", here.base), format!("{}/diagnosis/live", here.base));
    loop {
        let (status, answer) = ask(plant, here, clinic, |client| client.post(&start).json(&body)).await?;
        match (status, answer["code"].as_str().unwrap_or_default()) {
            (201, _) => return answer["id"].as_i64(),
            // The headset knows a moment earlier that it is connected.
            (400, "HEADSET_NOT_CONNECTED") => sleep(PAUSE).await,
            (400 | 409, _) => {
                let (status, found) = ask(plant, here, clinic, |client| client.get(&live)).await?;
                if status == 200 {
                    return found["id"].as_i64();
                }
            }
            _ => panic!("{status} {answer}"),
        }
    }
}

/// The headset plays; the state in which it ends, or `None` when the program has gone.
async fn play(plant: &Plant, here: &Here, clinic: &Clinic, headset: &mut Wire, id: i64) -> Option<String> {
    let show = format!("{}/diagnosis/{id}", here.base);
    let mut sent = false;
    loop {
        let (status, shown) = ask(plant, here, clinic, |client| client.get(&show)).await?;
        assert_eq!(status, 200, "{shown}");
        match shown["state"].as_str().expect("a state") {
            "READY" if !sent => {
                wait_for_order(headset, id).await?;
                headset.send(Message::text(FromHeadset::Started(DiagnosisId(id)).frame())).await.ok()?;
                upload(headset, id).await?;
                sent = true;
            }
            "STARTED" if !sent => {
                upload(headset, id).await?;
                sent = true;
            }
            "READY" | "STARTED" => sleep(PAUSE).await,
            ended => return Some(ended.to_owned()),
        }
    }
}

async fn upload(headset: &mut Wire, id: i64) -> Option<()> {
    let upload = FromHeadset::Upload(DiagnosisId(id), sample().into()).frame();
    headset.send(Message::text(upload)).await.ok()
}

/// Reads until the headset is told to begin.
async fn wait_for_order(headset: &mut Wire, id: i64) -> Option<()> {
    loop {
        if let Message::Text(text) = headset.next().await?.ok()? {
            let order: Value = serde_json::from_str(&text).expect("json");
            if order["data"]["diagnosis_id"] == id {
                return Some(());
            }
        }
    }
}

/// Gives how many records there are.
pub(super) async fn check(server: &Server, completed: BTreeSet<i64>) -> usize {
    let session = sign_in(server, "lee", crate::identity::PASSWORD).await.json();
    let token = session["access_token"].as_str().expect("a token").to_owned();
    let doctor = Doctor { client: crate::common::client_with(&token) };
    for id in &completed {
        let known = doctor.get(server, &format!("/diagnosis/record/{id}/metadata")).await;
        assert_eq!(known.status, 200, "{id}: {}", known.text);
        let file = doctor.ask(server, Method::GET, &format!("/diagnosis/record/{id}/file"), None).await;
        assert_eq!(file.status, 200, "{id}: {}", file.text);
        let lines = file.text.lines().count();
        assert!(lines > ROWS as usize, "{id}: the file has {lines} lines");
    }
    completed.len()
}
