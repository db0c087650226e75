//! Where a state lies: a file in memory that can be full, and of which a process that is killed
//! leaves what it had written by then.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::path::PathBuf;

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};

pub(super) struct Disk {
    folder: tempfile::TempDir,
    file: File,
}

impl Disk {
    pub(super) fn new() -> Self {
        let disk = Self { folder: tempfile::tempdir().unwrap(), file: empty() };
        disk.link();
        disk
    }

    /// The path of the state.
    pub(super) fn path(&self) -> PathBuf {
        self.folder.path().join("p.redb")
    }

    /// Nothing can be written any more.
    pub(super) fn fill(&self) {
        fcntl_add_seals(&self.file, SealFlags::WRITE | SealFlags::GROW).unwrap();
    }

    /// From now on there is another file, with what was written by now. Who has the earlier one
    /// open writes for nobody.
    pub(super) fn exchange(&mut self) {
        let mut copy = empty();
        // By its path: this file and its copies share a position.
        io::copy(&mut File::open(self.path()).unwrap(), &mut copy).unwrap();
        self.file = copy;
        fs::remove_file(self.path()).unwrap();
        self.link();
    }

    fn link(&self) {
        let file = format!("/proc/self/fd/{}", self.file.as_raw_fd());
        std::os::unix::fs::symlink(file, self.path()).unwrap();
    }
}

fn empty() -> File {
    let flags = MemfdFlags::ALLOW_SEALING | MemfdFlags::CLOEXEC;
    memfd_create("state", flags).unwrap().into()
}
