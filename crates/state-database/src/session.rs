//! Sessions: connections to one of the hosts, each with the task that drives it.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustls::ClientConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::{AsyncMessage, Client, Config, Connection, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::error::causes;
use super::wanted::CHANNEL;

/// Time that a request to cancel a statement may take.
const CANCEL_LIMIT: Duration = Duration::from_secs(5);

/// Options of new sessions.
#[derive(Clone)]
pub(crate) struct SessionOptions {
    /// Used if the address asks for it.
    pub(crate) tls: Arc<ClientConfig>,
    /// Gets the projects whose polls are wanted.
    pub(crate) listener: Option<UnboundedSender<String>>,
}

/// Open connection to a host.
pub(crate) struct Session {
    pub(crate) client: Client,
    /// Runs the connection, and ends with this value. On its own, it would wait for the answers to all statements.
    task: JoinHandle<()>,
    tls: Option<MakeRustlsConnect>,
    is_forgotten: AtomicBool,
}

impl Session {
    /// Connects to the one host of a config.
    pub(crate) async fn open(
        config: &Config,
        uses_tls: bool,
        options: &SessionOptions,
    ) -> Result<Self, tokio_postgres::Error> {
        let listener = options.listener.clone();
        let tls = uses_tls.then(|| MakeRustlsConnect::new(ClientConfig::clone(&options.tls)));
        let (client, task) = if let Some(tls) = tls.clone() {
            let (client, connection) = config.connect(tls).await?;
            (client, tokio::spawn(drive(connection, listener)))
        } else {
            let (client, connection) = config.connect(NoTls).await?;
            (client, tokio::spawn(drive(connection, listener)))
        };
        let session = Self { client, task, tls, is_forgotten: AtomicBool::new(false) };
        if options.listener.is_some() {
            session.listen().await;
        }
        Ok(session)
    }

    async fn listen(&self) {
        if let Err(error) = self.client.batch_execute(&format!("listen {CHANNEL}")).await {
            // Without notifications, wanted polls are seen a little later.
            tracing::debug!("the database refuses to notify: {}", causes(&error));
        }
    }

    /// Returns whether new statements may use it.
    pub(crate) fn is_usable(&self) -> bool {
        !self.client.is_closed() && !self.is_forgotten.load(Ordering::Relaxed)
    }

    /// Gives it no new statements. Those that wait for their answer may still get it.
    pub(crate) fn forget(&self) {
        self.is_forgotten.store(true, Ordering::Relaxed);
    }

    /// Asks the database to cancel the statement that it executes, in the background. Otherwise the statement would
    /// wait on, for a lock for example, and keep its process in the database although the connection is closed.
    pub(crate) fn cancel(&self) {
        let (token, tls) = (self.client.cancel_token(), self.tls.clone());
        tokio::spawn(timeout(CANCEL_LIMIT, async move {
            let sent = match tls {
                Some(tls) => token.cancel_query(tls).await,
                None => token.cancel_query(NoTls).await,
            };
            if let Err(error) = sent {
                tracing::debug!("cannot cancel a statement: {}", causes(&error));
            }
        }));
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Runs a connection until it ends, and passes the payloads of notifications on.
async fn drive<S, T>(mut connection: Connection<S, T>, listener: Option<UnboundedSender<String>>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    // The client learns of errors with its next statement.
    while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
        if let (AsyncMessage::Notification(wanted), Some(listener)) = (message, &listener) {
            // The receiver may have ended; then nobody is interested.
            let _ = listener.send(wanted.payload().to_owned());
        }
    }
}
