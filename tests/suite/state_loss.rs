//! The state is removed, moved or replaced while the process runs: the next commit writes it again.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use records_api::record::Timestamp;
use records_api_simulator::Status;
use screen_records_exporter::ledger::DurableLedger;

use crate::harness::{Harness, HarnessOptions, Samples, UP, is_counter};
use crate::support::{Api, Exporter, Process, binary, config, eventually, folder, write};

/// A process whose state is in `data` in a folder, with 4 failures counted. `older` is a copy of the
/// state before.
struct Scene {
    folder: tempfile::TempDir,
    harness: Harness,
}

impl Scene {
    async fn begin() -> Self {
        let folder = folder();
        fs::create_dir(folder.path().join("data")).unwrap();
        let mut setup = HarnessOptions::new(60);
        setup.options.odd_share = 0.0;
        setup.state = Some(folder.path().join("data/p.redb"));
        let scene = Self { harness: setup.start(), folder };
        scene.poll_after(0).await;
        scene.poll_after(2).await;
        fs::copy(scene.state(), scene.older()).unwrap();
        scene.poll_after(2).await;
        scene
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn state(&self) -> PathBuf {
        self.data().join("p.redb")
    }

    fn older(&self) -> PathBuf {
        self.folder.path().join("older")
    }

    /// Polls half a minute later, after so many failures.
    async fn poll_after(&self, failures: i64) {
        self.fail(failures);
        tokio::time::sleep(Duration::from_secs(30)).await;
        assert_eq!(self.harness.poll().await, Ok(()));
    }

    fn fail(&self, failures: i64) {
        self.harness.simulator().edit(|world| {
            for n in 0..failures {
                world.insert_at(world.now() - n * 1000, Status::UploadFailed);
            }
        });
    }

    fn counters(&self) -> Samples {
        self.harness.shown().into_iter().filter(|(name, _)| is_counter(name)).collect()
    }

    /// Asserts that another process continues with the same counters.
    async fn assert_survives_restart(self, what: &str) {
        let before = self.counters();
        let entered = self.harness.transitions();
        let scene = Self { harness: self.harness.restart(), ..self };
        assert_eq!(scene.counters(), before, "{what}");
        scene.poll_after(3).await;
        assert_eq!(scene.harness.transitions(), entered + 3.0, "{what}");
    }

    /// Files next to the state and the time at which counting began.
    fn others(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.data()).unwrap().map(|entry| entry.unwrap().path());
        let own = [self.state(), self.state().with_extension("counting-since")];
        entries.filter(|path| !own.contains(path)).collect()
    }
}

