//! Every path, who may call it, and what it does.

mod identity;

use recto_domain::{
    Author, AuthorBooks, Book, BookBatch, BookContributors, BookOutcomes, BookPatch, BookReviews,
    BookTags, BookUser, Comment, CommentPost, Company, CompanyDepartments, CompanyEmployees,
    Contributors, Course, CourseStudents, Department, DepartmentCompany, DepartmentEmployees,
    Disabling, Employee, EmployeeCompany, EmployeeDepartment, EmployeeManager, EmployeeReports,
    NewBookGraph, NewComment, NewCompanyGraph, NewReview, NewTag, Post, PostComments, Review,
    ReviewBook, ReviewPatch, ReviewUser, RoleChange, Student, StudentCourses, Tag, TagBooks,
    TagNames, User, UserBooks, UserPatch, UserReviews,
};
use recto_domain::{Create, Update};
use recto_persistence::{MappedMany, MappedOne, Recto, Rules};
use recto_relations::{Cardinality, Entity, OnDelete, RelationInfo};
use utoipa::ToSchema;

use crate::catalog::{batch, books, reviews, users};
use crate::components::UserWithAccount;
use crate::extract::Filtered;
use crate::problem::ProblemType;
use crate::schema::Description;
use crate::table::{Operation, Table};
use crate::{meta, org, paths, read, school, write};
use recto_identity::Access;

/// The whole interface below the base path.
pub(crate) fn table() -> Table {
    let mut table = Table::new();
    identity::add(&mut table);
    catalog_users(&mut table);
    catalog_books(&mut table);
    catalog_reviews(&mut table);
    catalog_authors(&mut table);
    catalog_tags(&mut table);
    blog(&mut table);
    school_routes(&mut table);
    org_routes(&mut table);
    meta(&mut table);
    table
}

fn meta(table: &mut Table) {
    table.group("meta").at("/schema").get(
        meta::schema,
        Operation::new(
            "Entities and relations",
            "The relation catalogue: every kind of entity, and both directions of every relation.",
        )
        .returns::<Description>("The catalogue; paths are below the base path."),
    );
    table.at("/openapi.json").get(
        meta::openapi,
        Operation::new("This document", "The OpenAPI description of the interface.").content(
            200,
            "An OpenAPI 3.1 document.",
            utoipa::openapi::schema::ObjectBuilder::new(),
        ),
    );
}

fn catalog_users(table: &mut Table) {
    table.group("users");
    table.at("/users").get(
        users::page,
        Operation::page::<User>("List users").requires(Access::Admin).returns_accounts(),
    );
    table
        .at("/users/{uid}")
        .get(
            users::item,
            Operation::item::<User>("Get a user")
                .requires(Access::OptionalSignIn)
                .returns::<UserWithAccount>(
                    "The public profile; with the account, for its owner and administrators.",
                ),
        )
        .patch(
            users::patch,
            Operation::new("Change a profile", "By the user alone.")
                .requires(Access::Verified)
                .patch_body::<UserPatch>()
                .returns::<UserWithAccount>("The changed user.")
                .conflicts(&[ProblemType::UsernameTaken]),
        )
        .delete(
            users::delete,
            Operation::new(
                "Delete a user",
                "By an administrator. Books and reviews stay, without a user.",
            )
            .requires(Access::Admin)
            .conflicts(&[ProblemType::LastAdmin]),
        );
    table.at("/users/{uid}/role").put(
        users::set_role,
        Operation::new("Set a role", "By an administrator; takes effect with the next request.")
            .requires(Access::Admin)
            .body::<RoleChange>()
            .returns::<UserWithAccount>("The user with its account.")
            .conflicts(&[ProblemType::LastAdmin]),
    );
    table.at("/users/{uid}/disabled").put(
        users::set_disabled,
        Operation::new(
            "Disable or enable an account",
            "By an administrator. Disabling ends the account's sessions, and its API keys open nothing until it is enabled again.",
        )
        .requires(Access::Admin)
        .body::<Disabling>()
        .returns::<UserWithAccount>("The user with its account.")
        .conflicts(&[ProblemType::LastAdmin]),
    );
    many::<UserBooks>(table, "List a user's books");
    many::<UserReviews>(table, "List a user's reviews");
}

