//! Changes that are made although every first response is lost.

use recto_client::{Client, Error};
use recto_domain::{Book, BookReviews, BookTags, Tag};
use recto_testkit::{both_servers, server::TestServer};

use crate::support::fake_server::FakeServer;
use crate::support::fixtures::{add_book, new_review, new_tag, pages, run};

/// Returns a client of the server that gets no response to its first attempts.
fn unlucky(server: &TestServer) -> (FakeServer, Client) {
    let address = server.address();
    let proxy = FakeServer::start(move |index, request| {
        let response = request.forward(address);
        (index % 2 == 1).then_some(response)
    });
    let token = server.sign_up("ada").token.unwrap();
    let client = proxy.builder().token(token).build().unwrap();
    (proxy, client)
}

fn changes_are_made_once(server: &TestServer) {
    let (proxy, ada) = unlucky(server);
    run(async {
        let book = add_book(&ada, "Sketch").await;
        assert_eq!(server.client().list::<Book>().await.unwrap().items.len(), 1);
        // A second review by one user would be refused.
        let review = ada.create_below(BookReviews, book.uid, &new_review(5)).await.unwrap();
        // The response to the first attempt, not that the version was incremented.
        let changed = ada.update(&book, &pages(65)).await.unwrap();
        assert!(matches!(ada.update(&book, &pages(66)).await, Err(Error::Changed(_))));

        let tag = ada.create::<Tag>(&new_tag("engines")).await.unwrap();
        ada.link(BookTags, book.uid, tag.uid).await.unwrap();
        ada.unlink(BookTags, book.uid, tag.uid).await.unwrap();
        ada.delete(&review).await.unwrap();
        let book = ada.get::<Book>(changed.uid).await.unwrap();
        ada.delete(&book).await.unwrap();
        assert!(ada.get::<Book>(book.uid).await.unwrap_err().is_not_found());
    });
    assert_eq!(proxy.received().len(), 2 * 11);
}

fn replaced_tag_is_reported_as_changed(server: &TestServer) {
    let (_proxy, ada) = unlucky(server);
    run(async {
        let tag = ada.create::<Tag>(&new_tag("Engines")).await.unwrap();
        // The second attempt finds the version that the first one has made.
        let error = ada.update(&tag, &new_tag("engines")).await.unwrap_err();
        assert!(matches!(error, Error::Changed(_)), "{error:?}");
        assert_eq!(ada.get::<Tag>(tag.uid).await.unwrap().name.as_str(), "engines");
    });
}

both_servers!(changes_are_made_once, replaced_tag_is_reported_as_changed);
