//! System calls that no worker has any business with. They are answered with "not permitted", and never reach the
//! kernel's code.

use std::collections::BTreeMap;

use libc::c_long;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

/// Whom the filter is made for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parties {
    /// The supervisor, which is no worker's to touch.
    pub(super) supervisor: i32,
    /// Its process group.
    pub(super) group: i32,
    /// The worker itself.
    pub(super) worker: i32,
}

/// Never, whatever the arguments.
const NEVER: &[c_long] = &[
    // Other processes.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    // Another view of the machine.
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    // Files past their names.
    libc::SYS_open_by_handle_at,
    libc::SYS_fanotify_init,
    // The kernel's younger and larger rooms, where most of its holes were found.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    // The machine.
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_syslog,
    libc::SYS_vhangup,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_lookup_dcookie,
    libc::SYS_nfsservctl,
    libc::SYS_kexec_file_load,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_iopl,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_ioperm,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_modify_ldt,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_uselib,
    #[cfg(target_arch = "x86_64")]
    libc::SYS__sysctl,
];

/// Calls that name a process, and which argument does: none of them may name the supervisor.
const ON_A_PROCESS: &[(c_long, u8)] = &[
    (libc::SYS_kill, 0),
    (libc::SYS_tkill, 0),
    (libc::SYS_tgkill, 0),
    (libc::SYS_rt_sigqueueinfo, 0),
    (libc::SYS_rt_tgsigqueueinfo, 0),
    (libc::SYS_pidfd_open, 0),
    (libc::SYS_sched_setaffinity, 0),
    (libc::SYS_sched_setscheduler, 0),
    (libc::SYS_sched_setparam, 0),
    (libc::SYS_sched_setattr, 0),
    (libc::SYS_setpriority, 1),
    (libc::SYS_ioprio_set, 1),
    (libc::SYS_migrate_pages, 0),
    (libc::SYS_move_pages, 0),
];

/// What `clone` may not make: namespaces for mounts, control groups, names, messages, users, processes, networks.
const NAMESPACES: [i32; 7] = [
    libc::CLONE_NEWNS,
    libc::CLONE_NEWCGROUP,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWNET,
];

/// The answer of `personality` to who only asks.
const ONLY_ASKED: u64 = 0xffff_ffff;
/// Writing into a terminal as if somebody had typed it.
const TYPED: [u64; 2] = [0x5412, 0x541c];

/// x86-64 has a second name for each call, with this bit; some have numbers of their own beside it.
#[cfg(target_arch = "x86_64")]
const X32: c_long = 0x4000_0000;
#[cfg(target_arch = "x86_64")]
const X32_OWN: &[c_long] = &[521, 524, 528, 539, 540];

/// The filters, in the order in which to set them.
pub(super) fn filters(parties: Parties) -> Result<Vec<BpfProgram>, BackendError> {
    let refused = filter(rules(parties)?, libc::EPERM)?;
    // Its arguments cannot be looked into. Libraries that are told that it is unknown take `clone` instead.
    let unknown = filter(BTreeMap::from([(libc::SYS_clone3, Vec::new())]), libc::ENOSYS)?;
    Ok(vec![refused, unknown])
}

type Rules = BTreeMap<c_long, Vec<SeccompRule>>;

fn filter(rules: Rules, answer: i32) -> Result<BpfProgram, BackendError> {
    let answer = SeccompAction::Errno(answer.unsigned_abs());
    let arch = TargetArch::try_from(std::env::consts::ARCH)?;
    SeccompFilter::new(with_second_names(rules), SeccompAction::Allow, answer, arch)?.try_into()
}

fn rules(parties: Parties) -> Result<Rules, BackendError> {
    let mut rules: Rules = NEVER.iter().map(|&call| (call, Vec::new())).collect();
    let mut refuse = |call: c_long, conditions: Vec<SeccompCondition>| {
        let rule = SeccompRule::new(conditions)?;
        rules.entry(call).or_default().push(rule);
        Ok::<_, BackendError>(())
    };
    // Both of them make sockets within the machine, and nothing else.
    for call in [libc::SYS_socket, libc::SYS_socketpair] {
        refuse(call, vec![argument(0, SeccompCmpOp::Ne, libc::AF_UNIX)?])?;
    }
    for flag in NAMESPACES {
        let bit = u64::from(flag.cast_unsigned());
        let set = SeccompCondition::new(0, SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(bit), bit)?;
        refuse(libc::SYS_clone, vec![set])?;
    }
    for &(call, place) in ON_A_PROCESS {
        refuse(call, vec![argument(place, SeccompCmpOp::Eq, parties.supervisor)?])?;
    }
    // Everybody, and the supervisor's group.
    for target in [-1, -parties.group] {
        refuse(libc::SYS_kill, vec![argument(0, SeccompCmpOp::Eq, target)?])?;
    }
    let others = [0, parties.worker].map(|own| argument(0, SeccompCmpOp::Ne, own));
    refuse(libc::SYS_prlimit64, others.into_iter().collect::<Result<_, _>>()?)?;
    let asked = SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, ONLY_ASKED)?;
    refuse(libc::SYS_personality, vec![asked])?;
    for request in TYPED {
        let typed = SeccompCondition::new(1, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, request)?;
        refuse(libc::SYS_ioctl, vec![typed])?;
    }
    Ok(rules)
}

/// A whole number in an argument, of which the kernel looks at the lower half.
fn argument(place: u8, compared: SeccompCmpOp, number: i32) -> Result<SeccompCondition, BackendError> {
    let number = u64::from(number.cast_unsigned());
    SeccompCondition::new(place, SeccompCmpArgLen::Dword, compared, number)
}

#[cfg(target_arch = "x86_64")]
fn with_second_names(rules: Rules) -> Rules {
    let twice = rules.into_iter().flat_map(|(call, rules)| [(call, rules.clone()), (call | X32, rules)]);
    twice.chain(X32_OWN.iter().map(|&call| (call | X32, Vec::new()))).collect()
}

#[cfg(not(target_arch = "x86_64"))]
fn with_second_names(rules: Rules) -> Rules {
    rules
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filters_can_be_made_and_are_short_enough_for_the_kernel() {
        let programs = filters(Parties { supervisor: 100, group: 90, worker: 200 }).unwrap();
        assert_eq!(programs.len(), 2);
        for program in programs {
            assert!((10..4096).contains(&program.len()), "{} instructions", program.len());
        }
    }
}