fn catalog_books(table: &mut Table) {
    table.group("books");
    table.at("/books").get(read::page::<Book>, Operation::page::<Book>("List books")).post(
        books::create,
        Operation::new(
            "Add a book",
            "Whoever adds a book keeps it. It may come with `tags` and `contributors`, which are shown then; without contributors they are read from `author`.",
        )
            .requires(Access::Verified)
            .body::<NewBookGraph>()
            .creates::<Book>(),
    );
    // Before the items, whose path would take its name for a key.
    table.at("/books/batch").post(
        batch::upsert,
        Operation::new(
            "Add or update books",
            "Up to 1,000 books in one transaction: all of them or none. A book is known by its ISBN: the newest with it that the caller keeps is changed as by a PATCH (for an administrator who keeps none, the newest that anybody keeps). Where there is none, and where a book has no ISBN, it is added, and the caller keeps it.",
        )
        .requires(Access::Verified)
        .body::<BookBatch>()
        .returns::<BookOutcomes>("What became of each book."),
    );
    table
        .at("/books/{uid}")
        .get(read::item::<Book>, Operation::item::<Book>("Get a book"))
        .patch(
            books::patch,
            Operation::new(
                "Change a book",
                "By its owner or an administrator. What is absent stays, `null` clears. Another `author` makes those whom it names the contributors.",
            )
            .requires(Access::Verified)
            .patch_body::<BookPatch>()
            .returns_entity::<Book>("The changed book."),
        )
        .delete(
            books::delete,
            Operation::new(
                "Delete a book",
                "By its owner or an administrator. Its reviews go with it.",
            )
            .requires(Access::Verified),
        );
    one::<BookUser>(table, "Get who keeps a book");
    table
        .at("/books/{uid}/reviews")
        .get(read::many::<BookReviews>, Operation::many::<BookReviews>("List a book's reviews"))
        .post(
            write::create_below::<Book, Review>,
            Operation::new("Review a book", "One review a reader and book.")
                .requires(Access::Verified)
                .body::<NewReview>()
                .creates::<Review>()
                .conflicts(&[ProblemType::AlreadyReviewed]),
        );
    table
        .at("/books/{uid}/contributors")
        .get(
            read::many::<BookContributors>,
            Operation::many::<BookContributors>("List whom a book credits"),
        )
        .put(
            books::set_contributors,
            Operation::new(
                "Set whom a book credits",
                "Makes these its contributors, in this order, and no others; `author` becomes their names with a comma between. Authors who do not exist are made.",
            )
            .requires(Access::Verified)
            .body::<Contributors>()
            .returns_entity::<Book>("The book with its contributors."),
        );
    table
        .at("/books/{uid}/tags")
        .get(read::many::<BookTags>, Operation::many::<BookTags>("List a book's tags"))
        .post(
            books::add_tags,
            Operation::new("Add tags to a book", "Tags that do not exist are made.")
                .requires(Access::Verified)
                .body::<TagNames>()
                .returns_entity::<Book>("The book with its tags."),
        )
        .put(
            books::set_tags,
            Operation::new("Set a book's tags", "Makes these its tags and no others.")
                .requires(Access::Verified)
                .body::<TagNames>()
                .returns_entity::<Book>("The book with its tags."),
        );
    table
        .at("/books/{uid}/tags/{tag_uid}")
        .put(
            books::add_tag,
            Operation::new("Put a tag on a book", "Idempotent.").requires(Access::Verified),
        )
        .delete(
            books::remove_tag,
            Operation::new("Take a tag off a book", "Idempotent.").requires(Access::Verified),
        );
}

