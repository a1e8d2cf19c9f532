//! What the system says about this process. What it does not say is left out.

use std::fs;

use doorward_proxy::metrics::Exposition;

pub(super) fn write(all: &mut Exposition) {
    if let Some(bytes) = resident() {
        all.gauge("process_resident_memory_bytes", "Memory that is in use.", bytes);
    }
    if let Ok(open) = fs::read_dir("/proc/self/fd") {
        // Without the one that reads the list.
        let open = open.count().saturating_sub(1);
        all.gauge("process_open_fds", "File descriptors that are open.", open);
    }
    let most = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
    if let Some(most) = most {
        all.gauge("process_max_fds", "File descriptors that may be open.", most);
    }
}

/// From the line `VmRSS:     1234 kB` of proc_pid_status(5).
fn resident() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}
