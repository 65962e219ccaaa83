//! What the files of a Jetson's kernel say.

/// Whether a device tree is that of a Jetson, by what it calls itself compatible with.
pub(super) fn is_tegra(compatible: &str) -> bool {
    compatible.contains("nvidia,tegra")
}

/// Whether a node, or the name of a frequency scaler, is the GPU's.
pub(super) fn is_gpu(name: &str) -> bool {
    matches!(name, "gv11b" | "gp10b" | "ga10b" | "gpu" | "gpu-gpc-0")
}

/// Whether a thermal zone is the GPU's.
pub(super) fn is_gpu_zone(kind: &str) -> bool {
    matches!(kind.to_lowercase().as_str(), "gpu-thermal" | "gpu-therm")
}

/// Per mille → share.
pub(super) fn load(told: &str) -> Option<f64> {
    let per_mille: f64 = told.parse().ok()?;
    (0.0..=1000.0).contains(&per_mille).then_some(per_mille / 1000.0)
}

/// Thousandths of a degree → degrees. A sensor that is off may tell a cold that there is not.
pub(super) fn temperature(told: &str) -> Option<f64> {
    let degrees = told.parse::<f64>().ok()? / 1000.0;
    (-60.0..=200.0).contains(&degrees).then_some(degrees)
}

/// Watts of the whole module out of those of its supplies: what comes in, if that is measured, else their sum.
pub(super) fn power<'r>(rails: impl Iterator<Item = (&'r str, f64)>) -> Option<f64> {
    let mut sum = None;
    for (label, watts) in rails {
        if label == "VDD_IN" {
            return Some(watts);
        }
        sum = Some(sum.unwrap_or(0.0) + watts);
    }
    sum
}

/// Bytes in use and in all, from `/proc/meminfo`.
pub(super) fn memory(told: &str) -> Option<(u64, u64)> {
    let bytes = |key: &str| {
        let line = told.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
        line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
    };
    let (total, available) = (bytes("MemTotal")?, bytes("MemAvailable")?);
    Some((total.checked_sub(available)?, total))
}

/// `# R36 (release), REVISION: 4.0, …` → `L4T 36.4.0`.
pub(super) fn release(told: &str) -> Option<String> {
    let (major, rest) = told.strip_prefix("# R")?.split_once(' ')?;
    let revision = rest.split_once("REVISION: ")?.1.split(',').next()?;
    Some(format!("L4T {major}.{revision}"))
}

/// What the GPU of a chip can compute.
pub(super) fn compute_capability(compatible: &str) -> Option<(i32, i32)> {
    let chips = [("tegra234", (8, 7)), ("tegra194", (7, 2)), ("tegra186", (6, 2)), ("tegra210", (5, 3))];
    chips.into_iter().find(|(chip, _)| compatible.contains(chip)).map(|(_, capability)| capability)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn power_is_what_comes_in_or_else_the_sum_of_what_is_measured() {
        assert_eq!(power([("VDD_SOC", 2.0), ("VDD_IN", 9.0), ("VDD_CPU", 1.5)].into_iter()), Some(9.0));
        assert_eq!(power([("VDD_GPU_SOC", 2.0), ("VDD_CPU_CV", 1.5)].into_iter()), Some(3.5));
        assert_eq!(power([].into_iter()), None);
    }

    #[test]
    fn what_makes_no_sense_is_not_known() {
        assert_eq!((load("374"), load("-1"), load("nvgpu"), load("1001")), (Some(0.374), None, None, None));
        assert_eq!((temperature("41500"), temperature("-256000")), (Some(41.5), None));
        let told = "MemTotal:       31367244 kB\nMemFree:  1 kB\nMemAvailable:   20000000 kB\n";
        assert_eq!(memory(told), Some((11_367_244 * 1024, 31_367_244 * 1024)));
        assert_eq!(memory("MemTotal: 5 kB\n"), None);
        assert_eq!(memory("MemTotal: 5 kB\nMemAvailable: 6 kB\n"), None);
    }

    #[test]
    fn releases_and_chips_have_names() {
        let told = "# R36 (release), REVISION: 4.0, GCID: 37537400, BOARD: generic, EABI: aarch64";
        assert_eq!(release(told).as_deref(), Some("L4T 36.4.0"));
        assert_eq!(release("# R36"), None);
        assert_eq!(compute_capability("nvidia,p3737-0000+p3701-0000\0nvidia,tegra234"), Some((8, 7)));
        assert_eq!(compute_capability("nvidia,tegra999"), None);
        assert!(is_tegra("nvidia,p3701\0nvidia,tegra234") && !is_tegra("rockchip,rk3588"));
        assert!(is_gpu_zone("GPU-therm") && is_gpu_zone("gpu-thermal") && !is_gpu_zone("cpu-thermal"));
    }
}
