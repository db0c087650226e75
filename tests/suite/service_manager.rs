//! What a service manager says and is told: sockets that it hands over, readiness, reloads, the end.

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};

use crate::support::{Api, PATIENCE, binary, config, eventually, folder, get, write};

/// A shell that hands its stdin over as the first socket.
const HAND_OVER: &str = "exec 3<&0 0</dev/null; LISTEN_FDS=1 LISTEN_PID=$$ exec \"$0\" \"$@\"";

fn told(socket: &UnixDatagram) -> String {
    let mut bytes = [0; 4096];
    let length = socket.recv(&mut bytes).unwrap();
    String::from_utf8_lossy(&bytes[..length]).into_owned()
}

#[tokio::test]
async fn it_serves_the_socket_that_it_is_handed_and_says_when_it_is_ready() {
    let api = Api::start(&["--records", "10"]);
    let folder = folder();
    let text = config(&api.url, "[web]\nlisten_addresses = ['127.0.0.1:1']\n");
    let file = write(folder.path(), "config.toml", &text);
    let path = folder.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());

    let program = binary();
    let mut command = Command::new("sh");
    command.args(["-c", HAND_OVER]).arg(program.get_program()).env_clear();
    command.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.arg("--config.file").arg(file).env("NOTIFY_SOCKET", &path);
    command.stdin(Stdio::from(OwnedFd::from(listener)));
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    assert_eq!(told(&manager), "READY=1\n");
    assert!(get(&format!("{url}/metrics")).await.contains("workspace_screen_records_up"));

    let signal = |name: &str| {
        let sent = Command::new("kill").args(["-s", name, &child.id().to_string()]).status();
        assert!(sent.unwrap().success());
    };
    signal("HUP");
    let reloading = told(&manager);
    assert!(reloading.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{reloading}");
    assert_eq!(told(&manager), "READY=1\n");
    signal("TERM");
    assert_eq!(told(&manager), "STOPPING=1\n");
    let code = eventually("it ends", async || child.try_wait().unwrap()).await;
    assert!(code.success());
}
