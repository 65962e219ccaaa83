//! `ishowtts say`: a text into a file, with a running server or without one.

use std::{
    error::Error,
    fs,
    io::{self, IsTerminal, Read, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use serde_json::json;

use super::{args::Say, complain_line, progress::Spinner};
use crate::{
    app::Running,
    ask::Server,
    config::Config,
    metrics::Surface,
    schedule::Delivery,
    speech::{ClientId, Encoder, Format, Terms, Utterance},
    stream::{Account, milliseconds},
    traces::Traces,
    voices::{Shelf, VoiceBook},
};

/// Where the audio goes when nobody says where, at a terminal.
const USUAL_FILE: &str = "speech.wav";

/// Speaks.
pub(super) async fn run(config: Config, level: &str, say: Say) -> Result<(), Box<dyn Error>> {
    let mut text = say.text.clone();
    if text == "-" {
        text.clear();
        let read = io::stdin().read_to_string(&mut text);
        read.map_err(|error| format!("could not read the text from standard input: {error}"))?;
    }
    if !(0.25..=4.0).contains(&say.speed) {
        return Err(format!("--speed must be from 0.25 to 4, not {}", say.speed).into());
    }
    let target = target(&say);
    let extension = target.as_deref().and_then(Path::extension).and_then(|extension| extension.to_str());
    let format = match extension.map(str::to_lowercase).as_deref() {
        None => Format::Wav,
        // What players call Opus in Ogg.
        Some("ogg") => Format::Opus,
        Some(name) => Format::parse(name).ok_or_else(|| {
            let known: Vec<&str> = Format::NAMES.iter().map(|(name, _)| *name).collect();
            format!("there is no format .{name}; there are {}", known.join(", "))
        })?,
    };
    let spinner = Spinner::start();
    let (pieces, told) = match say.remote.server() {
        Some(server) => from_server(&server, &text, &say, format, &spinner).await?,
        None => alone(config, level, &text, &say, format, &spinner).await?,
    };
    spinner.end();
    write(target.as_deref(), &pieces)?;
    if let Some(path) = target.filter(|_| io::stderr().is_terminal()) {
        complain_line(&format!("{}: {told}", path.display()));
    }
    Ok(())
}

fn target(say: &Say) -> Option<PathBuf> {
    match &say.output {
        Some(path) if path.as_os_str() == "-" => None,
        Some(path) => Some(path.clone()),
        None if io::stdout().is_terminal() => Some(USUAL_FILE.into()),
        None => None,
    }
}

pub(super) fn write(target: Option<&Path>, pieces: &[Bytes]) -> io::Result<()> {
    let Some(path) = target else {
        let mut out = io::stdout().lock();
        let written = pieces.iter().try_for_each(|piece| out.write_all(piece)).and_then(|()| out.flush());
        // A reader that has heard enough is no failure.
        return match written {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => other,
        };
    };
    // Whole or not at all: a reader of the file never sees half a sentence.
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let explain = |error: io::Error| {
        io::Error::new(error.kind(), format!("could not write {}: {error}", path.display()))
    };
    let regular = fs::metadata(path).is_ok_and(|found| !found.is_file());
    if regular {
        let mut file = fs::File::options().write(true).open(path).map_err(explain)?;
        return pieces.iter().try_for_each(|piece| file.write_all(piece)).map_err(explain);
    }
    let mut draft = tempfile::Builder::new().prefix(".ishowtts-").tempfile_in(folder).map_err(explain)?;
    pieces.iter().try_for_each(|piece| draft.write_all(piece)).map_err(explain)?;
    set_usual_mode(draft.as_file()).map_err(explain)?;
    draft.persist(path).map(drop).map_err(|error| explain(error.error))
}

/// Temporary files are private; this one is to be an ordinary file.
pub(super) fn set_usual_mode(file: &fs::File) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;

    // The mask can only be read by setting it; at this point no other thread makes files.
    let mask = nix::sys::stat::umask(nix::sys::stat::Mode::empty());
    nix::sys::stat::umask(mask);
    file.set_permissions(fs::Permissions::from_mode(0o666 & !mask.bits()))
}

async fn from_server(
    server: &Server,
    text: &str,
    say: &Say,
    format: Format,
    spinner: &Spinner,
) -> Result<(Vec<Bytes>, String), Box<dyn Error>> {
    spinner.say("speaking");
    let body = json!({ "text": text, "voice_id": say.voice, "speed": say.speed, "format": format.name() });
    let answer = server.ask("/api/tts", Some(&body)).await?;
    answer.accepted()?;
    let header =
        |name: &str| answer.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("?").to_owned();
    let told = format!("{} ms of audio, RTF {}", header("x-audio-ms"), header("x-rtf"));
    Ok((vec![answer.body], told))
}

/// Starts just the engines that this text needs, speaks, and ends them again.
async fn alone(
    mut config: Config,
    level: &str,
    text: &str,
    say: &Say,
    format: Format,
    spinner: &Spinner,
) -> Result<(Vec<Bytes>, String), Box<dyn Error>> {
    let shelf = Arc::new(Shelf::look(&config.server.state_dir));
    let cast = VoiceBook::new(&config).with(&shelf).cast(say.voice.as_deref(), text, &|_| None)?;
    let length = text.chars().count();
    if length > config.limits.max_text_chars {
        return Err(format!(
            "the text has {length} characters; at most {} are allowed",
            config.limits.max_text_chars
        )
        .into());
    }
    let terms = Terms { speed: say.speed, is_fresh: true, ..Terms::usual(ClientId::local("say"), format) };
    let utterance = cast.utterance(text, terms);
    let needed: Vec<String> = utterance.engines().into_iter().map(str::to_owned).collect();
    // Nobody asks a second time, and a server may be using the folder.
    (config.cache.memory_mb, config.cache.disk_mb) = (0, 0);
    for (name, engine) in &mut config.engines {
        engine.enabled &= needed.contains(name);
        (engine.replicas, engine.spares) = (1, 0);
    }
    let running = Running::start(&config, level, spinner, shelf, Traces::default()).await?;
    spinner.say(format!("loading {}", needed.join(" and ")));
    let spoken = tokio::select! {
        spoken = speak(&running, utterance) => spoken,
        signal = tokio::signal::ctrl_c() => Err(signal.err().map_or("interrupted".into(), Into::into)),
    };
    running.stop().await;
    spoken
}

async fn speak(running: &Running, utterance: Utterance) -> Result<(Vec<Bytes>, String), Box<dyn Error>> {
    // Loading may take its time: nobody else waits.
    let patience = std::time::Duration::from_hours(1);
    let format = utterance.format;
    let account =
        Account::open(Arc::clone(&running.metrics), Surface::Cli, "say".to_owned(), &utterance.client);
    let stream = running.studio.open(utterance, Delivery::Whole, patience, account).await?;
    let mut encoder = Encoder::new(format, stream.sample_rate())?;
    let spoken = stream.whole(&mut encoder).await?;
    let told = format!("{} ms of audio, RTF {:.3}", milliseconds(spoken.report.audio), spoken.report.rtf());
    let header = encoder.header(Some(spoken.pcm_bytes));
    Ok((std::iter::once(header).chain(spoken.pieces).collect(), told))
}
