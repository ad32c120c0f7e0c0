DROP TABLE creation_windows;
