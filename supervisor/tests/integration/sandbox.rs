//! A worker that was taken over: what it tries, it tries from inside of the whole server.

use std::{
    fs,
    io::{self, Write},
    os::{
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr, UnixListener},
    },
    path::{Path, PathBuf},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::{Builder, Server, children, eventually, exists, interpreter, kill, supervisor};

/// What it tries, and the protection that refuses it.
const ATTEMPTS: [(&str, &str); 21] = [
    ("read-private", "files"),
    ("list-private", "files"),
    // By Landlock, or else by the server itself.
    ("read-environment", "privileges"),
    ("empty-private", "files"),
    ("remove-private", "files"),
    ("write-outside", "files"),
    ("write-code", "files"),
    ("start-shell", "files"),
    ("start-shell-by-loader", "files"),
    ("start-own-copy", "files"),
    ("connect-tcp", "network"),
    ("make-udp", "network"),
    ("make-netlink", "network"),
    ("trace-supervisor", "system_calls"),
    ("limit-supervisor", "system_calls"),
    ("renice-supervisor", "system_calls"),
    ("make-namespace", "system_calls"),
    ("mount-something", "system_calls"),
    ("signal-supervisor", "signals"),
    ("signal-everybody", "signals"),
    ("become-another", "privileges"),
];

/// Somebody's files, a server of somebody's, and what the scripted worker is told of them.
struct Neighbours {
    home: TempDir,
    tcp: std::net::TcpListener,
    _abstract: UnixListener,
}

impl Neighbours {
    fn new() -> Self {
        let home = TempDir::new().unwrap();
        fs::write(home.path().join("diary"), "mine").unwrap();
        let name = home.path().file_name().unwrap().to_str().unwrap().to_owned();
        let address = SocketAddr::from_abstract_name(name).unwrap();
        let tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        Self { home, tcp, _abstract: UnixListener::bind_addr(&address).unwrap() }
    }

    fn diary(&self) -> PathBuf {
        self.home.path().join("diary")
    }

    fn worker(&self, starts: &str) -> Builder {
        let port = self.tcp.local_addr().unwrap().port().to_string();
        let name = self.home.path().file_name().unwrap().to_str().unwrap();
        let builder = supervisor().script(starts).env("PRIVATE", self.diary().to_str().unwrap());
        builder.env("PORT", &port).env("ABSTRACT", name)
    }
}

/// Has the worker try things, and returns how each ended.
async fn attempt(server: &Server, names: &[&str]) -> Vec<String> {
    for batch in names.chunks(6) {
        let text = format!("attempt {}", batch.join(" "));
        let answer = server.speak(json!({ "text": text })).await;
        assert_eq!(answer.status, 200, "{:?}", answer.body);
    }
    let notes = server.notes();
    let outcome = |name: &&str| {
        let told = notes.iter().rev().find_map(|note| note.strip_prefix(&format!("{name}: ")));
        told.unwrap_or_else(|| panic!("{name} was not tried: {notes:?}")).to_owned()
    };
    names.iter().map(outcome).collect()
}

/// What a kernel lacks is no failure of ours, but nobody shall think that it was tested.
pub(crate) fn loudly(what: &str) {
    // Past the test runner, which keeps the output of tests that pass to itself.
    drop(writeln!(io::stderr(), "\n!!! NOT TESTED ON THIS MACHINE: {what}\n"));
}

async fn protections(server: &Server) -> Value {
    server.get("/api/status").await["sandbox"]["protections"].clone()
}

#[tokio::test]
async fn a_worker_reaches_nothing_but_its_own() {
    let neighbours = Neighbours::new();
    let server = neighbours.worker("ready").start().await.ready().await;
    let told = protections(&server).await;
    let names = ATTEMPTS.map(|(name, _)| name);
    for ((name, by), outcome) in ATTEMPTS.iter().zip(attempt(&server, &names).await) {
        // A kernel that protects no others' signals still protects the server's.
        let holds = told[by]["state"] == "enforced" || (*by == "signals" && told[by]["state"] == "partial");
        if holds {
            assert!(["EACCES", "EPERM"].contains(&outcome.as_str()), "{name}: {outcome}");
        } else {
            assert!(!told[by]["details"].as_str().unwrap().is_empty(), "{told}");
            loudly(&format!("{name}, since this kernel does not fully protect {by}: {outcome}"));
        }
    }
    let abstract_ones = attempt(&server, &["connect-abstract"]).await;
    match told["sockets"]["state"].as_str() {
        Some("missing") => loudly("abstract sockets of others are open to workers"),
        _ => assert_eq!(abstract_ones, ["EPERM"]),
    }
    if told["files"]["state"] == "enforced" {
        assert_eq!(fs::read_to_string(neighbours.diary()).unwrap(), "mine");
        assert_eq!(fs::read_dir(neighbours.home.path()).unwrap().count(), 1, "nothing was left there");
    }
    neighbours.tcp.set_nonblocking(true).unwrap();
    assert!(neighbours.tcp.accept().is_err(), "nobody called");
    assert_eq!(server.get("/healthz").await, "ok\n");
    assert_eq!(server.worker(0).await["restarts"], 0, "it was refused, not killed");
}

