//! Reading, creating, changing and deleting single items.

use recto_client::Error;
use recto_domain::{
    BatchOutcome, Book, BookContributors, BookPatch, BookTags, Change, CommentText,
    ContributorRole, Contributors, Course, CourseTitle, Input as _, NewBookGraph, NewComment,
    NewCompanyGraph, NewCourse, NewPost, NewStudent, Post, PostComments, PostContent, PostTitle,
    Student, StudentCourses, StudentName, Tag, TagNames, Title,
};
use recto_testkit::{both_servers, server::TestServer};
use serde_json::json;

use crate::support::fixtures::{add_book, administrator, new_book, new_tag, pages, run, signed_in};

fn book_is_created_changed_and_deleted(server: &TestServer) {
    run(async {
        let ada = signed_in(server, "ada").await;
        let created = add_book(&ada, "Sketch").await;
        let read = ada.get::<Book>(created.uid).await.unwrap();
        assert_eq!(read.clone().into_entity(), created.clone().into_entity());
        assert!(read.etag().is_some() && read.etag() == created.etag());

        let changed = ada.update(&created, &pages(65)).await.unwrap();
        assert_eq!(changed.page_count.unwrap().get(), 65);
        let error = ada.update(&created, &pages(66)).await.unwrap_err();
        assert!(matches!(error, Error::Changed(_)), "{error:?}");
        assert!(matches!(ada.delete(&created).await, Err(Error::Changed(_))));
        let patch = BookPatch { page_count: Change::Set(None), ..BookPatch::default() };
        let cleared = ada.update_unconditionally::<Book>(created.uid, &patch).await.unwrap();
        assert_eq!(cleared.page_count, None);

        ada.delete(&cleared).await.unwrap();
        assert!(ada.delete_unconditionally::<Book>(created.uid).await.unwrap_err().is_not_found());
        assert!(ada.get::<Book>(created.uid).await.unwrap_err().is_not_found());
    });
}

fn unchanged_item_is_not_sent_again(server: &TestServer) {
    run(async {
        let ada = signed_in(server, "ada").await;
        let book = add_book(&ada, "Sketch").await;
        assert!(ada.get_if_changed(&book).await.unwrap().is_none());
        let with_tags = ada.get::<Book>(book.uid).include(BookTags).await.unwrap();
        assert!(ada.get_if_changed(&with_tags).await.unwrap().is_none());

        let names = TagNames::parse(&json!({"tags": [{"name": "engines"}]})).unwrap();
        ada.set_tags(&with_tags, &names).await.unwrap();
        let again = ada.get_if_changed(&with_tags).await.unwrap().unwrap();
        assert_eq!(again.get(BookTags).unwrap().items.len(), 1);
    });
}

fn new_book_has_tags_and_contributors(server: &TestServer) {
    run(async {
        let ada = signed_in(server, "ada").await;
        let graph = NewBookGraph::parse(&json!({
            "title": "The Odyssey", "tags": [{"name": "epic"}],
            "contributors": [{"name": "Homer"}, {"name": "Robert Fagles", "role": "translator"}],
        }));
        let book = ada.create_book(graph.unwrap()).await.unwrap();
        let contributors = book.get(BookContributors).unwrap().items;
        let roles: Vec<_> = contributors
            .iter()
            .map(|author| author.link(BookContributors).unwrap())
            .map(|contribution| (contribution.position, contribution.role))
            .collect();
        assert_eq!(roles, [(1, ContributorRole::Author), (2, ContributorRole::Translator)]);

        let homer = Contributors::parse(&json!({"contributors": [{"name": "Homer"}]})).unwrap();
        let book = ada.set_contributors(&book, &homer).await.unwrap();
        assert_eq!(book.author.as_str(), "Homer");
        let names = TagNames::parse(&json!({"tags": [{"name": "verse"}]})).unwrap();
        let book = ada.add_tags(book.uid, &names).await.unwrap();
        assert_eq!(book.get(BookTags).unwrap().items.len(), 2);
    });
}

fn links_are_made_and_removed(server: &TestServer) {
    run(async {
        let ada = signed_in(server, "ada").await;
        let book = add_book(&ada, "Sketch").await;
        let tag = ada.create::<Tag>(&new_tag("Engines")).await.unwrap();
        for _ in 0..2 {
            ada.link(BookTags, book.uid, tag.uid).await.unwrap();
        }
        assert_eq!(ada.related(BookTags, book.uid).await.unwrap().items.len(), 1);
        ada.unlink(BookTags, book.uid, tag.uid).await.unwrap();
        assert_eq!(ada.related(BookTags, book.uid).await.unwrap().items.len(), 0);

        let renamed = ada.update(&tag, &new_tag("engines")).await.unwrap();
        assert_eq!(renamed.name.as_str(), "engines");
        assert!(matches!(ada.update(&tag, &new_tag("mills")).await, Err(Error::Changed(_))));

        let sofia = NewStudent { name: StudentName::parse("Sofia Kovalevskaya").unwrap() };
        let sofia = ada.create::<Student>(&sofia).await.unwrap();
        let course = NewCourse { title: CourseTitle::parse("Mechanics").unwrap() };
        let course = ada.create::<Course>(&course).await.unwrap();
        ada.link(StudentCourses, sofia.id, course.id).await.unwrap();
        let courses = ada.related(StudentCourses, sofia.id).await.unwrap().items;
        assert!(courses[0].link(StudentCourses).unwrap().enrolled_at >= sofia.created_at);
    });
}

fn other_modules_are_written(server: &TestServer) {
    run(async {
        let grace = administrator(server).await;
        let post = NewPost {
            title: PostTitle::parse("On zero").unwrap(),
            content: PostContent::parse("It is a distance.").unwrap(),
        };
        let post = grace.create::<Post>(&post).await.unwrap();
        let comment = NewComment { text: CommentText::parse("It is.").unwrap() };
        let comment = grace.create_below(PostComments, post.id, &comment).await.unwrap();
        assert_eq!(comment.post_id, post.id);
        grace.delete(&comment).await.unwrap();

        let graph = NewCompanyGraph::parse(&json!({
            "name": "Engines Ltd", "departments": [{"name": "Mill"}],
        }));
        let company = grace.create_company(&graph.unwrap()).await.unwrap();
        let departments = company.get(recto_domain::CompanyDepartments).unwrap().items;
        assert_eq!(departments[0].company_id, company.id);
    });
}

fn batch_adds_and_changes_books(server: &TestServer) {
    run(async {
        let ada = signed_in(server, "ada").await;
        let mut sketch = new_book("Sketch");
        sketch.isbn = Some("9780141439587".parse().unwrap());
        for expected in [BatchOutcome::Created, BatchOutcome::Unchanged] {
            let outcomes = ada.upsert_books(&[sketch.clone()]).await.unwrap();
            assert_eq!(outcomes.items[0].outcome, expected);
        }
        sketch.title = Title::parse("A Sketch").unwrap();
        let outcomes = ada.upsert_books(&[sketch]).await.unwrap();
        assert_eq!(outcomes.items[0].outcome, BatchOutcome::Updated);
    });
}

both_servers!(
    book_is_created_changed_and_deleted,
    unchanged_item_is_not_sent_again,
    new_book_has_tags_and_contributors,
    links_are_made_and_removed,
    other_modules_are_written,
    batch_adds_and_changes_books,
);
