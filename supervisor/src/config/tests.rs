use std::path::{Path, PathBuf};

use super::{Cache, Cgroup, Config, DEFAULT, Gpu, Overrides, Problems, Python, validate};

fn read(source: &str) -> Result<Config, Problems> {
    let overrides = Overrides { state_dir: Some("/state".into()), ..Overrides::default() };
    validate::config(Some(PathBuf::from("/etc/here/ishowtts.toml")), source, &overrides)
}

fn problems(source: &str) -> Vec<String> {
    let lines = read(source).expect_err("these files are wrong").to_string();
    lines.lines().skip(1).map(|line| line.trim().to_owned()).collect()
}

#[test]
fn the_file_we_ship_is_valid_and_speaks_two_languages() {
    let config = read(DEFAULT).unwrap();
    assert_eq!(config.server.listen.port(), 27121);
    let enabled: Vec<_> = config.enabled_engines().map(|(name, _)| name.as_str()).collect();
    assert_eq!(enabled, ["fastspeech2", "piper"]);
    let walter = &config.voices["walter"];
    assert_eq!(walter.routes["en"].engine, "piper");
    assert_eq!(walter.routes["zh"].engine, "fastspeech2");
}

#[test]
fn every_problem_is_told_at_once_with_its_line() {
    let told = problems(
        r#"[server]
listen = "nowhere"
colour = "red"

[engines.piper]
enabled = "yes"
device = "cuda"

[engines.espeak]
enabled = true

[voices.joe]
engines = { en = "pipr" }

[defaults]
voices = { en = "nobody", zh = "joe" }
"#,
    );
    let expected = [
        "line 2: server.listen: must be an address and a port, such as 127.0.0.1:27121, not \"nowhere\"",
        "line 3: server.colour: is not a key here;",
        "line 6: engines.piper.enabled: must be true or false, not \"yes\"",
        "line 7: engines.piper.device: must be cpu, cuda:N or none, not \"cuda\"",
        "line 9: engines.espeak: this version has no such engine; it has ",
        "line 13: voices.joe.engines.en: there is no engine \"pipr\" in this file",
        "line 16: defaults.voices.en: there is no voice \"nobody\" in this file",
        "line 16: defaults.voices.zh: the voice \"joe\" does not speak zh",
    ];
    assert_eq!(told.len(), expected.len(), "{told:#?}");
    for (told, expected) in told.iter().zip(expected) {
        assert!(told.starts_with(expected), "{told}\n  instead of\n{expected}");
    }
}

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
fn broken_toml_is_told_with_its_line() {
    let told = problems("[engines.tone]\nenabled = true\n[server\nlisten = 5");
    assert!(told.iter().any(|line| line.starts_with("line 3:")), "{told:?}");
}

#[test]
fn a_public_address_needs_keys_or_must_be_asked_for_in_words() {
    let engine = "[engines.tone]\nenabled = true\n";
    for public in ["0.0.0.0:27121", "[::]:27121", "192.0.2.1:27121", "[::ffff:192.0.2.1]:27121"] {
        let listen = format!("[server]\nlisten = \"{public}\"\n");
        let told = problems(&format!("{listen}{engine}"));
        assert!(told[0].starts_with("line 2: server.listen: "), "{told:?}");
        assert!(told[0].contains("allow_without_keys = true"), "{told:?}");
        let config = read(&format!("{listen}allow_without_keys = true\n{engine}"));
        assert_eq!(config.unwrap().server.listen.port(), 27121);
    }
    for private in ["127.0.0.1:27121", "127.8.8.8:27121", "[::1]:27121", "[::ffff:127.0.0.1]:27121"] {
        assert!(read(&format!("[server]\nlisten = \"{private}\"\n{engine}")).is_ok(), "{private}");
    }
    let dir = tempfile::tempdir().unwrap();
    let keys = dir.path().join("keys");
    let with_keys = format!("[server]\nlisten = \"0.0.0.0:27121\"\n[auth]\nkeys_file = {keys:?}\n{engine}");
    std::fs::write(&keys, format!("me sha256:{}\n", crate::auth::Key::draw().digest())).unwrap();
    assert_eq!(read(&with_keys).unwrap().auth.keys.unwrap().entries().len(), 1);
}

