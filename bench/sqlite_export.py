"""Exports the catalogue to SQLite: films, stars, cast, indexes and a full-text index."""

import sqlite3
from contextlib import closing
from pathlib import Path

from filmer.settings import Settings
from filmer.store.connecting import USE_CURRENT_EDITION
from filmer.store.engines import connect

_TABLES = """
    CREATE TABLE film (
        id TEXT PRIMARY KEY, title TEXT NOT NULL, year INTEGER, director TEXT, rating REAL, votes INTEGER, genres TEXT,
        stars TEXT
    );
    CREATE TABLE star (id TEXT PRIMARY KEY, name TEXT NOT NULL, birth_year INTEGER);
    CREATE TABLE cast_member (film_id TEXT REFERENCES film (id), star_id TEXT REFERENCES star (id), billing INTEGER);
"""
_INDEXES = """
    CREATE INDEX film_title ON film (title);
    CREATE INDEX film_year ON film (year);
    CREATE INDEX film_rating ON film (rating);
    CREATE INDEX cast_member_film ON cast_member (film_id);
    CREATE INDEX cast_member_star ON cast_member (star_id);
    CREATE VIRTUAL TABLE film_words USING fts5 (title, director, stars, content="film");
    INSERT INTO film_words (rowid, title, director, stars) SELECT rowid, title, director, stars FROM film;
    ANALYZE;
"""
_FILMS = """
    SELECT f.id, f.title, f.year, f.director, f.rating, f.votes, array_to_string(f.genres, ', '),
        (SELECT string_agg(s.name, ', ') FROM star s WHERE s.no = ANY (f.star_nos))
    FROM film f ORDER BY f.no
"""
_CAST = """
    SELECT f.id, s.id, u.at FROM film f
    CROSS JOIN LATERAL unnest(f.star_nos) WITH ORDINALITY u(no, at) JOIN star s ON s.no = u.no
"""


def export(settings: Settings, file: Path) -> None:
    with closing(sqlite3.connect(file)) as sqlite, connect(settings) as conn, conn.transaction():
        conn.execute(USE_CURRENT_EDITION)
        sqlite.executescript(_TABLES)
        for table, places, statement in (
            ("film", 8, _FILMS),
            ("star", 3, "SELECT id, name, birth_year FROM star"),
            ("cast_member", 3, _CAST),
        ):
            with conn.cursor(f"all_of_{table}") as cursor:
                cursor.itersize = 20_000
                rows = cursor.execute(statement.encode())
                sqlite.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * places)})", rows)
        sqlite.executescript(_INDEXES)
        sqlite.commit()
