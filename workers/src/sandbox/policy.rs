//! Which paths a worker needs: everything else is closed to it.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

/// Paths by what may be done with them. A folder stands for all that is in it; one that is not there is left out, and
/// a last part that ends with `*` stands for every name that begins so.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// Read and listed.
    pub read: BTreeSet<PathBuf>,
    /// Read, written, made and removed, but not executed.
    pub write: BTreeSet<PathBuf>,
    /// Read and executed. Shared libraries need no more than to be read.
    pub execute: BTreeSet<PathBuf>,
    /// Devices: read, written and controlled.
    pub devices: BTreeSet<PathBuf>,
    /// Unix sockets that may be connected to, where the kernel can tell.
    pub sockets: BTreeSet<PathBuf>,
    /// It moves files from folder to folder, as triton does. The first version of Landlock forbids that wherever it
    /// holds at all, so there the files of such a worker are not confined.
    pub moves: bool,
    /// It gives its threads names, through their files. NVIDIA's driver does, and fails with error 304 where it cannot.
    pub names_threads: bool,
}

/// What is known of a worker before it starts.
#[derive(Clone, Debug, Default)]
pub struct Needs {
    /// The interpreter, and whatever stands between it and its name: programs.
    pub programs: Vec<PathBuf>,
    /// Where the interpreter finds its library and its packages.
    pub libraries: Vec<PathBuf>,
    /// Our Python package.
    pub code: PathBuf,
    /// Models and recordings.
    pub files: Vec<PathBuf>,
    /// The engine's own folder, for what it keeps from start to start.
    pub kept: PathBuf,
    /// Where the worker's socket is.
    pub sockets: PathBuf,
    /// It computes on a GPU.
    pub gpu: bool,
    /// It compiles kernels, with a compiler's tools.
    pub compiles: bool,
    /// Paths that the configuration opens besides: to read, to write, to execute.
    pub extra: [Vec<PathBuf>; 3],
}

/// What dynamic programs, Python and its packages read on any system. `/proc` stands here whole, because rules hold
/// only for files that stay in the kernel's memory, and those in `/proc` do not: what belongs to a process outside
/// (its memory, environment, open files) is closed by the same kernel's rule on tracing.
const SYSTEM: &[&str] = &[
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/usr/lib",
    "/usr/lib32",
    "/usr/lib64",
    "/usr/local/lib",
    "/usr/local/lib64",
    "/usr/local/share",
    "/usr/share",
    "/gnu/store",
    "/nix/store",
    "/etc/alternatives",
    "/etc/ca-certificates",
    "/etc/crypto-policies",
    "/etc/fonts",
    "/etc/gai.conf",
    "/etc/ld-musl-*",
    "/etc/ld.so.*",
    "/etc/lsb-release",
    "/etc/locale*",
    "/etc/localtime",
    "/etc/mime.types",
    "/etc/nv_tegra_release",
    "/etc/os-release",
    "/etc/pki/tls",
    "/etc/python3*",
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
    "/etc/timezone",
    "/proc",
    "/sys/devices/system",
    "/sys/fs/cgroup",
    "/sys/kernel/mm",
];
/// The loader of dynamic programs, which the kernel executes with each of them.
const LOADERS: &[&str] = &["/lib64/ld-linux*", "/lib/ld-linux*", "/lib/ld-musl-*", "/lib64/ld64.so*"];
const DEVICES: &[&str] = &["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"];
/// Shared memory and named semaphores.
const SHARED: &str = "/dev/shm";

/// What NVIDIA's driver and its libraries read, on a card of its own and on a Jetson.
const GPU_SYSTEM: &[&str] = &[
    "/etc/OpenCL",
    "/etc/nv*",
    "/etc/vulkan",
    "/opt/cuda*",
    "/opt/nvidia",
    "/run/nvidia-persistenced",
    "/run/opengl-driver",
    "/sys/bus",
    "/sys/class",
    "/sys/dev",
    "/sys/devices",
    "/sys/firmware/devicetree",
    "/sys/module",
    "/usr/local/cuda*",
    "/usr/local/nvidia*",
    "/var/lib/nvpmodel",
];
const GPU_DEVICES: &[&str] = &[
    "/dev/nvidia*",
    "/dev/nvhost*",
    "/dev/nvmap",
    "/dev/nvgpu*",
    "/dev/nvsciipc",
    "/dev/host1x*",
    "/dev/dri/renderD*",
    "/dev/dxg",
];
/// What belongs to NVIDIA's driver and to none of its GPUs: its control device, its memory manager, and what stands for
/// parts of a GPU.
const GPU_CONTROL: &[&str] = &[
    "/dev/nvidiactl",
    "/dev/nvidia-uvm*",
    "/dev/nvidia-modeset",
    "/dev/nvidia-caps*",
    "/dev/nvidia-nvswitch*",
];
const GPU_SOCKETS: &[&str] = &["/run/nvidia-persistenced"];
/// Where the driver of a machine under WSL keeps its libraries.
const WSL: &str = "/usr/lib/wsl";

