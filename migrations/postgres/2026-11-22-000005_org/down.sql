DROP TABLE employees;
DROP TABLE departments;
DROP TABLE companies;
