//! Creating, changing and deleting.

use recto_domain::{
    Book, BookContributors, BookOutcomes, BookTags, Company, Contributors, Create, NewBook,
    NewBookGraph, NewCompanyGraph, Role, StudentCourses, Tag, TagNames, Update, User, UserId,
};
use recto_relations::{Entity, Relation, RelationInfo, ToMany};
use reqwest::Method;
use reqwest::header::{HeaderValue, IF_MATCH};
use serde::Serialize;
use serde_json::json;

use crate::item::{Item, Resource};
use crate::request::Request;
use crate::{Client, Error, paths};

/// A many-to-many relation whose links are made and removed one by one.
pub trait Link: Relation {}

impl Link for BookTags {}
impl Link for StudentCourses {}

impl Client {
    /// Creates an item.
    ///
    /// ```no_run
    /// use recto_domain::{NewTag, Tag, TagName};
    ///
    /// # async fn example(client: recto_client::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// let tag = client.create::<Tag>(&NewTag { name: TagName::parse("poetry")? }).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn create<E>(&self, new: &E::New) -> Result<Item<E>, Error>
    where
        E: Create<Parent = (), New: Serialize> + Resource,
    {
        self.write(Request::new(Method::POST, paths::collection(E::INFO)).json(new)?).await
    }

