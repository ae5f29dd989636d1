#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use vrsky_plan::program::Decode;

use super::{Record, Records};

/// The messages as `<line>: <payload>`.
fn split(decode: Decode, text: &[u8], limit: usize) -> Vec<String> {
    Records::new(decode, text, limit)
        .map(|record| {
            let Record { line, payload } = record.unwrap();
            let payload = payload.map_or("too large".into(), |payload| {
                String::from_utf8_lossy(&payload).into_owned()
            });
            format!("{line}: {payload}")
        })
        .collect()
}

#[test]
fn a_json_document_is_one_message_as_it_came() {
    assert_eq!(
        split(Decode::Json, b"{\n \"a\": 1}\n", 100),
        ["1: {\n \"a\": 1}\n"]
    );
    assert_eq!(split(Decode::Json, b"[1, 2, 3]", 5), ["1: too large"]);
    assert!(split(Decode::Json, b"", 5).is_empty());
}

#[test]
fn each_line_is_a_message_and_keeps_its_number() {
    let text = b"\xef\xbb\xbf{\"a\":1}\r\n\n  \nnot json\n{\"a\":2}";
    assert_eq!(
        split(Decode::Ndjson, text, 100),
        ["1: {\"a\":1}", "4: not json", "5: {\"a\":2}"]
    );
}

#[test]
fn a_line_that_is_too_long_is_skipped_to_its_end() {
    let long = format!("1\n{}\n3\n", "x".repeat(200_000));
    assert_eq!(
        split(Decode::Ndjson, long.as_bytes(), 10),
        ["1: 1", "2: too large", "3: 3"]
    );
    assert_eq!(
        split(Decode::Ndjson, b"12345\n123456\n", 5),
        ["1: 12345", "2: too large"]
    );
}

#[test]
fn a_row_is_an_object_of_strings() {
    let text = b"id,name\r\n1,Ada\r\n2,\"Grace \"\"Amazing\"\" Hopper\"\r\n";
    assert_eq!(
        split(Decode::Csv, text, 100),
        [
            r#"2: {"id":"1","name":"Ada"}"#,
            r#"3: {"id":"2","name":"Grace \"Amazing\" Hopper"}"#
        ]
    );
}

#[test]
fn a_quoted_field_may_contain_commas_and_line_breaks() {
    let text = b"id,note\n1,\"a,\nb\"\n2,c\n";
    assert_eq!(
        split(Decode::Csv, text, 100),
        [
            r#"2: {"id":"1","note":"a,\nb"}"#,
            r#"4: {"id":"2","note":"c"}"#
        ]
    );
}

#[test]
fn a_row_that_does_not_fit_stays_as_it_came_and_is_no_json() {
    let text = b"id,name\n1\nx,y,z\n\"open\n";
    assert_eq!(
        split(Decode::Csv, text, 100),
        ["2: row: 1", "3: x,y,z", "4: \"open"]
    );
    assert_eq!(
        split(Decode::Csv, b"id,name\n1,\xff\n", 100),
        ["2: 1,\u{fffd}"]
    );
}

#[test]
fn a_quote_inside_a_plain_field_swallows_no_rows() {
    let text = b"id,size\n1,5\"\n2,6\"\n";
    assert_eq!(
        split(Decode::Csv, text, 100),
        [
            r#"2: {"id":"1","size":"5\""}"#,
            r#"3: {"id":"2","size":"6\""}"#
        ]
    );
}

#[test]
fn a_row_may_be_too_large_only_as_json() {
    assert_eq!(split(Decode::Csv, b"identifier\n1\n", 10), ["2: too large"]);
}

#[test]
fn what_a_csv_writer_writes_is_read_back() {
    let values = [
        "", "a", "a,b", "\"", "\"\"", "x\ny", "\r\n", "ü", " a ", "a\"b\"c", ",",
    ];
    for first in values {
        for second in values {
            let mut writer = csv::Writer::from_writer(Vec::new());
            writer.write_record(["one", "two"]).unwrap();
            writer.write_record([first, second]).unwrap();
            writer.write_record(["end", "."]).unwrap();
            let text = writer.into_inner().unwrap();
            let rows: Vec<serde_json::Value> = Records::new(Decode::Csv, text.as_slice(), 1_000)
                .map(|row| serde_json::from_slice(&row.unwrap().payload.unwrap()).unwrap())
                .collect();
            let expected = [
                serde_json::json!({"one": first, "two": second}),
                serde_json::json!({"one": "end", "two": "."}),
            ];
            assert_eq!(rows, expected);
        }
    }
}
