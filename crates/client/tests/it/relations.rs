//! Loaded relations, counts, and the paths of relations.

use futures_util::TryStreamExt as _;
use recto_client::Error;
use recto_domain::{
    Book, BookReviews, BookTags, BookUser, Review, ReviewBook, ReviewUser, UserBooks, UserReviews,
};
use recto_testkit::{both_servers, server::TestServer};

use crate::support::fixtures::{add_book, new_review, run, signed_in};

fn relations_are_followed_by_their_types(server: &TestServer) {
    run(async {
        let ada = signed_in(server, "ada").await;
        let book = add_book(&ada, "Sketch").await;
        let review = ada.create_below(BookReviews, book.uid, &new_review(5)).await.unwrap();

        let read =
            ada.get::<Book>(book.uid)
                .include(BookUser)
                .include_with(BookReviews, |reviews| {
                    reviews.limit(3).sort("-rating,created_at").include_with(ReviewUser, |users| {
                        users.include(UserBooks).count(UserReviews)
                    })
                })
                .count(BookReviews)
                .await
                .unwrap();
        assert_eq!(read.get(BookUser).unwrap().unwrap().username.as_str(), "ada");
        assert_eq!(read.count(BookReviews).unwrap(), 1);
        let reviews = read.get(BookReviews).unwrap();
        assert_eq!(reviews.items[0].uid, review.uid);
        let reviewer = reviews.items[0].get(ReviewUser).unwrap().unwrap();
        assert_eq!(reviewer.count(UserReviews).unwrap(), 1);
        assert_eq!(reviewer.get(UserBooks).unwrap().items[0].uid, book.uid);
        assert_eq!(reviewer.etag(), None);
    });
}

fn unloaded_relation_is_an_error(server: &TestServer) {
    run(async {
        let ada = signed_in(server, "ada").await;
        let book = add_book(&ada, "Sketch").await;
        let error = book.get(BookTags).unwrap_err();
        assert!(matches!(error, Error::NotLoaded(_)), "{error:?}");
        assert_eq!(
            error.to_string(),
            "Book.tags was not loaded: include \"tags\" when loading Book"
        );
        assert!(matches!(book.count(BookTags), Err(Error::NotCounted(_))));
    });
}

fn rest_of_a_relation_is_read(server: &TestServer) {
    run(async {
        let ada = signed_in(server, "ada").await;
        let book = add_book(&ada, "Sketch").await;
        for (name, rating) in [("byron", 1), ("mary", 3), ("charles", 5)] {
            let reader = signed_in(server, name).await;
            reader.create_below(BookReviews, book.uid, &new_review(rating)).await.unwrap();
        }
        let best = |limit| {
            ada.get::<Book>(book.uid)
                .include_with(BookReviews, move |reviews| reviews.limit(limit).sort("-rating"))
        };
        let loaded = best(1).await.unwrap().get(BookReviews).unwrap();
        let next = ada.next_page(&loaded).await.unwrap().unwrap();
        assert_eq!(next.items[0].rating.get(), 3);
        let all: Vec<_> = ada.rest(loaded).try_collect().await.unwrap();
        let ratings: Vec<_> = all.iter().map(|review| review.rating.get()).collect();
        assert_eq!(ratings, [5, 3, 1]);
        let loaded = best(3).await.unwrap().get(BookReviews).unwrap();
        assert!(ada.next_page(&loaded).await.unwrap().is_none());
    });
}

fn relations_have_paths_of_their_own(server: &TestServer) {
    run(async {
        let ada = signed_in(server, "ada").await;
        let book = add_book(&ada, "Sketch").await;
        let review = ada.create_below(BookReviews, book.uid, &new_review(4)).await.unwrap();
        let owner = ada.related(BookUser, book.uid).await.unwrap().unwrap();
        let books = ada.related(UserBooks, owner.uid).sort("title").include(BookUser).await;
        assert_eq!(books.unwrap().items[0].get(BookUser).unwrap().unwrap().uid, owner.uid);
        let reviewed = ada.related(ReviewBook, review.uid).await.unwrap();
        assert_eq!(reviewed.uid, book.uid);
        assert!(ada.get_if_changed(&reviewed).await.unwrap().is_none());

        ada.delete_account(recto_testkit::server::PASSWORD, recto_domain::ReviewsOnDeletion::Keep)
            .await
            .unwrap();
        assert!(ada.related(BookUser, book.uid).await.unwrap().is_none());
        let review = ada.get::<Review>(review.uid).include(ReviewUser).await.unwrap();
        assert!(review.get(ReviewUser).unwrap().is_none());
    });
}

both_servers!(
    relations_are_followed_by_their_types,
    unloaded_relation_is_an_error,
    rest_of_a_relation_is_read,
    relations_have_paths_of_their_own,
);
