"""All SQL of the audit log."""

# An entry, and what of it is personal, in one statement.
INSERT = b"""
    WITH entry AS (
        INSERT INTO audit_entry (at, via, account_id, action, subject_kind, subject_id, title, before, after)
        VALUES (%(at)s, %(via)s, %(account)s, %(action)s, %(kind)s, %(subject)s, %(title)s, %(before)s::jsonb,
            %(after)s::jsonb)
        RETURNING id
    )
    INSERT INTO audit_personal (entry_id, account_id, fields)
    SELECT entry.id, p.account_id, p.fields
    FROM entry, jsonb_to_recordset(%(personal)s::jsonb) p(account_id integer, fields jsonb)
"""
