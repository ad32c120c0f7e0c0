use recto_relations::{NotLoaded, View};
use recto_relations::relations;
use recto_persistence::map_relations;
use recto_proof::{entity, row};

// The tables.
diesel::table! {
    authors (id) {
        id -> BigInt,
        name -> Text,
    }
}

diesel::table! {
    articles (id) {
        id -> BigInt,
        title -> Text,
        author_id -> BigInt,
    }
}

diesel::joinable!(articles -> authors (author_id));
diesel::allow_tables_to_appear_in_same_query!(articles, authors);

// The entities, and the relation between them with its two names.
entity!(Author in authors { name: String });
entity!(Article in articles { title: String, author_id: i64 });

relations! {
    pub static ROOM = "magazine": Author, Article;

    AuthorArticles = Author.articles: Many <=> ArticleAuthor = Article.author: One(author_id), on delete Restrict;
}

// The rows, and the column that stores the relation.
row!(AuthorRow of Author in authors { name: String });
row!(ArticleRow of Article in articles { title: String, author_id: i64 });

map_relations! {
    static EDGES;

    AuthorArticles <=> ArticleAuthor: articles.author_id -> authors.id as ArticleRow;
}

// And its use, in both directions.
pub fn titles(author: View<'_, Author>) -> Result<Vec<String>, NotLoaded> {
    Ok(author.get(AuthorArticles)?.map(|article| article.title.clone()).collect())
}

pub fn byline(article: View<'_, Article>) -> Result<String, NotLoaded> {
    Ok(article.get(ArticleAuthor)?.name.clone())
}

fn main() {}
