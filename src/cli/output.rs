//! Output of a command that may be long: stdout, or a file that appears when it is complete.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::TempPath;

use crate::app::Failure;

/// Output under construction. Nothing is under the target's name before [`Self::finish`], and nothing
/// is left behind if it is dropped earlier.
#[derive(Debug)]
pub(super) struct Output {
    path: PathBuf,
    /// File beside the target; `None` to write to the target itself.
    temporary: Option<TempPath>,
}

impl Output {
    /// Begins the output. `-` is stdout. A pipe or a device is written to directly. A new file gets the
    /// permissions `mode`, to which the process' own mask is applied.
    pub(super) fn begin(path: &Path, mode: u32) -> Result<(Self, Box<dyn Write + Send>), Failure> {
        let failed = |error| cannot_write(path, &error);
        // Renaming would replace a link by the file.
        let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let output = |temporary| Self { path: target.clone(), temporary };
        if path == Path::new("-") {
            return Ok((output(None), Box::new(io::stdout())));
        }
        if fs::metadata(path).is_ok_and(|known| !known.is_file()) {
            let file = OpenOptions::new().write(true).open(path).map_err(failed)?;
            return Ok((output(None), Box::new(file)));
        }
        let mode = Permissions::from_mode(mode);
        let new = tempfile::Builder::new()
            .permissions(mode)
            .prefix(".new-")
            .tempfile_in(directory_of(&target));
        let (file, temporary) = new.map_err(failed)?.into_parts();
        Ok((output(Some(temporary)), Box::new(file)))
    }

    /// Puts a complete file in the place of the target.
    pub(super) fn finish(self) -> Result<(), Failure> {
        let Some(temporary) = self.temporary else { return Ok(()) };
        let synced = File::open(&temporary).and_then(|file| file.sync_all());
        synced.map_err(|error| cannot_write(&self.path, &error))?;
        temporary.persist(&self.path).map_err(|error| cannot_write(&self.path, &error.error))
    }
}

/// Returns the failure to write an output.
pub(super) fn cannot_write(path: &Path, error: &io::Error) -> Failure {
    let name =
        if path == Path::new("-") { "stdout".to_owned() } else { path.display().to_string() };
    Failure::run(format!("cannot write to {name}: {error}"))
}

fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|parent| *parent != Path::new("")).unwrap_or(Path::new("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_appears_when_it_is_complete() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("output");
        fs::write(&path, "earlier").unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        let (output, mut writer) = Output::begin(&link, 0o600).unwrap();
        writer.write_all(b"new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "earlier");
        output.finish().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        let (output, mut writer) = Output::begin(&path, 0o600).unwrap();
        writer.write_all(b"incomplete").unwrap();
        drop(output);
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_device_is_not_replaced_and_a_directory_is_refused() {
        let (output, mut writer) = Output::begin(Path::new("/dev/null"), 0o600).unwrap();
        writer.write_all(b"x").unwrap();
        output.finish().unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
        let folder = tempfile::tempdir().unwrap();
        for path in [folder.path(), &folder.path().join("missing/output")] {
            assert!(Output::begin(path, 0o600).is_err(), "{}", path.display());
        }
    }
}
