//! TLS connections while the web config changes.

use std::io::{Read, Write};

use super::*;

/// Ways to change the web config, and whether a client from before may send a request afterwards.
const CHANGES: [(&str, bool); 3] = [
    ("", true),
    ("http_server_config: {headers: {X-Frame-Options: deny}}\n", true),
    ("  client_auth_type: RequireAnyClientCert\n", false),
];

/// Replaces the certificate, and adds lines to the web config. Waits until the server has read both.
async fn change(server: &Server, more: &str) {
    let mut changes = server.web.changes();
    tokio::spawn(server.web.clone().keep_current(server.shutdown.clone()));
    write_tls(server.folder.path(), more);
    timeout(LIMIT, changes.changed()).await.expect("the change goes unnoticed").unwrap();
}

/// A client whose handshake is half done.
async fn begin_handshake(server: &Server) -> (rustls::ClientConnection, TcpStream) {
    let name = ServerName::try_from("localhost").unwrap();
    let config = Arc::new(client_config(server.folder.path()));
    let mut client = rustls::ClientConnection::new(config, name).unwrap();
    let mut stream = server.connect().await;
    let mut hello = Vec::new();
    client.write_tls(&mut hello).unwrap();
    stream.write_all(&hello).await.unwrap();
    timeout(LIMIT, stream.readable()).await.unwrap().unwrap();
    (client, stream)
}

/// Finishes the handshake, sends a request, and returns what is received until the connection is closed.
async fn finish(client: rustls::ClientConnection, stream: TcpStream) -> String {
    let stream = stream.into_std().unwrap();
    stream.set_nonblocking(false).unwrap();
    let received = tokio::task::spawn_blocking(move || {
        let mut stream = rustls::StreamOwned::new(client, stream);
        let mut received = Vec::new();
        // Either may find the connection closed.
        let _ = stream.write_all(REQUEST);
        let _ = stream.read_to_end(&mut received);
        String::from_utf8(received).unwrap()
    });
    timeout(LIMIT, received).await.expect("the connection stays open").unwrap()
}

#[tokio::test]
async fn a_handshake_in_progress_survives_a_change_of_certificates() {
    for (more, is_served) in CHANGES {
        let limits = Limits { handshake: LIMIT, headers: LIMIT * 10, ..SHORT };
        let server = Server::start_with(8, limits, true).await;
        let (client, stream) = begin_handshake(&server).await;
        change(&server, more).await;
        let answer = finish(client, stream).await;
        assert_eq!(answer.starts_with("HTTP/1.1 200 OK"), is_served, "{more}: {answer}");
    }
}

#[tokio::test]
async fn a_first_request_on_its_way_survives_a_change_of_certificates() {
    for (more, is_served) in CHANGES {
        let limits = Limits { headers: LIMIT * 10, ..SHORT };
        let server = Server::start_with(8, limits, true).await;
        let mut stream = server.connect_by_tls().await;
        change(&server, more).await;
        let line = timeout(LIMIT, try_first_line(&mut stream)).await.expect("no answer");
        assert_eq!(line.is_ok(), is_served, "{more}: {line:?}");
        if is_served {
            let mut rest = Vec::new();
            let read = timeout(LIMIT, stream.read_to_end(&mut rest)).await;
            read.expect("the connection stays open").unwrap();
        }
    }
}
