//! A file system of a few megabytes, which becomes full.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::server::give;

/// A file system in memory that ends with this value.
#[derive(Debug)]
pub(crate) struct SmallDisk {
    path: PathBuf,
}

impl SmallDisk {
    /// Mounts one on a new folder. Requires root.
    pub(crate) async fn mount(path: &Path, size: u64) -> Self {
        std::fs::create_dir(path).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(path);
        assert!(mount.status().unwrap().success(), "only root can mount a file system");
        give(path).await;
        Self { path: path.to_owned() }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    fn filler(&self) -> PathBuf {
        self.path.join("filler")
    }

    pub(crate) fn fill(&self) {
        let mut file = std::fs::File::create(self.filler()).unwrap();
        // Ends with the error that the disk is full.
        while file.write_all(&[0; 4096]).is_ok() {}
    }

    pub(crate) fn free(&self) {
        std::fs::remove_file(self.filler()).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // The server is gone, or holds its files until it is.
        let _ = Command::new("umount").arg("--lazy").arg(&self.path).status();
    }
}
