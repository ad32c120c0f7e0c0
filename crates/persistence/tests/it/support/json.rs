//! Loaded entities as JSON.

use recto_relations::{Adjacency, AnyEntities};
use serde_json::Value;

/// Writes each entity, with its link data and included relations, on a line.
pub(crate) fn text(entities: &dyn AnyEntities) -> String {
    let mut out = Vec::new();
    for index in 0..entities.occurrences().len() {
        write(entities, index, &mut out);
        out.push(b'\n');
    }
    String::from_utf8(out).unwrap()
}

/// Parses the lines of [`text`].
pub(crate) fn lines(entities: &dyn AnyEntities) -> Vec<Value> {
    text(entities).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn write(entities: &dyn AnyEntities, index: usize, out: &mut Vec<u8>) {
    entities.write_json(index, out).unwrap();
    assert_eq!(out.pop(), Some(b'}'));
    let end = out.len();
    if entities.write_link_json(index, out).unwrap() {
        assert_eq!((out[end], out.pop()), (b'{', Some(b'}')));
        out[end] = b',';
    }
    for counted in entities.counts() {
        let count = counted.numbers[index];
        out.extend(format!(r#","{}_count":{count}"#, counted.relation.name).bytes());
    }
    for edge in entities.edges() {
        out.extend(format!(r#","{}":"#, edge.relation.name).bytes());
        match edge.adjacency() {
            Adjacency::One(links) => match links[index] {
                Some(index) => write(edge.target(), index as usize, out),
                None => out.extend(b"null"),
            },
            Adjacency::Many(spans) => {
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
