//! The mapping has an order of links that the relation does not declare.

#[macro_use]
#[path = "../support/mod.rs"]
mod support;

use diesel::prelude::*;
use recto_relations::relations;
use recto_relations_diesel::{ManyToMany, map_relations};
use support::{Error, Magazine};

diesel::table! {
    articles (id) { id -> BigInt, title -> Text }
}

diesel::table! {
    topics (id) { id -> BigInt, name -> Text }
}

diesel::table! {
    article_topics (article_id, topic_id) { article_id -> BigInt, topic_id -> BigInt, rank -> Integer }
}

diesel::joinable!(article_topics -> articles (article_id));
diesel::joinable!(article_topics -> topics (topic_id));
diesel::allow_tables_to_appear_in_same_query!(article_topics, articles, topics);

entity!(Article in articles { title: String });
entity!(Topic in topics { name: String });

relations! {
    pub static MAGAZINE = "magazine": Article, Topic;

    ArticleTopics = Article.topics: Many <=> TopicArticles = Topic.articles: Many, through article_topics(article_id, topic_id), on delete Cascade;
}

#[derive(Queryable, Selectable, Identifiable)]
#[diesel(table_name = articles)]
pub struct ArticleRow {
    id: i64,
    title: String,
}

#[derive(Queryable, Selectable, Identifiable)]
#[diesel(table_name = topics)]
pub struct TopicRow {
    id: i64,
    name: String,
}

#[derive(Queryable, Selectable, Identifiable, Associations)]
#[diesel(table_name = article_topics, primary_key(article_id, topic_id))]
#[diesel(belongs_to(ArticleRow, foreign_key = article_id))]
#[diesel(belongs_to(TopicRow, foreign_key = topic_id))]
pub struct ArticleTopicRow {
    article_id: i64,
    topic_id: i64,
    rank: i32,
}

impl From<ArticleTopicRow> for () {
    fn from(_: ArticleTopicRow) {}
}

stored!(ArticleRow as Article { title });
stored!(TopicRow as Topic { name });

map_relations! { Magazine, Error;
    ArticleTopics <=> TopicArticles: ManyToMany<ArticleRow, ArticleTopicRow, TopicRow, article_topics::rank>;
}

fn main() {}
