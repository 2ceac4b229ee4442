"""Tells whether the secret key at hand is the one that the digests in the database were made with."""

import psycopg


def keep_fingerprint(conn: psycopg.Connection, fingerprint: bytes) -> bool:
    """Whether this is the key's fingerprint; the first one ever seen always is."""
    conn.execute("INSERT INTO secret_key (fingerprint) VALUES (%s) ON CONFLICT DO NOTHING", [fingerprint])
    return conn.execute("SELECT fingerprint FROM secret_key").fetchone() == (fingerprint,)