fn catalog_reviews(table: &mut Table) {
    table.group("reviews");
    table.at("/reviews").get(
        read::page::<Review>,
        Operation::page::<Review>("List reviews").requires(Access::Admin),
    );
    table
        .at("/reviews/{uid}")
        .get(read::item::<Review>, Operation::item::<Review>("Get a review"))
        .patch(
            reviews::patch,
            Operation::new("Change a review", "By its author alone.")
                .requires(Access::Verified)
                .patch_body::<ReviewPatch>()
                .returns_entity::<Review>("The changed review."),
        )
        .delete(
            reviews::delete,
            Operation::new("Delete a review", "By its author or an administrator.")
                .requires(Access::Verified),
        );
    one::<ReviewBook>(table, "Get a review's book");
    one::<ReviewUser>(table, "Get who wrote a review");
}

fn catalog_authors(table: &mut Table) {
    table.group("authors");
    table.at("/authors").get(read::page::<Author>, Operation::page::<Author>("List authors"));
    table
        .at("/authors/{uid}")
        .get(read::item::<Author>, Operation::item::<Author>("Get an author"));
    many::<AuthorBooks>(table, "List the books that credit an author");
}

fn catalog_tags(table: &mut Table) {
    table.group("tags");
    table.at("/tags").get(read::page::<Tag>, Operation::page::<Tag>("List tags")).post(
        write::create::<Tag>,
        Operation::new("Add a tag", "Names are unique without regard to case.")
            .requires(Access::Verified)
            .body::<NewTag>()
            .creates::<Tag>()
            .conflicts(&[ProblemType::TagExists]),
    );
    table
        .at("/tags/{uid}")
        .get(read::item::<Tag>, Operation::item::<Tag>("Get a tag"))
        .put(
            write::change::<Tag>,
            Operation::new("Rename a tag", "Every book that bears it shows the new name.")
                .requires(Access::Verified)
                .body::<NewTag>()
                .returns_entity::<Tag>("The renamed tag.")
                .conflicts(&[ProblemType::TagExists]),
        )
        .delete(
            write::delete::<Tag>,
            Operation::new("Delete a tag", "By an administrator; it is taken off its books.")
                .requires(Access::Admin),
        );
    many::<TagBooks>(table, "List a tag's books");
}

fn blog(table: &mut Table) {
    table.group("blog");
    collection::<Post>(
        table,
        ["List posts", "Write a post", "Get a post", "Change a post", "Delete a post"],
    );
    items::<Comment>(table, ["Get a comment", "Change a comment", "Delete a comment"]);
    table
        .at("/blog/posts/{id}/comments")
        .get(read::many::<PostComments>, Operation::many::<PostComments>("List a post's comments"))
        .post(
            write::create_below::<Post, Comment>,
            Operation::new("Comment on a post", "Any verified account comments.")
                .requires(Access::Verified)
                .body::<NewComment>()
                .creates::<Comment>(),
        );
    one::<CommentPost>(table, "Get a comment's post");
}

fn school_routes(table: &mut Table) {
    table.group("school");
    collection::<Student>(
        table,
        [
            "List students",
            "Enter a student",
            "Get a student",
            "Change a student",
            "Delete a student",
        ],
    );
    collection::<Course>(
        table,
        ["List courses", "Offer a course", "Get a course", "Change a course", "Delete a course"],
    );
    many::<StudentCourses>(table, "List a student's courses");
    many::<CourseStudents>(table, "List a course's students");
    table
        .at("/school/students/{id}/courses/{course_id}")
        .put(
            school::enrol,
            Operation::new("Enrol a student", "Idempotent: `enrolled_at` stays what it was.")
                .requires(Access::Verified),
        )
        .delete(
            school::withdraw,
            Operation::new("Withdraw a student", "Idempotent.").requires(Access::Verified),
        );
}

