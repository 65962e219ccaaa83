//! `ishowtts jobs`: long texts on a running server.

use std::{
    error::Error,
    fmt::Write as _,
    fs,
    io::{self, IsTerminal, Read, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::header::{CONTENT_TYPE, ETAG, HeaderName, IF_RANGE, RANGE};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::Value;
use tokio::time::sleep;

use super::{
    args::{JobsTask, Remote, Submit},
    form::Form,
    say_line,
    voices::USUAL,
};
use crate::{
    ask::{Answer, Server},
    jobs::intake::Kind,
};

/// How often it is asked how a job stands.
const LOOK: Duration = Duration::from_millis(500);
/// A server that does not answer may be starting anew: it is asked again so often, with pauses of a second.
const TRIES: u32 = 60;

type Done = Result<(), Box<dyn Error>>;

/// Sends, lists, watches, fetches or takes back.
pub(super) async fn run(task: JobsTask) -> Done {
    match task {
        JobsTask::Submit(submit) => send(*submit).await,
        JobsTask::List { state, limit, remote } => list(&server(&remote)?, state.as_deref(), limit).await,
        JobsTask::Watch { id, remote } => {
            let job = watch(&server(&remote)?, &id).await?;
            say_line(&line(&job));
            Ok(())
        }
        JobsTask::Fetch { id, output, remote } => fetch(&server(&remote)?, &id, output.as_deref()).await,
        JobsTask::Cancel { id, remote } => cancel(&server(&remote)?, &id).await,
    }
}

fn server(remote: &Remote) -> Result<Server, String> {
    remote.server_or(USUAL)
}

fn route(id: &str) -> Result<String, String> {
    let is_one = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_one.then(|| format!("/api/jobs/{id}")).ok_or_else(|| format!("{id:?} is no job's id"))
}

async fn send(submit: Submit) -> Done {
    let server = server(&submit.remote)?;
    let file = read(&submit.file)?;
    let by_ending = submit.output.as_deref().and_then(Path::extension).and_then(|ending| ending.to_str());
    let kind = submit.kind.or_else(|| kind_of(&submit.file, &file).map(str::to_owned));
    let speed = (submit.speed - 1.0).abs() > f64::EPSILON;
    let mut form = Form::new();
    for (field, value) in [
        ("kind", kind),
        ("title", submit.title),
        ("voice_id", submit.voice),
        ("format", submit.format.or_else(|| by_ending.map(str::to_owned))),
        ("speed", speed.then(|| submit.speed.to_string())),
        ("seed", submit.seed.map(|seed| seed.to_string())),
        ("engine_options", submit.engine_options.map(|options| Value::Object(options).to_string())),
        ("webhook", submit.webhook),
    ] {
        if let Some(value) = value {
            form.add(field, &value);
        }
    }
    let name = submit.file.file_name().filter(|name| *name != "-").map(|name| name.to_string_lossy());
    form.add_file("file", &name.unwrap_or_default(), &file);
    let (media_type, body) = form.end();
    let key = submit.idempotency_key.unwrap_or_default();
    let headers = [(CONTENT_TYPE, media_type.as_str()), (HeaderName::from_static("idempotency-key"), &key)];
    let answer = whole(server.begin("POST", "/api/jobs", &headers, body).await?).await?;
    let job = answer.json().map_err(|reason| with_help(reason, &answer, &server))?;
    let id = job["id"].as_str().unwrap_or_default();
    match submit.output {
        None => say_line(id),
        Some(output) => fetch(&server, id, Some(&output)).await?,
    }
    Ok(())
}

/// Why a job was not taken in, and what helps where a command does.
fn with_help(reason: String, answer: &Answer, server: &Server) -> String {
    let told: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    if told["error"]["code"] == "unknown_voice" {
        return format!("{reason}; `ishowtts voices list --server {}` lists them", server.url);
    }
    reason
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    if path == Path::new("-") {
        let mut file = Vec::new();
        let read = io::stdin().read_to_end(&mut file);
        return read.map(|_| file).map_err(|error| format!("could not read standard input: {error}"));
    }
    fs::read(path).map_err(|error| format!("could not read the book {}: {error}", path.display()))
}

/// What is sent, where neither its name nor its beginning tells the server: text, as it always was.
fn kind_of(path: &Path, file: &[u8]) -> Option<&'static str> {
    let is_told = path.to_str().and_then(Kind::of_file).or_else(|| Kind::of_bytes(file)).is_some();
    (!is_told && std::str::from_utf8(file).is_ok()).then_some("text")
}

async fn list(server: &Server, state: Option<&str>, limit: u32) -> Done {
    let mut query = format!("/api/jobs?limit={limit}");
    if let Some(state) = state {
        let plain: String = state.chars().filter(char::is_ascii_alphanumeric).collect();
        write!(query, "&state={plain}")?;
    }
    let page = server.ask(&query, None).await?.json()?;
    for job in page["jobs"].as_array().into_iter().flatten() {
        say_line(&line(job));
    }
    if page["next"].is_string() {
        super::complain_line(&format!("These are the latest {limit}; --limit shows more."));
    }
    Ok(())
}

/// A job on one line.
fn line(job: &Value) -> String {
    let text = |key: &str| job[key].as_str().unwrap_or_default();
    let share = job["progress"]["share"].as_f64().unwrap_or_default() * 100.0;
    let trouble =
        job["error"]["message"].as_str().map(|message| format!("  ({message})")).unwrap_or_default();
    format!("{}  {:<9} {share:>5.1} %  {}{trouble}", text("id"), text("state"), text("title"))
}

/// Shows how a job goes on until it is over.
async fn watch(server: &Server, id: &str) -> Result<Value, Box<dyn Error>> {
    let route = route(id)?;
    let bar = bar("{bar:40} {percent:>3} %  {wide_msg}");
    bar.set_length(1000);
    let mut missed = 0;
    loop {
        match server.ask(&route, None).await {
            Ok(answer) if !answer.status.is_server_error() => {
                let job = answer.json()?;
                missed = 0;
                bar.set_position(thousandths(&job));
                bar.set_message(told(&job));
                if ["done", "failed", "cancelled"].contains(&job["state"].as_str().unwrap_or_default()) {
                    bar.finish_and_clear();
                    return Ok(job);
                }
            }
            other => {
                missed += 1;
                if missed > TRIES {
                    return Err(other.and_then(|answer| answer.accepted()).err().unwrap_or_default().into());
                }
                bar.set_message("the server does not answer; it is asked again");
                sleep(Duration::from_secs(1)).await;
            }
        }
        sleep(LOOK).await;
    }
}

fn thousandths(job: &Value) -> u64 {
    let share = Duration::try_from_secs_f64(job["progress"]["share"].as_f64().unwrap_or_default());
    share.map_or(0, |share| u64::try_from(share.as_millis()).unwrap_or(u64::MAX))
}

/// What is told beside the bar.
fn told(job: &Value) -> String {
    let progress = &job["progress"];
    let mut told = job["state"].as_str().unwrap_or_default().to_owned();
    if let (Some(stored), Some(all @ 1..)) =
        (progress["segments_stored"].as_u64(), progress["segments"].as_u64())
    {
        told = format!("{told}, {stored} of {all} segments");
    }
    if let Some(seconds) = job["remaining_s"].as_f64().and_then(|left| Duration::try_from_secs_f64(left).ok())
    {
        told = format!("{told}, about {} left", indicatif::HumanDuration(seconds));
    }
    if let Some(message) = job["error"]["message"].as_str() {
        told = format!("{told}: {message}");
    }
    told
}

/// Waits until a job is done and writes its audio, going on where a connection broke.
async fn fetch(server: &Server, id: &str, output: Option<&Path>) -> Done {
    let job = watch(server, id).await?;
    if job["state"] != "done" {
        return Err(line(&job).into());
    }
    let format = job["format"].as_str().unwrap_or("wav");
    let path = output.map_or_else(|| PathBuf::from(format!("{id}.{format}")), Path::to_owned);
    if path == Path::new("-") {
        return download(server, id, &mut io::stdout().lock(), |_| Ok(())).await;
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let unwritten = |error: io::Error| format!("could not write {}: {error}", path.display());
    // Whole or not at all.
    let draft = tempfile::Builder::new().prefix(".ishowtts-").tempfile_in(folder).map_err(unwritten)?;
    let mut file = draft.as_file();
    download(server, id, &mut file, |file| {
        file.set_len(0)?;
        io::Seek::rewind(file)
    })
    .await?;
    super::say::set_usual_mode(draft.as_file()).map_err(unwritten)?;
    draft.persist(&path).map_err(|error| unwritten(error.error))?;
    say_line(&path.display().to_string());
    Ok(())
}

/// Writes a job's audio. `restart` lets go of what was written, if the audio is another one by now.
async fn download<W: Write>(
    server: &Server,
    id: &str,
    out: &mut W,
    restart: impl Fn(&mut W) -> io::Result<()>,
) -> Done {
    let route = format!("{}/audio", route(id)?);
    let bar = bar("{bar:40} {bytes} of {total_bytes}  {bytes_per_sec}");
    let (mut written, mut tag, mut missed) = (0_u64, String::new(), 0);
    loop {
        let range = if written > 0 { format!("bytes={written}-") } else { String::new() };
        let headers = [(RANGE, range.as_str()), (IF_RANGE, if written > 0 { &tag } else { "" })];
        let began = server.begin("GET", &route, &headers, Bytes::new()).await;
        let mut response = match began {
            Ok(response) if !response.status().is_server_error() => response,
            Ok(response) => {
                whole(response).await?.accepted()?;
                return Ok(());
            }
            Err(error) => {
                missed += 1;
                if missed > TRIES {
                    return Err(error.into());
                }
                sleep(Duration::from_secs(1)).await;
                continue;
            }
        };
        if !response.status().is_success() {
            whole(response).await?.accepted()?;
            return Ok(());
        }
        if written > 0 && response.status() != hyper::StatusCode::PARTIAL_CONTENT {
            restart(out)?;
            written = 0;
        }
        tag = response.headers().get(ETAG).and_then(|tag| tag.to_str().ok()).unwrap_or_default().to_owned();
        let length = response.headers().get(hyper::header::CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        let end = length.map(|length| length + written);
        bar.set_length(end.unwrap_or_default());
        while let Some(frame) = response.body_mut().frame().await {
            let Ok(frame) = frame else { break };
            if let Ok(piece) = frame.into_data() {
                out.write_all(&piece)?;
                written += u64::try_from(piece.len()).unwrap_or_default();
                bar.set_position(written);
            }
        }
        if end.is_none_or(|end| written >= end) {
            out.flush()?;
            bar.finish_and_clear();
            return Ok(());
        }
        missed += 1;
        if missed > TRIES {
            return Err("the connection broke again and again".into());
        }
    }
}

/// All of an answer.
async fn whole(response: hyper::Response<hyper::body::Incoming>) -> Result<Answer, String> {
    let (head, body) = response.into_parts();
    let body = body.collect().await.map_err(|error| format!("the answer broke off: {error}"))?;
    Ok(Answer { status: head.status, headers: head.headers, body: body.to_bytes() })
}

async fn cancel(server: &Server, ids: &[String]) -> Done {
    for id in ids {
        let answer = server.send("DELETE", &route(id)?, "", Bytes::new()).await?;
        answer.accepted()?;
        let what = if answer.body.is_empty() { "removed" } else { "cancelled" };
        say_line(&format!("{id}: {what}"));
    }
    Ok(())
}

/// A bar on stderr, if that is a terminal.
fn bar(template: &str) -> ProgressBar {
    let bar = ProgressBar::no_length();
    if io::stderr().is_terminal() {
        bar.set_style(
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()),
        );
    } else {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    bar
}
