DROP TABLE student_courses;
DROP TABLE courses;
DROP TABLE students;