fn org_routes(table: &mut Table) {
    table.group("org");
    table
        .at("/org/companies")
        .get(read::page::<Company>, Operation::page::<Company>("List companies"))
        .post(
            org::create_company,
            Operation::new(
                "Found a company",
                "Any verified account may. It may begin with departments and their employees, at most 1,000 objects in all; the answer shows all that was made.",
            )
            .requires(Access::Verified)
            .body::<NewCompanyGraph>()
            .creates::<Company>(),
        );
    items::<Company>(table, ["Get a company", "Change a company", "Delete a company"]);
    collection::<Department>(
        table,
        [
            "List departments",
            "Set up a department",
            "Get a department",
            "Change a department",
            "Delete a department",
        ],
    );
    collection::<Employee>(
        table,
        [
            "List employees",
            "Take on an employee",
            "Get an employee",
            "Change an employee",
            "Delete an employee",
        ],
    );
    many::<CompanyDepartments>(table, "List a company's departments");
    many::<CompanyEmployees>(table, "List a company's employees");
    many::<DepartmentEmployees>(table, "List a department's employees");
    many::<EmployeeReports>(table, "List whom an employee manages");
    one::<DepartmentCompany>(table, "Get a department's company");
    one::<EmployeeDepartment>(table, "Get an employee's department");
    one::<EmployeeCompany>(table, "Get an employee's company");
    one::<EmployeeManager>(table, "Get an employee's manager");
}

/// A to-many relation as a page.
fn many<R: MappedMany<Recto, To: ToSchema, Data: ToSchema>>(
    table: &mut Table,
    summary: &'static str,
) {
    table.at(&paths::relation(R::INFO)).get(read::many::<R>, Operation::many::<R>(summary));
}

/// A to-one relation as an item.
fn one<R: MappedOne<Recto, To: ToSchema>>(table: &mut Table, summary: &'static str) {
    table.at(&paths::relation(R::INFO)).get(read::one::<R>, Operation::one::<R>(summary));
}

/// The collection of an entity, and its items.
fn collection<E>(table: &mut Table, [list, create, rest @ ..]: [&'static str; 5])
where
    E: Rules + Create<Parent = (), New: ToSchema> + Update<Patch: ToSchema> + Filtered + ToSchema,
{
    table.at(&paths::collection(E::INFO)).get(read::page::<E>, Operation::page::<E>(list)).post(
        write::create::<E>,
        Operation::new(create, "Any verified account may.")
            .requires(Access::Verified)
            .body::<E::New>()
            .creates::<E>(),
    );
    items::<E>(table, rest);
}

/// The items of an entity.
fn items<E>(table: &mut Table, [get, change, delete]: [&'static str; 3])
where
    E: Rules + Update<Patch: ToSchema> + ToSchema,
{
    table
        .at(&paths::item(E::INFO))
        .get(read::item::<E>, Operation::item::<E>(get))
        .patch(
            write::change::<E>,
            Operation::new(change, "Any verified account may.")
                .requires(Access::Verified)
                .patch_body::<E::Patch>()
                .returns_entity::<E>("As it is now.")
                .conflicts(patch_conflicts::<E>()),
        )
        .delete(
            write::delete::<E>,
            Operation::new(delete, "By an administrator.")
                .requires(Access::Admin)
                .conflicts(delete_conflicts::<E>()),
        );
}

/// A relation of an entity to its own kind may be refused for going in circles.
fn patch_conflicts<E: Entity>() -> &'static [ProblemType] {
    let own = |relation: &RelationInfo| relation.to == E::INFO && relation.from == E::INFO;
    if E::INFO.relations().any(own) { &[ProblemType::ReportingCycle] } else { &[] }
}

/// A relation that restricts may refuse to let go.
fn delete_conflicts<E: Entity>() -> &'static [ProblemType] {
    let restricts = |relation: &RelationInfo| {
        relation.cardinality == Cardinality::Many && relation.on_delete == Some(OnDelete::Restrict)
    };
    if E::INFO.relations().any(restricts) { &[ProblemType::StillReferenced] } else { &[] }
}