#[tokio::test]
async fn a_kernel_without_landlock_protects_less_and_the_server_says_so() {
    let neighbours = Neighbours::new();
    let server = neighbours.worker("ready").on_an_older_kernel().start().await.ready().await;
    let told = protections(&server).await;
    let state = |name: &str| told[name]["state"].as_str().unwrap().to_owned();
    assert_eq!(["files", "signals", "network"].map(state), ["missing", "partial", "enforced"], "{told}");
    let warned = server.logged("The sandbox lacks a protection: this kernel has no Landlock").await;
    assert_eq!((&warned["level"], &warned["protection"]), (&json!("WARN"), &json!("files")));
    assert_eq!(attempt(&server, &["read-private", "work"]).await, ["done"; 2], "as far as it goes");
    let refused = ["read-environment", "make-udp", "trace-supervisor", "signal-supervisor", "become-another"];
    for (name, outcome) in refused.iter().zip(attempt(&server, &refused).await) {
        assert!(["EACCES", "EPERM"].contains(&outcome.as_str()), "{name}: {outcome}");
    }
    assert_eq!(server.get("/healthz").await, "ok\n");
}

#[tokio::test]
async fn a_worker_does_all_that_engines_do_and_gets_no_secrets() {
    let neighbours = Neighbours::new();
    let server = neighbours.worker("ready").start().await.ready().await;
    let outcomes = attempt(&server, &["work", "limits", "secrets"]).await;
    assert_eq!(outcomes, ["done"; 3]);
    assert_eq!(server.worker(0).await["restarts"], 0);
}

#[tokio::test]
async fn what_the_settings_open_is_open_and_no_more() {
    let neighbours = Neighbours::new();
    let builder = neighbours.worker("ready").engine("read", json!([neighbours.diary()]));
    let server = builder.engine("execute", json!(["/bin/sh"])).start().await.ready().await;
    if protections(&server).await["files"]["state"] == "missing" {
        return loudly("single paths, since this kernel has no Landlock");
    }
    let outcomes = attempt(&server, &["read-private", "start-shell", "list-private", "remove-private"]).await;
    assert_eq!(outcomes, ["done", "done", "EACCES", "EACCES"]);
}

#[tokio::test]
async fn an_engine_that_compiles_for_a_gpu_gets_a_compiler_and_nothing_else() {
    let neighbours = Neighbours::new();
    let fake = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/integration/fake");
    let notes = TempDir::new().unwrap();
    let config = format!(
        "[engines.f5]\nenabled = true\ndevice = \"cuda:0\"\npython = {:?}\nwrite = [{:?}]\n\
         env = {{ PYTHONPATH = {fake:?}, FAKE_NOTES = {:?}, PRIVATE = {:?} }}\n\
         [voices.f5]\nengine = \"f5\"\nlanguage = \"en\"\n",
        interpreter().await,
        notes.path(),
        notes.path().join("f5"),
        neighbours.diary()
    );
    let server = neighbours.worker("ready").config(&config).start().await.ready().await;
    let text = "attempt compile-kernel name-thread start-shell start-own-copy read-private name-machine work";
    assert_eq!(server.speak(json!({ "text": text, "voice_id": "f5" })).await.status, 200);
    let told = fs::read_to_string(notes.path().join("f5")).unwrap();
    for done in ["compile-kernel", "name-thread", "work"] {
        assert!(told.contains(&format!("{done}: done\n")), "{told}");
    }
    if protections(&server).await["files"]["state"] != "enforced" {
        return loudly("what an engine that compiles may start, since this kernel cannot hold it");
    }
    for refused in ["start-shell", "start-own-copy", "read-private", "name-machine"] {
        assert!(told.contains(&format!("{refused}: EACCES\n")), "{told}");
    }
    let other = attempt(&server, &["compile-kernel", "name-thread"]).await;
    assert_eq!(other, ["EACCES"; 2], "the other engine compiles nothing, and its threads need no names");
}

