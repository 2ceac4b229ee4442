"""Tells whether the secret key at hand is the one that the digests in the database were made with."""

import psycopg


def keep_fingerprint(conn: psycopg.Connection, fingerprint: bytes) -> bool:
    """Whether this is the key's fingerprint. As long as no card is on file, the key at hand is the right one."""
    if _kept(conn) == (fingerprint,):
        return True
    conn.execute(
        """
        INSERT INTO secret_key (fingerprint) VALUES (%s) ON CONFLICT (only_row)
        DO UPDATE SET fingerprint = excluded.fingerprint WHERE NOT EXISTS (SELECT FROM card)
        """,
        [fingerprint],
    )
    return _kept(conn) == (fingerprint,)


def _kept(conn: psycopg.Connection) -> object:
    return conn.execute("SELECT fingerprint FROM secret_key").fetchone()
