CREATE TABLE students (
    id INTEGER NOT NULL CONSTRAINT students_pkey PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL CONSTRAINT students_name_check CHECK (length(name) BETWEEN 1 AND 200),
    name_key TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE INDEX students_name_idx ON students (name_key, id);

CREATE TABLE courses (
    id INTEGER NOT NULL CONSTRAINT courses_pkey PRIMARY KEY AUTOINCREMENT,
    title TEXT NOT NULL CONSTRAINT courses_title_check CHECK (length(title) BETWEEN 1 AND 200),
    title_key TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE INDEX courses_title_idx ON courses (title_key, id);

-- A link table with data: the time of enrolment.
CREATE TABLE student_courses (
    student_id INTEGER NOT NULL CONSTRAINT student_courses_student_id_fkey REFERENCES students (id) ON DELETE CASCADE,
    course_id INTEGER NOT NULL CONSTRAINT student_courses_course_id_fkey REFERENCES courses (id) ON DELETE CASCADE,
    enrolled_at INTEGER NOT NULL,
    CONSTRAINT student_courses_pkey PRIMARY KEY (student_id, course_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX student_courses_course_id_idx ON student_courses (course_id, student_id);
