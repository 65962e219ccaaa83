//! What of a lock an environment gets.

/// Packages that a machine's own image may bring, built for its GPU; no others would fit it.
const GPU_STACK: [&str; 4] = ["torch", "torchaudio", "torchvision", "triton"];
/// How the names of the libraries below them begin.
const GPU_LIBRARIES: [&str; 2] = ["nvidia-", "cuda-"];

/// The lock without what the system's image brings for its GPU, and the names of what was left out.
///
/// A pin is a line `name==version ; marker \`, and the indented lines below it are its hashes.
pub fn without_gpu_stack(lock: &str) -> (String, Vec<String>) {
    let (mut kept, mut left_out) = (String::with_capacity(lock.len()), Vec::<String>::new());
    let (mut leaving_out, mut continued) = (false, false);
    for line in lock.split_inclusive('\n') {
        if !continued && !line.starts_with([' ', '\t']) {
            let name = name(line);
            leaving_out = is_gpu_stack(&name);
            if leaving_out && !left_out.contains(&name) {
                left_out.push(name);
            }
        }
        continued = line.trim_end().ends_with('\\');
        if !leaving_out {
            kept.push_str(line);
        }
    }
    (kept, left_out)
}

/// The name at the beginning of a pin, written the one way that package indices do; empty if it is none.
fn name(line: &str) -> String {
    let is_name = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let name: String = line.chars().take_while(is_name).collect();
    let words: Vec<&str> = name.split(['-', '_', '.']).filter(|word| !word.is_empty()).collect();
    words.join("-").to_lowercase()
}

fn is_gpu_stack(name: &str) -> bool {
    GPU_STACK.contains(&name) || GPU_LIBRARIES.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = "\
# by uv
numpy==2.2.6 ; python_full_version < '3.11' \\
    --hash=sha256:aa \\
    --hash=sha256:bb
    # via torch
nvidia-cublas==13.1 ; sys_platform == 'linux' \\
    --hash=sha256:cc
cuda_bindings==13.0 --hash=sha256:dd
torch==2.11.0 ; platform_machine == 'x86_64' \\
    --hash=sha256:ee \\
    --hash=sha256:ff
torch==2.10.0 ; platform_machine == 'aarch64' \\
    --hash=sha256:gg
    # via f5-tts
torchdiffeq==0.2.5 \\
    --hash=sha256:hh
torch-einops-utils==0.1 \\
    --hash=sha256:ii
Triton==3.0 \\
    --hash=sha256:jj
zipp==1.0 \\
    --hash=sha256:kk
";

    #[test]
    fn what_the_image_brings_for_its_gpu_is_left_out_with_its_hashes_and_nothing_else_is() {
        let (kept, left_out) = without_gpu_stack(LOCK);
        let expected = "\
# by uv
numpy==2.2.6 ; python_full_version < '3.11' \\
    --hash=sha256:aa \\
    --hash=sha256:bb
    # via torch
torchdiffeq==0.2.5 \\
    --hash=sha256:hh
torch-einops-utils==0.1 \\
    --hash=sha256:ii
zipp==1.0 \\
    --hash=sha256:kk
";
        assert_eq!(kept, expected);
        assert_eq!(left_out, ["nvidia-cublas", "cuda-bindings", "torch", "triton"]);
    }

    #[test]
    fn a_pin_that_goes_on_in_a_line_without_indentation_is_one_pin() {
        let (kept, left_out) = without_gpu_stack("torch==2.11.0 \\\n--hash=sha256:ee\nnumpy==2.0\n");
        assert_eq!((kept.as_str(), left_out.len()), ("numpy==2.0\n", 1));
    }

    #[test]
    fn a_lock_without_a_gpu_stack_stays_as_it_is() {
        let lock = "numpy==2.0 \\\n    --hash=sha256:aa";
        assert_eq!(without_gpu_stack(lock), (lock.to_owned(), Vec::new()));
    }
}
