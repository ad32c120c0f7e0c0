//! Lists: pages, filters, tags and totals.

use futures_util::TryStreamExt as _;
use recto_client::{Client, Error, Item, Resource, Total};
use recto_domain::{
    Author, Book, Comment, Company, Course, Department, Employee, Post, Review, Student, Tag, User,
};
use recto_relations::Entity;
use recto_testkit::{both_servers, server::TestServer};

use crate::support::fixtures::{add_book, administrator, pages, run, signed_in};

fn titles(books: &[Item<Book>]) -> Vec<&str> {
    books.iter().map(|book| book.title.as_str()).collect()
}

fn pages_lead_forward_and_back(server: &TestServer) {
    run(async {
        let ada = signed_in(server, "ada").await;
        for title in ["E", "D", "C", "B", "A"] {
            add_book(&ada, title).await;
        }
        let list = || ada.list::<Book>().sort("title").filter("author", "lovelace").limit(2);
        let first = list().total().await.unwrap();
        assert_eq!((titles(&first.items), first.total), (vec!["A", "B"], Some(Total::Exactly(5))));
        assert!(ada.previous_page(&first).await.unwrap().is_none());
        let second = ada.next_page(&first).await.unwrap().unwrap();
        assert_eq!(titles(&second.items), ["C", "D"]);
        let back = ada.previous_page(&second).await.unwrap().unwrap();
        assert_eq!(titles(&back.items), ["A", "B"]);
        let third = ada.next_page(&second).await.unwrap().unwrap();
        assert!(ada.next_page(&third).await.unwrap().is_none());

        let all: Vec<_> = list().stream().try_collect().await.unwrap();
        assert_eq!(titles(&all), ["A", "B", "C", "D", "E"]);
        let rest: Vec<_> = ada.rest(second).try_collect().await.unwrap();
        assert_eq!(titles(&rest), ["C", "D", "E"]);
        assert_eq!(ada.list::<Book>().filter("author", "byron").await.unwrap().items.len(), 0);
    });
}

fn items_with_etags_change_without_reading(server: &TestServer) {
    run(async {
        let ada = signed_in(server, "ada").await;
        add_book(&ada, "Sketch").await;
        let plain = ada.list::<Book>().await.unwrap();
        let error = ada.update(&plain.items[0], &pages(1)).await.unwrap_err();
        assert!(matches!(error, Error::NoETag), "{error:?}");

        let tagged = ada.list::<Book>().with_etags().await.unwrap();
        assert!(ada.get_if_changed(&tagged.items[0]).await.unwrap().is_none());
        ada.update(&tagged.items[0], &pages(1)).await.unwrap();
        assert!(matches!(ada.update(&tagged.items[0], &pages(2)).await, Err(Error::Changed(_))));
    });
}

fn every_collection_is_listed(server: &TestServer) {
    async fn list<E: Resource>(client: &Client) -> &'static str {
        client.list::<E>().await.unwrap_or_else(|error| panic!("{}: {error}", E::INFO.name));
        E::INFO.name
    }

    run(async {
        let grace = administrator(server).await;
        let mut listed = vec![
            list::<User>(&grace).await,
            list::<Book>(&grace).await,
            list::<Review>(&grace).await,
            list::<Tag>(&grace).await,
            list::<Author>(&grace).await,
            list::<Post>(&grace).await,
            list::<Student>(&grace).await,
            list::<Course>(&grace).await,
            list::<Company>(&grace).await,
            list::<Department>(&grace).await,
            list::<Employee>(&grace).await,
        ];
        // Comments are listed below their posts only.
        listed.push(Comment::INFO.name);
        let entities = recto_domain::MODULES.iter().flat_map(|module| module.entities);
        let mut entities: Vec<_> = entities.map(|entity| entity.name).collect();
        listed.sort_unstable();
        entities.sort_unstable();
        assert_eq!(listed, entities);
    });
}

both_servers!(
    pages_lead_forward_and_back,
    items_with_etags_change_without_reading,
    every_collection_is_listed,
);
