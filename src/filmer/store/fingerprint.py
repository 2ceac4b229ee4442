"""Checks that the digests in the database were made with the secret key in use."""

import psycopg


def check_or_store_fingerprint(conn: psycopg.Connection, fingerprint: bytes) -> bool:
    """Whether the stored fingerprint is this one. As long as no card is on file, it is replaced by this one."""
    if select_fingerprint(conn) == fingerprint:
        return True
    conn.execute(
        """
        INSERT INTO secret_key (fingerprint) VALUES (%s) ON CONFLICT (only_row)
        DO UPDATE SET fingerprint = excluded.fingerprint WHERE NOT EXISTS (SELECT FROM card)
        """,
        [fingerprint],
    )
    return select_fingerprint(conn) == fingerprint


def select_fingerprint(conn: psycopg.Connection) -> bytes | None:
    row = conn.execute("SELECT fingerprint FROM secret_key").fetchone()
    return row[0] if row else None
