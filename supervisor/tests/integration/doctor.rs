//! `doctor` on machines that the test makes up, beside running servers, and what else tells of a missing GPU.

use std::{fs, path::Path};

use serde_json::json;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::harness::{ishowtts, soon, supervisor};

const RANGE: &str = "sys/devices/gpu.0/devfreq/17000000.gpu";

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// A Jetson with one engine that computes on its GPU.
fn jetson(chip: &str) -> TempDir {
    let dir = TempDir::new().unwrap();
    let root = dir.path();
    write(root, "proc/device-tree/compatible", &format!("nvidia,{chip}\0"));
    write(root, "proc/device-tree/model", "Jetson\0");
    write(root, "proc/meminfo", "MemTotal: 32000000 kB\nMemAvailable: 20000000 kB\n");
    write(root, "etc/nv_tegra_release", "# R36 (release), REVISION: 4.0, GCID: 1\n");
    write(root, "etc/nvpmodel.conf", "< POWER_MODEL ID=0 NAME=MAXN >\n< POWER_MODEL ID=2 NAME=30W >\n");
    write(root, "var/lib/nvpmodel/status", "pmode:0002");
    write(root, &format!("{RANGE}/min_freq"), "306000000\n");
    write(root, &format!("{RANGE}/max_freq"), "1300500000\n");
    let config = format!(
        "[engines.tone]\nenabled = true\ndevice = \"cuda:0\"\n[gpu]\nroot = \"{}\"\n",
        root.display()
    );
    write(root, "ishowtts.toml", &config);
    dir
}

/// What a command says, and its exit code.
async fn run(dir: &Path, args: &[&str]) -> (String, Option<i32>) {
    let output = soon("the end of the command", ishowtts(dir).args(args).output()).await.unwrap();
    (String::from_utf8(output.stdout).unwrap(), output.status.code())
}

/// Whether anything is noted; what the kernel under the test has for a sandbox is none of its business.
fn has_notes(told: &str) -> bool {
    told.lines().any(|line| line.contains("[note]") && !line.contains("] sandbox, "))
}

async fn doctor(dir: &Path) -> (String, Option<i32>) {
    run(dir, &["--listen", "127.0.0.1:0", "--wyoming-listen", "127.0.0.1:0", "doctor"]).await
}

#[tokio::test]
async fn a_jetson_that_could_be_faster_is_told_how() {
    let dir = jetson("tegra234");
    let (told, code) = doctor(dir.path()).await;
    assert_eq!(code, Some(0), "{told}");
    for line in [
        "[ok  ] gpu cuda:0: Jetson, driver L4T 36.4.0, compute capability 8.7, 19.0 GiB of 30.5 GiB free",
        "[note] clock of cuda:0: between 306 MHz and 1300 MHz: after a rest it takes a while to be fast; \
         lock it at the highest with: sudo jetson_clocks",
        "[note] power mode: 30W (2); MAXN is the fastest; change to it with: sudo nvpmodel -m 0",
    ] {
        assert!(told.lines().any(|found| found == line), "{line}\n  is not in\n{told}");
    }

    write(dir.path(), &format!("{RANGE}/min_freq"), "1300500000\n");
    write(dir.path(), "var/lib/nvpmodel/status", "pmode:0000");
    let (told, _) = doctor(dir.path()).await;
    for line in ["[ok  ] clock of cuda:0: locked at 1300 MHz", "[ok  ] power mode: MAXN (0)"] {
        assert!(told.lines().any(|found| found == line), "{line}\n  is not in\n{told}");
    }
    assert!(!has_notes(&told), "{told}");
}

#[tokio::test]
async fn an_older_or_a_full_gpu_is_a_note() {
    let dir = jetson("tegra194");
    write(dir.path(), "proc/meminfo", "MemTotal: 32000000 kB\nMemAvailable: 2000000 kB\n");
    let (told, code) = doctor(dir.path()).await;
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("[note] gpu cuda:0: compute capability 7.2 is below 8.0"), "{told}");
    assert!(told.contains("[note] gpu cuda:0: 1.9 GiB free, and 3.0 GiB would be safe"), "{told}");
}

#[tokio::test]
async fn nobody_has_to_hurry_on_a_gpu_that_no_engine_uses() {
    let dir = jetson("tegra194");
    let config = fs::read_to_string(dir.path().join("ishowtts.toml")).unwrap();
    write(dir.path(), "ishowtts.toml", &config.replace("cuda:0", "cpu"));
    let (told, _) = doctor(dir.path()).await;
    assert!(told.contains("[ok  ] gpu cuda:0: ") && !has_notes(&told), "{told}");
}

