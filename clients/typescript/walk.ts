// A walk through the API with the types that openapi-typescript generates from its document:
//
//   RECTO_EMAIL=… RECTO_PASSWORD=… node build/walk.js http://127.0.0.1:8080
//
// Every step is an assertion, and a failed one ends the program with an error. The account has to be
// verified. Except for two tags, everything that the walk creates is deleted again.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import createClient from "openapi-fetch";
import type { paths } from "./api.js";

const [baseUrl] = process.argv.slice(2);
const { RECTO_EMAIL: email, RECTO_PASSWORD: password } = process.env;
assert(baseUrl && email && password, "usage: RECTO_EMAIL=… RECTO_PASSWORD=… walk.js URL");

/** Distinguishes this walk's items from those of earlier ones. */
const run = randomUUID().slice(0, 8);
const tagNames = [`satire ${run}`, `geometry ${run}`];

/** Returns the content of a response that must have this status. */
function content<T>(result: { data?: T; error?: unknown; response: Response }, status: number): T {
  assert.equal(result.response.status, status, JSON.stringify(result.error));
  return result.data as T;
}

function header(result: { response: Response }, name: string): string {
  const value = result.response.headers.get(name);
  assert(value, `the response has the header ${name}`);
  return value;
}

// Sign in.
const stranger = createClient<paths>({ baseUrl });
const session = content(
  await stranger.POST("/api/v1/auth/login", { body: { email, password } }),
  200,
);
assert.equal(session.token_type, "Bearer");
const api = createClient<paths>({
  baseUrl,
  headers: { Authorization: `Bearer ${session.access_token}` },
});

// Create a book.
const created = await api.POST("/api/v1/books", {
  body: {
    title: `Flatland ${run}`,
    author: "Edwin A. Abbott",
    published_date: "1884",
    language: "en",
  },
});
const flatland = content(created, 201);
assert.equal(header(created, "Location"), `/api/v1/books/${flatland.uid}`);
assert.equal(flatland.user_uid, session.user.uid);
assert.equal(flatland.page_count, null);
const path = { uid: flatland.uid };

// Add two tags, which are new.
const tagged = content(
  await api.POST("/api/v1/books/{uid}/tags", {
    params: { path },
    body: { tags: tagNames.map((name) => ({ name })) },
  }),
  200,
);
assert.deepEqual(tagged.tags?.map((tag) => tag.name).sort(), [...tagNames].sort());

// Review it.
const review = content(
  await api.POST("/api/v1/books/{uid}/reviews", {
    params: { path },
    body: { rating: 5, review_text: "A romance of many dimensions." },
  }),
  201,
);
assert.equal(review.book_uid, flatland.uid);

// Read the book with its reviews, their users, and its tags.
const read = await api.GET("/api/v1/books/{uid}", {
  params: { path, query: { include: ["reviews.user", "tags"] } },
});
const book = content(read, 200);
assert.equal(book.reviews?.length, 1);
assert.equal(book.reviews[0]?.rating, 5);
assert.equal(book.reviews[0].user?.username, session.user.username);
assert.equal(book.tags?.length, 2);
assert.equal(book.contributors, undefined, "what is not included is absent");

// Send a request twice with one key, as a client does that got no response.
const repeated = {
  params: { header: { "Idempotency-Key": randomUUID() } },
  body: {
    title: `Candide ${run}`,
    author: "Voltaire",
    tags: tagNames.map((name) => ({ name })),
  },
};
const first = await api.POST("/api/v1/books", repeated);
const second = await api.POST("/api/v1/books", repeated);
const candide = content(first, 201);
assert.deepEqual(content(second, 201), candide);
assert.equal(first.response.headers.get("Idempotency-Replayed"), null);
assert.equal(header(second, "Idempotency-Replayed"), "true");

// Page through the books that have both tags.
const titles: string[] = [];
let cursor: string | undefined;
do {
  const page = content(
    await api.GET("/api/v1/books", {
      params: {
        query: { tag: tagNames, sort: ["title"], limit: 1, ...(cursor && { cursor }) },
      },
    }),
    200,
  );
  titles.push(...page.items.map((item) => item.title));
  cursor = page.next_cursor;
} while (cursor);
assert.deepEqual(titles, [candide.title, flatland.title]);

// Change the book, unless somebody else has: then its tag is another.
const etag = header(read, "ETag");
const change = () =>
  api.PATCH("/api/v1/books/{uid}", {
    params: { path, header: { "If-Match": etag } },
    body: { page_count: 96 },
  });
assert.equal(content(await change(), 200).page_count, 96);
const stale = await change();
assert.equal(stale.response.status, 412);
assert.equal(stale.error?.type, "/problems/precondition-failed");

// Delete both books.
for (const uid of [flatland.uid, candide.uid]) {
  content(await api.DELETE("/api/v1/books/{uid}", { params: { path: { uid } } }), 204);
}
const gone = await stranger.GET("/api/v1/books/{uid}", { params: { path } });
assert.equal(gone.response.status, 404);
assert.equal(gone.error?.type, "/problems/not-found");

content(await api.POST("/api/v1/auth/logout"), 204);
console.log("the walk with the TypeScript client succeeded");