#[test]
fn keys_that_cannot_be_read_are_told_and_let_nobody_in_by_mistake() {
    let dir = tempfile::tempdir().unwrap();
    let keys = dir.path().join("keys");
    let source = format!("[auth]\nkeys_file = {keys:?}\n[engines.tone]\nenabled = true\n");
    let told = problems(&source);
    assert!(told[0].starts_with("line 2: auth.keys_file: could not read "), "{told:?}");
    assert!(told[0].contains("`ishowtts keys new NAME`"), "{told:?}");
    let public = problems(&format!("[server]\nlisten = \"0.0.0.0:1\"\n{source}"));
    assert_eq!(public.len(), 1, "keys were named, so that they are missing is all that is wrong: {public:?}");
    std::fs::write(&keys, "one\ntwo\n").unwrap();
    let told = problems(&source);
    assert!(told[0].contains("line 1: ") && told[0].contains("line 2: "), "{told:?}");
    std::fs::write(&keys, "# nobody\n").unwrap();
    assert!(read(&source).unwrap().auth.keys.unwrap().is_empty(), "there are keys to be asked for, and none");
}

#[test]
fn whatever_is_wrong_with_a_certificate_names_its_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let made = || rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (one, other) = (made(), made());
    let cert = file("cert.pem", &one.cert.pem());
    let key = file("key.pem", &one.signing_key.serialize_pem());
    let foreign = file("foreign.pem", &other.signing_key.serialize_pem());
    let empty = file("empty.pem", "");
    let broken = file("broken.pem", "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n");
    let source = |cert: &Path, key: &Path| {
        format!("[server]\ntls_cert = {cert:?}\ntls_key = {key:?}\n[engines.tone]\nenabled = true\n")
    };
    assert!(read(&source(&cert, &key)).unwrap().tls.is_some());
    for (cert, key, line, what) in [
        (&*cert, &*foreign, 3, "do not go together"),
        (&*empty, &*key, 2, "there is no certificate in PEM in "),
        (&*broken, &*key, 2, "is not PEM"),
        (&*cert, &*empty, 3, "there is no private key in PEM in "),
        (&*cert, Path::new("/nowhere/key.pem"), 3, "could not read /nowhere/key.pem"),
        (&*key, &*cert, 2, "there is no certificate in PEM in "),
    ] {
        let told = problems(&source(cert, key));
        assert!(told[0].starts_with(&format!("line {line}: ")) && told[0].contains(what), "{told:?}");
    }
    let told = problems(&format!("[server]\ntls_cert = {cert:?}\n[engines.tone]\nenabled = true\n"));
    assert!(told[0].contains("needs `tls_key` beside it"), "{told:?}");
}

#[test]
fn hosts_are_names_and_origins_have_a_scheme() {
    let engine = "[engines.tone]\nenabled = true\n";
    let good = "[server]\nhosts = [\"TTS.lan\", \"box\"]\n[cors]\norigins = [\"https://A.example:8443\", \"http://[::1]:3000\"]\n";
    let config = read(&format!("{good}{engine}")).unwrap();
    assert_eq!(config.server.hosts, ["tts.lan", "box"]);
    assert!(config.cors.allows("https://a.example:8443") && !config.cors.allows("https://a.example"));
    assert!(read(&format!("[cors]\norigins = [\"*\"]\n{engine}")).unwrap().cors.allows("null"));
    for (written, line) in [
        ("[server]\nhosts = [\"http://box\"]\n", 2),
        ("[server]\nhosts = [\n\"box\",\n\"box:80\"]\n", 4),
        ("[cors]\norigins = [\"box\"]\n", 2),
        ("[cors]\norigins = [\"https://box/page\"]\n", 2),
        ("[cors]\norigins = [\"null\"]\n", 2),
        ("[log]\nlevel = \"ishowtts=loud\"\n", 2),
    ] {
        let told = problems(&format!("{written}{engine}"));
        assert!(told[0].starts_with(&format!("line {line}: ")), "{written}: {told:?}");
    }
}

