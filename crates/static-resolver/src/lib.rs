//! Name resolution of a program that is linked statically with the GNU C Library.
//!
//! The library reads from `/etc/nsswitch.conf` which modules resolve the names of hosts. A static program has those
//! for `files` and `dns`. It would load others, such as `resolve` and `myhostname`, from the machine, together with
//! the machine's C library, and crash if that is of another version.

/// Resolves names of hosts by `/etc/hosts` and DNS only, if the program is linked statically.
///
/// Call it before the first name is resolved.
pub fn use_files_and_dns() {
    #[cfg(all(target_env = "gnu", target_feature = "crt-static"))]
    glibc::use_files_and_dns();
}

#[cfg(all(target_env = "gnu", target_feature = "crt-static"))]
mod glibc {
    use std::ffi::{c_char, c_int};

    unsafe extern "C" {
        /// Replaces what `/etc/nsswitch.conf` has for a database (`nss.h`).
        fn __nss_configure_lookup(database: *const c_char, services: *const c_char) -> c_int;
    }

    pub(super) fn use_files_and_dns() {
        // SAFETY: both arguments are strings that end in a zero byte and live forever.
        let result = unsafe { __nss_configure_lookup(c"hosts".as_ptr(), c"files dns".as_ptr()) };
        // It fails without memory, where the program cannot start either.
        assert!(result == 0, "the C library does not accept its own modules");
    }
}
