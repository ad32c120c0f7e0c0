//! What has been loaded, as text that two engines can be compared by.

use recto_domain::relation::{AnyLevel, Links};

/// Everything on a level and behind it, as JSON.
pub(crate) fn present(level: &dyn AnyLevel) -> String {
    let mut out = Vec::new();
    for index in 0..level.occurrences().len() {
        write(level, index, &mut out);
        out.push(b'\n');
    }
    String::from_utf8(out).unwrap()
}

fn write(level: &dyn AnyLevel, index: usize, out: &mut Vec<u8>) {
    level.write_json(index, out).unwrap();
    assert_eq!(out.pop(), Some(b'}'));
    let end = out.len();
    if level.write_link_json(index, out).unwrap() {
        assert_eq!((out[end], out.pop()), (b'{', Some(b'}')));
        out[end] = b',';
    }
    for counted in level.counts() {
        let count = counted.numbers[index];
        out.extend(format!(r#","{}_count":{count}"#, counted.relation.name).bytes());
    }
    for edge in level.edges() {
        out.extend(format!(r#","{}":"#, edge.relation.name).bytes());
        match edge.links() {
            Links::One(links) => match links[index] {
                Some(index) => write(edge.target(), index as usize, out),
                None => out.extend(b"null"),
            },
            Links::Many(spans) => {
                let span = spans[index];
                out.push(b'[');
                for index in span.start..span.end {
                    if index > span.start {
                        out.push(b',');
                    }
                    write(edge.target(), index as usize, out);
                }
                out.extend(if span.more { &b",\"more\"]"[..] } else { b"]" });
            }
        }
    }
    out.push(b'}');
}
