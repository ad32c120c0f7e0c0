//! The module `blog`: posts and their comments, a one-to-many relation with a required key.

use crate::id::later_than;
use crate::record::{entity, input};
use crate::text::{LINE, PARAGRAPHS};
use crate::value::text_value;
use crate::{Change, CommentId, Create, NewId, PostId, Update, UserId};
use chrono::{DateTime, Utc};
use recto_relations::{Version, relations};

text_value! {
    /// The title of a post.
    PostTitle, 1..=300, LINE, "Why we count from zero"
}

text_value! {
    /// The content of a post, in any number of lines.
    PostContent, 1..=100_000, PARAGRAPHS, "It is about distances, not about things."
}

text_value! {
    /// The text of a comment, in any number of lines.
    CommentText, 1..=10_000, PARAGRAPHS, "Distances it is."
}

relations! {
    /// The blog.
    pub static BLOG = "blog": Post, Comment;

    /// The comments on a post, and the post of a comment.
    PostComments = Post.comments: Many <=> CommentPost = Comment.post: One(post_id), on delete Cascade;
}

entity! {
    /// A post of the blog.
    pub struct Post in "posts", key id: PostId, sorts [title: PostTitle], weight 100 {
        /// The id.
        pub id: PostId,
        /// The title.
        pub title: PostTitle,
        /// The content.
        pub content: PostContent,
    }
}

input! {
    /// A post to create.
    pub struct NewPost {
        /// The title.
        pub title: PostTitle,
        /// The content.
        pub content: PostContent,
    }
}

input! {
    /// Changes to a post. Absent fields stay as they are.
    pub struct PostPatch {
        /// The new title.
        pub title: Change<PostTitle>,
        /// The new content.
        pub content: Change<PostContent>,
    }
}

impl Post {
    /// Returns the post that `new` describes, without a key.
    pub fn new(at: DateTime<Utc>, new: NewPost) -> Self {
        let NewPost { title, content } = new;
        Self {
            id: PostId::UNASSIGNED,
            title,
            content,
            created_at: at,
            updated_at: at,
            version: Version::FIRST,
        }
    }
}

impl Create for Post {
    type New = NewPost;
    type Parent = ();

    fn create(new_id: NewId, new: NewPost, (): (), _: UserId) -> Self {
        Self::new(new_id.at(), new)
    }
}

impl Update for Post {
    type Patch = PostPatch;

    fn apply(&mut self, patch: PostPatch, now: DateTime<Utc>) -> bool {
        let PostPatch { title, content } = patch;
        let changed = title.apply_to(&mut self.title) | content.apply_to(&mut self.content);
        if changed {
            self.updated_at = later_than(self.updated_at, now);
            self.version.advance();
        }
        changed
    }
}

entity! {
    /// A comment on a post.
    pub struct Comment in "comments", key id: CommentId, sorts [], weight 10 {
        /// The id.
        pub id: CommentId,
        /// The text.
        pub text: CommentText,
        /// The id of the post.
        pub post_id: PostId,
    }
}

input! {
    /// A comment to create.
    pub struct NewComment {
        /// The text.
        pub text: CommentText,
    }
}

input! {
    /// Changes to a comment. Absent fields stay as they are.
    pub struct CommentPatch {
        /// The new text.
        pub text: Change<CommentText>,
    }
}

impl Comment {
    /// Returns the comment that `new` describes, without a key.
    pub fn new(at: DateTime<Utc>, new: NewComment, post_id: PostId) -> Self {
        let NewComment { text } = new;
        Self {
            id: CommentId::UNASSIGNED,
            text,
            post_id,
            created_at: at,
            updated_at: at,
            version: Version::FIRST,
        }
    }
}

impl Create for Comment {
    type New = NewComment;
    type Parent = PostId;

    fn create(new_id: NewId, new: NewComment, post_id: PostId, _: UserId) -> Self {
        Self::new(new_id.at(), new, post_id)
    }
}

impl Update for Comment {
    type Patch = CommentPatch;

    fn apply(&mut self, patch: CommentPatch, now: DateTime<Utc>) -> bool {
        let CommentPatch { text } = patch;
        let changed = text.apply_to(&mut self.text);
        if changed {
            self.updated_at = later_than(self.updated_at, now);
            self.version.advance();
        }
        changed
    }
}
