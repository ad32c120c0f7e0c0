//! A link table with a key of its own can hold the same link twice.

use recto_relations::relations;
use recto_persistence::map_relations;
use recto_proof::{entity, row};

diesel::table! {
    articles (id) {
        id -> BigInt,
        title -> Text,
    }
}

diesel::table! {
    topics (id) {
        id -> BigInt,
        name -> Text,
    }
}

diesel::table! {
    article_topics (id) {
        id -> BigInt,
        article_id -> BigInt,
        topic_id -> BigInt,
    }
}

diesel::joinable!(article_topics -> articles (article_id));
diesel::joinable!(article_topics -> topics (topic_id));
diesel::allow_tables_to_appear_in_same_query!(article_topics, articles, topics);

entity!(Article in articles { title: String });
entity!(Topic in topics { name: String });

relations! {
    pub static ROOM = "magazine": Article, Topic;

    ArticleTopics = Article.topics: Many <=> TopicArticles = Topic.articles: Many, through article_topics(article_id, topic_id), on delete Cascade;
}

row!(ArticleRow of Article in articles { title: String });
row!(TopicRow of Topic in topics { name: String });

#[derive(diesel::Queryable, diesel::Selectable, diesel::Identifiable)]
#[diesel(table_name = article_topics)]
struct ArticleTopicRow {
    id: i64,
    article_id: i64,
    topic_id: i64,
}

impl From<ArticleTopicRow> for () {
    fn from(_: ArticleTopicRow) {}
}

map_relations! {
    static EDGES;

    ArticleTopics <=> TopicArticles: article_topics(article_id -> articles.id as ArticleRow, topic_id -> topics.id as TopicRow) as ArticleTopicRow;
}

fn main() {}