/// What compilers read besides.
const HEADERS: &[&str] = &["/usr/include", "/usr/local/include"];
/// Folders of programs, and the programs in them that make machine code: the C compiler's driver, its parts, and
/// what shows a library's place.
const TOOLS_IN: &[&str] = &["/usr/bin", "/usr/local/bin"];
const TOOLS: &[&str] = &[
    "gcc",
    "gcc-*",
    "g++",
    "g++-*",
    "cc",
    "c++",
    "clang",
    "clang-*",
    "clang++",
    "as",
    "ld",
    "ld.*",
    "x86_64-linux-gnu-*",
    "aarch64-linux-gnu-*",
];
const TOOL_FOLDERS: &[&str] = &[
    "/usr/lib/gcc",
    "/usr/lib64/gcc",
    "/usr/libexec/gcc",
    "/usr/local/cuda*/bin",
    "/usr/local/cuda*/nvvm/bin",
];
const TOOL_FILES: &[&str] = &["/usr/sbin/ldconfig*", "/sbin/ldconfig*"];
/// Programs that come with triton, seen from where packages are.
const TRITON: &str = "triton/backends/nvidia/bin";

impl Policy {
    /// What a worker may reach that needs this.
    pub fn of(needs: &Needs) -> Self {
        let Needs { programs, libraries, code, files, kept, sockets, gpu, compiles, extra } = needs;
        let mut policy = Self::default();
        policy.read.extend(paths(SYSTEM));
        policy.read.extend(libraries.iter().filter(|path| !is_too_wide(path)).cloned());
        policy.read.insert(code.clone());
        policy.read.extend(files.iter().cloned());
        policy.execute.extend(paths(LOADERS));
        policy.execute.extend(programs.iter().cloned());
        policy.write.insert(kept.clone());
        policy.write.insert(SHARED.into());
        policy.devices.extend(paths(DEVICES));
        policy.sockets.insert(sockets.clone());
        if *gpu {
            policy.read.extend(paths(GPU_SYSTEM));
            policy.read.insert(WSL.into());
            policy.devices.extend(paths(GPU_DEVICES));
            policy.names_threads = true;
            policy.sockets.extend(paths(GPU_SOCKETS));
        }
        if *compiles {
            policy.moves = true;
            policy.read.extend(paths(HEADERS));
            let tools = TOOLS_IN.iter().flat_map(|dir| TOOLS.iter().map(|tool| Path::new(dir).join(tool)));
            policy.execute.extend(tools);
            policy.execute.extend(paths(TOOL_FOLDERS).chain(paths(TOOL_FILES)));
            policy.execute.extend(libraries.iter().map(|library| library.join(TRITON)));
        }
        let [read, write, execute] = extra;
        policy.read.extend(read.iter().cloned());
        policy.write.extend(write.iter().cloned());
        policy.execute.extend(execute.iter().cloned());
        policy
    }

    /// Leaves of several GPUs one alone: that with this minor number, `/dev/nvidia1`. A policy without a GPU stays so.
    pub fn narrow_to_gpu(&mut self, minor: u32) {
        let before = self.devices.len();
        self.devices.retain(|device| !device.as_os_str().to_string_lossy().starts_with("/dev/nvidia"));
        if self.devices.len() < before {
            self.devices.extend(paths(GPU_CONTROL));
            self.devices.insert(format!("/dev/nvidia{minor}").into());
        }
    }
}

fn paths(list: &'static [&'static str]) -> impl Iterator<Item = PathBuf> {
    list.iter().map(PathBuf::from)
}

