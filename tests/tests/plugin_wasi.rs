//! Plugins that import from WASI, and what their hosts can give them.
//!
//! How: a reactor and a command, out of clang, are compiled with -shared. The host in C checks what it gives and what
//! comes of it; the one in Python is as short as such a host can be.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use w2n_tests::program::{build_c, compile, fixture};
use w2n_tests::workshop::{Workshop, says_ok};

/// The plugins, and a directory for the guest.
struct Plugins {
    workshop: Workshop,
    dir: tempfile::TempDir,
}

impl Plugins {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("given")).unwrap();
        fs::write(dir.path().join("given/data"), "12345").unwrap();
        Self { workshop: Workshop::new("plugin_wasi"), dir }
    }

    /// `<name>.c`, compiled by clang and then with -shared and these options.
    fn plugin(&self, name: &str, model: &[&str], options: &[&str]) -> PathBuf {
        let (module, plugin) =
            (self.dir.path().join(name).with_extension("wasm"), self.dir.path().join(name));
        let source = fixture("plugin_wasi").join(name).with_extension("c");
        build_c(&source, model, &module).unwrap_or_else(|reason| panic!("{reason}"));
        let plugin = plugin.with_extension("so");
        compile(&module, &plugin, &[&["-shared"], options].concat())
            .unwrap_or_else(|reason| panic!("{reason}"));
        plugin
    }

    fn guest(&self, options: &[&str]) -> PathBuf {
        self.plugin("guest", &["-mexec-model=reactor"], options)
    }
}

#[test]
fn a_host_in_c_gives_what_it_likes_and_nothing_else_is_there() {
    let plugins = Plugins::new();
    let elsewhere = Workshop::new("plugin");
    let plain = elsewhere.plugin("small", "small", &[]);
    let (command, host) = (plugins.plugin("command", &[], &[]), plugins.workshop.host("host.c", &[]));
    for options in [&["-O0"][..], &["-O2"], &["-O2", "--bounds-checks=software"]] {
        let given = plugins.dir.path().join("given");
        says_ok(Command::new(&host).arg(plugins.guest(options)).args([&command, &plain, &given]));
        fs::remove_file(given.join("new")).unwrap();
    }
}

#[test]
fn a_host_in_python_reads_what_its_guest_prints() {
    let plugins = Plugins::new();
    says_ok(Command::new("python3").arg(fixture("plugin_wasi/host.py")).arg(plugins.guest(&[])));
}
