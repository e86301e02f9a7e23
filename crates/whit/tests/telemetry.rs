//! What a collector of OpenTelemetry's is told of requests to `whit serve`.
#![cfg(feature = "otel")]

mod common;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command};
use std::sync::mpsc;

use common::{Whit, fixture, whit};

const TRACE_ID: &str = "0af7651916cd43dd8448eb211c80319c";
const CLIENT_SPAN_ID: &str = "b7ad6b7169203331";

/// A field of a protobuf message.
enum Field {
    Number(u64),
    Bytes(Vec<u8>),
}

/// A protobuf message: its fields by number, in their order.
struct Message(Vec<(u64, Field)>);

impl Message {
    fn read(mut bytes: &[u8]) -> Message {
        fn varint(bytes: &mut &[u8]) -> u64 {
            let mut value = 0;
            for shift in (0..).step_by(7) {
                let byte = bytes[0];
                *bytes = &bytes[1..];
                value |= u64::from(byte & 0x7f) << shift;
                if byte < 0x80 {
                    break;
                }
            }
            value
        }
        let mut fields = vec![];
        while !bytes.is_empty() {
            let key = varint(&mut bytes);
            let field = match key & 7 {
                0 => Field::Number(varint(&mut bytes)),
                kind => {
                    let length = match kind {
                        1 => 8,
                        2 => varint(&mut bytes) as usize,
                        5 => 4,
                        other => panic!("no wire type: {other}"),
                    };
                    let (field, rest) = bytes.split_at(length);
                    bytes = rest;
                    Field::Bytes(field.to_vec())
                }
            };
            fields.push((key >> 3, field));
        }
        Message(fields)
    }

    fn all(&self, number: u64) -> impl Iterator<Item = &[u8]> {
        self.0.iter().filter_map(move |(at, field)| match field {
            Field::Bytes(bytes) if *at == number => Some(&bytes[..]),
            _ => None,
        })
    }

    fn messages(&self, number: u64) -> impl Iterator<Item = Message> {
        self.all(number).map(Message::read)
    }

    fn text(&self, number: u64) -> Option<String> {
        self.all(number).next().map(|bytes| String::from_utf8(bytes.to_vec()).expect("text"))
    }

    fn hex(&self, number: u64) -> String {
        self.all(number).flatten().map(|byte| format!("{byte:02x}")).collect()
    }

    fn number(&self, number: u64) -> Option<u64> {
        self.0.iter().find_map(|(at, field)| match field {
            Field::Number(value) if *at == number => Some(*value),
            _ => None,
        })
    }

    /// `KeyValue`s, each value as a person would write it.
    /// <https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/common/v1/common.proto>
    fn attributes(&self, number: u64) -> BTreeMap<String, String> {
        fn said(value: &Message) -> String {
            let array = value.messages(5).next();
            let items = array.map(|array| array.messages(1).map(|item| said(&item)).collect::<Vec<_>>().join(","));
            items.or(value.text(1)).or(value.number(3).map(|number| number.to_string())).expect("a value")
        }
        let pair = |pair: Message| (pair.text(1).expect("a key"), said(&pair.messages(2).next().expect("a value")));
        self.messages(number).map(pair).collect()
    }
}

/// A collector that takes what comes to `/v1/traces`; its address, and the bodies.
fn collector() -> (String, mpsc::Receiver<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let (sender, bodies) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.expect("a connection"));
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                assert_ne!(stream.read_line(&mut head).expect("a head"), 0, "{head}");
            }
            assert!(head.starts_with("POST /v1/traces HTTP/1.1\r\n"), "{head}");
            let head = head.to_lowercase();
            assert!(head.contains("content-type: application/x-protobuf"), "{head}");
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
            let mut body = vec![0; length.parse().expect("a number")];
            stream.read_exact(&mut body).expect("a body");
            let answer = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
            stream.get_mut().write_all(answer.as_bytes()).expect("written");
            if sender.send(body).is_err() {
                return;
            }
        }
    });
    (address, bodies)
}

/// A server that is ready; where.
fn start(whit: Whit) -> (Child, tempfile::TempDir, String) {
    let (mut child, home) = whit.spawn();
    let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
    let line = lines.map(|line| line.expect("text")).find(|line| line.starts_with("curl ")).expect("it starts");
    let url = line.split(' ').nth(1).and_then(|url| url.strip_prefix("http://")).expect("a URL");
    let address = url.split('/').next().expect("an address").to_owned();
    (child, home, address)
}

fn post(address: &str, path: &str, headers: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("connected");
    let length = body.len();
    let head =
        format!("POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\n");
    write!(stream, "{head}content-length: {length}\r\n{headers}\r\n{body}").expect("written");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("read");
    answer
}

