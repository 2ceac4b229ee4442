-- What owners also say of films: NULL until an import or the owner says it.
ALTER TABLE {edition}.film
    ADD COLUMN certificate text,                   -- "PG-13", "FSK 12", as the owner writes it
    ADD COLUMN country text,
    ADD COLUMN language text;
