"""A walk through the API with the client that openapi-python-client generates from its document.

    RECTO_EMAIL=… RECTO_PASSWORD=… python walk.py http://127.0.0.1:8080

The generated package `recto_client` has to be on PYTHONPATH. Every step is an assertion, and a failed
one ends the program with an error. The account has to be verified. Except for two tags, everything
that the walk creates is deleted again.
"""

import os
import sys
import uuid
from typing import Any, TypeVar

from recto_client import AuthenticatedClient, Client
from recto_client.api.auth import sign_in, sign_out
from recto_client.api.books import (
    add_tags_to_book,
    create_book,
    create_review,
    delete_book,
    get_book,
    list_books,
    update_book,
)
from recto_client.models import (
    Book,
    BookPage,
    BookPatch,
    ListBooksSortItem,
    Login,
    NewBook,
    NewReview,
    Problem,
    Review,
    SignedIn,
    TagNames,
)
from recto_client.types import UNSET, Response, Unset

Content = TypeVar("Content")


def content(response: Response[Any], status: int, of: type[Content]) -> Content:
    """Returns the content of a response that must have this status."""
    assert response.status_code == status, response.content
    assert isinstance(response.parsed, of), response.parsed
    return response.parsed


def items(relation: list[Content] | Unset) -> list[Content]:
    """Returns related items that must have been included."""
    assert not isinstance(relation, Unset)
    return relation


def walk(base_url: str, email: str, password: str) -> None:
    # Distinguishes this walk's items from those of earlier ones.
    run = uuid.uuid4().hex[:8]
    tag_names = [f"geometry {run}", f"satire {run}"]
    tags = {"tags": [{"name": name} for name in tag_names]}

    # Sign in.
    stranger = Client(base_url=base_url)
    login = Login(email=email, password=password)
    session = content(sign_in.sync_detailed(client=stranger, body=login), 200, SignedIn)
    api = AuthenticatedClient(base_url=base_url, token=session.access_token)

    # Create a book.
    new_book = NewBook(
        title=f"Flatland {run}",
        author="Edwin A. Abbott",
        published_date="1884",
        language="en",
    )
    created = create_book.sync_detailed(client=api, body=new_book)
    flatland = content(created, 201, Book)
    assert created.headers["Location"] == f"/api/v1/books/{flatland.uid}"
    assert flatland.user_uid == session.user.uid
    assert flatland.page_count is None

    # Add two tags, which are new.
    tagged = add_tags_to_book.sync_detailed(
        flatland.uid, client=api, body=TagNames.from_dict(tags)
    )
    names = [tag.name for tag in items(content(tagged, 200, Book).tags)]
    assert sorted(names) == tag_names

    # Review it.
    new_review = NewReview(rating=5, review_text="A romance of many dimensions.")
    reviewed = create_review.sync_detailed(flatland.uid, client=api, body=new_review)
    assert content(reviewed, 201, Review).book_uid == flatland.uid

    # Read the book with its reviews, their users, and its tags.
    read = get_book.sync_detailed(flatland.uid, client=api, include=["reviews.user", "tags"])
    book = content(read, 200, Book)
    (review,) = items(book.reviews)
    assert review.rating == 5
    assert review.user and review.user.username == session.user.username
    assert len(items(book.tags)) == 2
    assert book.contributors is UNSET, "what is not included is absent"

    # Send a request twice with one key, as a client does that got no response.
    key = str(uuid.uuid4())
    candide_and_tags = {"title": f"Candide {run}", "author": "Voltaire", **tags}
    new_book = NewBook.from_dict(candide_and_tags)
    first = create_book.sync_detailed(client=api, body=new_book, idempotency_key=key)
    second = create_book.sync_detailed(client=api, body=new_book, idempotency_key=key)
    candide = content(first, 201, Book)
    assert content(second, 201, Book) == candide
    assert "Idempotency-Replayed" not in first.headers
    assert second.headers["Idempotency-Replayed"] == "true"

    # Page through the books that have both tags.
    titles: list[str] = []
    cursor: str | Unset = UNSET
    while True:
        response = list_books.sync_detailed(
            client=api, tag=tag_names, sort=[ListBooksSortItem.TITLE], limit=1, cursor=cursor
        )
        page = content(response, 200, BookPage)
        titles += [item.title for item in page.items]
        cursor = page.next_cursor
        if isinstance(cursor, Unset):
            break
    assert titles == [candide.title, flatland.title]

    # Change the book, unless somebody else has: then its tag is another.
    etag = read.headers["ETag"]
    patch = BookPatch(page_count=96)
    changed = update_book.sync_detailed(flatland.uid, client=api, body=patch, if_match=etag)
    assert content(changed, 200, Book).page_count == 96
    stale = update_book.sync_detailed(flatland.uid, client=api, body=patch, if_match=etag)
    assert content(stale, 412, Problem).type_ == "/problems/precondition-failed"

    # Delete both books.
    for uid in [flatland.uid, candide.uid]:
        assert delete_book.sync_detailed(uid, client=api).status_code == 204
    gone = get_book.sync_detailed(flatland.uid, client=stranger)
    assert content(gone, 404, Problem).type_ == "/problems/not-found"

    assert sign_out.sync_detailed(client=api).status_code == 204


if __name__ == "__main__":
    walk(sys.argv[1], os.environ["RECTO_EMAIL"], os.environ["RECTO_PASSWORD"])
    print("the walk with the Python client succeeded")