#[test]
fn proxies_are_addresses_and_networks_and_by_default_nobody() {
    let engine = "[engines.tone]\nenabled = true\n";
    assert_eq!(read(engine).unwrap().server.trusted_proxies, []);
    let config = read(&format!(
        "[server]\ntrusted_proxies = [\"127.0.0.1\", \"10.0.0.0/8\", \"::1\", \"::ffff:192.0.2.1\"]\n{engine}"
    ));
    let trusted: Vec<_> = config.unwrap().server.trusted_proxies.iter().map(ToString::to_string).collect();
    assert_eq!(trusted, ["127.0.0.1/32", "10.0.0.0/8", "::1/128", "192.0.2.1/32"]);

    let told = problems(&format!(
        "[server]\ntrusted_proxies = [\n  \"127.0.0.1\",\n  \"localhost\",\n  \"10.0.0.0/33\",\n]\n{engine}"
    ));
    assert!(
        told[0].starts_with("line 4: server.trusted_proxies: must be addresses and networks"),
        "{told:?}"
    );
    assert!(told[1].starts_with("line 5: ") && told[1].ends_with("not \"10.0.0.0/33\""), "{told:?}");
    let told = problems(&format!("[server]\ntrusted_proxies = [5]\n{engine}"));
    assert_eq!(told, ["line 2: server.trusted_proxies: must be a list of strings, not [5]"]);
}

#[test]
fn an_engines_own_keys_travel_with_their_paths_made_whole() {
    let config = read(
        "[engines.tone]\nenabled = true\nrtf = 0.5\nmodel = \"./m.bin\"\nnote = \"m.bin\"\nenv = { A = \"b\" }\n",
    )
    .unwrap();
    let tone = &config.engines["tone"];
    assert_eq!(tone.devices, ["none"]);
    assert_eq!(tone.env["A"], "b");
    assert_eq!(tone.settings["rtf"], 0.5);
    let model = tone.settings["model"].as_str().unwrap();
    assert_eq!(Path::new(model).components().collect::<PathBuf>(), Path::new("/etc/here/m.bin"));
    assert_eq!(tone.settings["note"], "m.bin");
    assert_eq!(tone.settings.len(), 3);
}

#[test]
fn a_cloned_voice_needs_its_recording_and_its_words() {
    let told = problems(
        "[engines.tone]\nenabled = true\n[voices.me]\nengine = \"tone\"\nlanguage = \"zh\"\nreference = \"me.wav\"\n",
    );
    assert!(told.iter().any(|line| line.contains("there is no file /etc/here/me.wav")), "{told:?}");
    assert!(told.iter().any(|line| line.contains("needs `transcript`")), "{told:?}");
}

