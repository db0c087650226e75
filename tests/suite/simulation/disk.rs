//! Where a state lies: a log that replicas share, or a file in memory. It can be full, that can be lost, and of which a process that
//! is killed leaves what it had written by then.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::path::PathBuf;

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};

pub(super) struct Disk {
    folder: tempfile::TempDir,
    /// The file that the path leads to, unless the process has created another one.
    file: File,
    /// Number of processes that were killed.
    crashes: u32,
}

impl Disk {
    pub(super) fn new() -> Self {
        let disk = Self { folder: tempfile::tempdir().unwrap(), file: empty(), crashes: 0 };
        disk.link();
        disk
    }

    /// The path of the state.
    pub(super) fn path(&self) -> PathBuf {
        self.directory().join("p.redb")
    }

    /// Nothing can be written any more.
    pub(super) fn fill(&self) {
        if self.path().is_symlink() {
            fcntl_add_seals(&self.file, SealFlags::WRITE | SealFlags::GROW).unwrap();
        } else {
            fs::rename(self.directory(), self.away()).unwrap();
            fs::write(self.directory(), "").unwrap();
        }
    }

    /// There is room again.
    pub(super) fn free(&mut self) {
        if self.away().exists() {
            fs::remove_file(self.directory()).unwrap();
            fs::rename(self.away(), self.directory()).unwrap();
        } else {
            self.file = self.copy();
            fs::remove_file(self.path()).unwrap();
            self.link();
        }
    }

    /// The directory is removed with everything in it.
    pub(super) fn lose(&self) {
        fs::remove_dir_all(self.directory()).unwrap();
    }

    /// The process is killed. The next one has another path, with what was written by now. Whatever
    /// the killed one does after that, it does for nobody.
    pub(super) fn crash(&mut self) {
        self.file = self.copy();
        self.crashes += 1;
        self.link();
    }

    fn directory(&self) -> PathBuf {
        self.folder.path().join(self.crashes.to_string())
    }

    fn away(&self) -> PathBuf {
        self.folder.path().join("away")
    }

    fn copy(&self) -> File {
        let mut copy = empty();
        // By its path: this file and its copies share a position.
        io::copy(&mut File::open(self.path()).unwrap(), &mut copy).unwrap();
        copy
    }

    fn link(&self) {
        let file = format!("/proc/self/fd/{}", self.file.as_raw_fd());
        fs::create_dir_all(self.directory()).unwrap();
        std::os::unix::fs::symlink(file, self.path()).unwrap();
    }
}

fn empty() -> File {
    let flags = MemfdFlags::ALLOW_SEALING | MemfdFlags::CLOEXEC;
    memfd_create("state", flags).unwrap().into()
}