#[tokio::test]
async fn the_sandbox_can_be_switched_off_for_one_engine_or_for_all_and_that_is_told() {
    let neighbours = Neighbours::new();
    let free = [
        neighbours.worker("ready").engine("sandbox", false),
        neighbours.worker("ready").config("[sandbox]\nenabled = false\n"),
    ];
    for (builder, warning) in free.into_iter().zip(["The engine is not sandboxed", "The sandbox is off"]) {
        let server = builder.start().await.ready().await;
        let outcomes = attempt(&server, &["read-private", "make-udp", "start-shell", "work"]).await;
        assert_eq!(outcomes, ["done"; 4]);
        assert_eq!(server.logged(warning).await["level"], "WARN");
    }
}

#[tokio::test]
async fn a_start_that_the_sandbox_prevents_leads_to_the_setting() {
    let neighbours = Neighbours::new();
    let server = neighbours.worker("denied").start().await;
    if protections(&server).await["files"]["state"] == "missing" {
        return loudly("denials, since this kernel has no Landlock");
    }
    let words = server.worker_is("failed").await["last_words"].clone();
    let words: Vec<_> = words.as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    assert!(words.iter().any(|line| line.contains(neighbours.diary().to_str().unwrap())), "{words:?}");
    let last = words.last().unwrap();
    assert!(last.contains("[engines.tone]") && last.contains("`read`"), "{last}");
}

#[tokio::test]
async fn what_a_life_left_goes_with_it() {
    let neighbours = Neighbours::new();
    let server = neighbours.worker("ready").start().await.ready().await;
    let pid = server.worker(0).await["pid"].as_u64().unwrap();
    let scratch = server.dir.path().join(format!("state/scratch/{pid}"));
    assert!(scratch.is_dir(), "{}", scratch.display());
    kill(pid.try_into().unwrap(), "SIGKILL");
    eventually("its folder is gone", async || (!scratch.exists()).then_some(())).await;
    let mut server = server.ready().await;

    // A server that is killed removes nothing, and the next one does.
    let worker = server.worker(0).await["pid"].as_u64().unwrap();
    server.signal("SIGKILL");
    server.ended().await;
    let left = server.dir.path().join(format!("state/scratch/{worker}"));
    eventually("its worker went with it", async || (!exists(worker)).then_some(())).await;
    assert!(left.is_dir(), "{}", left.display());
    let Server { dir, .. } = server;
    let command = crate::harness::ishowtts(dir.path());
    let server = Server::launch(dir, command, "Listening").await.ready().await;
    assert!(!left.exists(), "{}", left.display());
    let count = fs::read_dir(server.dir.path().join("state/scratch")).unwrap().count();
    assert_eq!(count, 1, "the folder of the one worker");
}

/// A control group of the test's own, with nobody in it when it goes.
struct Group(PathBuf);

impl Group {
    fn new(name: &str) -> io::Result<Self> {
        let mounts = fs::read_to_string("/proc/self/mounts")?;
        let mount = mounts.lines().find(|line| line.split(' ').nth(2) == Some("cgroup2"));
        let mount = mount.and_then(|line| line.split(' ').nth(1)).ok_or(io::ErrorKind::NotFound)?;
        let path = Path::new(mount).join(format!("ishowtts-test-{name}-{}", std::process::id()));
        fs::create_dir(&path)?;
        Ok(Self(path))
    }

    fn inside(&self) -> usize {
        fs::read_dir(&self.0).unwrap().filter(|entry| entry.as_ref().unwrap().path().is_dir()).count()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        drop(fs::write(self.0.join("cgroup.kill"), "1"));
        for entry in fs::read_dir(&self.0).into_iter().flatten().filter_map(Result::ok) {
            drop(fs::remove_dir(entry.path()));
        }
        drop(fs::remove_dir(&self.0));
    }
}