#[test]
fn numbers_out_of_range_are_refused() {
    let told = problems("[engines.tone]\nenabled = true\nreplicas = 0\n[limits]\npatience_s = 1e3\n");
    assert!(told[0].contains("from 1 to 256, not 0"), "{told:?}");
    assert!(told[1].contains("limits.patience_s: must be a whole number"), "{told:?}");
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
fn an_engine_runs_in_an_environment_of_its_lock_unless_an_interpreter_is_named() {
    let python = |written: &str| {
        let config = read(&format!("[engines.tone]\nenabled = true\n{written}")).unwrap();
        assert!(config.engines["tone"].settings.is_empty(), "{written} is not the engine's own");
        config.engines["tone"].python.clone()
    };
    assert_eq!(python(""), Python::Made { system_site_packages: false });
    assert_eq!(python("system_site_packages = true\n"), Python::Made { system_site_packages: true });
    // Seen from the file, and not resolved: an environment's interpreter is a link out of it.
    let dir = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("/bin/sh", dir.path().join("python")).unwrap();
    let source = "[engines.tone]\nenabled = true\npython = \"./python\"\n";
    let overrides = Overrides { state_dir: Some("/state".into()), ..Overrides::default() };
    let config = validate::config(Some(dir.path().join("my.toml")), source, &overrides).unwrap();
    assert_eq!(config.engines["tone"].python, Python::Own(dir.path().join("python")));
}

#[test]
fn an_interpreter_must_be_there_and_leaves_no_environment_to_be_made() {
    let written = "python = \"venv/bin/python\"\n";
    let told = problems(&format!("[engines.tone]\nenabled = true\n{written}"));
    assert_eq!(told, ["line 3: engines.tone.python: there is no interpreter /etc/here/venv/bin/python"]);
    let told =
        problems("[engines.tone]\nenabled = true\npython = \"/bin/sh\"\nsystem_site_packages = true\n");
    assert!(told[0].starts_with("line 3: engines.tone.python: leaves nothing to"), "{told:?}");
    let off = read(&format!("[engines.tone]\nenabled = true\n[engines.piper]\n{written}"));
    assert!(off.is_ok(), "an engine that is off misses nothing");
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
fn wyoming_is_on_for_this_machine_and_for_others_only_in_so_many_words() {
    const TONE: &str = "[engines.tone]\nenabled = true\n";
    let listen = |wyoming: &str| read(&format!("{TONE}{wyoming}")).unwrap().wyoming.listen;
    assert_eq!(listen(""), Some(([127, 0, 0, 1], 10_200).into()));
    assert_eq!(listen("[wyoming]\nlisten = \"\"\n"), None);
    let public = "[wyoming]\nlisten = \"0.0.0.0:10200\"\n";
    assert_eq!(listen(&format!("{public}allow_without_keys = true\n")), Some(([0, 0, 0, 0], 10_200).into()));
    // The word for HTTP is none for Wyoming.
    let told = problems(&format!("{TONE}{public}[server]\nallow_without_keys = true\n"));
    assert!(
        told.len() == 1 && told[0].starts_with("line 4: wyoming.listen: 0.0.0.0:10200 can be"),
        "{told:?}"
    );
    let told = problems(&format!("{TONE}[wyoming]\nlisten = \"10200\"\nport = 1\nmax_connections = 0\n"));
    let keys: Vec<_> = told.iter().map(|line| line.split(": ").nth(1).unwrap()).collect();
    assert_eq!(keys, ["wyoming.listen", "wyoming.port", "wyoming.max_connections"]);
}

#[test]
fn pronunciations_are_spellings_or_sounds_and_a_voice_must_be_able_to_say_them() {
    let source = r#"[engines.piper]
enabled = true
[engines.kokoro]
enabled = true
[voices.joe]
engines = { en = "piper", ja = "kokoro" }
[pronunciation.en]
"GIF" = { ipa = "dʒˈɪf" }
"nginx" = "engine x"
[pronunciation.ja]
"GIF" = { spelling = "ジフ", ipa = "dʒifɯ" }
"#;
    let config = read(source).unwrap();
    let said = &config.pronunciation["en"]["GIF"];
    assert_eq!((said.spelling.as_deref(), said.ipa.as_deref()), (None, Some("dʒˈɪf")));
    assert_eq!(config.pronunciation["en"]["nginx"].spelling.as_deref(), Some("engine x"));
    let wrong = r#""a" = { ipa = "e" }
"b" = {}
"c" = 5
" d" = "…"
"f" = { spelling = "g", sound = "h" }
"i" = { ipa = "[[j]]", spelling = "k" }
"#;
    let told = problems(&format!("{source}{wrong}"));
    let expected = [
        "line 12: pronunciation.ja.a.ipa: the engine \"kokoro\" speaks this language and takes no phonemes",
        "line 13: pronunciation.ja.b: needs `spelling` or `ipa`",
        "line 14: pronunciation.ja.c: must be a string or a table, not 5",
        "line 15: pronunciation.ja. d: must be from 1 to 100 characters",
        "line 16: pronunciation.ja.f.sound: is not a key here",
        "line 17: pronunciation.ja.i.ipa: must be the sounds alone",
    ];
    for expected in expected {
        assert!(told.iter().any(|told| told.starts_with(expected)), "{expected}: {told:#?}");
    }
    assert_eq!(told.len(), expected.len(), "{told:#?}");
}

#[test]
fn numbers_become_words_for_engines_that_bring_no_way_of_their_own() {
    let names = ["piper", "fastspeech2", "kokoro", "f5", "indextts", "tone"];
    let tables = names.map(|name| format!("[engines.{name}]\nenabled = true\n")).concat();
    let config = read(&tables).unwrap();
    let on: Vec<&str> = names.into_iter().filter(|name| config.engines[*name].normalise).collect();
    assert_eq!(on, ["piper", "fastspeech2", "kokoro"]);
    assert!(
        !read("[engines.piper]\nenabled = true\nnormalise = false\n").unwrap().engines["piper"].normalise
    );
}

#[test]
fn an_engine_has_one_worker_for_each_of_its_devices_unless_told_otherwise() {
    let engine = |keys: &str| {
        let config = read(&format!("[engines.tone]\nenabled = true\n{keys}\n")).unwrap();
        let tone = config.engines["tone"].clone();
        (tone.devices, tone.replicas)
    };
    let cards = vec!["cuda:0".to_owned(), "cuda:1".to_owned()];
    assert_eq!(engine("devices = [\"cuda:0\", \"cuda:1\"]"), (cards.clone(), 2));
    assert_eq!(engine("devices = [\"cuda:0\", \"cuda:1\"]\nreplicas = 3"), (cards, 3));
    assert_eq!(engine("device = \"cuda:3\""), (vec!["cuda:3".into()], 1));
    assert_eq!(engine("device = \"sim:7\"\nreplicas = 2"), (vec!["sim:7".into()], 2));
}

#[test]
fn devices_that_make_no_sense_are_told() {
    for (engine, keys, expected) in [
        ("f5", "devices = [\"cuda:0\", \"cuda:0\"]", "line 3: engines.f5.devices: cuda:0 stands twice; "),
        (
            "f5",
            "devices = [\"cuda:0\", \"gpu1\"]",
            "line 3: engines.f5.devices: must list cpu or cuda:N, not \"gpu1\"",
        ),
        (
            "f5",
            "devices = [\"cuda:01\"]",
            "line 3: engines.f5.devices: must list cpu or cuda:N, not \"cuda:01\"",
        ),
        (
            "f5",
            "device = \"cuda:0\"\ndevices = [\"cuda:1\"]",
            "line 3: engines.f5.device: leaves nothing to `devices`",
        ),
        (
            "f5",
            "devices = [\"cpu\", \"cuda:1\"]",
            "line 3: engines.f5.devices: cuda:1 is of another kind than the first",
        ),
        ("f5", "devices = []", "line 3: engines.f5.devices: names no device;"),
        ("f5", "devices = [0, 1]", "line 3: engines.f5.devices: must be a list of strings, not [0,1]"),
        (
            "f5",
            "device = \"sim:0\"",
            "line 3: engines.f5.device: must be cpu, cuda:N or none, not \"sim:0\"; sim:N is no",
        ),
        ("f5", "devices = [\"none\"]", "line 3: engines.f5.devices: must list cpu or cuda:N, not \"none\""),
        (
            "f5",
            "devices = [\"cuda:0\", \"cuda:1\"]\nenv = { CUDA_VISIBLE_DEVICES = \"0\" }",
            "line 4: engines.f5.env.CUDA_VISIBLE_DEVICES: would have every worker see the same GPUs",
        ),
    ] {
        let told = problems(&format!("[engines.{engine}]\nenabled = true\n{keys}\n"));
        assert!(told.len() == 1 && told[0].starts_with(expected), "{told:?}\n  instead of\n{expected}");
    }
    let told = problems("[engines.tone]\nenabled = true\n[devices.\"gpu:0\"]\noverlap = true\n");
    assert!(told.iter().any(|line| line.contains("must be cpu or cuda:N")), "{told:?}");
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
