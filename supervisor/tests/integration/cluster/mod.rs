//! Several machines that share their jobs: real supervisors and a real NATS server, on loopback.

#![expect(clippy::print_stdout, reason = "figures are for whoever asks for them")]

mod crash;
mod measure;
mod voices;

use std::{env, net::TcpListener, process::Stdio, time::Duration};

use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::{
    harness::{Builder, Server, eventually, ishowtts, supervisor},
    jobs::sentences,
};

/// A NATS server of the test's own, which keeps what it has in a folder.
pub(crate) struct Nats {
    dir: TempDir,
    address: String,
    port: u16,
    args: Vec<String>,
    child: Option<Child>,
}

impl Nats {
    /// Takes a port and a folder, and does not start yet. `None`: the program is not installed, which nobody but CI has
    /// to have it.
    pub(crate) fn new(address: &str) -> Option<Self> {
        let is_there = env::split_paths(&env::var_os("PATH").unwrap())
            .any(|folder| folder.join("nats-server").is_file());
        if !is_there {
            assert!(env::var_os("CI").is_none(), "CI needs the Debian package nats-server");
            println!("SKIPPED: needs the Debian package nats-server");
            return None;
        }
        let port = free_port(address);
        Some(Self {
            dir: TempDir::new().unwrap(),
            address: address.into(),
            port,
            args: Vec::new(),
            child: None,
        })
    }

    /// Three of them that run, and keep everything three times.
    pub(crate) fn three() -> Option<[Self; 3]> {
        let mut servers = [Self::new("127.0.0.1")?, Self::new("127.0.0.1")?, Self::new("127.0.0.1")?];
        let routes = [(); 3].map(|()| format!("nats://127.0.0.1:{}", free_port("127.0.0.1")));
        for (number, server) in servers.iter_mut().enumerate() {
            let name = format!("server-{number}");
            let all = routes.join(",");
            let args = ["-n", &name, "-cluster_name", "speech", "-cluster", &routes[number], "-routes", &all];
            server.args = args.map(str::to_owned).into();
            server.run();
        }
        Some(servers)
    }

    /// One that runs, on loopback.
    pub(crate) fn start() -> Option<Self> {
        let mut nats = Self::new("127.0.0.1")?;
        nats.run();
        Some(nats)
    }

    pub(crate) fn run(&mut self) {
        let mut command = Command::new("nats-server");
        command.args(["-a", &self.address, "-p", &self.port.to_string(), "-js", "-sd"]);
        command.arg(self.dir.path()).args(&self.args).stderr(Stdio::null()).kill_on_drop(true);
        self.child = Some(command.spawn().unwrap());
    }

    /// From its next start on it keeps so many bytes at most.
    pub(crate) fn limit(&mut self, bytes: u64) {
        let config = self.dir.path().join("limit.conf");
        std::fs::write(&config, format!("jetstream {{ max_file_store: {bytes} }}\n")).unwrap();
        self.args = vec!["-c".into(), config.to_str().unwrap().into()];
    }

    /// As a power cut does.
    pub(crate) async fn kill(&mut self) {
        self.child.take().unwrap().kill().await.unwrap();
    }

    /// Its disk is a new one.
    pub(crate) fn lose_everything(&mut self) {
        self.dir = TempDir::new().unwrap();
    }

    /// One that runs, on every address of this machine.
    pub(crate) fn start_everywhere() -> Option<Self> {
        let mut nats = Self::new("0.0.0.0")?;
        nats.run();
        Some(nats)
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://{}:{}", self.address, self.port)
    }

    /// A machine that meets others here.
    pub(crate) fn node(&self) -> Builder {
        self.node_at(&self.address)
    }

    /// The same, which reaches it by this address.
    pub(crate) fn node_at(&self, address: &str) -> Builder {
        supervisor().noting().config("[limits]\nprobe_s = 0\n").config(&self.section(address))
    }

    fn section(&self, address: &str) -> String {
        format!("[cluster]\nnats = \"nats://{address}:{}\"\nsilence_s = 2\n", self.port)
    }
}

fn free_port(address: &str) -> u16 {
    TcpListener::bind((address, 0)).unwrap().local_addr().unwrap().port()
}

