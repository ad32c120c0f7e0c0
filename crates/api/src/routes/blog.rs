//! The routes of the module `blog`.

use recto_domain::{Comment, CommentPost, NewComment, Post, PostComments};
use recto_identity::Access;

use super::{add_collection, add_items, add_one};
use crate::crud;
use crate::table::{Operation, RouteTable};

pub(super) fn add(table: &mut RouteTable) {
    table.group("blog");
    add_collection::<Post>(table, ["List posts", "Create a post"]);
    add_items::<Post>(
        table,
        ["Get a post", "Update a post", "Delete a post"],
        "Deletes the post and its comments.",
    );
    add_items::<Comment>(
        table,
        ["Get a comment", "Update a comment", "Delete a comment"],
        "Deletes the comment.",
    );
    table
        .at("/blog/posts/{id}/comments")
        .get(crud::many::<PostComments>, Operation::many::<PostComments>("List a post's comments"))
        .post(
            crud::create_below::<Post, Comment>,
            Operation::new("Create a comment", "Adds a comment to the post.")
                .requires(Access::Verified)
                .body::<NewComment>()
                .creates::<Comment>(),
        );
    add_one::<CommentPost>(table, "Get a comment's post");
}
