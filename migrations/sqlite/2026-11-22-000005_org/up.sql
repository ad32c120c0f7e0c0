CREATE TABLE companies (
    id INTEGER NOT NULL CONSTRAINT companies_pkey PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL CONSTRAINT companies_name_check CHECK (length(name) BETWEEN 1 AND 200),
    name_key TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE INDEX companies_name_idx ON companies (name_key, id);

CREATE TABLE departments (
    id INTEGER NOT NULL CONSTRAINT departments_pkey PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL CONSTRAINT departments_name_check CHECK (length(name) BETWEEN 1 AND 200),
    name_key TEXT NOT NULL,
    company_id INTEGER NOT NULL CONSTRAINT departments_company_id_fkey REFERENCES companies (id) ON DELETE RESTRICT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE INDEX departments_name_idx ON departments (name_key, id);

CREATE INDEX departments_company_id_idx ON departments (company_id, id);

CREATE TABLE employees (
    id INTEGER NOT NULL CONSTRAINT employees_pkey PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL CONSTRAINT employees_name_check CHECK (length(name) BETWEEN 1 AND 200),
    name_key TEXT NOT NULL,
    department_id INTEGER NOT NULL CONSTRAINT employees_department_id_fkey REFERENCES departments (id) ON DELETE RESTRICT,
    manager_id INTEGER CONSTRAINT employees_manager_id_fkey REFERENCES employees (id) ON DELETE SET NULL
        CONSTRAINT employees_manager_id_check CHECK (manager_id <> id),
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE INDEX employees_name_idx ON employees (name_key, id);

CREATE INDEX employees_department_id_idx ON employees (department_id, id);

CREATE INDEX employees_manager_id_idx ON employees (manager_id, id);
