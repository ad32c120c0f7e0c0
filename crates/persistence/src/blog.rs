//! The room `blog`: posts and comments.

use recto_domain::{CommentPost, PostComments};

use crate::numbered::numbered;
use crate::relation::map_relations;
use crate::schema::{comments, posts};

map_relations! {
    /// The edges between the entities of the blog.
    pub(crate) static EDGES;

    PostComments <=> CommentPost: comments.post_id -> posts.id as CommentRow;
}

numbered! {
    Post(PostId) in posts as PostRow, edges: EDGES, new: NewPost, patch: PostPatch,
    text title [title_key],
    text content,
}

numbered! {
    Comment(CommentId) in comments as CommentRow, edges: EDGES, new: NewComment, patch: CommentPatch,
    text text,
    under post_id: PostId,
}