#[tokio::test]
async fn an_engine_whose_gpu_is_not_there_is_told_of_in_one_line_wherever_one_looks() {
    let dir = jetson("tegra234");
    let config = fs::read_to_string(dir.path().join("ishowtts.toml")).unwrap();
    write(dir.path(), "ishowtts.toml", &config.replace("cuda:0", "cuda:99"));
    let (told, code) = doctor(dir.path()).await;
    assert_eq!(code, Some(1));
    let missing: Vec<_> = told.lines().filter(|line| line.contains("MISS] ")).collect();
    let [missing] = missing[..] else { panic!("{told}") };
    assert!(
        missing.starts_with("[MISS] engine tone, device: there is no cuda:99; this machine has "),
        "{missing}"
    );
    assert!(missing.contains("mend it with `device = \"cpu\"` under [engines.tone]"), "{missing}");

    let (told, code) = run(dir.path(), &["check-config"]).await;
    assert_eq!(code, Some(0), "the file is valid, on another machine");
    assert!(told.contains("\nengine tone: will not find its device: there is no cuda:99; "), "{told}");

    let server = supervisor().engine("device", "cuda:99").start().await;
    let warning = server.logged("The engine will not find its device: there is no cuda:99").await;
    assert_eq!((&warning["level"], &warning["engine"]), (&json!("WARN"), &json!("tone")));
}

#[tokio::test]
async fn a_server_that_runs_is_asked_for_its_version_and_its_speed() {
    let server = supervisor().engine("rtf", 0.2).start().await.ready().await;
    server.speak(json!({ "text": "0123456789" })).await;
    let wyoming = server.wyoming().await;
    let args = ["--listen", &server.address, "--wyoming-listen", &wyoming, "doctor"];
    let (told, code) = run(server.dir.path(), &args).await;
    assert_eq!(code, Some(0), "{told}");
    assert!(
        told.contains(&format!("[ok  ] address: {} is in use by a running server\n", server.address)),
        "{told}"
    );
    assert!(told.contains("[ok  ] running server: version "), "{told}");
    assert!(told.contains(&format!("[ok  ] wyoming: {wyoming} is in use by a running server\n")), "{told}");
    assert!(told.contains("[ok  ] speed of tone: RTF 0."), "{told}");
    assert!(told.contains(" over 1 request(s)\n"), "{told}");
}

#[tokio::test]
async fn whoever_has_the_address_of_wyoming_is_told() {
    let dir = TempDir::new().unwrap();
    write(dir.path(), "ishowtts.toml", "[engines.tone]\nenabled = true\n");
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    for (answer, verdict, who) in [
        (
            r#"{"type":"info","data":{"asr":[],"tts":[{"name":"piper"}]}}"#,
            "[MISS]",
            "in use by \"piper\"; end it",
        ),
        ("SSH-2.0-OpenSSH_10", "[note]", "in use: by a server that starts, or by another program"),
    ] {
        let args = ["--listen", "127.0.0.1:0", "--wyoming-listen", &address, "doctor"];
        let serve = async {
            let (mut socket, _) = listener.accept().await.unwrap();
            socket.write_all(format!("{answer}\n").as_bytes()).await.unwrap();
            // It is not closed before it was heard.
            drop(socket.read_to_end(&mut Vec::new()).await);
        };
        let ((told, _), ()) = tokio::join!(run(dir.path(), &args), serve);
        let line = format!("{verdict} wyoming: {address} is {who}");
        assert!(told.contains(&line), "{line}\n  is not in\n{told}");
    }
    let (told, _) = run(dir.path(), &["--listen", "127.0.0.1:0", "--wyoming-listen", "", "doctor"]).await;
    assert!(told.contains("[ok  ] wyoming: switched off\n"), "{told}");
}

#[tokio::test]
async fn the_files_of_https_are_looked_at() {
    let dir = TempDir::new().unwrap();
    let made = |until| {
        let mut params = rcgen::CertificateParams::new(vec!["box.example".to_owned()]).unwrap();
        (params.not_before, params.not_after) = (rcgen::date_time_ymd(2020, 1, 1), until);
        let key = rcgen::KeyPair::generate().unwrap();
        write(dir.path(), "cert.pem", &params.self_signed(&key).unwrap().pem());
        write(dir.path(), "key.pem", &key.serialize_pem());
    };
    let set_mode = |mode| {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(dir.path().join("key.pem"), fs::Permissions::from_mode(mode)).unwrap();
    };
    let tls = "[server]\ntls_cert = \"cert.pem\"\ntls_key = \"key.pem\"\n";
    write(dir.path(), "ishowtts.toml", &format!("[engines.tone]\nenabled = true\n{tls}"));
    made(rcgen::date_time_ymd(2099, 1, 1));
    set_mode(0o640);
    let (told, code) = doctor(dir.path()).await;
    assert_eq!(code, Some(0), "{told}");
    assert!(told.contains("2099") && told.contains(", for box.example\n"), "{told}");
    assert!(told.contains("[ok  ] tls key: "), "{told}");

    made(rcgen::date_time_ymd(2021, 1, 1));
    set_mode(0o644);
    let (told, code) = doctor(dir.path()).await;
    assert_eq!(code, Some(1), "{told}");
    assert!(told.contains("[MISS] tls certificate: ") && told.contains("clients refuse it now"), "{told}");
    assert!(told.contains("[note] tls key: everybody may read "), "{told}");

    // What cannot be read, or does not go together, is told with the configuration.
    fs::remove_file(dir.path().join("key.pem")).unwrap();
    let args = ["--listen", "127.0.0.1:0", "doctor"];
    let output = soon("the end of the command", ishowtts(dir.path()).args(args).output()).await.unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && told.contains("key.pem"), "{told}");
}