    /// Creates an item below its parent, along a relation.
    ///
    /// ```no_run
    /// use recto_domain::{BookId, BookReviews, NewReview, Rating, ReviewText};
    ///
    /// # async fn example(client: recto_client::Client, key: BookId) -> Result<(), Box<dyn std::error::Error>> {
    /// let new = NewReview { rating: Rating::new(5)?, review_text: ReviewText::parse("Superb.")? };
    /// let review = client.create_below(BookReviews, key, &new).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn create_below<R>(
        &self,
        _: R,
        parent: <R::From as Entity>::Key,
        new: &<R::To as Create>::New,
    ) -> Result<Item<R::To>, Error>
    where
        R: ToMany
            + Relation<To: Resource + Create<Parent = <R::From as Entity>::Key, New: Serialize>>,
    {
        self.write(Request::new(Method::POST, paths::related(R::INFO, parent)).json(new)?).await
    }

    /// Creates a book: a [`NewBook`], or one with tags and contributors.
    pub async fn create_book(&self, new: impl Into<NewBookGraph>) -> Result<Item<Book>, Error> {
        let new: NewBookGraph = new.into();
        self.write(Request::new(Method::POST, paths::collection(Book::INFO)).json(&new)?).await
    }

    /// Adds books, or changes those of the caller that have their ISBN: all of them, or none.
    pub async fn upsert_books(&self, books: &[NewBook]) -> Result<BookOutcomes, Error> {
        let path = format!("{}/batch", paths::collection(Book::INFO));
        let request = Request::new(Method::POST, path).json(&json!({ "books": books }))?;
        self.send(request).await?.json()
    }

    /// Creates a company with its departments and their employees: all of them, or nothing.
    pub async fn create_company(&self, new: &NewCompanyGraph) -> Result<Item<Company>, Error> {
        self.write(Request::new(Method::POST, paths::collection(Company::INFO)).json(new)?).await
    }

    /// Changes an item, unless it has been changed since it was read.
    ///
    /// # Errors
    /// [`Error::Changed`] if it has; [`Error::NoETag`] if it was read without its entity tag.
    ///
    /// ```no_run
    /// use recto_client::Item;
    /// use recto_domain::{Book, BookPatch, Change, PageCount};
    ///
    /// # async fn example(client: recto_client::Client, book: Item<Book>) -> Result<(), Box<dyn std::error::Error>> {
    /// let pages = BookPatch { page_count: Change::Set(Some(PageCount::new(96)?)), ..BookPatch::default() };
    /// let book = client.update(&book, &pages).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn update<E>(&self, item: &Item<E>, patch: &E::Patch) -> Result<Item<E>, Error>
    where
        E: Update<Patch: Serialize> + Resource,
    {
        let request = patching::<E>(item.key(), patch)?;
        self.write(request.header(IF_MATCH, tag_of(item)?)).await
    }

    /// Changes an item, whatever its version.
    pub async fn update_unconditionally<E>(
        &self,
        key: E::Key,
        patch: &E::Patch,
    ) -> Result<Item<E>, Error>
    where
        E: Update<Patch: Serialize> + Resource,
    {
        self.write(patching::<E>(key, patch)?).await
    }

    /// Deletes an item, unless it has been changed since it was read.
    ///
    /// If an attempt may have reached the server, but its response was lost, and the next one finds
    /// no such item, the item counts as deleted.
    ///
    /// # Errors
    /// [`Error::Changed`] if it has; [`Error::NoETag`] if it was read without its entity tag.
    pub async fn delete<E: Resource>(&self, item: &Item<E>) -> Result<(), Error> {
        let request = Request::new(Method::DELETE, paths::item(E::INFO, item.key()));
        self.send(request.header(IF_MATCH, tag_of(item)?)).await?;
        Ok(())
    }

    /// Deletes an item, whatever its version; otherwise as [`delete`](Self::delete).
    pub async fn delete_unconditionally<E: Resource>(&self, key: E::Key) -> Result<(), Error> {
        self.send(Request::new(Method::DELETE, paths::item(E::INFO, key))).await?;
        Ok(())
    }

    /// Links two items, such as a book and a tag. A link that exists stays as it is.
    pub async fn link<R: Link>(
        &self,
        _: R,
        from: <R::From as Entity>::Key,
        to: <R::To as Entity>::Key,
    ) -> Result<(), Error> {
        let path = format!("{}/{to}", paths::related(R::INFO, from));
        self.send(Request::new(Method::PUT, path)).await?;
        Ok(())
    }

    /// Removes the link between two items, if there is one.
    pub async fn unlink<R: Link>(
        &self,
        _: R,
        from: <R::From as Entity>::Key,
        to: <R::To as Entity>::Key,
    ) -> Result<(), Error> {
        let path = format!("{}/{to}", paths::related(R::INFO, from));
        self.send(Request::new(Method::DELETE, path)).await?;
        Ok(())
    }

    /// Adds tags to a book, and returns the book with its tags. Tags that do not exist are created.
    pub async fn add_tags(
        &self,
        book: <Book as Entity>::Key,
        tags: &TagNames,
    ) -> Result<Item<Book>, Error> {
        let path = paths::related(BookTags::INFO, book);
        self.write(Request::new(Method::POST, path).json(tags)?).await
    }

    /// Replaces the tags of a book, unless it has been changed since it was read.
    ///
    /// # Errors
    /// [`Error::Changed`] if it has; [`Error::NoETag`] if it was read without its entity tag.
    pub async fn set_tags(&self, book: &Item<Book>, tags: &TagNames) -> Result<Item<Book>, Error> {
        self.replace(book, BookTags::INFO, tags).await
    }

    /// Replaces the contributors to a book, unless it has been changed since it was read.
    ///
    /// # Errors
    /// [`Error::Changed`] if it has; [`Error::NoETag`] if it was read without its entity tag.
    pub async fn set_contributors(
        &self,
        book: &Item<Book>,
        contributors: &Contributors,
    ) -> Result<Item<Book>, Error> {
        self.replace(book, BookContributors::INFO, contributors).await
    }

    /// Sets the role of a user, for administrators who have signed in within ten minutes.
    pub async fn set_role(&self, user: UserId, role: Role) -> Result<Item<User>, Error> {
        let path = format!("{}/role", paths::item(User::INFO, user));
        self.write(Request::new(Method::PUT, path).json(&json!({ "role": role }))?).await
    }

    /// Disables or enables a user's account, for administrators who have signed in within ten
    /// minutes.
    pub async fn set_disabled(&self, user: UserId, disabled: bool) -> Result<Item<User>, Error> {
        let path = format!("{}/disabled", paths::item(User::INFO, user));
        self.write(Request::new(Method::PUT, path).json(&json!({ "disabled": disabled }))?).await
    }

    async fn replace(
        &self,
        book: &Item<Book>,
        relation: &RelationInfo,
        body: &impl Serialize,
    ) -> Result<Item<Book>, Error> {
        let request = Request::new(Method::PUT, paths::related(relation, book.uid)).json(body)?;
        self.write(request.header(IF_MATCH, tag_of(book)?)).await
    }

    /// Sends a request whose response is the item.
    async fn write<E: Resource>(&self, request: Request) -> Result<Item<E>, Error> {
        Item::from_response(&self.send(request).await?, None)
    }
}

/// Returns the request to change an item. Tags are replaced, since a name is all that they have.
fn patching<E>(key: E::Key, patch: &E::Patch) -> Result<Request, Error>
where
    E: Update<Patch: Serialize>,
{
    let method = if E::INFO == Tag::INFO { Method::PUT } else { Method::PATCH };
    Request::new(method, paths::item(E::INFO, key)).json(patch)
}

fn tag_of<E: Resource>(item: &Item<E>) -> Result<HeaderValue, Error> {
    Ok(item.tag()?.value.clone())
}