/// Something that happens to the state: a description, and the change of the folder.
type Loss = (&'static str, fn(&Scene));

const LOSSES: [Loss; 5] = [
    ("the directory is removed", |scene| fs::remove_dir_all(scene.data()).unwrap()),
    ("the directory is moved", |scene| {
        fs::rename(scene.data(), scene.folder.path().join("moved")).unwrap();
    }),
    ("the directory is replaced by an empty one", |scene| {
        fs::remove_dir_all(scene.data()).unwrap();
        fs::create_dir(scene.data()).unwrap();
    }),
    ("the file is removed", |scene| fs::remove_file(scene.state()).unwrap()),
    ("the directory becomes a link to one that does not exist", |scene| {
        fs::remove_dir_all(scene.data()).unwrap();
        symlink("somewhere/else", scene.data()).unwrap();
    }),
];

/// The file is replaced by this one.
const REPLACEMENTS: [Loss; 4] = [
    ("an older state", |scene| {
        fs::rename(scene.older(), scene.state()).unwrap();
    }),
    ("a text", |scene| {
        fs::remove_file(scene.state()).unwrap();
        fs::write(scene.state(), "not a state").unwrap();
    }),
    ("an empty file", |scene| {
        fs::remove_file(scene.state()).unwrap();
        fs::write(scene.state(), "").unwrap();
    }),
    ("a directory", |scene| {
        fs::remove_file(scene.state()).unwrap();
        fs::create_dir(scene.state()).unwrap();
        fs::write(scene.state().join("file"), "kept").unwrap();
    }),
];

#[tokio::test(start_paused = true)]
async fn a_lost_state_is_written_again_by_the_next_commit() {
    for (what, lose) in LOSSES {
        let scene = Scene::begin().await;
        let entered = scene.harness.transitions();
        lose(&scene);
        scene.poll_after(5).await;
        assert_eq!(scene.harness.transitions(), entered + 5.0, "{what}");
        assert!(scene.others().is_empty(), "{what}: {:?}", scene.others());
        assert_eq!(fs::metadata(scene.state()).unwrap().mode() & 0o777, 0o600, "{what}");
        scene.assert_survives_restart(what).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_commit_without_changes_writes_a_lost_state_again() {
    for (what, lose) in LOSSES {
        let scene = Scene::begin().await;
        lose(&scene);
        scene.poll_after(0).await;
        scene.assert_survives_restart(what).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_that_replaces_the_state_is_set_aside() {
    for (what, replace) in REPLACEMENTS {
        let scene = Scene::begin().await;
        let entered = scene.harness.transitions();
        let older = fs::read(scene.older()).unwrap();
        replace(&scene);
        scene.poll_after(5).await;
        assert_eq!(scene.harness.transitions(), entered + 5.0, "{what}");
        let others = scene.others();
        assert!(others.len() == 1 && others[0].to_str().unwrap().contains(".set-aside-"), "{what}");
        match what {
            "an older state" => {
                let (kept, _) = DurableLedger::open(&others[0], Timestamp::from_millis(0)).unwrap();
                assert_eq!(kept.len(), 62, "{what}, of {} bytes", older.len());
            }
            "a directory" => assert_eq!(fs::read(others[0].join("file")).unwrap(), b"kept"),
            "a text" => assert_eq!(fs::read(&others[0]).unwrap(), b"not a state"),
            _ => assert_eq!(fs::metadata(&others[0]).unwrap().len(), 0, "{what}"),
        }
        scene.assert_survives_restart(what).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_that_another_program_writes_into_is_written_again() {
    for failures in [0, 5] {
        for bytes in [fs::read, |_: PathBuf| Ok(b"not a state".to_vec())] {
            let scene = Scene::begin().await;
            let entered = scene.harness.transitions();
            fs::write(scene.state(), bytes(scene.older()).unwrap()).unwrap();
            scene.poll_after(failures).await;
            assert_eq!(scene.harness.transitions(), entered + failures as f64);
            // Closing the database may damage what was written into its file.
            assert!(scene.others().len() <= 1);
            scene.assert_survives_restart("another program").await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_state_that_is_lost_again_and_again_is_written_each_time() {
    let scene = Scene::begin().await;
    for failures in 1..8 {
        let entered = scene.harness.transitions();
        fs::remove_dir_all(scene.data()).unwrap();
        scene.poll_after(failures).await;
        assert_eq!(scene.harness.transitions(), entered + failures as f64);
    }
    scene.assert_survives_restart("seven losses").await;
}

#[tokio::test(start_paused = true)]
async fn a_hard_link_to_the_state_is_not_a_loss() {
    let scene = Scene::begin().await;
    let inode = fs::metadata(scene.state()).unwrap().ino();
    fs::hard_link(scene.state(), scene.folder.path().join("link")).unwrap();
    scene.poll_after(5).await;
    assert_eq!(fs::metadata(scene.state()).unwrap().ino(), inode);
    assert!(scene.others().is_empty());
    scene.assert_survives_restart("a hard link").await;
}

#[tokio::test(start_paused = true)]
async fn polls_fail_while_another_process_holds_the_path() {
    let scene = Scene::begin().await;
    let before = scene.counters();
    let (other, _) = DurableLedger::open(&scene.older(), Timestamp::from_millis(0)).unwrap();
    fs::rename(scene.older(), scene.state()).unwrap();
    scene.fail(5);
    for _ in 0..2 {
        tokio::time::sleep(Duration::from_secs(30)).await;
        let failure = scene.harness.poll().await.unwrap_err();
        assert!(failure.what.contains("p.redb is in use by another process"), "{}", failure.what);
        assert!(failure.remedy.contains("stop the other process"), "{}", failure.remedy);
        assert_eq!(scene.counters(), before);
        assert!(scene.others().is_empty(), "a state in use is left alone");
    }
    drop(other);
    let entered = scene.harness.transitions();
    scene.poll_after(0).await;
    assert_eq!(scene.harness.transitions(), entered + 5.0);
    assert_eq!(scene.others().len(), 1);
    scene.assert_survives_restart("another process").await;
}

#[tokio::test(start_paused = true)]
async fn polls_fail_until_the_directory_can_be_created() {
    let scene = Scene::begin().await;
    let before = scene.counters();
    fs::remove_dir_all(scene.data()).unwrap();
    fs::write(scene.data(), "a file").unwrap();
    scene.fail(5);
    for _ in 0..2 {
        tokio::time::sleep(Duration::from_secs(30)).await;
        let failure = scene.harness.poll().await.unwrap_err();
        assert!(failure.what.contains("data/p.redb cannot be written"), "{}", failure.what);
        assert_eq!(scene.harness.shown().get(UP), Some(&0.0));
        assert_eq!(scene.counters(), before);
    }
    fs::remove_file(scene.data()).unwrap();
    let entered = scene.harness.transitions();
    scene.poll_after(1).await;
    assert_eq!(scene.harness.transitions(), entered + 6.0);
    scene.assert_survives_restart("a file in the place of the directory").await;
}

fn command(folder: &Path, api: &Api, directory: &Path) -> std::process::Command {
    let more = format!(
        "[web]\nlisten_addresses = [\"127.0.0.1:0\"]\n[state]\ndirectory = \"{}\"\n[poll]\n\
         min_interval = \"100ms\"\nmode = \"background\"\n",
        directory.display(),
    );
    let path = write(folder, "config.toml", &config(&api.url, &more));
    let mut command = binary();
    command.env_remove("SCREEN_RECORDS_EXPORTER__STATE__DIRECTORY");
    command.arg("--config.file").arg(path);
    command
}

#[tokio::test]
async fn the_log_names_a_state_that_was_removed() {
    let (api, folder) = (Api::start(&["--records", "50"]), folder());
    let directory = folder.path().join("deep/state");
    let process = Process::start(&mut command(folder.path(), &api, &directory));
    let exporter = Exporter::of(process).await;
    exporter.scraped_until(UP, 1.0).await;
    fs::remove_dir_all(folder.path().join("deep")).unwrap();
    eventually("the state is written again", async || {
        directory.join("p.redb").exists().then_some(())
    })
    .await;
    eventually("the log names it", async || {
        let said = exporter.process.stderr();
        let line = said.lines().find(|line| line.contains("was removed while the process ran"))?;
        (line.contains("level=warn") && line.contains("deep/state/p.redb")).then_some(())
    })
    .await;
    exporter.scraped_until(UP, 1.0).await;
}

#[tokio::test]
async fn a_readable_state_becomes_private_and_the_log_says_so() {
    let (api, folder) = (Api::start(&["--records", "50"]), folder());
    let directory = folder.path().join("state");
    let run = async || {
        let process = Process::start(&mut command(folder.path(), &api, &directory));
        let exporter = Exporter::of(process).await;
        exporter.scraped_until(UP, 1.0).await;
        exporter.process.stderr()
    };
    assert!(!run().await.contains("other users"));
    for mode in [0o666, 0o640, 0o604] {
        let path = directory.join("p.redb");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let said = run().await;
        assert!(said.contains("other users could access the state"), "{said}");
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600, "{mode:o}");
    }
}

#[tokio::test]
async fn the_target_of_a_dangling_link_is_created() {
    let (api, folder) = (Api::start(&["--records", "50"]), folder());
    let (link, nested) = (folder.path().join("link"), folder.path().join("nested"));
    symlink("missing/relative", &link).unwrap();
    symlink(folder.path().join("missing/absolute"), &nested).unwrap();
    let cases = [(link, "missing/relative"), (nested.join("below"), "missing/absolute/below")];
    for (directory, target) in cases {
        let process = Process::start(&mut command(folder.path(), &api, &directory));
        let exporter = Exporter::of(process).await;
        exporter.scraped_until(UP, 1.0).await;
        let target = folder.path().join(target);
        assert!(target.join("p.redb").exists());
        assert_eq!(fs::metadata(target).unwrap().mode() & 0o777, 0o700);
    }
}

#[test]
fn a_link_to_itself_is_refused_with_the_reason() {
    let folder = folder();
    let link = folder.path().join("link");
    symlink("link", &link).unwrap();
    let error = DurableLedger::open(&link.join("p.redb"), Timestamp::from_millis(0)).unwrap_err();
    assert!(error.to_string().contains("cannot be used"), "{error}");
}