impl Server {
    /// Waits until it shares jobs with others.
    pub(crate) async fn joined(self) -> Self {
        eventually("it has joined the others", async || {
            (self.ask(Method::GET, "/api/jobs", &[], None).await.status == 200).then_some(())
        })
        .await;
        self
    }

    /// Texts that its workers were asked to speak so far.
    pub(crate) fn spoken(&self) -> Vec<String> {
        // A worker that was killed may have left half a line.
        self.notes().iter().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    /// Starts anew in the same place, after a kill.
    pub(crate) async fn again(self) -> Self {
        let Self { mut child, dir, .. } = self;
        child.kill().await.unwrap();
        let command = ishowtts(dir.path());
        Self::launch(dir, command, "Listening").await
    }
}

#[tokio::test]
async fn three_machines_speak_one_job_and_any_of_them_answers_for_it() {
    let Some(nats) = Nats::start() else { return };
    let node = async || nats.node().start().await.ready().await.joined().await;
    let (a, b, c) = tokio::join!(node(), node(), node());
    let text = sentences(60);
    let id = a.submit(json!({ "text": text, "format": "pcm", "engine_options": { "rtf": 0.05 } })).await;
    c.job_is(&id, "running").await;
    // Somebody listens along at another machine than those that speak it.
    let growing = c.job_audio(&id, &[]).await;
    let job = b.job_is(&id, "done").await;
    assert_eq!(job["progress"]["share"], 1.0, "{job}");
    for (name, node) in [("a", &a), ("b", &b), ("c", &c)] {
        let count = node.spoken().iter().filter(|spoken| text.contains(spoken.as_str())).count();
        assert!(count > 0, "{name} has spoken nothing");
        let list = node.ask(Method::GET, "/api/jobs", &[], None).await.json();
        assert_eq!(list["jobs"][0]["id"], json!(id), "{name}");
        assert!(node.job_audio(&id, &[]).await.bytes() == growing.bytes(), "{name}");
    }
    let alone = supervisor().start().await.ready().await;
    let other = alone.submit(json!({ "text": text, "format": "pcm" })).await;
    alone.job_is(&other, "done").await;
    assert!(alone.job_audio(&other, &[]).await.bytes() == growing.bytes(), "it sounds as on one machine");

    let path = format!("/api/jobs/{id}");
    assert_eq!(c.ask(Method::DELETE, &path, &[], None).await.status, 204);
    for node in [&a, &b] {
        eventually("it is gone everywhere", async || {
            (node.ask(Method::GET, &path, &[], None).await.status == 404).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn a_job_that_is_taken_back_on_one_machine_is_nobodys_work_on_another() {
    let Some(nats) = Nats::start() else { return };
    let node = async || nats.node().start().await.ready().await.joined().await;
    let (a, b) = tokio::join!(node(), node());
    let slow = json!({ "fixed_ms": 3_000_000 });
    let id = a.submit(json!({ "text": sentences(10), "engine_options": slow })).await;
    let texts = |node: &Server| node.spoken().into_iter().filter(|text| text.contains("sentence")).count();
    eventually("both speak it", async || (texts(&a) > 0 && texts(&b) > 0).then_some(())).await;
    let events = tokio::spawn({
        let url = format!("{}/api/jobs/{id}/events", a.url);
        async move { reqwest::get(url).await.unwrap().text().await.unwrap() }
    });
    assert_eq!(
        b.ask(Method::DELETE, &format!("/api/jobs/{id}"), &[], None).await.json()["state"],
        "cancelled"
    );
    assert_eq!(a.job(&id).await["state"], "cancelled");
    assert!(crate::harness::soon("the last event", events).await.unwrap().contains("cancelled"));
    // Their workers are free again.
    for node in [&a, &b] {
        assert_eq!(node.speak(json!({ "text": "At once." })).await.status, 200);
        node.quiet().await;
    }
}

#[tokio::test]
async fn nats_may_be_killed_after_a_job_was_taken_back() {
    let Some(mut nats) = Nats::start() else { return };
    let node = nats.node().start().await.ready().await.joined().await;
    let slow = json!({ "fixed_ms": 3_000_000 });
    let long = node.submit(json!({ "text": sentences(300), "engine_options": slow })).await;
    node.job_is(&long, "running").await;
    let path = format!("/api/jobs/{long}");
    assert_eq!(node.ask(Method::DELETE, &path, &[], None).await.json()["state"], "cancelled");
    nats.kill().await;
    nats.run();
    let next = eventually("a job is taken in", async || {
        let answer =
            node.ask(Method::POST, "/api/jobs", &[], Some(&json!({ "text": "The next one." }))).await;
        (answer.status == 202).then(|| answer.json()["id"].as_str().unwrap().to_owned())
    })
    .await;
    node.job_is(&next, "done").await;
}

#[tokio::test]
async fn one_of_three_nats_servers_may_go() {
    let Some([mut one, two, three]) = Nats::three() else { return };
    let addresses = [&one, &two, &three].map(Nats::url).join(",");
    let node = async || {
        let cluster = format!("[cluster]\nnats = \"{addresses}\"\nreplicas = 3\nsilence_s = 2\n");
        supervisor().noting().config(&cluster).start().await.ready().await.joined().await
    };
    let (a, b) = tokio::join!(node(), node());
    let body = |rtf: f64| json!({ "text": sentences(60), "format": "pcm", "engine_options": { "rtf": rtf } });
    let id = a.submit(body(0.05)).await;
    let stored = async || b.job(&id).await["progress"]["segments_stored"].as_u64().unwrap_or(0);
    eventually("it goes on", async || (stored().await > 1).then_some(())).await;
    one.kill().await;
    let job = b.job_is(&id, "done").await;
    let reference = eventually("a job is taken in", async || {
        let answer = a.ask(Method::POST, "/api/jobs", &[], Some(&body(0.0))).await;
        (answer.status == 202).then(|| answer.json()["id"].as_str().unwrap().to_owned())
    })
    .await;
    a.job_is(&reference, "done").await;
    let (audio, expected) = (b.job_audio(&id, &[]).await, a.job_audio(&reference, &[]).await);
    assert_eq!((audio.status, expected.status), (200, 200), "{job}");
    assert_eq!(audio.bytes().len(), expected.bytes().len(), "{job}");
    assert!(audio.bytes() == expected.bytes(), "{job}");
}

#[tokio::test]
async fn a_doctor_tells_whether_machines_can_meet() {
    let Some(mut nats) = Nats::new("127.0.0.1") else { return };
    let node = nats.node().start().await;
    let told = async |dir: &std::path::Path| {
        let output = ishowtts(dir).arg("doctor").output().await.unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(
        told(node.dir.path())
            .await
            .contains("[MISS] cluster: the NATS servers are not reached: nobody answers")
    );
    nats.run();
    let node = node.joined().await;
    assert!(told(node.dir.path()).await.contains(r#"[ok  ] cluster: "ishowtts" meets at NATS "#));
}

#[tokio::test]
async fn jobs_wait_for_room_on_a_full_nats_server_and_say_so() {
    let Some(mut nats) = Nats::new("127.0.0.1") else { return };
    nats.limit(2 << 20);
    nats.run();
    let node = nats.node().start().await.ready().await.joined().await;
    let id = node.submit(json!({ "text": sentences(60), "format": "pcm" })).await;
    let job = eventually("it waits for room", async || {
        let job = node.job(&id).await;
        (job["error"]["code"] == "disk_full").then_some(job)
    })
    .await;
    assert_eq!(job["state"], "running", "{job}");
    let refused = node.ask(Method::POST, "/api/jobs", &[], Some(&json!({ "text": "One more." }))).await;
    assert_eq!(refused.error(), (507, "disk_full".into(), None));
    assert_eq!(node.speak(json!({ "text": "Live as ever." })).await.status, 200);
    assert_eq!(node.log_text().matches("Jobs rest").count(), 1);

    nats.kill().await;
    nats.limit(1 << 30);
    nats.run();
    let job = node.job_is(&id, "done").await;
    assert_eq!(job["error"], Value::Null, "{job}");
}

#[tokio::test]
async fn whoever_takes_a_job_back_makes_room_on_a_full_nats_server() {
    let Some(mut nats) = Nats::new("127.0.0.1") else { return };
    nats.limit(2 << 20);
    nats.run();
    let node = nats.node().start().await.ready().await.joined().await;
    let short = node.submit(json!({ "text": "Short.", "format": "mp3" })).await;
    node.job_is(&short, "done").await;
    let long = node.submit(json!({ "text": sentences(60), "format": "pcm" })).await;
    eventually("it waits for room", async || {
        (node.job(&long).await["error"]["code"] == "disk_full").then_some(())
    })
    .await;
    let delete = async |id: &str| node.ask(Method::DELETE, &format!("/api/jobs/{id}"), &[], None).await;
    // One before 2.9.15 counts on what was purged until it starts again.
    let taken_back = eventually("there is room for its end", async || {
        let answer = delete(&long).await;
        if answer.status == 507 {
            nats.kill().await;
            nats.run();
        }
        (answer.status == 200).then(|| answer.json())
    })
    .await;
    assert_eq!(taken_back["state"], "cancelled");
    assert_eq!(delete(&short).await.status, 204);
    assert_eq!(delete(&long).await.status, 204);
    let another = node.submit(json!({ "text": "There is room.", "format": "mp3" })).await;
    node.job_is(&another, "done").await;
}

#[tokio::test]
async fn without_nats_no_job_is_taken_in_and_everything_else_goes_on() {
    let Some(mut nats) = Nats::new("127.0.0.1") else { return };
    let node = nats.node().start().await.ready().await;
    let refused = async || {
        let answer = node.ask(Method::POST, "/api/jobs", &[], Some(&json!({ "text": "A job." }))).await;
        assert_eq!(answer.error(), (503, "cluster_unavailable".into(), None));
        assert_eq!(answer.header("retry-after"), "5");
        assert_eq!(node.speak(json!({ "text": "Live as ever." })).await.status, 200);
        assert_eq!(node.status_of("/readyz").await.0, 200);
    };
    let is_up = async |is_up: bool| {
        eventually("it is noticed", async || {
            let cluster = node.get("/api/status").await["cluster"].clone();
            (cluster["connected"] == is_up).then_some(cluster)
        })
        .await
    };
    refused().await;
    assert_eq!(node.metric("ishowtts_cluster_up{cluster=\"ishowtts\"}").await, 0.0);
    assert_eq!(is_up(false).await["server"], Value::Null);
    nats.run();
    is_up(true).await;
    assert_eq!(node.metric("ishowtts_cluster_up{cluster=\"ishowtts\"}").await, 1.0);
    let node = &node.joined().await;
    let body = json!({ "text": sentences(30), "format": "flac", "engine_options": { "rtf": 0.05 } });
    let id = node.submit(body).await;
    let stored = async || node.job(&id).await["progress"]["segments_stored"].as_u64().unwrap();
    eventually("it goes on", async || (stored().await > 1).then_some(())).await;
    nats.kill().await;
    let is_up = async |is_up: bool| {
        eventually("it is noticed", async || {
            (node.get("/api/status").await["cluster"]["connected"] == is_up).then_some(())
        })
        .await;
    };
    is_up(false).await;
    let answer = node.ask(Method::POST, "/api/jobs", &[], Some(&json!({ "text": "Another." }))).await;
    assert_eq!(answer.error(), (503, "cluster_unavailable".into(), None));
    // What was known is told.
    assert_eq!(node.job(&id).await["state"], "running");
    assert_eq!(node.speak(json!({ "text": "Live as ever." })).await.status, 200);
    nats.run();
    is_up(true).await;
    node.job_is(&id, "done").await;
    let whole = text_length(&node.job(&id).await);
    assert!(whole > Duration::from_secs(30), "{whole:?}");
    // Its disk was replaced: what stood there is gone, and new jobs are taken in.
    nats.kill().await;
    nats.lose_everything();
    nats.run();
    let again = eventually("a job is taken in", async || {
        let answer = node.ask(Method::POST, "/api/jobs", &[], Some(&json!({ "text": "Anew." }))).await;
        (answer.status == 202).then(|| answer.json()["id"].as_str().unwrap().to_owned())
    })
    .await;
    node.job_is(&again, "done").await;
}

fn text_length(job: &Value) -> Duration {
    Duration::from_millis(job["progress"]["audio_ms"].as_u64().unwrap())
}
