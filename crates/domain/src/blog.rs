//! The room `blog`: posts and the comments on them, one-to-many with a required key.

use crate::record::numbered;
use crate::text::{line, paragraphs};
use crate::value::text_value;
use recto_relations::relations;

text_value! {
    /// What a post is called.
    PostTitle, 1..=300, line, "Why we count from zero"
}

text_value! {
    /// What a post says, in any number of lines.
    PostContent, 1..=100_000, paragraphs, "It is about distances, not about things."
}

text_value! {
    /// What a comment says, in any number of lines.
    CommentText, 1..=10_000, paragraphs, "Distances it is."
}

relations! {
    /// The blog.
    pub static BLOG = "blog": Post, Comment;

    /// The comments on a post, and the post that a comment is on.
    PostComments = Post.comments: Many <=> CommentPost = Comment.post: One(post_id), on delete Cascade;
}

numbered! {
    /// A post of the blog.
    pub struct Post(PostId) in "posts" {
        /// What it is called.
        pub title: PostTitle,
        /// What it says.
        pub content: PostContent,
    }
    under {}
    /// A post to write.
    new NewPost;
    /// What is to change about a post.
    patch PostPatch;
    sorts [title: PostTitle]
}

numbered! {
    /// What somebody has to say to a post.
    pub struct Comment(CommentId) in "comments" {
        /// What it says.
        pub text: CommentText,
    }
    under {
        /// The post.
        pub post_id: crate::PostId,
    }
    /// A comment to write.
    new NewComment;
    /// What is to change about a comment.
    patch CommentPatch;
    sorts []
}