#[tokio::test]
async fn who_escapes_from_a_workers_session_is_ended_with_its_control_group() {
    let neighbours = Neighbours::new();
    let group = match Group::new("escape") {
        Ok(group) => group,
        Err(error) => {
            let server = neighbours.worker("ready").start().await.ready().await;
            assert_eq!(protections(&server).await["cgroup"]["state"], "missing");
            return loudly(&format!("control groups: {error}"));
        }
    };
    // What a killed server left there.
    fs::create_dir(group.0.join("worker-4194304-1")).unwrap();
    let config = format!("[sandbox]\ncgroup = {:?}\n", group.0);
    let server = neighbours.worker("ready").config(&config).start().await.ready().await;
    assert_ne!(protections(&server).await["cgroup"]["state"], "missing");
    assert_eq!(group.inside(), 1, "its own");

    assert_eq!(attempt(&server, &["leave-somebody"]).await, ["done"]);
    let left = fs::read_to_string(server.dir.path().join("notes/lines.left")).unwrap().parse().unwrap();
    assert!(exists(left));
    let worker = server.worker(0).await["pid"].as_u64().unwrap();
    kill(worker.try_into().unwrap(), "SIGKILL");
    eventually("who was left is gone", async || (!exists(left)).then_some(())).await;
    let server = server.ready().await;
    eventually("one group", async || (group.inside() == 1).then_some(())).await;
    let mut server = server;
    server.signal("SIGTERM");
    server.ended().await;
    assert_eq!(group.inside(), 0);
}

#[tokio::test]
async fn a_worker_that_fills_its_memory_is_ended_in_its_control_group_and_that_is_told() {
    let Ok(group) = Group::new("memory") else { return loudly("limits of memory: no control groups") };
    // Which controllers a group has is up to the one above.
    drop(fs::write(group.0.parent().unwrap().join("cgroup.subtree_control"), "+memory"));
    if !fs::read_to_string(group.0.join("cgroup.controllers")).unwrap().contains("memory") {
        return loudly("limits of memory: no control group of this machine has them");
    }
    let neighbours = Neighbours::new();
    let config = format!("[sandbox]\ncgroup = {:?}\n", group.0);
    let worker = neighbours.worker("ready").config(&config).workers(2).engine("memory_mb", 200);
    let server = worker.start().await.ready().await;
    assert_eq!(protections(&server).await["cgroup"]["state"], "enforced");
    eventually("both are ready", async || (group.inside() == 2).then_some(())).await;
    let before = children(server.pid());
    // Within its address space, which has twice as much room, and beyond its memory; once.
    assert_eq!(server.speak(json!({ "text": "swell 1" })).await.status, 200);
    let ended = "ishowtts_worker_restarts_total{engine=\"tone\",reason=\"oom\"}";
    assert_eq!(server.metric(ended).await, 1.0);
    let told = server.get("/api/status").await["engines"]["tone"]["workers"].to_string();
    assert!(told.contains("the kernel ended it with SIGKILL because memory ran out"), "{told}");
    let left = before.iter().filter(|pid| exists(**pid)).count();
    assert_eq!(left, 1, "the other one has lost nothing");
}

#[tokio::test]
async fn a_server_inside_of_its_control_group_makes_room_for_its_workers() {
    let Ok(group) = Group::new("own") else { return loudly("control groups") };
    // As a service manager would: the mark of delegation, and the server's process in the group from its beginning.
    let mark = tokio::process::Command::new("python3")
        .args(["-c", "import os, sys; os.setxattr(sys.argv[1], 'user.delegate', b'1')"])
        .arg(&group.0)
        .status()
        .await;
    if !mark.is_ok_and(|status| status.success()) {
        return loudly("delegated control groups: the mark could not be set");
    }
    let neighbours = Neighbours::new();
    let server = neighbours.worker("ready").inside(&group.0).start().await.ready().await;
    let told = protections(&server).await;
    assert_ne!(told["cgroup"]["state"], "missing", "{told}");
    let own = fs::read_to_string(group.0.join("supervisor/cgroup.procs")).unwrap();
    assert_eq!(own.trim(), server.pid().to_string());
    let worker = children(server.pid())[0];
    let its = fs::read_to_string(format!("/proc/{worker}/cgroup")).unwrap();
    assert!(its.contains(&format!("/worker-{}-{worker}", server.pid())), "{its}");
}

#[tokio::test]
async fn doctor_tells_each_protection() {
    let dir = TempDir::new().unwrap();
    let config = "[engines.tone]\nenabled = true\nsandbox = false\n";
    fs::write(dir.path().join("ishowtts.toml"), config).unwrap();
    let output = crate::harness::ishowtts(dir.path()).args(["--listen", "127.0.0.1:0", "doctor"]).output();
    let told = String::from_utf8(output.await.unwrap().stdout).unwrap();
    for name in ["files", "network", "system calls", "signals", "sockets", "privileges", "limits", "cgroup"] {
        let line = told.lines().find(|line| line.contains(&format!("] sandbox, {name}: ")));
        let line = line.unwrap_or_else(|| panic!("{name} is not in\n{told}"));
        assert_eq!(line.contains("[note]"), line.contains(": missing, "), "{line}");
    }
    assert!(told.contains("[note] engine tone, sandbox: off"), "{told}");
}
