use std::{fs, os::unix::fs::symlink, path::Path};

use tempfile::TempDir;

use super::{ClockRange, Tegra};
use crate::gpu::Reading;

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// An AGX Orin as `JetPack` 6 shows it, with links where the kernel has them.
fn orin() -> TempDir {
    let dir = TempDir::new().unwrap();
    let root = dir.path();
    write(root, "proc/device-tree/compatible", "nvidia,p3737-0000+p3701-0000\0nvidia,tegra234\0");
    write(root, "proc/device-tree/model", "NVIDIA Jetson AGX Orin Developer Kit\0");
    write(root, "proc/meminfo", "MemTotal: 32000000 kB\nMemAvailable: 20000000 kB\n");
    write(root, "etc/nv_tegra_release", "# R36 (release), REVISION: 4.0, GCID: 1\n");
    let gpu = "sys/devices/platform/bus@0/17000000.gpu";
    write(root, &format!("{gpu}/of_node/name"), "gpu\0");
    write(root, &format!("{gpu}/load"), "374\n");
    for (name, hertz) in [("cur_freq", 816_000_000), ("min_freq", 306_000_000), ("max_freq", 1_300_500_000)] {
        write(root, &format!("{gpu}/devfreq/17000000.gpu/{name}"), &format!("{hertz}\n"));
    }
    symlink("../..", root.join(gpu).join("devfreq/17000000.gpu/device")).unwrap();
    fs::create_dir_all(root.join("sys/class/devfreq")).unwrap();
    let scaler = root.join(gpu).join("devfreq/17000000.gpu");
    symlink(scaler, root.join("sys/class/devfreq/17000000.gpu")).unwrap();
    // Others that scale their clock, and other zones.
    write(root, "sys/class/devfreq/15480000.nvdec/device/of_node/name", "nvdec\0");
    for (index, (kind, temperature)) in [("cpu-thermal", 60_000), ("gpu-thermal", 41_500)].iter().enumerate()
    {
        let zone = format!("sys/devices/virtual/thermal/thermal_zone{index}");
        write(root, &format!("{zone}/type"), &format!("{kind}\n"));
        write(root, &format!("{zone}/temp"), &format!("{temperature}\n"));
    }
    rail(root, "1-0040/hwmon/hwmon3", 1, "VDD_GPU_SOC", 20_000, 150);
    rail(root, "1-0040/hwmon/hwmon3", 2, "VDD_CPU_CV", 20_000, 50);
    rail(root, "1-0040/hwmon/hwmon3", 3, "NC", 20_000, 1_000);
    rail(root, "1-0040/hwmon/hwmon3", 7, "sum of shunt voltages", 20_000, 1_000);
    write(root, "sys/bus/i2c/devices/1-0040/name", "ina3221\n");
    rail(root, "1-0050/hwmon/hwmon4", 1, "OTHER", 20_000, 1_000);
    write(root, "sys/bus/i2c/devices/1-0050/name", "tmp451\n");
    dir
}

fn rail(root: &Path, chip: &str, port: u8, label: &str, millivolts: u32, milliamperes: u32) {
    let monitor = format!("sys/bus/i2c/devices/{chip}");
    write(root, &format!("{monitor}/in{port}_label"), label);
    write(root, &format!("{monitor}/in{port}_input"), &millivolts.to_string());
    write(root, &format!("{monitor}/curr{port}_input"), &milliamperes.to_string());
}

#[test]
fn every_value_of_an_orin_is_read_from_its_place() {
    let dir = orin();
    let tegra = Tegra::find(dir.path()).unwrap();
    let expected = Reading {
        name: Some("NVIDIA Jetson AGX Orin Developer Kit".into()),
        clock_hz: Some(816_000_000),
        load: Some(0.374),
        temperature_c: Some(41.5),
        power_w: Some(4.0),
        memory_used: Some(12_000_000 * 1024),
        memory_total: Some(32_000_000 * 1024),
    };
    assert_eq!(tegra.read(), expected);
    assert_eq!(tegra.release().as_deref(), Some("L4T 36.4.0"));
    assert_eq!(tegra.compute_capability(), Some((8, 7)));
    let range = ClockRange { min_hz: 306_000_000, max_hz: 1_300_500_000 };
    assert_eq!(tegra.clock_range(), Some(range));
}

#[test]
fn an_older_release_has_its_gpu_elsewhere() {
    let dir = TempDir::new().unwrap();
    let root = dir.path();
    write(root, "etc/nv_tegra_release", "# R32 (release), REVISION: 7.1, GCID: 1\n");
    write(root, "sys/devices/gpu.0/load", "1000\n");
    write(root, "sys/devices/gpu.0/devfreq/17000000.gv11b/cur_freq", "114750000\n");
    write(root, "sys/devices/virtual/thermal/thermal_zone1/type", "GPU-therm\n");
    write(root, "sys/devices/virtual/thermal/thermal_zone1/temp", "38000\n");
    let reading = Tegra::find(root).unwrap().read();
    assert_eq!(
        (reading.load, reading.clock_hz, reading.temperature_c),
        (Some(1.0), Some(114_750_000), Some(38.0))
    );
}

#[test]
fn a_file_that_is_gone_takes_its_value_alone_with_it() {
    let dir = orin();
    let tegra = Tegra::find(dir.path()).unwrap();
    let whole = tegra.read();
    for gone in ["sys/devices/virtual/thermal/thermal_zone1/temp", "proc/meminfo"] {
        fs::remove_file(dir.path().join(gone)).unwrap();
    }
    let without = Reading { temperature_c: None, memory_used: None, memory_total: None, ..whole };
    assert_eq!(tegra.read(), without);
}

#[test]
fn another_machine_with_a_gpu_in_its_device_tree_is_no_jetson() {
    let dir = orin();
    fs::remove_file(dir.path().join("etc/nv_tegra_release")).unwrap();
    write(dir.path(), "proc/device-tree/compatible", "rockchip,rk3588\0");
    assert!(Tegra::find(dir.path()).is_none());
    assert!(Tegra::find(TempDir::new().unwrap().path()).is_none());
}