fn end(mut child: Child) {
    assert!(Command::new("kill").arg(child.id().to_string()).status().expect("kill runs").success());
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
}

#[test]
fn a_span_tells_of_each_request_below_its_clients() {
    let (endpoint, bodies) = collector();
    let model = fixture("pocket-q8_0.gguf");
    let serve = whit(["serve", &model.to_string_lossy(), "--port", "0", "--threads", "1"]);
    let (child, _home, address) = start(serve.env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint));
    let traced = format!("traceparent: 00-{TRACE_ID}-{CLIENT_SPAN_ID}-01\r\nx-request-id: r-7\r\n");
    let chat = r#"{"model": "pocket-q8_0", "messages": [{"role": "user", "content": "Hello"}], "temperature": 0,
        "stream": true, "n": 2, "max_tokens": 3}"#;
    assert!(post(&address, "/v1/chat/completions", &traced, chat).contains("[DONE]"));
    let completion = r#"{"model": "no-such-model", "prompt": "x"}"#;
    assert!(post(&address, "/v1/completions", "", completion).starts_with("HTTP/1.1 404"));
    post(&address, "/health", "", "");
    // The last spans are sent before it ends.
    end(child);

    // ExportTraceServiceRequest, ResourceSpans, ScopeSpans, Span:
    // https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/trace/v1/trace.proto
    let mut spans = vec![];
    for resource_spans in bodies.try_iter().flat_map(|body| Message::read(&body).messages(1).collect::<Vec<_>>()) {
        let resource = resource_spans.messages(1).next().expect("a resource").attributes(1);
        assert_eq!(resource["service.name"], "whit");
        spans.extend(resource_spans.messages(2).flat_map(|scope| scope.messages(2).collect::<Vec<_>>()));
    }
    assert_eq!(spans.len(), 2, "one for each but the probe");
    let of = |route: &str| spans.iter().find(|span| span.attributes(9)["http.route"] == route).expect("its span");
    let chat = of("/v1/chat/completions");
    assert_eq!((chat.hex(1).as_str(), chat.hex(4).as_str()), (TRACE_ID, CLIENT_SPAN_ID));
    assert_eq!((chat.text(5).as_deref(), chat.number(6)), (Some("chat pocket-q8_0"), Some(2)), "SPAN_KIND_SERVER");
    let said = chat.attributes(9);
    for (name, value) in [
        ("http.request.method", "POST"),
        ("http.route", "/v1/chat/completions"),
        ("http.response.status_code", "200"),
        ("whit.request.id", "r-7"),
        ("gen_ai.operation.name", "chat"),
        ("gen_ai.provider.name", "whit"),
        ("gen_ai.request.model", "pocket-q8_0"),
        ("gen_ai.response.model", "pocket-q8_0"),
        ("gen_ai.response.finish_reasons", "length,length"),
        ("gen_ai.usage.output_tokens", "6"),
    ] {
        assert_eq!(said.get(name).map(String::as_str), Some(value), "{name} in {said:#?}");
    }
    assert!(said["gen_ai.usage.input_tokens"].parse::<u32>().expect("a number") > 5);
    assert!(!said.contains_key("error.type"), "{said:#?}");
    let refused = of("/v1/completions");
    assert_ne!(refused.hex(1), TRACE_ID);
    assert_eq!(refused.text(5).as_deref(), Some("POST /v1/completions"));
    assert_eq!(refused.attributes(9)["http.response.status_code"], "404");
}

#[test]
fn a_collector_that_is_not_there_is_told_of_once_and_harms_nobody() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("an address");
    let model = fixture("pocket-q8_0.gguf");
    let serve = whit(["serve", &model.to_string_lossy(), "--port", "0", "--threads", "1"]);
    let serve = serve.env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{free}")).env("OTEL_BSP_SCHEDULE_DELAY", "50");
    let (mut child, _home, address) = start(serve);
    let body = r#"{"model": "pocket-q8_0", "prompt": "Who has", "max_tokens": 2}"#;
    for _ in 0..3 {
        assert!(post(&address, "/v1/completions", "", body).starts_with("HTTP/1.1 200"));
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    let stderr = child.stderr.take().expect("piped");
    end(child);
    let log = std::io::read_to_string(stderr).expect("text");
    assert_eq!(log.matches("spans do not arrive").count(), 1, "{log}");
}

#[test]
fn a_protocol_that_is_not_spoken_is_refused() {
    let model = fixture("pocket-q8_0.gguf");
    whit(["serve", &model.to_string_lossy(), "--port", "0"])
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4317")
        .env("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
        .refused(2, &["OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "http/protobuf"]);
}
