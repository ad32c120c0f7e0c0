//! Paths of the API, and their queries.

use recto_relations::{EntityInfo, RelationInfo};

/// The path of the API below the base URL.
pub(crate) const BASE_PATH: &str = "/api/v1";

/// Returns the path of a collection: `/api/v1/books`, `/api/v1/blog/posts`.
pub(crate) fn collection(entity: &EntityInfo) -> String {
    let module = (entity.module)().name;
    let module = if module == "catalog" { String::new() } else { format!("/{module}") };
    format!("{BASE_PATH}{module}/{}", entity.collection)
}

/// Returns the path of an item.
pub(crate) fn item(entity: &EntityInfo, key: impl std::fmt::Display) -> String {
    format!("{}/{key}", collection(entity))
}

/// Returns the path of the items that a relation leads to.
pub(crate) fn related(relation: &RelationInfo, key: impl std::fmt::Display) -> String {
    format!("{}/{}", item(relation.from, key), relation.name)
}

/// Returns the path with a query, if there is one.
pub(crate) fn with_query(path: &str, parameters: &[(&str, String)]) -> String {
    if parameters.is_empty() {
        return path.to_owned();
    }
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(parameters);
    format!("{path}?{}", query.finish())
}

/// Returns the path and query of another page of a list.
pub(crate) fn with_cursor(page: &str, cursor: &str) -> String {
    let (path, query) = page.split_once('?').unwrap_or((page, ""));
    let mut next = form_urlencoded::Serializer::new(String::new());
    let parameters = form_urlencoded::parse(query.as_bytes());
    next.extend_pairs(parameters.filter(|(name, _)| name != "cursor"));
    next.append_pair("cursor", cursor);
    format!("{path}?{}", next.finish())
}

#[cfg(test)]
mod tests {
    use recto_domain::{BookReviews, Comment, PostId};
    use recto_relations::{Entity as _, Relation as _};

    use super::*;

    #[test]
    fn other_modules_have_path_prefixes() {
        let key = PostId::new(7).unwrap();
        assert_eq!(item(Comment::INFO, key), "/api/v1/blog/comments/7");
        assert_eq!(related(BookReviews::INFO, "uid"), "/api/v1/books/uid/reviews");
    }

    #[test]
    fn cursor_replaces_cursor() {
        let first = with_query("/api/v1/books", &[("author", "Ada & co".to_owned())]);
        assert_eq!(first, "/api/v1/books?author=Ada+%26+co");
        let second = with_cursor(&first, "x=");
        assert_eq!(second, "/api/v1/books?author=Ada+%26+co&cursor=x%3D");
        assert_eq!(with_cursor(&second, "y"), "/api/v1/books?author=Ada+%26+co&cursor=y");
        assert_eq!(with_cursor("/api/v1/books", "y"), "/api/v1/books?cursor=y");
    }
}
