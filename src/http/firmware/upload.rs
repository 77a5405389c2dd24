//! `POST /api/v1/firmware`: an image comes in as multipart, and goes to the object store as it comes.

use std::time::Duration;

use axum::extract::multipart::{Field, Multipart, MultipartError};
use axum::extract::{DefaultBodyLimit, FromRequest, Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use nightshift_actors::{FirmwareError, Incoming, Upload};
use nightshift_domain::production::{NOTE_CHARS_MAX, ProductModelId};
use utoipa::ToSchema;

use super::views::FirmwareOut;
use crate::http::App;
use crate::http::caller::Caller;
use crate::http::extract::{invalid_body, media_type, unsupported};
use crate::http::identity::users::created;
use crate::http::load::Place;
use crate::http::problem::{AnyError, BodyError, ConflictError, NotFoundError, Problem, RuleError};
use crate::http::production::bodies::field;

/// How long an upload may take: 64 MiB over a slow line.
pub(crate) const UPLOAD_TIMEOUT: Duration = Duration::from_secs(300);
/// Longest text field, bytes.
const TEXT_BYTES_MAX: usize = 8 * 1_024;
/// Most fields.
const FIELDS_MAX: usize = 20;

/// An image about to be kept.
#[derive(ToSchema)]
#[schema(as = NewFirmware)]
#[expect(dead_code, reason = "describes a form")]
pub(crate) struct UploadIn {
    /// The image, at most 64 MiB.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    /// `vX.Y.Z`.
    #[schema(example = "v1.2.3")]
    version: String,
    /// Whose firmware it is.
    #[schema(example = 1)]
    product_model_id: i64,
    /// What is new.
    #[schema(max_length = 1000)]
    notes: Option<String>,
}

/// Uploads a version. It never changes: the same version with other bytes is 409, even after it was removed.
#[utoipa::path(
    post, path = "/api/v1/firmware",
    operation_id = "firmware_upload", tag = "firmware",
    request_body(content = UploadIn, content_type = "multipart/form-data"),
    responses(
        (status = 201, description = "Kept.", body = FirmwareOut, headers(("Location" = String, description = "Where it is"))),
        RuleError, NotFoundError, ConflictError, BodyError, AnyError,
    )
)]
pub(crate) async fn upload(
    State(app): State<App>,
    caller: Caller,
    mut request: Request,
) -> Result<Response, Problem> {
    match media_type(request.headers()) {
        Some(kind) if kind == "multipart/form-data" => {}
        kind => return Err(unsupported(&kind.unwrap_or_default(), "multipart/form-data")),
    }
    // An upload takes long and little: others may work meanwhile. What it may be is limited below.
    if let Some(place) = request.extensions().get::<Place>() {
        place.leave();
    }
    DefaultBodyLimit::disable().apply(&mut request);
    let form = Multipart::from_request(request, &app).await;
    let form = form.map_err(|e| Problem::new(StatusCode::BAD_REQUEST, "BODY_UNREADABLE", e.body_text()))?;
    let (image, upload) = match tokio::time::timeout(UPLOAD_TIMEOUT, received(&app, form)).await {
        Ok(received) => received?,
        Err(_) => {
            let text = format!("the image did not arrive within {} s", UPLOAD_TIMEOUT.as_secs());
            return Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "REQUEST_TIMEOUT", text));
        }
    };
    let firmware = app.plant.firmware().finish_upload(&caller.by(), image, upload).await?;
    Ok(created(format!("/api/v1/firmware/{}", firmware.id), FirmwareOut::from(firmware)))
}

/// What has come of a form.
#[derive(Default)]
struct Form {
    image: Option<Incoming>,
    version: Option<String>,
    model: Option<String>,
    notes: Option<String>,
}

async fn received(app: &App, mut multipart: Multipart) -> Result<(Incoming, Upload), Problem> {
    let mut form = Form::default();
    let outcome = read_all(app, &mut multipart, &mut form).await.and_then(|()| checked(&form));
    match (outcome, form.image) {
        (Ok(upload), Some(image)) => Ok((image, upload)),
        (outcome, image) => {
            if let Some(image) = image {
                image.abort().await;
            }
            Err(outcome.err().unwrap_or_else(|| invalid_body(&["file"], "the image is missing")))
        }
    }
}

async fn read_all(app: &App, multipart: &mut Multipart, form: &mut Form) -> Result<(), Problem> {
    for _ in 0..FIELDS_MAX {
        let Some(part) = multipart.next_field().await.map_err(unreadable)? else { return Ok(()) };
        match part.name().unwrap_or_default() {
            "file" if form.image.is_some() => return Err(invalid_body(&["file"], "must come once")),
            "file" => {
                form.image = Some(app.plant.firmware().begin_upload().await?);
                if let Some(image) = form.image.as_mut() {
                    pour(part, image).await?;
                }
            }
            "version" => form.version = Some(text("version", part).await?),
            "product_model_id" => form.model = Some(text("product_model_id", part).await?),
            "notes" => form.notes = Some(text("notes", part).await?),
            // What a client sends besides is its own.
            _ => drop(text("", part).await?),
        }
    }
    Err(invalid_body(&[], format!("has more than {FIELDS_MAX} fields")))
}

async fn pour(mut part: Field<'_>, image: &mut Incoming) -> Result<(), Problem> {
    while let Some(piece) = part.chunk().await.map_err(unreadable)? {
        image.write(piece).await.map_err(|error: FirmwareError| Problem::from(error))?;
    }
    Ok(())
}

async fn text(name: &'static str, mut part: Field<'_>) -> Result<String, Problem> {
    let mut bytes = Vec::new();
    while let Some(piece) = part.chunk().await.map_err(unreadable)? {
        if bytes.len() + piece.len() > TEXT_BYTES_MAX {
            return Err(invalid_body(&[name], format!("must be at most {TEXT_BYTES_MAX} bytes")));
        }
        bytes.extend_from_slice(&piece);
    }
    String::from_utf8(bytes).map_err(|_| invalid_body(&[name], "must be UTF-8"))
}

fn checked(form: &Form) -> Result<Upload, Problem> {
    let missing = |name: &'static str| move || invalid_body(&[name], "is missing");
    let version = field("version", form.version.as_deref().ok_or_else(missing("version"))?.trim())?;
    let model = form.model.as_deref().ok_or_else(missing("product_model_id"))?.trim();
    let model = model.parse::<i64>().ok().filter(|id| *id > 0);
    let model = model.ok_or_else(|| invalid_body(&["product_model_id"], "must be a whole number above 0"))?;
    let notes = form.notes.clone().filter(|notes| !notes.trim().is_empty());
    if notes.as_ref().is_some_and(|notes| notes.chars().count() > NOTE_CHARS_MAX || notes.contains('\0')) {
        return Err(invalid_body(&["notes"], format!("must be at most {NOTE_CHARS_MAX} characters")));
    }
    Ok(Upload { product_model_id: ProductModelId(model), version, notes })
}

fn unreadable(error: MultipartError) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "BODY_UNREADABLE", "the form broke off or is malformed")
        .caused_by(error)
}
