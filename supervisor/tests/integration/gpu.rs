//! What a Jetson's GPU does, as users see it. The kernel's files are made by the test.

use std::{fs, path::Path};

use serde_json::json;
use tempfile::TempDir;

use crate::harness::{eventually, supervisor};

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[tokio::test]
async fn a_gpu_is_seen_in_status_and_metrics_with_what_is_known_of_it() {
    let dir = TempDir::new().unwrap();
    let root = dir.path();
    write(root, "proc/device-tree/compatible", "nvidia,tegra234\0");
    write(root, "proc/device-tree/model", "Jetson\0");
    write(root, "sys/devices/gpu.0/load", "500\n");
    write(root, "sys/devices/gpu.0/devfreq/17000000.gpu/cur_freq", "1300500000\n");
    let config = format!("[gpu]\nroot = {root:?}\nsample_s = 1\n");
    let server = supervisor().config(&config).start().await;

    let gpu = eventually("the GPU is seen", async || {
        let status = server.get("/api/status").await;
        status["gpus"].get("cuda:0").cloned()
    })
    .await;
    // A real card in the machine that runs this test may know more.
    for (key, value) in [("name", json!("Jetson")), ("clock_mhz", json!(1300)), ("load", json!(0.5))] {
        assert_eq!(gpu[key], value, "{gpu}");
    }
    assert_eq!(server.metric("ishowtts_gpu_clock_hertz{device=\"cuda:0\"}").await, 1_300_500_000.0);
    assert_eq!(server.metric("ishowtts_gpu_load{device=\"cuda:0\"}").await, 0.5);
    assert_eq!(server.logged("Watching the GPU").await["name"], "Jetson");

    fs::write(root.join("sys/devices/gpu.0/load"), "1000\n").unwrap();
    eventually("it is asked again", async || {
        (server.metric("ishowtts_gpu_load{device=\"cuda:0\"}").await == 1.0).then_some(())
    })
    .await;
    fs::remove_file(root.join("sys/devices/gpu.0/devfreq/17000000.gpu/cur_freq")).unwrap();
    eventually("what is not known any more has no series", async || {
        let metrics = server.get("/metrics").await;
        (!metrics.as_str().unwrap().contains("ishowtts_gpu_clock_hertz{")).then_some(())
    })
    .await;
}
