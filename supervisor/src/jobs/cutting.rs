//! A job's text becomes segments, once.

use std::sync::Arc;

use tokio::task::spawn_blocking;

use super::{Book, JobError, Joint, NewJob, Order, Piece, Plan, verdict::Verdict};
use crate::{
    speech::{ClientId, Format, Markup, Priority, Terms, Utterance, estimated_ms},
    stream::{SpeechError, Studio},
    voices::{Cast, CastError, Manner},
};

/// How long the voice rests between two chapters, in milliseconds, unless the text asks for another rest there.
pub const CHAPTER_REST_MS: u32 = 1500;

/// Gives a text its voices, as the configuration that is in force says: the voice that was asked for, the text, and how
/// it is to be read.
pub type Casting = Arc<dyn Fn(Option<&str>, &str, Manner) -> Result<Cast, CastError> + Send + Sync>;

impl Order {
    /// How its text is to be read.
    fn manner(&self) -> Manner {
        let markup = match self.ssml {
            None => Markup::Told,
            Some(true) => Markup::Ssml,
            Some(false) => Markup::None,
        };
        Manner { markup, normalise: self.normalise }
    }

    /// The format.
    pub fn format(&self) -> Format {
        Format::parse(&self.format).unwrap_or(Format::Wav)
    }

    fn terms(&self) -> Terms {
        Terms {
            speed: self.speed,
            seed: Some(self.seed),
            options: self.options.clone(),
            sample_rate: self.sample_rate,
            priority: Priority::Batch,
            ..Terms::usual(ClientId::local("jobs"), self.format())
        }
    }

    /// Chapters with something to speak, with their numbers.
    fn utterances<'b>(
        &'b self,
        book: &'b Book,
        casting: &'b Casting,
    ) -> impl Iterator<Item = Result<(u32, Utterance), CastError>> + 'b {
        (0..).zip(&book.chapters).filter_map(move |(number, chapter)| {
            match casting(self.voice.as_deref(), &chapter.text, self.manner()) {
                Ok(cast) => Some(Ok((number, cast.utterance(&chapter.text, self.terms())))),
                Err(CastError::NothingToSpeak) => None,
                Err(error) => Some(Err(error)),
            }
        })
    }
}

/// What a text tells before it is cut: who speaks it, and how long that takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outline {
    /// The engines that will speak it.
    pub engines: Vec<String>,
    /// Milliseconds of speech.
    pub spoken_ms: u64,
}

/// Looks whether a text can be spoken at all. A long text takes a while.
pub fn outline(order: &Order, book: &Book, casting: &Casting) -> Result<Outline, CastError> {
    let mut outline = Outline::default();
    for utterance in order.utterances(book, casting) {
        let (_, utterance) = utterance?;
        for part in &utterance.parts {
            if !outline.engines.contains(&part.route.engine) {
                outline.engines.push(part.route.engine.clone());
            }
            let spoken_ms = f64::from(estimated_ms(&part.text)) / part.speed(utterance.speed);
            outline.spoken_ms += whole(spoken_ms);
        }
    }
    if outline.engines.is_empty() { Err(CastError::NothingToSpeak) } else { Ok(outline) }
}

impl NewJob {
    /// With what its text tells.
    #[must_use]
    pub fn outlined(self, outline: Outline) -> Self {
        Self { engines: outline.engines, spoken_ms: outline.spoken_ms, ..self }
    }
}

/// Cuts a job's text, once its engines are known.
pub(super) async fn cut(
    studio: &Arc<Studio>,
    casting: &Casting,
    engines: &[String],
    order: Order,
    book: Book,
) -> Result<Plan, Verdict> {
    let engines: Vec<&str> = engines.iter().map(String::as_str).collect();
    let known = studio.scheduler().known(&engines).await;
    known.map_err(|refusal| super::verdict::verdict(&refusal.into(), 0))?;
    let (studio, casting) = (Arc::clone(studio), Arc::clone(casting));
    let made = spawn_blocking(move || plan(&studio, &casting, &order, &book)).await;
    match made {
        Ok(made) => made,
        Err(lost) => Err(Verdict::Never(JobError { code: "internal".into(), message: lost.to_string() })),
    }
}

fn plan(studio: &Studio, casting: &Casting, order: &Order, book: &Book) -> Result<Plan, Verdict> {
    let never = |code: &str, message: String| Verdict::Never(JobError { code: code.into(), message });
    let mut plan = Plan { pieces: Vec::new(), rate: 0, skipped: 0 };
    for utterance in order.utterances(book, casting) {
        // It was right when it came: the configuration is another one by now.
        let (chapter, utterance) = utterance.map_err(|error| match error {
            CastError::UnknownVoice(_) => never("unknown_voice", error.to_string()),
            other => never("invalid_field", other.to_string()),
        })?;
        if let Some(engine) =
            utterance.engines().into_iter().find(|engine| studio.scheduler().ready(engine).is_none())
        {
            let engine = engine.to_owned();
            return Err(super::verdict::verdict(
                &SpeechError::Refused(crate::schedule::Refusal::EngineDisabled { engine }),
                0,
            ));
        }
        if let Some(last) = plan.pieces.last_mut().filter(|last| last.joint.least_ms != last.joint.most_ms) {
            (last.joint.least_ms, last.joint.most_ms) = (CHAPTER_REST_MS, CHAPTER_REST_MS);
        }
        let (slices, rate) = studio.slices(&utterance);
        plan.rate = plan.rate.max(rate);
        plan.skipped += u64::try_from(utterance.skipped).unwrap_or_default();
        plan.pieces.extend(slices.into_iter().map(|slice| {
            let request = slice.segment.request;
            Piece {
                chapter,
                engine: slice.segment.engine,
                text: request.text,
                speaker: request.voice,
                language: request.language,
                speed: request.speed,
                seed: request.seed,
                options: request.options,
                phonemes: request.phonemes,
                spoken_ms: slice.segment.spoken_ms,
                joint: Joint {
                    lead_ms: slice.lead_ms,
                    least_ms: slice.pause.least_ms,
                    most_ms: slice.pause.most_ms,
                },
            }
        }));
    }
    if plan.pieces.is_empty() {
        return Err(never("nothing_to_speak", "the text has nothing to speak".into()));
    }
    Ok(plan)
}

/// Milliseconds as whole ones.
fn whole(milliseconds: f64) -> u64 {
    std::time::Duration::try_from_secs_f64(milliseconds / 1000.0)
        .map_or(0, |time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}
