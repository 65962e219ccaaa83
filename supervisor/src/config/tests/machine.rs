//! What of this machine is used: the sandbox, the cache, the GPUs.

use std::path::Path;

use super::{problems, read};
use crate::config::{Cache, Cgroup, DEFAULT, Gpu};

#[test]
fn what_the_sandbox_opens_is_seen_from_the_file() {
    let config = read(
        "[sandbox]\ncgroup = \"/sys/fs/cgroup/x\"\n\
         [engines.tone]\nenabled = true\nread = [\"./models\", \"/opt/m*\"]\nsandbox = false\n",
    )
    .unwrap();
    assert_eq!(
        (config.sandbox.enabled, config.sandbox.cgroup),
        (true, Cgroup::At("/sys/fs/cgroup/x".into()))
    );
    let tone = &config.engines["tone"];
    assert_eq!(tone.openings.read, [Path::new("/etc/here/models"), Path::new("/opt/m*")]);
    assert!(tone.openings.everything && tone.settings.is_empty());

    let told = problems("[sandbox]\ncgroup = \"mine\"\n[engines.tone]\nenabled = true\nwrite = \"/tmp\"\n");
    assert!(told[0].starts_with("line 2: sandbox.cgroup: must be \"auto\", \"off\" or a folder"), "{told:?}");
    assert!(told[1].starts_with("line 5: engines.tone.write: must be a list of strings"), "{told:?}");
}

#[test]
fn what_can_be_no_configuration_is_told_and_not_waited_for() {
    let dir = tempfile::TempDir::new().unwrap();
    let pipe = dir.path().join("pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let large = dir.path().join("large");
    std::fs::write(&large, "# more\n".repeat(1 << 17)).unwrap();
    for (file, told) in [(pipe, "it is a named pipe"), (large, "it is larger than 524288 bytes")] {
        let given = crate::config::Overrides { config: Some(file), ..Default::default() };
        let problems = crate::config::load(&given).unwrap_err().to_string();
        assert!(problems.contains(told), "{problems}");
    }
}

#[test]
fn the_cache_is_on_in_memory_and_off_on_the_disk_unless_said_otherwise() {
    let engine = "[engines.tone]\nenabled = true\n";
    let cache = read(engine).unwrap().cache;
    assert_eq!(cache, Cache { memory_mb: 64, disk_mb: 0, directory: None });
    let written = "[cache]\nmemory_mb = 0\ndisk_mb = 500\ndirectory = \"kept\"\n";
    let cache = read(&format!("{written}{engine}")).unwrap().cache;
    assert_eq!(cache, Cache { memory_mb: 0, disk_mb: 500, directory: Some("/etc/here/kept".into()) });
}

#[test]
fn mistakes_about_the_cache_are_told() {
    let told = problems(
        "[cache]\nmemory_mb = -1\ndisk_gb = 5\ndirectory = 5\n[engines.tone]\nenabled = true\ncache = \"yes\"\n",
    );
    let expected = [
        "line 2: cache.memory_mb: must be a whole number from 0 to 1048576, not -1",
        "line 3: cache.disk_gb: is not a key here; known are directory, disk_mb, memory_mb",
        "line 4: cache.directory: must be a string, not 5",
        "line 7: engines.tone.cache: must be true or false, not \"yes\"",
    ];
    assert_eq!(told, expected);
}

#[test]
fn an_engine_may_leave_open_whether_its_audio_is_kept() {
    for (written, expected) in [("", None), ("cache = true\n", Some(true)), ("cache = false\n", Some(false))]
    {
        let config = read(&format!("[engines.tone]\nenabled = true\n{written}")).unwrap();
        assert_eq!(config.engines["tone"].cache, expected);
        assert!(config.engines["tone"].settings.is_empty(), "{written}");
    }
}

#[test]
fn gpus_are_watched_below_the_root_every_five_seconds_unless_said_otherwise() {
    let engine = "[engines.tone]\nenabled = true\n";
    let seconds = std::time::Duration::from_secs;
    assert_eq!(read(engine).unwrap().gpu, Gpu { root: "/".into(), every: seconds(5) });
    let config = read(&format!("[gpu]\nroot = \"host\"\nsample_s = 1\n{engine}")).unwrap();
    assert_eq!(config.gpu, Gpu { root: "/etc/here/host".into(), every: seconds(1) });
    let told = problems(&format!("[gpu]\nsample_s = 0\n{engine}"));
    assert_eq!(told, ["line 2: gpu.sample_s: must be a whole number from 1 to 3600, not 0"]);
}

#[test]
fn machines_meet_where_they_are_told_to() {
    assert_eq!(read(DEFAULT).unwrap().cluster, None);
    let with = |keys: &str| format!("[engines.tone]\nenabled = true\n[cluster]\n{keys}");
    let cluster =
        read(&with("nats = \"nats://a:4222, tls://u:p@b\"\nsilence_s = 3")).unwrap().cluster.unwrap();
    assert_eq!(cluster.servers, ["nats://a:4222", "tls://u:p@b"]);
    assert_eq!((cluster.name.as_str(), cluster.replicas, cluster.silence.as_secs()), ("ishowtts", 1, 3));
    assert_eq!(read(&with("nats = \"\"")).unwrap().cluster, None);
    let told = problems(&with(
        "nats = \"http://a, nats://\"\nname = \"a.b\"\nreplicas = 0\ncredentials = \"nobody.creds\"\n",
    ));
    let expected = [
        "line 4: cluster.nats: must be addresses of NATS servers such as",
        "line 5: cluster.name: must have 1 to 32 letters",
        "line 6: cluster.replicas: must be a whole number from 1 to 5",
        "line 7: cluster.credentials: there is no file /etc/here/nobody.creds",
    ];
    assert_eq!(told.len(), expected.len(), "{told:#?}");
    for (told, expected) in told.iter().zip(expected) {
        assert!(told.starts_with(expected), "{told}\n  instead of\n{expected}");
    }
    assert_eq!(
        problems(&with("name = \"a\"")),
        ["line 4: cluster.name: needs `nats` beside it: the addresses of NATS servers"]
    );
}

#[test]
fn of_a_file_that_is_wrong_in_every_line_the_first_hundred_are_told() {
    let wrong: Vec<String> = (0..20_000).map(|number| format!("key{number} = 1\n")).collect();
    let wrong = wrong.concat();
    let told = read(&wrong).unwrap_err().to_string();
    assert!(told.contains("\n  line 99: key98: is not a key here"), "{told}");
    assert_eq!(told.lines().count(), 102, "{told}");
    assert!(
        told.starts_with("20001 problems in ") && told.ends_with("and 19901 more: mend these first"),
        "{told}"
    );
}
