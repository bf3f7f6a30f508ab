//! The protocol on the wire (RESP2): commands and replies.

use std::io;

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt};

/// A command, or the end of one.
#[derive(Clone, Debug, Default)]
pub(super) struct Command {
    arguments: usize,
    bytes: Vec<u8>,
}

impl Command {
    /// A command of these words.
    pub(super) fn of(words: &[&str]) -> Command {
        let mut command = Command::default();
        for word in words {
            command.push(word);
        }
        command
    }

    /// Adds an argument.
    pub(super) fn push(&mut self, argument: impl AsRef<[u8]>) {
        let argument = argument.as_ref();
        self.arguments += 1;
        self.bytes.extend_from_slice(format!("${}\r\n", argument.len()).as_bytes());
        self.bytes.extend_from_slice(argument);
        self.bytes.extend_from_slice(b"\r\n");
    }

    /// This command with more arguments.
    pub(super) fn then(mut self, rest: &Command) -> Command {
        self.arguments += rest.arguments;
        self.bytes.extend_from_slice(&rest.bytes);
        self
    }

    /// What to send for this command, with `rest` as its last arguments.
    pub(super) fn write_with(&self, rest: &Command, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("*{}\r\n", self.arguments + rest.arguments).as_bytes());
        out.extend_from_slice(&self.bytes);
        out.extend_from_slice(&rest.bytes);
    }

    /// What to send for this command.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        self.write_with(&Command::default(), out);
    }
}

/// What the server says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    Nothing,
    Number(i64),
    /// A short word such as `OK`, or bytes.
    Bytes(Vec<u8>),
    /// Never lists in lists: no command of ours asks for them.
    List(Vec<Reply>),
    /// Begins with a word that says its kind.
    Error(String),
}

/// The longest line: of an error.
const LINE: u64 = 64 * 1024;

/// Reads one reply.
pub(super) async fn read(stream: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Reply> {
    let (kind, line) = read_line(stream).await?;
    if kind != b'*' {
        return read_item(stream, kind, line).await;
    }
    let Ok(length) = usize::try_from(number(&line)?) else { return Ok(Reply::Nothing) };
    let mut items = Vec::new();
    for _ in 0..length {
        let (kind, line) = read_line(stream).await?;
        items.push(read_item(stream, kind, line).await?);
    }
    Ok(Reply::List(items))
}

async fn read_item(stream: &mut (impl AsyncBufRead + Unpin), kind: u8, line: String) -> io::Result<Reply> {
    Ok(match kind {
        b'+' => Reply::Bytes(line.into_bytes()),
        b'-' => Reply::Error(line),
        b':' => Reply::Number(number(&line)?),
        b'$' => {
            let Ok(length) = usize::try_from(number(&line)?) else { return Ok(Reply::Nothing) };
            let mut bytes = vec![0; length];
            stream.read_exact(&mut bytes).await?;
            let mut end = [0; 2];
            stream.read_exact(&mut end).await?;
            Reply::Bytes(bytes)
        }
        _ => return Err(malformed()),
    })
}

/// The kind of what follows, and the rest of its line.
async fn read_line(stream: &mut (impl AsyncBufRead + Unpin)) -> io::Result<(u8, String)> {
    let mut line = Vec::new();
    stream.take(LINE).read_until(b'\n', &mut line).await?;
    if line.is_empty() {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed the connection"));
    }
    match &*line {
        [kind, rest @ .., b'\r', b'\n'] => Ok((*kind, String::from_utf8_lossy(rest).into_owned())),
        _ => Err(malformed()),
    }
}

fn number(line: &str) -> io::Result<i64> {
    line.parse().map_err(|_| malformed())
}

fn malformed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the server does not speak the protocol of Redis")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests may panic")]

    use super::*;

    #[test]
    fn commands_are_counted_and_measured() {
        let mut out = Vec::new();
        Command::of(&["GET", "é\r\n"]).write(&mut out);
        Command::of(&["EVAL"]).write_with(&Command::of(&["", "0"]), &mut out);
        let expected = "*2\r\n$3\r\nGET\r\n$4\r\né\r\n\r\n*3\r\n$4\r\nEVAL\r\n$0\r\n\r\n$1\r\n0\r\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[tokio::test]
    async fn replies_are_read() {
        let bytes = |text: &str| Reply::Bytes(text.into());
        for (sent, expected) in [
            ("+OK\r\n", bytes("OK")),
            (":-7\r\n", Reply::Number(-7)),
            ("$0\r\n\r\n", bytes("")),
            ("$4\r\na\r\nb\r\n", bytes("a\r\nb")),
            ("$-1\r\n", Reply::Nothing),
            ("*-1\r\n", Reply::Nothing),
            ("*0\r\n", Reply::List(Vec::new())),
            ("*2\r\n$-1\r\n:1\r\n", Reply::List(vec![Reply::Nothing, Reply::Number(1)])),
            ("-ERR x y\r\n", Reply::Error("ERR x y".into())),
        ] {
            assert_eq!(read(&mut sent.as_bytes()).await.unwrap(), expected, "{sent:?}");
        }
    }

    #[tokio::test]
    async fn what_is_cut_short_or_no_reply_is_an_error() {
        for sent in
            ["", "+OK", "$5\r\nab", "*2\r\n:1\r\n", "HTTP/1.1 400\r\n", ":x\r\n", "*1\r\n*0\r\n", "\r\n"]
        {
            assert!(read(&mut sent.as_bytes()).await.is_err(), "{sent:?}");
        }
    }
}
