//! The power mode of a Jetson, in the files of its tool `nvpmodel`.

/// One mode that a board knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mode {
    pub(super) id: u32,
    pub(super) name: String,
}

/// The modes of `/etc/nvpmodel.conf`: lines such as `< POWER_MODEL ID=0 NAME=MAXN >`.
pub(super) fn modes(conf: &str) -> Vec<Mode> {
    let mode = |line: &str| {
        let fields = tag(line, "POWER_MODEL")?;
        let field = |key: &str| fields.iter().find_map(|field| field.strip_prefix(key)?.strip_prefix('='));
        Some(Mode { id: field("ID")?.parse().ok()?, name: field("NAME")?.to_owned() })
    };
    conf.lines().filter_map(mode).collect()
}

/// The mode in force: the one of `/var/lib/nvpmodel/status` (`pmode:0002`), else the default of the board.
pub(super) fn current(status: Option<&str>, conf: &str) -> Option<u32> {
    let chosen = status
        .and_then(|told| told.split_whitespace().find_map(|word| word.strip_prefix("pmode:")?.parse().ok()));
    let default = || {
        let fields = conf.lines().find_map(|line| tag(line, "PM_CONFIG"))?;
        fields.iter().find_map(|field| field.strip_prefix("DEFAULT=")?.parse().ok())
    };
    chosen.or_else(default)
}

/// The mode without limits, if the board has one.
pub(super) fn fastest(modes: &[Mode]) -> Option<&Mode> {
    // MAXN_SUPER stands above MAXN where there are both.
    modes.iter().filter(|mode| mode.name.starts_with("MAXN")).max_by_key(|mode| mode.name.len())
}

/// The fields of a line `< NAME field field >`.
fn tag<'l>(line: &'l str, name: &str) -> Option<Vec<&'l str>> {
    let inside = line.strip_prefix('<')?.trim_end().strip_suffix('>')?;
    let mut fields = inside.split_whitespace();
    (fields.next() == Some(name)).then(|| fields.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONF: &str = "# < POWER_MODEL ID=9 NAME=NONE >\n< PARAM TYPE=FILE NAME=CPU_ONLINE >\nCORE_0 /sys/x\n\
                        < POWER_MODEL ID=0 NAME=15W >\nCPU_ONLINE CORE_0 1\n< POWER_MODEL ID=2 NAME=MAXN_SUPER >\n\
                        < POWER_MODEL ID=3 NAME=MAXN >\n< PM_CONFIG DEFAULT=3 >\n";

    #[test]
    fn the_modes_of_a_board_and_its_fastest() {
        let modes = modes(CONF);
        let found: Vec<_> = modes.iter().map(|mode| (mode.id, mode.name.as_str())).collect();
        assert_eq!(found, [(0, "15W"), (2, "MAXN_SUPER"), (3, "MAXN")]);
        assert_eq!(fastest(&modes).map(|mode| mode.id), Some(2));
        assert_eq!(fastest(&modes[..1]), None);
    }

    #[test]
    fn the_mode_in_force_is_the_one_chosen_or_else_the_default() {
        assert_eq!(current(Some("pmode:0002 fmode:quiet"), CONF), Some(2));
        assert_eq!(current(Some("fmode:quiet"), CONF), Some(3));
        assert_eq!(current(None, ""), None);
    }
}