/// An interpreter of the system has `/usr` for its home. Its library stands among [`SYSTEM`] already; all the rest
/// of it, programs above all, is no worker's business.
fn is_too_wide(path: &Path) -> bool {
    ["", "/", "/usr", "/usr/local", "/usr/bin", "/usr/local/bin", "/bin", "/home", "/root", "/opt"]
        .iter()
        .any(|wide| path == Path::new(wide))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needs() -> Needs {
        Needs {
            programs: vec!["/usr/bin/python3.11".into()],
            libraries: vec!["/usr".into(), "/state/environments/f5/lib/python3.11/site-packages".into()],
            code: "/state/code".into(),
            files: vec!["/models/m.safetensors".into()],
            kept: "/state/kept/f5".into(),
            sockets: "/run/ishowtts".into(),
            ..Needs::default()
        }
    }

    #[test]
    fn a_worker_on_the_cpu_sees_its_own_files_and_no_gpu_and_starts_nothing() {
        let policy = Policy::of(&needs());
        for own in ["/state/code", "/models/m.safetensors", "/usr/lib", "/proc"] {
            assert!(policy.read.contains(Path::new(own)), "{own}");
        }
        for other in ["/", "/usr", "/usr/bin", "/etc", "/home", "/state", "/dev", "/sys"] {
            let lists = [&policy.read, &policy.write, &policy.execute, &policy.devices];
            assert!(lists.iter().all(|list| !list.contains(Path::new(other))), "{other}");
        }
        assert!(!policy.names_threads);
        let write: Vec<_> = policy.write.iter().collect();
        assert_eq!(write, [Path::new("/dev/shm"), Path::new("/state/kept/f5")]);
        let programs: Vec<_> = policy.execute.iter().filter(|path| !path.starts_with("/lib64")).collect();
        let loaders = ["/lib/ld-linux*", "/lib/ld-musl-*"].map(Path::new);
        assert_eq!(programs, [loaders[0], loaders[1], Path::new("/usr/bin/python3.11")]);
        assert!(policy.devices.iter().all(|device| !device.starts_with("/dev/dri")));
    }

    #[test]
    fn an_engine_that_compiles_gets_the_tools_and_no_shell() {
        let policy = Policy::of(&Needs { gpu: true, compiles: true, ..needs() });
        let ptxas = "/state/environments/f5/lib/python3.11/site-packages/triton/backends/nvidia/bin";
        for tool in ["/usr/bin/gcc", "/usr/bin/ld", "/usr/lib/gcc", "/sbin/ldconfig*", ptxas] {
            assert!(policy.execute.contains(Path::new(tool)), "{tool}");
        }
        assert!(policy.devices.contains(Path::new("/dev/nvidia*")));
        assert!(policy.read.contains(Path::new("/usr/include")));
        let shells = ["/bin/sh", "/usr/bin", "/bin", "/usr/bin/*", "/usr/bin/sh", "/usr/bin/bash"];
        assert!(shells.iter().all(|shell| !policy.execute.contains(Path::new(shell))));
    }

    #[test]
    fn of_several_gpus_a_worker_reaches_its_own() {
        let mut policy = Policy::of(&Needs { gpu: true, ..needs() });
        policy.narrow_to_gpu(0);
        policy.narrow_to_gpu(1);
        let cards: Vec<_> =
            policy.devices.iter().filter(|device| device.starts_with("/dev/nvidia0")).collect();
        assert!(cards.is_empty() && !policy.devices.contains(Path::new("/dev/nvidia*")), "{cards:?}");
        for own in ["/dev/nvidia1", "/dev/nvidiactl", "/dev/nvidia-uvm*", "/dev/null"] {
            assert!(policy.devices.contains(Path::new(own)), "{own}");
        }
        let mut without = Policy::of(&needs());
        without.narrow_to_gpu(1);
        assert_eq!(without, Policy::of(&needs()));
    }

    #[test]
    fn what_the_configuration_opens_is_open() {
        let extra = [vec!["/a".into()], vec!["/b".into()], vec!["/c".into()]];
        let policy = Policy::of(&Needs { extra, ..needs() });
        assert!(policy.read.contains(Path::new("/a")) && !policy.write.contains(Path::new("/a")));
        assert!(policy.write.contains(Path::new("/b")) && policy.execute.contains(Path::new("/c")));
    }
}
